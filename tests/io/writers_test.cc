#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/result_writer.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"
#include "host/io/vector_writer.h"
#include "tests/support/file_bytes.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_dir.h"

namespace elanus::io {
namespace {

using test::TexmexBytes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::string AllRows(const base::Vectors& vectors) {
  std::string bytes;
  for (std::uint64_t i = 0; i < vectors.count; ++i) {
    bytes.append(reinterpret_cast<const char*>(vectors.row(i)), base::RowBytes(vectors.element, vectors.dim));
  }
  return bytes;
}

/// 50 rows of `dim` with gaps between them.
struct Source {
  Source(base::Element element, std::uint32_t dim) : bytes(50 * (base::RowBytes(element, dim) + 3), '\0') {
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 11 + i / 100);
    vectors = {reinterpret_cast<const std::byte*>(bytes.data()), 50, dim, element, base::RowBytes(element, dim) + 3};
  }
  std::string bytes;
  base::Vectors vectors;
};

TEST(VectorWriter, WhatItWritesIsReadBack) {
  const test::TempDir dir;
  struct Case {
    const char* name;
    base::Element element;
    std::uint32_t dim;
  };
  for (const Case& c : {Case{"a.fvecs", base::Element::kF32, 7}, Case{"a.bvecs", base::Element::kU8, 7},
                        Case{"a.bvecs", base::Element::kBit, 56}, Case{"a.fbin", base::Element::kF32, 1},
                        Case{"a.u8bin", base::Element::kU8, 9}, Case{"b.u8bin", base::Element::kBit, 16},
                        Case{"a.i8bin", base::Element::kI8, 5}, Case{"a.npy", base::Element::kF32, 3},
                        Case{"a.npy", base::Element::kF16, 3}, Case{"a.npy", base::Element::kBf16, 3},
                        Case{"a.npy", base::Element::kI8, 3}, Case{"a.npy", base::Element::kU8, 3},
                        Case{"a.npy", base::Element::kBit, 24}, Case{"a.hdf5", base::Element::kF32, 4},
                        Case{"a.hdf5:test", base::Element::kF16, 4}, Case{"a.hdf5:i8", base::Element::kI8, 4},
                        Case{"a.hdf5:deep/u8", base::Element::kU8, 4}, Case{"a.hdf5:bits", base::Element::kBit, 8}}) {
    SCOPED_TRACE(c.name);
    const Source source(c.element, c.dim);
    auto writer = VectorWriter::Create(dir / c.name, c.element, c.dim, 50);
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_TRUE(writer->Append(source.vectors.Slice(0, 1)).ok());
    EXPECT_TRUE(writer->Append(source.vectors.Slice(1, 30)).ok());
    EXPECT_TRUE(writer->Append(source.vectors.Slice(31, 19)).ok());
    ASSERT_TRUE(writer->Finish().ok());
    const auto file = OpenVectors(
        dir / c.name, {.as_bits = c.element == base::Element::kBit, .as_bf16 = c.element == base::Element::kBf16});
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ(file->vectors().element, c.element);
    EXPECT_EQ(file->vectors().dim, c.dim);
    EXPECT_EQ(AllRows(file->vectors()), AllRows(source.vectors));
  }
  EXPECT_THAT(dir.Names(),
              ElementsAre("a.bvecs", "a.fbin", "a.fvecs", "a.hdf5", "a.i8bin", "a.npy", "a.u8bin", "b.u8bin"));
  // Datasets that were there before the last one was added are still whole.
  const Source first(base::Element::kF32, 4);
  EXPECT_EQ(AllRows(OpenVectors(dir / "a.hdf5", {})->vectors()), AllRows(first.vectors));
}

TEST(VectorWriter, RefusesWhatAFormatCannotHold) {
  const test::TempDir dir;
  const auto message = [&](const std::string& name, base::Element element, std::uint32_t dim) {
    const absl::Status status = VectorWriter::Create(dir / name, element, dim, 5).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(std::string(status.message()).rfind(dir / name, 0), 0u) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message("a.fvecs", base::Element::kU8, 4), HasSubstr("cannot hold vectors of uint8; .npy can"));
  EXPECT_THAT(message("a.bvecs", base::Element::kF32, 4), HasSubstr("cannot hold vectors of float32"));
  EXPECT_THAT(message("a.h5", base::Element::kBf16, 4), HasSubstr("cannot hold vectors of bfloat16"));
  EXPECT_THAT(message("a.ibin", base::Element::kF32, 4), HasSubstr("cannot hold"));
  EXPECT_THAT(message("a.csv", base::Element::kF32, 4), HasSubstr("cannot hold"));
  EXPECT_THAT(message("a.fvecs", base::Element::kF32, 40'000), HasSubstr("rows of 40000 components; 1 to 32768"));
  EXPECT_THAT(message("a.xyz", base::Element::kF32, 4), HasSubstr("no known format"));
  auto writer = VectorWriter::Create(dir / "a.h5", base::Element::kF32, 4, 1);
  ASSERT_TRUE(writer->Append(Source(base::Element::kF32, 4).vectors.Slice(0, 1)).ok() && writer->Finish().ok());
  const absl::Status status = VectorWriter::Create(dir / "a.h5", base::Element::kF32, 4, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("a.h5: has a dataset 'train' already; delete the file"));
  EXPECT_THAT(dir.Names(), ElementsAre("a.h5"));
}

TEST(VectorWriter, LeavesNothingWithoutFinish) {
  const test::TempDir dir;
  const Source source(base::Element::kF32, 7);
  for (const char* name : {"a.fvecs", "a.npy", "a.hdf5"}) {
    auto writer = VectorWriter::Create(dir / name, base::Element::kF32, 7, 60);
    ASSERT_TRUE(writer.ok() && writer->Append(source.vectors).ok());
  }
  for (const char* name : {"a.fvecs", "a.npy", "a.hdf5"}) {
    SCOPED_TRACE(name);
    const test::FileSizeLimit limit(64 << 10);
    auto writer = VectorWriter::Create(dir / name, base::Element::kF32, 7, 5000);
    absl::Status status = writer.status();
    for (int i = 0; status.ok() && i < 100; ++i) status = writer->Append(source.vectors);
    if (status.ok()) status = writer->Finish();
    EXPECT_FALSE(status.ok());
    EXPECT_THAT(std::string(status.message()), HasSubstr(dir / name));
  }
  EXPECT_THAT(dir.Names(), ElementsAre());
}

/// Rows of 3, 0 and 2 numbers.
const std::vector<std::vector<std::uint32_t>> kIds = {{5, 0, 2'147'483'647}, {}, {7, 1}};
const std::vector<std::vector<float>> kDistances = {{0.1f, 2, kInfinity}, {}, {-1e-20f, 3}};

void WriteAll(ResultPlan plan) {
  plan.rows = 3;
  auto writer = ResultWriter::Create(plan);
  ASSERT_TRUE(writer.ok()) << writer.status();
  for (std::size_t i = 0; i < 3; ++i) ASSERT_TRUE(writer->Append(kIds[i], kDistances[i]).ok());
  ASSERT_TRUE(writer->Finish().ok());
}

template <class T>
std::vector<std::vector<T>> Rows(const absl::StatusOr<RowTable<T>>& table) {
  EXPECT_TRUE(table.ok()) << table.status();
  std::vector<std::vector<T>> rows;
  for (std::uint64_t i = 0; table.ok() && i < table->rows(); ++i) {
    rows.emplace_back(table->row(i).begin(), table->row(i).end());
  }
  return rows;
}

TEST(ResultWriter, WhatItWritesIsReadBack) {
  const test::TempDir dir;
  const std::vector<std::vector<float>> padded = {{0.1f, 2, kInfinity, -2}, {-2, -2, -2, -2}, {-1e-20f, 3, -2, -2}};
  for (const char* job : {"", "a job"}) {
    for (const char* name : {"a.ivecs", "a.ibin", "a.npy", "a.jsonl", "a.csv", "a.hdf5"}) {
      if (name == std::string("a.hdf5")) std::filesystem::remove(dir / name);
      SCOPED_TRACE(name);
      WriteAll({.ids = dir / name, .width = 4, .job = job});
      EXPECT_EQ(Rows(ReadIds(dir / name)), kIds);
    }
    for (const char* name : {"d.fvecs", "d.fbin", "d.npy", "d.jsonl", "d.csv", "d.hdf5"}) {
      if (name == std::string("d.hdf5")) std::filesystem::remove(dir / name);
      SCOPED_TRACE(name);
      WriteAll({.distances = dir / name, .width = 4, .padding = -2, .job = job});
      const bool text = name == std::string("d.jsonl") || name == std::string("d.csv");
      EXPECT_EQ(Rows(ReadDistances(dir / name)), text ? kDistances : padded);
    }
    for (const char* name : {"a.ivecs", "a.jsonl", "a.csv"}) {
      WriteAll({.ids = dir / name, .job = job});
      EXPECT_EQ(Rows(ReadIds(dir / name)), kIds) << name;
    }
    EXPECT_EQ(dir.Names().size(), 12u);  // no temporary file is left
  }
  WriteAll({.ids = dir / "both.jsonl"});
  EXPECT_EQ(Rows(ReadIds(dir / "both.jsonl")), kIds);
  EXPECT_EQ(Rows(ReadDistances(dir / "both.jsonl")), kDistances);
}

TEST(ResultWriter, TextAsPromised) {
  const test::TempDir dir;
  WriteAll({.ids = dir / "a.jsonl", .width = 4});
  EXPECT_EQ(test::ReadFile(dir / "a.jsonl"),
            "{\"ids\":[5,0,2147483647],\"distances\":[0.1,2,null]}\n{\"ids\":[],\"distances\":[]}\n"
            "{\"ids\":[7,1],\"distances\":[-1e-20,3]}\n");
  WriteAll({.ids = dir / "b.jsonl", .distances = dir / "d.csv"});
  EXPECT_EQ(test::ReadFile(dir / "b.jsonl"), "{\"ids\":[5,0,2147483647]}\n{\"ids\":[]}\n{\"ids\":[7,1]}\n");
  EXPECT_EQ(test::ReadFile(dir / "d.csv"), "0.1,2,inf\n\n-1e-20,3\n");
  WriteAll({.ids = dir / "a.ivecs", .width = 3});
  EXPECT_EQ(test::ReadFile(dir / "a.ivecs"),
            TexmexBytes<std::int32_t>({{5, 0, 2'147'483'647}, {-1, -1, -1}, {7, 1, -1}}));
}

TEST(ResultWriter, RefusesWhatAFormatCannotHold) {
  const test::TempDir dir;
  const auto message = [&](const ResultPlan& plan) {
    const absl::Status status = ResultWriter::Create(plan).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    EXPECT_EQ(std::string(status.message()).rfind(dir.path(), 0), 0u) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(message({.ids = dir / "a.fvecs", .width = 3}), HasSubstr("does not hold ids; .ivecs"));
  EXPECT_THAT(message({.ids = dir / "a.txt", .width = 3}), HasSubstr("does not hold ids"));
  EXPECT_THAT(message({.distances = dir / "a.ivecs", .width = 3}), HasSubstr("does not hold distances; .fvecs"));
  EXPECT_THAT(message({.ids = dir / "a.npy"}), HasSubstr("rows of one length only"));
  EXPECT_THAT(message({.distances = dir / "a.fbin"}), HasSubstr("rows of one length only"));
  const std::string folder = std::filesystem::path(dir.path()).filename();
  for (const std::string& name : {std::string("a.csv"), std::string("./a.csv"), "../" + folder + "/a.csv"}) {
    EXPECT_THAT(message({.ids = dir / "a.csv", .distances = dir / name}), HasSubstr("two files"));
    EXPECT_THAT(message({.ids = dir / "a.csv", .distances = dir / name, .job = "x"}), HasSubstr("two files"));
  }
  EXPECT_THAT(message({.ids = dir / "a.h5", .distances = dir / "./a.h5", .width = 3}), HasSubstr("two files"));
  EXPECT_THAT(dir.Names(), ElementsAre());
  auto writer = ResultWriter::Create({.ids = dir / "a.ivecs", .rows = 1, .width = 3});
  ASSERT_TRUE(writer.ok());
  EXPECT_THAT(std::string(writer->Append({3'000'000'000u}, {}).message()), HasSubstr("id 3000000000 does not fit"));
  EXPECT_EQ(ResultWriter::Create({.ids = dir / "none/a.csv"}).status().code(), absl::StatusCode::kNotFound);
}

/// Appends rows [writer.rows(), end) of an endless made-up result.
void AppendUntil(ResultWriter& writer, std::uint64_t end) {
  while (writer.rows() < end) {
    const auto row = static_cast<std::uint32_t>(writer.rows());
    ASSERT_TRUE(writer.Append({row, row + 1, row * 1000}, {0.5f * static_cast<float>(row), 1, 2}).ok());
  }
}

class Resume : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  ResultPlan Plan(const std::string& job = "job \xFF 1") const {
    return {.ids = dir_ / GetParam().first, .distances = dir_ / GetParam().second, .rows = 100, .width = 4, .job = job};
  }
  std::string Files() const { return test::ReadFile(Plan().ids) + test::ReadFile(Plan().distances); }
  std::string WriteWhole() {
    auto writer = ResultWriter::Create(Plan());
    EXPECT_EQ(writer->rows(), 0u);
    AppendUntil(*writer, 100);
    EXPECT_TRUE(writer->Finish().ok());
    EXPECT_EQ(dir_.Names().size(), 2u);
    const std::string files = Files();
    std::filesystem::remove(Plan().ids);
    std::filesystem::remove(Plan().distances);
    return files;
  }
  /// Writes 80 rows, the first 60 before a checkpoint, and stops as a kill does.
  void WritePart() {
    auto writer = ResultWriter::Create(Plan());
    ASSERT_TRUE(writer.ok()) << writer.status();
    AppendUntil(*writer, 40);
    ASSERT_TRUE(writer->Checkpoint().ok());
    AppendUntil(*writer, 60);
    ASSERT_TRUE(writer->Checkpoint().ok());
    AppendUntil(*writer, 80);
  }

  test::TempDir dir_;
};

TEST_P(Resume, GoesOnAfterTheLastCheckpoint) {
  const std::string whole = WriteWhole();
  for (const bool torn : {false, true}) {
    WritePart();
    EXPECT_EQ(dir_.Names().size(), 3u);  // two files and the journal, none under its final name
    if (torn) {
      test::WriteFile(Plan().ids + ".partial", test::ReadFile(Plan().ids + ".partial") + "torn tail");
    }
    auto writer = ResultWriter::Create(Plan());
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ(writer->rows(), 60u);
    AppendUntil(*writer, 100);
    ASSERT_TRUE(writer->Finish().ok());
    EXPECT_EQ(Files(), whole);
    EXPECT_EQ(dir_.Names().size(), 2u);
    std::filesystem::remove(Plan().ids);
    std::filesystem::remove(Plan().distances);
  }
}

TEST_P(Resume, StartsAnewForAnotherJobOrWhereFilesAreGone) {
  const std::string whole = WriteWhole();
  WritePart();
  EXPECT_EQ(ResultWriter::Create(Plan("another job"))->rows(), 0u);
  EXPECT_EQ(ResultWriter::Create(Plan())->rows(), 0u);  // what was there is overwritten
  WritePart();
  std::filesystem::resize_file(Plan().distances + ".partial", 10);
  EXPECT_EQ(ResultWriter::Create(Plan())->rows(), 0u);
  WritePart();
  test::WriteFile(Plan().ids + ".partial.job", "{\"job\": 5}");
  EXPECT_EQ(ResultWriter::Create(Plan())->rows(), 0u);
  WritePart();
  std::filesystem::remove(Plan().ids + ".partial");
  auto writer = ResultWriter::Create(Plan());
  EXPECT_EQ(writer->rows(), 0u);
  AppendUntil(*writer, 100);
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(Files(), whole);
}

TEST_P(Resume, TwoAtOnceAreRefused) {
  WritePart();
  auto writer = ResultWriter::Create(Plan());
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(ResultWriter::Create(Plan()).status().code(), absl::StatusCode::kUnavailable);
  AppendUntil(*writer, 100);
  EXPECT_TRUE(writer->Finish().ok());
}

TEST_P(Resume, RestartWaitsForNobodysWork) {
  const std::string whole = WriteWhole();
  WritePart();
  ResultPlan anew = Plan();
  anew.restart = true;
  ResultPlan other = Plan("another job");
  {
    auto writer = ResultWriter::Create(Plan());
    ASSERT_TRUE(writer.ok() && writer->rows() == 60u);
    for (const ResultPlan& plan : {anew, other}) {
      EXPECT_EQ(ResultWriter::Create(plan).status().code(), absl::StatusCode::kUnavailable);
    }
    AppendUntil(*writer, 70);
    ASSERT_TRUE(writer->Checkpoint().ok());
  }
  EXPECT_EQ(ResultWriter::Create(Plan())->rows(), 70u);
  EXPECT_EQ(ResultWriter::Create(anew)->rows(), 0u);
  auto writer = ResultWriter::Create(Plan());
  EXPECT_EQ(writer->rows(), 0u);
  AppendUntil(*writer, 100);
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(Files(), whole);
}

TEST_P(Resume, BothFilesAreInPlaceOrNone) {
  auto writer = ResultWriter::Create(Plan());
  ASSERT_TRUE(writer.ok());
  AppendUntil(*writer, 100);
  ASSERT_TRUE(writer->Checkpoint().ok());
  EXPECT_EQ(writer->kept_rows(), 100u);
  std::filesystem::create_directories(Plan().ids + "/in the way");
  EXPECT_FALSE(writer->Finish().ok());
  EXPECT_FALSE(std::filesystem::exists(Plan().distances));
  EXPECT_TRUE(std::filesystem::exists(Plan().distances + ".partial"));
  writer->Discard();
  writer = absl::CancelledError();
  EXPECT_EQ(dir_.Names().size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Formats, Resume,
                         ::testing::Values(std::pair("i.ivecs", "d.fvecs"), std::pair("i.npy", "d.fbin"),
                                           std::pair("i.jsonl", "d.csv")),
                         [](const auto& formats) { return std::string(formats.param.first).substr(2); });

}  // namespace
}  // namespace elanus::io
