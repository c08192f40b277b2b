#include "host/io/hdf5.h"

#include <hdf5.h>

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/file.h"
#include "host/io/vector_file.h"
#include "tests/support/file_bytes.h"
#include "tests/support/temp_dir.h"

namespace elanus::io {
namespace {

using ::testing::HasSubstr;

/// As the code under test does, but before any of these tests uses the library.
[[maybe_unused]] const herr_t kNoExitHandler = H5dont_atexit();

/// How a test file stores its dataset.
struct Storage {
  hsize_t chunk_rows = 0;  // 0: contiguous
  bool deflate = false;
  hsize_t user_block = 0;
};

/// Writes `data` as dataset "train" of `type`, 1 to 3 dimensions, with plain libhdf5 calls.
void WriteDataset(const std::string& path, hid_t type, const std::vector<hsize_t>& shape, const void* data,
                  const Storage& storage = {}) {
  const hid_t file_plist = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(file_plist, storage.user_block);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, file_plist, H5P_DEFAULT);
  const hid_t plist = H5Pcreate(H5P_DATASET_CREATE);
  if (storage.chunk_rows > 0) {
    std::vector<hsize_t> chunk = shape;
    chunk[0] = storage.chunk_rows;
    H5Pset_chunk(plist, static_cast<int>(shape.size()), chunk.data());
    if (storage.deflate) H5Pset_deflate(plist, 1);
  }
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t set = H5Dcreate2(file, "train", type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
  ASSERT_GE(set, 0);
  if (data != nullptr) {
    ASSERT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), 0);
  }
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(plist);
  H5Fclose(file);
  H5Pclose(file_plist);
}

std::vector<float> Ascending(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.5f);
  return values;
}

std::string AllRows(const base::Vectors& vectors) {
  std::string bytes;
  for (std::uint64_t i = 0; i < vectors.count; ++i) {
    bytes.append(reinterpret_cast<const char*>(vectors.row(i)), base::RowBytes(vectors.element, vectors.dim));
  }
  return bytes;
}

TEST(Hdf5, ReadsContiguousAndChunkedStorage) {
  const test::TempDir dir;
  // 25,000 rows of 700 bytes: more than one piece of reading.
  const std::vector<float> values = Ascending(25'000 * 175);
  for (const Storage& storage : {Storage{}, Storage{.user_block = 1024}, Storage{.chunk_rows = 7'001},
                                 Storage{.chunk_rows = 64, .deflate = true}}) {
    SCOPED_TRACE(storage.chunk_rows);
    const std::string path = dir / "a.hdf5";
    WriteDataset(path, H5T_IEEE_F32LE, {25'000, 175}, values.data(), storage);
    const auto dataset = Hdf5Dataset::Open(path, "train");
    ASSERT_TRUE(dataset.ok()) << dataset.status();
    EXPECT_EQ(dataset->contiguous_offset() != 0, storage.chunk_rows == 0);
    const auto file = OpenVectors(path, {});
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->name(), path + ":train");
    EXPECT_EQ(file->vectors().count, 25'000u);
    EXPECT_EQ(file->vectors().dim, 175u);
    EXPECT_EQ(AllRows(file->vectors()), test::RawBytes(values));
  }
}

TEST(Hdf5, ReadsEveryType) {
  const test::TempDir dir;
  const std::string path = dir / "a.h5";
  const std::vector<std::uint8_t> bytes = {1, 0, 1, 1, 0, 0};
  WriteDataset(path, H5T_STD_U8LE, {2, 3}, bytes.data());
  EXPECT_EQ(OpenVectors(path, {})->vectors().element, base::Element::kU8);
  EXPECT_EQ(OpenVectors(path, {.as_bits = true})->vectors().dim, 24u);
  WriteDataset(path, H5T_STD_I8LE, {2, 3}, bytes.data());
  EXPECT_EQ(OpenVectors(path, {})->vectors().element, base::Element::kI8);

  WriteDataset(path, H5T_IEEE_F32BE, {2, 3}, std::vector<std::uint32_t>{0x0000803F, 0, 0, 0, 0, 0x0000A0C0}.data());
  const auto big_endian = OpenVectors(path, {});
  ASSERT_FALSE(big_endian.ok());  // equal to no little-endian type, and not taken for one
  EXPECT_THAT(std::string(big_endian.status().message()), HasSubstr("no little-endian"));

  const hid_t boolean = H5Tenum_create(H5T_NATIVE_INT8);  // as h5py stores numpy.bool_
  std::int8_t value = 0;
  H5Tenum_insert(boolean, "FALSE", &value);
  value = 1;
  H5Tenum_insert(boolean, "TRUE", &value);
  WriteDataset(path, boolean, {2, 3}, bytes.data(), {.chunk_rows = 1});
  H5Tclose(boolean);
  const auto bits = OpenVectors(path, {.as_bits = true});
  ASSERT_TRUE(bits.ok()) << bits.status();
  EXPECT_EQ(bits->vectors().dim, 3u);
  EXPECT_EQ(AllRows(bits->vectors()), "\x05\x01");

  WriteDataset(path, H5T_IEEE_F64LE, {2, 3}, std::vector<double>(6).data());
  EXPECT_THAT(std::string(OpenVectors(path, {}).status().message()), HasSubstr("holds float64"));
}

TEST(Hdf5, RefusesWhatIsNoArrayOfNumbers) {
  const test::TempDir dir;
  const std::string path = dir / "a.hdf5";
  const auto message = [&](const std::string& suffix = "") {
    const absl::Status status = OpenVectors(path + suffix, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(std::string(status.message()).rfind(path, 0), 0u) << status;
    EXPECT_EQ(status.message().find('\n'), absl::string_view::npos) << status;
    return std::string(status.message());
  };
  const std::vector<float> values = Ascending(24);
  WriteDataset(path, H5T_IEEE_F32LE, {2, 12}, values.data());
  EXPECT_THAT(message(":test"), HasSubstr("has no dataset 'test'; at its root: train"));
  const std::string good = test::ReadFile(path);
  test::WriteFile(path, good.substr(0, good.size() - 1));
  EXPECT_THAT(message(), HasSubstr("not an HDF5 file, or damaged: truncated file"));
  test::WriteFile(path, "no HDF5 here");
  EXPECT_THAT(message(), HasSubstr("not an HDF5 file, or damaged"));
  WriteDataset(path, H5T_IEEE_F32LE, {2, 3, 4}, values.data());
  EXPECT_THAT(message(), HasSubstr("an array of 3 dimensions"));
  WriteDataset(path, H5T_IEEE_F32LE, {24}, values.data());
  EXPECT_THAT(message(), HasSubstr("a one-dimensional array of 24 numbers"));
  WriteDataset(path, H5T_IEEE_F32LE, {0, 4}, nullptr);
  EXPECT_THAT(message(), HasSubstr("holds no numbers"));
  // A terabyte that was never written: nothing of that size is allocated.
  WriteDataset(path, H5T_IEEE_F32LE, {1u << 30, 256}, nullptr, {.chunk_rows = 1024});
  EXPECT_THAT(message(), HasSubstr("claims 1073741824 rows of 256 x float32, but stores only 0 bytes"));
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 4);
  WriteDataset(path, text, {6, 4}, values.data());
  H5Tclose(text);
  EXPECT_THAT(message(), HasSubstr("of a type"));
  EXPECT_EQ(OpenVectors(dir / "none.hdf5", {}).status().code(), absl::StatusCode::kNotFound);
}

// libhdf5 1.10.8 reads past its memory on this file, which a fuzzer found.
TEST(Hdf5, SurvivesAFileThatTheLibraryDoesNot) {
  const std::string path = ELANUS_SOURCE_DIR "/tests/golden/io/crashes_libhdf5.hdf5";
  const absl::Status status = OpenVectors(path, {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path));
}

TEST(Hdf5, AddsDatasetsToBeFilledInPlace) {
  const test::TempDir dir;
  const std::string path = dir / "a.hdf5";
  const std::vector<float> train = Ascending(3000), test = Ascending(12);
  const std::vector<std::uint16_t> halves = {0x3C00, 0xC000, 0, 1};
  const auto add = [&](const std::string& name, Scalar scalar, std::uint64_t columns, const std::string& data) {
    const auto offset = AddHdf5Dataset(path, name, scalar, data.size() / ScalarBytes(scalar) / columns, columns);
    ASSERT_TRUE(offset.ok()) << offset.status();
    std::string file = test::ReadFile(path);
    ASSERT_LE(*offset + data.size(), file.size());
    test::WriteFile(path, file.replace(*offset, data.size(), data));
  };
  add("train", Scalar::kF32, 30, test::RawBytes(train));
  add("test", Scalar::kF32, 4, test::RawBytes(test));
  add("deep/halves", Scalar::kF16, 2, test::RawBytes(halves));
  EXPECT_EQ(AllRows(OpenVectors(path, {})->vectors()), test::RawBytes(train));
  EXPECT_EQ(AllRows(OpenVectors(path + ":test", {})->vectors()), test::RawBytes(test));
  EXPECT_EQ(AllRows(OpenVectors(path + ":/deep/halves", {})->vectors()), test::RawBytes(halves));
  EXPECT_EQ(OpenVectors(path + ":deep/halves", {})->vectors().element, base::Element::kF16);

  EXPECT_EQ(AddHdf5Dataset(path, "test", Scalar::kF32, 1, 1).status().code(), absl::StatusCode::kAlreadyExists);
  test::WriteFile(path, "no HDF5 here");
  EXPECT_EQ(AddHdf5Dataset(path, "x", Scalar::kF32, 1, 1).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace elanus::io
