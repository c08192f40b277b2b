// Files that NumPy and h5py wrote (tests/golden/README.md says how).
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/half.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"

namespace elanus::io {
namespace {

using ::testing::ElementsAre;

std::string Golden(const std::string& name) { return ELANUS_SOURCE_DIR "/tests/golden/io/" + name; }

/// Expects 12 rows of 5: component j of row i is (5 i + j) / 4 - 3.
void ExpectRows(const std::string& name, base::Element element) {
  SCOPED_TRACE(name);
  const auto file = OpenVectors(Golden(name), {});
  ASSERT_TRUE(file.ok()) << file.status();
  const base::Vectors& vectors = file->vectors();
  ASSERT_EQ(vectors.count, 12u);
  ASSERT_EQ(vectors.dim, 5u);
  ASSERT_EQ(vectors.element, element);
  for (std::uint32_t i = 0; i < 60; ++i) {
    const float expected = static_cast<float>(i) / 4 - 3;
    const std::byte* at = vectors.row(i / 5) + (i % 5) * base::RowBytes(element, 1);
    if (element == base::Element::kF32) {
      float value = 0;
      std::memcpy(&value, at, sizeof(value));
      EXPECT_EQ(value, expected) << i;
    } else {
      std::uint16_t half = 0;
      std::memcpy(&half, at, sizeof(half));
      EXPECT_EQ(base::FloatFromHalf(half), expected) << i;
    }
  }
}

TEST(Golden, VectorsOfNumPyAndH5py) {
  ExpectRows("numpy_f16.npy", base::Element::kF16);
  ExpectRows("h5py.hdf5", base::Element::kF32);
  ExpectRows("h5py.hdf5:packed", base::Element::kF32);
  ExpectRows("h5py.hdf5:halves", base::Element::kF16);
}

TEST(Golden, BoolsOfH5pyAreBits) {
  const auto file = OpenVectors(Golden("h5py.hdf5:bools"), {.as_bits = true});
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->vectors().dim, 5u);
  for (std::uint32_t i = 0; i < 60; ++i) {  // the value above is larger than 4 from i = 29 on
    const auto byte = static_cast<unsigned>(*file->vectors().row(i / 5));
    EXPECT_EQ((byte >> (i % 5)) & 1u, i > 28 ? 1u : 0u) << i;
  }
}

TEST(Golden, IdsAndMasks) {
  const auto ids = ReadIds(Golden("h5py.hdf5"));
  ASSERT_TRUE(ids.ok()) << ids.status();
  ASSERT_EQ(ids->rows(), 4u);
  EXPECT_THAT(ids->row(3), ElementsAre(9, 10, 11));
  const auto set = ReadRowSet(Golden("numpy_mask.npy"), 12);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(set->bits, ElementsAre(0b001001001001));
  EXPECT_EQ(set->count, 4u);
}

}  // namespace
}  // namespace elanus::io
