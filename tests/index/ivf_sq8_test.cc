// IVF_SQ8: distances to what the codes stand for. The promises of every kind: contract_test.cc; lists:
// ivf_flat_test.cc.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "host/base/layout.h"
#include "host/io/vector_file.h"
#include "tests/index/ivf_support.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 9;
constexpr std::uint64_t kRows = 900;
constexpr std::uint32_t kDim = 37;

/// The rows that the codes of an index stand for, from its sections as FORMAT.md describes them.
TestVectors Decoded(const Image& image) {
  const Spec& spec = image.spec();
  TestVectors rows(Element::kF32, spec.rows, spec.dim);
  const auto codes = SectionOf<std::uint8_t>(image, SectionId::kCodes);
  const auto codec = SectionOf<float>(image, SectionId::kCodec);
  const auto ids = SectionOf<std::uint32_t>(image, SectionId::kRowIds);
  const std::uint32_t chunks = base::ChunksFor(spec.dim);
  for (std::size_t slot = 0; slot < ids.size(); ++slot) {
    if (ids[slot] == kNoRow) continue;
    for (std::uint32_t d = 0; d < spec.dim; ++d) {
      const int code = codes[base::ChunkOffset(slot, d / 16, chunks) + d % 16];
      const float mid = codec[3 + d];
      const float step = codec[3 + spec.dim + d];
      rows.Set(ids[slot], d, step * static_cast<float>(code - 128) + mid);
    }
  }
  return rows;
}

class IvfSq8Test : public testing::TestWithParam<Element> {
 protected:
  IvfSq8Test()
      : rows_(ClusteredVectors(GetParam(), kRows, kDim, kSeed)),
        queries_(ClusteredVectors(GetParam(), 25, kDim, kSeed + 1)),
        pool_(2) {}

  TestVectors rows_;
  TestVectors queries_;
  threads::Pool pool_;
};

TEST_P(IvfSq8Test, IsFlatOverTheDecodedRows) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  for (const Metric metric : {Metric::kL2, Metric::kIp}) {
    const std::unique_ptr<Index> index = MakeIndex(Kind::kIvfSq8, MakeRequest(rows_.view(), metric, 7, pool_));
    EXPECT_TRUE(index->image().section(SectionId::kRows).empty());
    const TestVectors decoded = Decoded(index->image());
    const std::unique_ptr<Index> flat = MakeIndex(Kind::kFlat, MakeRequest(decoded.view(), metric, 1, pool_));
    // Queries as floats: both indexes then measure the same bits.
    for (const std::uint32_t k : {1u, 20u, 1000u}) {
      EXPECT_EQ(Ask(*index, queries_.view(), k, 7), Ask(*flat, queries_.view(), k, 1)) << MetricName(metric);
    }
  }
}

TEST_P(IvfSq8Test, CosineIsTheInnerProductWithTheDecodedNormalisedRow) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = MakeIndex(Kind::kIvfSq8, MakeRequest(rows_.view(), Metric::kCosine, 7, pool_));
  const TestVectors decoded = Decoded(index->image());
  constexpr std::uint32_t kWanted = 30;
  const Answers answers = Ask(*index, queries_.view(), kWanted, 7);
  for (std::uint64_t q = 0; q < queries_.count(); ++q) {
    double norm = 0;
    for (std::uint32_t d = 0; d < kDim; ++d) norm += std::pow(queries_.At(q, d), 2.0);
    std::vector<double> plain;
    for (std::uint64_t x = 0; x < kRows; ++x) {
      plain.push_back(-PlainDistance(Metric::kIp, queries_, q, decoded, x) / std::sqrt(norm));
    }
    for (std::uint32_t i = 0; i < kWanted; ++i) {
      EXPECT_NEAR(answers.distances[q * kWanted + i], plain[answers.rows[q * kWanted + i]], 1e-5);
    }
    std::sort(plain.rbegin(), plain.rend());
    EXPECT_NEAR(answers.distances[q * kWanted + kWanted - 1], plain[kWanted - 1], 1e-5);
  }
}

TEST_P(IvfSq8Test, WithRefineAnswersAsIvfFlat) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  for (const Metric metric : {Metric::kL2, Metric::kIp, Metric::kCosine}) {
    BuildRequest request = MakeRequest(rows_.view(), metric, 7, pool_);
    request.params.sq8_refine = 1;
    const std::unique_ptr<Index> refined = MakeIndex(Kind::kIvfSq8, request);
    const std::unique_ptr<Index> flat = MakeIndex(Kind::kIvfFlat, request);
    EXPECT_EQ(Ask(*refined, queries_.view(), 20, 2), Ask(*flat, queries_.view(), 20, 2)) << MetricName(metric);
  }
}

INSTANTIATE_TEST_SUITE_P(FloatTypes, IvfSq8Test, testing::Values(Element::kF32, Element::kF16, Element::kBf16),
                         [](const auto& test_case) { return base::ElementName(test_case.param); });

TEST(IvfSq8, IntegerRowsAreTheirCodes) {
  threads::Pool pool(2);
  for (const Element element : {Element::kI8, Element::kU8}) {
    const TestVectors rows = ClusteredVectors(element, kRows, kDim, kSeed);
    const TestVectors queries = ClusteredVectors(element, 25, kDim, kSeed + 1);
    for (const Metric metric : {Metric::kL2, Metric::kIp, Metric::kCosine}) {
      const BuildRequest request = MakeRequest(rows.view(), metric, 7, pool);
      EXPECT_EQ(Ask(*MakeIndex(Kind::kIvfSq8, request), queries.view(), 20, 2),
                Ask(*MakeIndex(Kind::kIvfFlat, request), queries.view(), 20, 2));
    }
  }
}

TEST(IvfSq8, TextLosesLittleRecallAndMostOfTheBytes) {
  const auto base = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/text_base.fvecs", {});
  const auto queries = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/text_query.fvecs", {});
  ASSERT_TRUE(base.ok() && queries.ok());
  threads::Pool pool(2);
  const BuildRequest request = MakeRequest(base->vectors(), Metric::kCosine, 16, pool);
  const std::unique_ptr<Index> sq8 = MakeIndex(Kind::kIvfSq8, request);
  const Answers exact = Ask(*MakeIndex(Kind::kIvfFlat, request), queries->vectors(), 10, 4);
  const Answers coded = Ask(*sq8, queries->vectors(), 10, 4);
  double same = 0;
  for (std::size_t q = 0; q < exact.counts.size(); ++q) {
    const auto first = exact.rows.begin() + static_cast<std::ptrdiff_t>(q * 10);
    for (std::size_t i = 0; i < 10; ++i) same += std::count(first, first + 10, coded.rows[q * 10 + i]) > 0;
  }
  EXPECT_GT(same / static_cast<double>(coded.rows.size()), 0.98);
  EXPECT_LT(same / static_cast<double>(coded.rows.size()), 1.0);  // 1.0: the rows were measured after all
  const Spec spec{Kind::kIvfSq8, Metric::kCosine, Element::kF32, 384, 1'000'000};
  Spec flat = spec;
  flat.kind = Kind::kIvfFlat;
  EXPECT_LT(PlanIndex(spec, {})->file_bytes * 4, PlanIndex(flat, {})->file_bytes);
}

}  // namespace
}  // namespace elanus::index
