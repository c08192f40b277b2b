// Bad input: each is one clear line on stderr, a non-zero exit, and nothing under the final name.
#include <algorithm>
#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/tool_process.h"

namespace elanus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

template <class T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Rows of an .fvecs file, each with its own number of components.
std::string Fvecs(const std::vector<std::vector<float>>& rows) {
  std::string bytes;
  for (const std::vector<float>& row : rows) {
    bytes += BytesOf(std::vector<std::int32_t>{static_cast<std::int32_t>(row.size())}) + BytesOf(row);
  }
  return bytes;
}

class ErrorsTest : public testing::Test {
 protected:
  ErrorsTest() {
    WriteFile(folder_ / "base.fvecs", Fvecs({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}, {1, 0, 0}}));
    WriteFile(folder_ / "query.fvecs", Fvecs({{1, 2, 3}, {4, 5, 7}}));
    EXPECT_EQ(RunTool(Build("base.fvecs", "index")).exit_code, 0);
  }

  Words Build(const std::string& base, const std::string& out, const std::string& kind = "FLAT") const {
    return {"build", "--quiet", "--kind", kind, "--metric", "L2", "--base", folder_ / base, "--out", folder_ / out};
  }
  Words Search(const std::string& queries, const Words& more = {}) const {
    Words words = {"search",    "--quiet",         "--index", folder_ / "index",
                   "--queries", folder_ / queries, "--out",   folder_ / "out.ivecs"};
    if (std::find(more.begin(), more.end(), "--k") == more.end()) words.insert(words.end(), {"--k", "2"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Words Truth(const std::string& base, const std::string& queries) const {
    return {"truth", "--quiet", "--base", folder_ / base, "--queries",           folder_ / queries, "--metric",
            "L2",    "--k",     "1",      "--out",        folder_ / "out.ivecs", "--threads",       "1"};
  }
  /// `more` goes before what it lacks.
  Words Bench(const Words& more) const {
    return Complete({"bench", "--quiet"}, more,
                    {"--index", folder_ / "index", "--queries", folder_ / "query.fvecs", "--seconds", "0.01"});
  }
  Words Eval(const std::string& truth, const std::string& result, const Words& more = {}) const {
    return Complete({"eval", "--quiet", "--truth", folder_ / truth, "--result", folder_ / result, "--k", "1"}, more,
                    {"--base", folder_ / "base.fvecs", "--queries", folder_ / "query.fvecs", "--metric", "L2"});
  }
  static Words Complete(Words words, const Words& more, const Words& otherwise) {
    words.insert(words.end(), more.begin(), more.end());
    for (std::size_t i = 0; i < otherwise.size(); i += 2) {
      if (std::find(words.begin(), words.end(), otherwise[i]) != words.end()) continue;
      words.insert(words.end(), {otherwise[i], otherwise[i + 1]});
    }
    return words;
  }

  /// Runs and expects one line that holds all of `parts`, and no output.
  void ExpectError(const Words& words, int exit_code, const std::vector<std::string>& parts,
                   const ToolSettings& settings = {}) const {
    const Outcome outcome = RunTool(words, settings);
    SCOPED_TRACE(outcome.err);
    EXPECT_EQ(outcome.exit_code, exit_code);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_EQ(outcome.err.find("elanus " + words.front() + ": "), 0u);
    for (const std::string& part : parts) EXPECT_THAT(outcome.err, HasSubstr(part));
    for (const std::string& name : folder_.Names()) {
      EXPECT_THAT(name, Not(testing::StartsWith("out"))) << "left behind";
    }
  }

  TempDir folder_;
};

TEST_F(ErrorsTest, MixedDimensionsInOneFile) {
  WriteFile(folder_ / "mixed.fvecs", Fvecs({{1, 2, 3}, {4, 5}, {6, 7, 8, 9}}));
  ExpectError(Build("mixed.fvecs", "out"), 1, {"mixed.fvecs", "row 1", "2", "3"});
  ExpectError(Search("mixed.fvecs"), 1, {"mixed.fvecs", "row 1"});
}

TEST_F(ErrorsTest, QueriesOfAnotherDimension) {
  WriteFile(folder_ / "wide.fvecs", Fvecs({{1, 2, 3, 4}}));
  ExpectError(Search("wide.fvecs"), 1, {"wide.fvecs", "dimension 4", "index", "has 3"});
}

TEST_F(ErrorsTest, NanAndInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  WriteFile(folder_ / "nan.fvecs", Fvecs({{1, 2, 3}, {4, nan, 6}}));
  WriteFile(folder_ / "inf.fvecs", Fvecs({{1, 2, 3}, {4, 5, 6}, {1, 2, -infinity}}));
  ExpectError(Build("nan.fvecs", "out"), 1, {"nan.fvecs", "row 1, component 1", "finite"});
  ExpectError(Build("inf.fvecs", "out"), 1, {"inf.fvecs", "row 2, component 2", "finite"});
  ExpectError(Search("nan.fvecs"), 1, {"nan.fvecs", "row 1, component 1", "finite"});
  ExpectError({"truth", "--quiet", "--base", folder_ / "inf.fvecs", "--queries", folder_ / "query.fvecs", "--metric",
               "L2", "--k", "1", "--out", folder_ / "out.ivecs"},
              1, {"inf.fvecs", "row 2, component 2", "finite"});
}

TEST_F(ErrorsTest, EmptyFiles) {
  WriteFile(folder_ / "empty.fvecs", "");
  WriteFile(folder_ / "empty.npy", "");
  WriteFile(folder_ / "empty-index", "");
  ExpectError(Build("empty.fvecs", "out"), 1, {"empty.fvecs", "empty"});
  ExpectError(Build("empty.npy", "out"), 1, {"empty.npy"});
  ExpectError(Search("empty.fvecs"), 1, {"empty.fvecs", "empty"});
  ExpectError({"search", "--quiet", "--index", folder_ / "empty-index", "--queries", folder_ / "query.fvecs", "--out",
               folder_ / "out.ivecs"},
              1, {"empty-index", "0 bytes"});
}

TEST_F(ErrorsTest, TruncatedAndOversizedHeaders) {
  const std::string whole = ReadFile(folder_ / "base.fvecs");
  WriteFile(folder_ / "short.fvecs", whole.substr(0, whole.size() - 3));
  WriteFile(folder_ / "huge.fvecs", BytesOf(std::vector<std::int32_t>{2'000'000'000}) + std::string(64, 'x'));
  WriteFile(folder_ / "negative.fvecs", BytesOf(std::vector<std::int32_t>{-5}) + std::string(64, 'x'));
  WriteFile(folder_ / "many.fbin", BytesOf(std::vector<std::uint32_t>{4'000'000'000u, 3}) + std::string(36, 'x'));
  WriteFile(folder_ / "many.npy",
            std::string("\x93NUMPY\x01\x00", 8) + "\x20" + std::string(1, '\0') + "{'descr': '<f4', 'shape': (9999");
  ExpectError(Build("short.fvecs", "out"), 1, {"short.fvecs"});
  ExpectError(Build("huge.fvecs", "out"), 1, {"huge.fvecs", "2000000000"});
  ExpectError(Build("negative.fvecs", "out"), 1, {"negative.fvecs", "-5"});
  ExpectError(Build("many.fbin", "out"), 1, {"many.fbin", "4000000000"});
  ExpectError(Build("many.npy", "out"), 1, {"many.npy"});
  const std::string index = ReadFile(folder_ / "index");
  WriteFile(folder_ / "index", index.substr(0, index.size() / 2));
  ExpectError(Search("query.fvecs"), 1, {"index", "truncated"});
}

TEST_F(ErrorsTest, DamagedIndex) {
  std::string index = ReadFile(folder_ / "index");
  index[index.size() - 5000] = static_cast<char>(index[index.size() - 5000] ^ 1);
  WriteFile(folder_ / "index", index);
  ExpectError(Search("query.fvecs"), 1, {"index", "CRC32C"});
}

TEST_F(ErrorsTest, KOutOfRange) {
  ExpectError(Search("query.fvecs", {"--k", "0"}), 2, {"--k '0'", "[1, 16384]"});
  ExpectError(Search("query.fvecs", {"--k", "16385"}), 2, {"--k '16385'", "[1, 16384]"});
  ExpectError(Search("query.fvecs", {"--k", "-1"}), 2, {"--k '-1'", "[1, 16384]"});
  ExpectError(Search("query.fvecs", {"--k", "1.5"}), 2, {"--k '1.5'", "integer"});
  ExpectError(Search("query.fvecs", {"--k", "5"}), 1, {"index", "--k 5", "4 rows"});
  ExpectError({"truth", "--quiet", "--base", folder_ / "base.fvecs", "--queries", folder_ / "query.fvecs", "--metric",
               "L2", "--k", "5", "--out", folder_ / "out.ivecs"},
              1, {"base.fvecs", "--k 5", "4 rows"});
}

TEST_F(ErrorsTest, ParametersOutOfRange) {
  Words words = Build("base.fvecs", "out", "HNSW");
  words.insert(words.end(), {"--set", "M=1"});
  ExpectError(words, 2, {"HNSW", "'M' (1)", "[2, 2048]"});
  words.back() = "M=sixteen";
  ExpectError(words, 2, {"HNSW", "'M' (sixteen)", "integer"});
  words.back() = "MM=16";
  ExpectError(words, 2, {"HNSW", "'MM'", "efConstruction"});
  words.back() = "M";
  ExpectError(words, 2, {"--set 'M'", "NAME=VALUE"});
  ExpectError(Build("base.fvecs", "out", "HSNW"), 2, {"HSNW", "HNSW"});
  ExpectError(Search("query.fvecs", {"--set", "ef=64"}), 2, {"FLAT", "'ef'"});
  ASSERT_EQ(RunTool(Build("base.fvecs", "index", "HNSW")).exit_code, 0);
  ExpectError(Search("query.fvecs", {"--set", "ef=1"}), 1, {"query.fvecs", "ef(1)", "k(2)"});
}

TEST_F(ErrorsTest, AnotherMetric) {
  ExpectError(Search("query.fvecs", {"--metric", "IP"}), 1, {"index", "metric L2", "not IP"});
  ExpectError(Search("query.fvecs", {"--metric", "L3"}), 2, {"L3"});
  Words words = Build("base.fvecs", "out");
  words[5] = "JACCARD";
  ExpectError(words, 1, {"base.fvecs", "float32", "bits"});
}

TEST_F(ErrorsTest, BitsWhereNumbersAre) {
  ExpectError(Search("query.fvecs", {"--filter", folder_ / "query.fvecs"}), 1, {"query.fvecs"});
  WriteFile(folder_ / "rows.txt", "0\n3\n4\n");
  ExpectError(Search("query.fvecs", {"--filter", folder_ / "rows.txt"}), 1, {"rows.txt", "4"});
}

TEST_F(ErrorsTest, UnreadablePaths) {
  ExpectError(Build("absent.fvecs", "out"), 1, {"absent.fvecs", "No such file"});
  ExpectError(Build("base.fvecs", "nowhere/out"), 1, {"nowhere/out", "No such file"});
  WriteFile(folder_ / "base.dat", "x");
  ExpectError(Build("base.dat", "out"), 1, {"base.dat", ".fvecs"});
  ExpectError({"build", "--kind", "FLAT", "--metric", "L2", "--base", "/proc/self/mem.fvecs", "--out", folder_ / "out"},
              1, {"/proc/self/mem.fvecs"});
  ExpectError({"build", "--quiet", "--kind", "FLAT", "--metric", "L2", "--base", folder_ / "base.fvecs", "--out",
               folder_.path()},
              1, {folder_.path(), "folder"});
  ExpectError(
      {"build", "--quiet", "--kind", "FLAT", "--metric", "L2", "--base", folder_ / "base.fvecs", "--out", "/dev/full"},
      1, {"/dev/full"});
  ExpectError(Search("query.fvecs", {"--out-distances", folder_ / "nowhere/d.fvecs"}), 1, {"nowhere/d.fvecs"});
}

TEST_F(ErrorsTest, FullDisk) {
  ExpectError({"build", "--quiet", "--kind", "FLAT", "--metric", "L2", "--base", Sample("image_base.bvecs"), "--out",
               folder_ / "out"},
              1, {"out", "limit"}, {.file_bytes_max = 10'000});
  ExpectError({"convert", "--quiet", "--in", Sample("image_base.bvecs"), "--out", folder_ / "out.fbin"}, 1,
              {"out.fbin", "limit"}, {.file_bytes_max = 10'000});
  const Outcome outcome = RunTool({"help"}, {.stdout_path = "/dev/full"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, AllOf(HasSubstr("standard output"), HasSubstr("No space left")));
}

TEST_F(ErrorsTest, NoDevice) {
  ExpectError(Search("query.fvecs", {"--device", "gpu"}), 1, {"--device gpu", "no device path"});
  ExpectError(Search("query.fvecs", {"--device", "tpu"}), 2, {"tpu", "auto, cpu, gpu"});
}

TEST_F(ErrorsTest, Usage) {
  ExpectError({"search", "--quiet", "--index", folder_ / "index", "--queries", folder_ / "query.fvecs", "--k", "2"}, 2,
              {"--out FILE is missing"});
  ExpectError({"build", "--kind", "FLAT", "--metric", "L2", "--out", folder_ / "out"}, 2, {"--base FILE is missing"});
  ExpectError({"build", "--knd", "FLAT"}, 2, {"--knd", "--kind"});
  EXPECT_EQ(RunTool({}).exit_code, 2);
  const Outcome unknown = RunTool({"serach"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("did you mean search?"));
}

TEST_F(ErrorsTest, TruthThatDoesNotFit) {
  ASSERT_EQ(RunTool(Search("query.fvecs")).exit_code, 0);
  WriteFile(folder_ / "three.jsonl", "[0,1]\n[1,2]\n[2,3]\n");
  const std::string result = folder_ / "result.ivecs";
  WriteFile(result, ReadFile(folder_ / "out.ivecs"));
  std::filesystem::remove(folder_ / "out.ivecs");
  ExpectError({"eval", "--truth", folder_ / "three.jsonl", "--result", result, "--k", "2"}, 1,
              {"result.ivecs", "2 rows", "three.jsonl", "3"});
  ExpectError({"eval", "--truth", result, "--result", result, "--k", "3"}, 1,
              {"result.ivecs", "2 neighbours", "--k 3"});
  ExpectError({"bench", "--quiet", "--index", folder_ / "index", "--queries", folder_ / "query.fvecs", "--truth",
               folder_ / "three.jsonl", "--k", "2"},
              1, {"three.jsonl", "3 rows", "2 queries"});
  ExpectError({"eval", "--truth", result, "--result", result, "--k", "2", "--base", folder_ / "base.fvecs"}, 2,
              {"--base, --queries and --metric"});
}

TEST_F(ErrorsTest, OtherDimensions) {
  WriteFile(folder_ / "wide.fvecs", Fvecs({{1, 2, 3, 4}, {1, 2, 3, 4}}));
  WriteFile(folder_ / "ids.csv", "0\n1\n");
  ExpectError(Truth("base.fvecs", "wide.fvecs"), 1, {"wide.fvecs", "dimension 4", "base has 3"});
  ExpectError(Bench({"--queries", folder_ / "wide.fvecs"}), 1, {"wide.fvecs", "dimension 4", "index", "has 3"});
  ExpectError(Eval("ids.csv", "ids.csv", {"--queries", folder_ / "wide.fvecs"}), 1, {"wide.fvecs", "dimension 4"});
}

TEST_F(ErrorsTest, NanWhereItIsMeasured) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  WriteFile(folder_ / "nan.fvecs", Fvecs({{1, 2, 3}, {4, nan, 6}}));
  WriteFile(folder_ / "ids.csv", "0\n1\n");
  WriteFile(folder_ / "nan.csv", "0\nnan\n");
  ExpectError(Bench({"--k", "1", "--queries", folder_ / "nan.fvecs"}), 1,
              {": " + folder_ / "nan.fvecs", "row 1, component 1"});
  const std::vector<std::string> wrong = {folder_ / "nan.fvecs", "row 1, component 1 is NaN"};
  ExpectError(Eval("ids.csv", "ids.csv", {"--base", folder_ / "nan.fvecs"}), 1, wrong);
  ExpectError(Eval("ids.csv", "ids.csv", {"--queries", folder_ / "nan.fvecs"}), 1, wrong);
  WriteFile(folder_ / "inf.fvecs", Fvecs({{1, 2, std::numeric_limits<float>::infinity()}, {4, 5, 6}}));
  ExpectError(Eval("ids.csv", "ids.csv", {"--base", folder_ / "inf.fvecs"}), 1, {"inf.fvecs", "row 0, component 2"});
  WriteFile(folder_ / "zero.csv", "0\n0\n");
  EXPECT_EQ(RunTool(Eval("zero.csv", "zero.csv", {"--base", folder_ / "nan.fvecs"})).exit_code, 0);
  ExpectError(Eval("ids.csv", "ids.csv", {"--result-distances", folder_ / "nan.csv"}), 1,
              {"nan.csv", "row 1, place 0"});
  WriteFile(folder_ / "far.csv", "0\n9\n");
  ExpectError(Eval("ids.csv", "far.csv"), 1, {folder_ / "far.csv: row 1 has id 9", "base.fvecs has 4 rows"});
}

TEST_F(ErrorsTest, PlanNamesTheRowOfTheFile) {
  std::vector<std::vector<float>> rows(2500, {1, 2, 3});
  rows[24][1] = std::numeric_limits<float>::quiet_NaN();  // the thirteenth of every second row
  WriteFile(folder_ / "many.fvecs", Fvecs(rows));
  ExpectError({"plan", "--quiet", "--kind", "FLAT", "--metric", "L2", "--base", folder_ / "many.fvecs"}, 1,
              {"many.fvecs", "row 24, component 1 is NaN"});
}

TEST_F(ErrorsTest, EmptyFilesElsewhere) {
  WriteFile(folder_ / "empty.ivecs", "");
  WriteFile(folder_ / "empty.fvecs", "");
  WriteFile(folder_ / "empty.txt", "");
  WriteFile(folder_ / "ids.csv", "0\n1\n");
  ExpectError(Eval("empty.ivecs", "ids.csv"), 1, {"empty.ivecs", "empty"});
  ExpectError(Eval("ids.csv", "empty.ivecs"), 1, {"empty.ivecs", "empty"});
  ExpectError(Search("query.fvecs", {"--filter", folder_ / "empty.txt"}), 1, {"empty.txt", "empty"});
  ExpectError(Truth("empty.fvecs", "query.fvecs"), 1, {"empty.fvecs", "empty"});
  for (const std::string name : {"empty.ivecs", "empty.fvecs", "empty.txt"}) {
    ExpectError({"info", folder_ / name}, 1, {name, "empty"});
  }
}

TEST_F(ErrorsTest, KAndSettingsOfBench) {
  ExpectError(Bench({"--k", "0"}), 2, {"--k '0'", "[1, 16384]"});
  ExpectError(Bench({"--k", "5"}), 1, {"index", "--k 5", "4 rows"});
  ExpectError(Bench({"--metric", "IP"}), 1, {"index", "metric L2", "not IP"});
  ASSERT_EQ(RunTool(Build("base.fvecs", "index", "HNSW")).exit_code, 0);
  const Words sweep = Bench({"--k", "3", "--sweep", "ef=4,2"});
  ExpectError(sweep, 1, {": " + folder_ / "query.fvecs: ef"});
  EXPECT_EQ(RunTool(sweep).out.find("ef=4"), std::string::npos) << "measured before all settings were checked";
  ExpectError(Bench({"--k", "1", "--set", "ef=4", "--sweep", "ef=4,5"}), 2, {"--set and --sweep both name ef"});
  ExpectError(Bench({"--set", "ef=4", "--set", "ef=5"}), 2, {"--set ef is given twice"});
}

TEST_F(ErrorsTest, ParametersThatDoNotGoWithTheBase) {
  Words words = Build("base.fvecs", "out", "IVF_FLAT");
  words.insert(words.end(), {"--set", "nlist=5"});
  ExpectError(words, 1, {"base.fvecs", "nlist", "5", "4"});
  words = Build("base.fvecs", "out", "IVF_PQ");
  words.insert(words.end(), {"--set", "nlist=1", "--set", "m=2"});
  ExpectError(words, 1, {"base.fvecs", "m", "2", "3"});
}

TEST_F(ErrorsTest, RadiusAgainstRangeFilter) {
  ExpectError(Search("query.fvecs", {"--range-filter", "1"}), 2, {"--range-filter needs --radius"});
  ExpectError(Search("query.fvecs", {"--radius", "1"}), 2, {"--k and --radius"});
  Words words = {"search",         "--quiet",
                 "--index",        folder_ / "index",
                 "--queries",      folder_ / "query.fvecs",
                 "--out",          folder_ / "out.jsonl",
                 "--radius",       "1",
                 "--range-filter", "2"};
  ExpectError(words, 1, {"query.fvecs", "range", "1", "2"});
}

TEST_F(ErrorsTest, OutputsThatAreInputs) {
  const std::string base = ReadFile(folder_ / "base.fvecs");
  ExpectError(Build("base.fvecs", "base.fvecs"), 1, {"base.fvecs", "--base", "replace"});
  std::filesystem::create_symlink(folder_ / "base.fvecs", folder_ / "link");
  ExpectError(Build("base.fvecs", "link"), 1, {"link", "--base", "replace"});
  for (const std::string name :
       {"out.fvecs", "out.bvecs", "out.fbin", "out.u8bin", "out.i8bin", "out.npy", "out.h5", "out.hdf5", "out.csv"}) {
    ExpectError(Build("base.fvecs", name), 1, {name, "extension", "info"});
  }
  EXPECT_EQ(ReadFile(folder_ / "base.fvecs"), base);
}

TEST_F(ErrorsTest, FoldersWhereFilesAre) {
  std::filesystem::create_directory(folder_ / "folder.fvecs");
  const std::vector<std::string> wrong = {"folder.fvecs", "is a folder"};
  ExpectError(Build("folder.fvecs", "out"), 1, wrong);
  ExpectError(Search("folder.fvecs"), 1, wrong);
  ExpectError(Truth("base.fvecs", "folder.fvecs"), 1, wrong);
  ExpectError({"info", folder_ / "folder.fvecs"}, 1, wrong);
}

TEST_F(ErrorsTest, MasksThatAreNoMasks) {
  WriteFile(folder_ / "mask.txt", "1\n0\n1\n0\n");
  ExpectError(Search("query.fvecs", {"--filter", folder_ / "mask.txt"}), 1, {"mask.txt", "save it as bool"});
  Words truth = Truth("base.fvecs", "query.fvecs");
  truth.insert(truth.end(), {"--filter", folder_ / "mask.txt"});
  ExpectError(truth, 1, {"mask.txt", "save it as bool"});
}

TEST_F(ErrorsTest, TruthThatTheFilterExcludes) {
  WriteFile(folder_ / "rows.txt", "0\n3\n");
  WriteFile(folder_ / "ids.csv", "0\n1\n");
  ExpectError(Bench({"--k", "1", "--filter", folder_ / "rows.txt", "--truth", folder_ / "ids.csv"}), 1,
              {folder_ / "ids.csv: row 1 has id 1", "--filter", "rows.txt"});
}

TEST_F(ErrorsTest, ClosedStreams) {
  Words truth = Truth("base.fvecs", "query.fvecs");
  truth.erase(std::find(truth.begin(), truth.end(), "--quiet"));
  ASSERT_EQ(RunTool(truth).exit_code, 0);
  const std::string calm = ReadFile(folder_ / "out.ivecs");
  for (const int closed : {0, 2}) {
    std::filesystem::remove(folder_ / "out.ivecs");
    EXPECT_EQ(RunTool(truth, {.closed = closed}).exit_code, 0);
    EXPECT_EQ(ReadFile(folder_ / "out.ivecs"), calm) << closed;
  }
  const Outcome outcome = RunTool({"help"}, {.closed = 1});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("standard output"));
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they reserve terabytes of addresses
TEST_F(ErrorsTest, MemoryAndThreadsThatRunOut) {
  constexpr std::uint64_t kBytes = 600 << 20;
  for (const std::string batch : {"1", "2"}) {
    const Outcome outcome =
        RunTool(Bench({"--threads", "1000", "--batch", batch, "--k", "1"}), {.address_bytes_max = kBytes});
    SCOPED_TRACE(outcome.err);
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1);
    EXPECT_THAT(outcome.err, HasSubstr("give fewer --threads"));
  }
  const std::vector<std::uint32_t> one = {1};
  const std::string row = BytesOf(one) + BytesOf(one);
  std::string many;
  for (int i = 0; i < 4'000'000; ++i) many += row;
  WriteFile(folder_ / "many.ivecs", many);
  ExpectError({"eval", "--truth", folder_ / "many.ivecs", "--result", folder_ / "many.ivecs", "--k", "1"}, 1,
              {"memory ran out"}, {.address_bytes_max = 120 << 20});
}
#endif

}  // namespace
}  // namespace elanus::test
