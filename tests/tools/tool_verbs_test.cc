// Every verb on the sample data that ships in the tree.
#include <sys/stat.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/tool_process.h"

namespace elanus::test {
namespace {

using testing::HasSubstr;
using Words = std::vector<std::string>;

class VerbsTest : public testing::Test {
 protected:
  Outcome Run(const Words& words) const {
    Outcome outcome = RunTool(words);
    EXPECT_EQ(outcome.exit_code, 0) << words.front() << ": " << outcome.err;
    return outcome;
  }
  void BuildImages(const std::string& kind, const Words& more = {}) const {
    Words words = {"build", "--kind",          kind,        "--metric", "L2", "--base", Sample("image_base.bvecs"),
                   "--out", folder_ / "index", "--threads", "2"};
    words.insert(words.end(), more.begin(), more.end());
    Run(words);
  }
  void ExpectSame(const std::string& file, const std::string& sample) const {
    EXPECT_TRUE(ReadFile(folder_ / file) == ReadFile(Sample(sample))) << file << " is not " << sample;
  }

  TempDir folder_;
};

TEST_F(VerbsTest, FlatSearchIsTheShippedTruth) {
  BuildImages("FLAT");
  const Outcome found = Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--k",
                             "20", "--out", folder_ / "ids.ivecs", "--out-distances", folder_ / "d.fvecs", "--json"});
  ExpectSame("ids.ivecs", "image_truth_l2_ids.ivecs");
  ExpectSame("d.fvecs", "image_truth_l2_distances.fvecs");
  EXPECT_EQ(found.Json()["queries"], 200);
  EXPECT_EQ(found.Json()["device"], "cpu");
  EXPECT_EQ(found.Json()["settings"], nlohmann::json::object());
  EXPECT_EQ(std::count(found.out.begin(), found.out.end(), '\n'), 1) << "text beside the JSON";
}

TEST_F(VerbsTest, TruthIsTheShippedTruth) {
  Run({"truth", "--base", Sample("image_base.bvecs"), "--queries", Sample("image_query.bvecs"), "--metric", "L2", "--k",
       "20", "--memory", "1", "--out", folder_ / "ids.ivecs", "--out-distances", folder_ / "d.fvecs"});
  ExpectSame("ids.ivecs", "image_truth_l2_ids.ivecs");
  ExpectSame("d.fvecs", "image_truth_l2_distances.fvecs");
}

TEST_F(VerbsTest, TruthOfEveryMetricIsAnExactIndexSearch) {
  for (const std::string metric : {"L2", "IP", "COSINE"}) {
    Run({"build", "--kind", "FLAT", "--metric", metric, "--base", Sample("text_base.fvecs"), "--out",
         folder_ / "index"});
    Run({"search", "--index", folder_ / "index", "--queries", Sample("text_query.fvecs"), "--k", "50", "--out",
         folder_ / "a.ivecs", "--out-distances", folder_ / "a.fvecs"});
    Run({"truth", "--base", Sample("text_base.fvecs"), "--queries", Sample("text_query.fvecs"), "--metric", metric,
         "--k", "50", "--memory", "1", "--out", folder_ / "b.ivecs", "--out-distances", folder_ / "b.fvecs"});
    EXPECT_EQ(ReadFile(folder_ / "a.ivecs"), ReadFile(folder_ / "b.ivecs")) << metric;
    EXPECT_EQ(ReadFile(folder_ / "a.fvecs"), ReadFile(folder_ / "b.fvecs")) << metric;
  }
}

TEST_F(VerbsTest, EvalJudges) {
  const std::string truth = Sample("image_truth_l2_ids.ivecs");
  const std::string distances = Sample("image_truth_l2_distances.fvecs");
  EXPECT_EQ(Run({"eval", "--truth", truth, "--result", truth, "--k", "10", "--json"}).Json()["recall"], 1.0);
  BuildImages("IVF_FLAT");
  const Outcome searched = Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--k",
                                "10", "--set", "nprobe=2", "--out", folder_ / "ids.jsonl", "--json"});
  EXPECT_EQ(searched.Json()["settings"]["nprobe"], 2);
  const nlohmann::json by_ids = Run({"eval", "--truth", truth, "--truth-distances", distances, "--result",
                                     folder_ / "ids.jsonl", "--k", "10", "--json"})
                                    .Json();
  EXPECT_GT(by_ids["recall"], 0.3);
  EXPECT_LT(by_ids["recall"], 1.0);
  const nlohmann::json by_vectors =
      Run({"eval", "--truth", truth, "--result", folder_ / "ids.jsonl", "--result-distances", folder_ / "ids.jsonl",
           "--k", "10", "--base", Sample("image_base.bvecs"), "--queries", Sample("image_query.bvecs"), "--metric",
           "L2", "--json"})
          .Json();
  EXPECT_EQ(by_vectors["recall"], by_ids["recall"]);
  EXPECT_GT(by_vectors["distance_error"], 0.0);
  EXPECT_EQ(by_vectors["reported_error"], 0.0);
}

TEST_F(VerbsTest, TruthOfBits) {
  Run({"truth", "--base", Sample("molecule_base.npy"), "--queries", Sample("molecule_query.npy"), "--metric", "JACCARD",
       "--k", "20", "--memory", "1", "--out", folder_ / "ids.ivecs", "--out-distances", folder_ / "d.fvecs"});
  ExpectSame("ids.ivecs", "molecule_truth_jaccard_ids.ivecs");
  ExpectSame("d.fvecs", "molecule_truth_jaccard_distances.fvecs");
  for (const std::string metric : {"HAMMING", "TANIMOTO", "SUBSTRUCTURE", "SUPERSTRUCTURE"}) {
    Run({"build", "--kind", "BIN_FLAT", "--metric", metric, "--base", Sample("molecule_base.npy"), "--out",
         folder_ / "index"});
    Run({"search", "--index", folder_ / "index", "--queries", Sample("molecule_query.npy"), "--k", "50", "--out",
         folder_ / "a.ivecs", "--out-distances", folder_ / "a.fvecs"});
    Run({"truth", "--base", Sample("molecule_base.npy"), "--queries", Sample("molecule_query.npy"), "--metric", metric,
         "--k", "50", "--memory", "1", "--out", folder_ / "b.ivecs", "--out-distances", folder_ / "b.fvecs"});
    EXPECT_EQ(ReadFile(folder_ / "a.ivecs"), ReadFile(folder_ / "b.ivecs")) << metric;
    EXPECT_EQ(ReadFile(folder_ / "a.fvecs"), ReadFile(folder_ / "b.fvecs")) << metric;
  }
}

TEST_F(VerbsTest, EvalOfBits) {
  const nlohmann::json judged =
      Run({"eval", "--truth", Sample("molecule_truth_jaccard_ids.ivecs"), "--result",
           Sample("molecule_truth_jaccard_ids.ivecs"), "--result-distances",
           Sample("molecule_truth_jaccard_distances.fvecs"), "--base", Sample("molecule_base.npy"), "--queries",
           Sample("molecule_query.npy"), "--metric", "JACCARD", "--json"})
          .Json();
  EXPECT_EQ(judged["recall"], 1.0);
  EXPECT_EQ(judged["distance_error"], 0.0);
  EXPECT_EQ(judged["reported_error"], 0.0);
}

TEST_F(VerbsTest, BenchMeasuresEveryCombination) {
  BuildImages("HNSW", {"--set", "M=8", "--set", "efConstruction=50"});
  const nlohmann::json bench =
      Run({"bench", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--truth",
           Sample("image_truth_l2_ids.ivecs"), "--truth-distances", Sample("image_truth_l2_distances.fvecs"), "--sweep",
           "ef=10,100", "--threads", "1,2", "--batch", "1,1000", "--seconds", "0.02", "--json"})
          .Json();
  ASSERT_EQ(bench["runs"].size(), 8u);
  for (const nlohmann::json& run : bench["runs"]) {
    for (const char* key : {"settings", "recall", "qps", "batch", "threads"}) EXPECT_TRUE(run.contains(key)) << key;
    EXPECT_GT(run["qps"], 0.0);
    EXPECT_GE(run["queries"], run["batch"] == 1 ? 1 : 200);
  }
  EXPECT_EQ(bench["runs"][0]["settings"]["ef"], 10);
  EXPECT_EQ(bench["runs"][7]["settings"]["ef"], 100);
  EXPECT_EQ(bench["runs"][7]["threads"], 2);
  EXPECT_EQ(bench["runs"][7]["batch"], 1000);
  EXPECT_EQ(bench["runs"][7]["queries_per_call"], 200);
  EXPECT_EQ(bench["runs"][0]["queries_per_call"], 1);
  EXPECT_LE(bench["runs"][0]["recall"], bench["runs"][7]["recall"]);
  EXPECT_GE(bench["runs"][7]["recall"], 0.95);
}

TEST_F(VerbsTest, PlanKnowsTheBytes) {
  const Words base = {"--metric", "L2", "--base", Sample("image_base.bvecs"), "--set", "nlist=32"};
  Words build = {"build", "--kind", "IVF_SQ8", "--out", folder_ / "index", "--json"};
  build.insert(build.end(), base.begin(), base.end());
  const Outcome built = Run(build);
  WriteFile(folder_ / "report", built.out);
  struct stat info {};
  ASSERT_EQ(::stat((folder_ / "index").c_str(), &info), 0);
  EXPECT_EQ(built.Json()["file_bytes"], info.st_size);
  for (const std::string& check : {folder_ / "index", folder_ / "report", std::string()}) {
    Words plan = {"plan", "--kind", "IVF_SQ8", "--seconds", "0.1", "--json", "--check"};
    if (!check.empty()) plan.push_back(check);
    plan.insert(plan.end(), base.begin(), base.end());
    const nlohmann::json planned = Run(plan).Json();
    EXPECT_EQ(planned["file_bytes"], info.st_size);
    EXPECT_EQ(planned["happened"]["file_bytes"], info.st_size);
    EXPECT_GT(planned["build_seconds"], 0.0);
    EXPECT_GT(planned["peak_bytes"], info.st_size);
  }
  Words other = {"plan", "--kind", "IVF_SQ8", "--seconds", "0.1", "--check", folder_ / "index"};
  other.insert(other.end(), base.begin(), base.end());
  other.back() = "nlist=64";
  EXPECT_EQ(RunTool(other).exit_code, 1);
}

TEST_F(VerbsTest, ConvertGoesThereAndBack) {
  Run({"convert", "--in", Sample("image_base.bvecs"), "--out", folder_ / "a.fbin"});
  Run({"convert", "--in", folder_ / "a.fbin", "--out", folder_ / "a.npy", "--type", "uint8"});
  Run({"convert", "--in", folder_ / "a.npy", "--out", folder_ / "a.hdf5"});
  Run({"convert", "--in", folder_ / "a.hdf5", "--out", folder_ / "a.bvecs"});
  ExpectSame("a.bvecs", "image_base.bvecs");
  Run({"convert", "--in", Sample("image_truth_l2_ids.ivecs"), "--out", folder_ / "i.csv"});
  Run({"convert", "--in", folder_ / "i.csv", "--out", folder_ / "i.ivecs"});
  ExpectSame("i.ivecs", "image_truth_l2_ids.ivecs");
  Run({"convert", "--in", Sample("image_truth_l2_distances.fvecs"), "--as", "distances", "--out", folder_ / "d.csv"});
  Run({"convert", "--in", folder_ / "d.csv", "--as", "distances", "--out", folder_ / "d.fvecs"});
  ExpectSame("d.fvecs", "image_truth_l2_distances.fvecs");
  Run({"convert", "--in", Sample("text_base.fvecs"), "--out", folder_ / "t.fvecs", "--first", "10", "--rows", "5"});
  EXPECT_EQ(ReadFile(folder_ / "t.fvecs"), ReadFile(Sample("text_base.fvecs")).substr(10 * 1540, 5 * 1540));
  EXPECT_EQ(RunTool({"convert", "--in", Sample("text_base.fvecs"), "--out", folder_ / "no.bvecs"}).exit_code, 1);
  EXPECT_EQ(RunTool({"convert", "--in", Sample("text_base.fvecs"), "--out", folder_ / "no.fvecs", "--first", "700"})
                .exit_code,
            1);
}

TEST_F(VerbsTest, InfoSaysWhatFilesHold) {
  BuildImages("IVF_FLAT", {"--set", "nlist=20"});
  const nlohmann::json files = Run({"info", "--verify", "--json", folder_ / "index", Sample("text_base.fvecs"),
                                    Sample("image_truth_l2_ids.ivecs")})
                                   .Json()["files"];
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0]["kind"], "IVF_FLAT");
  EXPECT_EQ(files[0]["rows"], 6000);
  EXPECT_EQ(files[0]["settings"]["nlist"], 20);
  EXPECT_EQ(files[1]["columns"], 384);
  EXPECT_EQ(files[2]["type"], "int32");
}

TEST_F(VerbsTest, FilterAndRange) {
  BuildImages("FLAT");
  WriteFile(folder_ / "rows.txt", "7\n77\n777\n");
  Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--k", "5", "--filter",
       folder_ / "rows.txt", "--out", folder_ / "few.csv"});
  const std::string few = ReadFile(folder_ / "few.csv");
  const std::string first = few.substr(0, few.find('\n'));
  EXPECT_EQ(std::count(first.begin(), first.end(), ','), 2) << first;
  EXPECT_THAT(first, HasSubstr("777"));
  Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--radius", "40000", "--out",
       folder_ / "near.jsonl", "--threads", "2"});
  const std::string near = ReadFile(folder_ / "near.jsonl");
  EXPECT_EQ(std::count(near.begin(), near.end(), '\n'), 200);
  EXPECT_THAT(near, HasSubstr("\"distances\":["));
}

TEST_F(VerbsTest, TruthOfAFilterIsAnExactIndexSearch) {
  const Words paths = {"--queries", Sample("image_query.bvecs"), "--k", "40", "--threads", "2", "--filter"};
  std::string rows;
  for (int row = 3; row < 6000; row += 7) rows += std::to_string(row) + "\n";
  WriteFile(folder_ / "many.txt", rows);
  WriteFile(folder_ / "few.txt", "63\n64\n5999\n");
  BuildImages("FLAT");
  for (const std::string filter : {"many.txt", "few.txt"}) {
    const Words first = {"search",          "--index",          folder_ / "index", "--out", folder_ / "a.ivecs",
                         "--out-distances", folder_ / "a.fvecs"};
    const Words second = {"truth",
                          "--base",
                          Sample("image_base.bvecs"),
                          "--metric",
                          "L2",
                          "--out",
                          folder_ / "b.ivecs",
                          "--out-distances",
                          folder_ / "b.fvecs",
                          "--memory",
                          "1"};
    for (Words words : {first, second}) {
      words.insert(words.end(), paths.begin(), paths.end());
      words.push_back(folder_ / filter);
      Run(words);
    }
    EXPECT_EQ(ReadFile(folder_ / "a.ivecs"), ReadFile(folder_ / "b.ivecs")) << filter;
    EXPECT_EQ(ReadFile(folder_ / "a.fvecs"), ReadFile(folder_ / "b.fvecs")) << filter;
  }
  // Three neighbours are all that match: the truth is padded, or short where it is text.
  Run({"convert", "--in", folder_ / "b.ivecs", "--out", folder_ / "b.jsonl"});
  for (const std::string truth : {"b.ivecs", "b.jsonl"}) {
    const nlohmann::json judged =
        Run({"eval", "--truth", folder_ / truth, "--result", folder_ / "a.ivecs", "--k", "10", "--json", "--base",
             Sample("image_base.bvecs"), "--queries", Sample("image_query.bvecs"), "--metric", "L2"})
            .Json();
    EXPECT_EQ(judged["recall"], 1.0);
    EXPECT_EQ(judged["wanted"], 600);
    Run({"bench", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--filter",
         folder_ / "few.txt", "--truth", folder_ / truth, "--seconds", "0.001"});
  }
}

TEST_F(VerbsTest, NoMatchesAtAllConvert) {
  const std::string row = std::string("\2\0\0\0", 4) + std::string(8, '\xFF');  // -1 -1
  WriteFile(folder_ / "none.ivecs", row + row);
  EXPECT_EQ(Run({"convert", "--in", folder_ / "none.ivecs", "--out", folder_ / "none.npy", "--json"}).Json()["width"],
            2);
  Run({"convert", "--in", folder_ / "none.npy", "--as", "ids", "--out", folder_ / "again.ivecs"});
  EXPECT_EQ(ReadFile(folder_ / "again.ivecs"), row + row);
}

TEST_F(VerbsTest, InfoOfResults) {
  BuildImages("FLAT");
  Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--radius", "30000", "--out",
       folder_ / "r.ivecs", "--out-distances", folder_ / "r.fvecs"});
  Run({"search", "--index", folder_ / "index", "--queries", Sample("image_query.bvecs"), "--k", "3", "--out-distances",
       folder_ / "d.jsonl"});
  const Outcome info = Run({"info", "--json", folder_ / "r.ivecs", folder_ / "r.fvecs", folder_ / "d.jsonl"});
  const nlohmann::json files = info.Json()["files"];
  for (const nlohmann::json& file : files) EXPECT_EQ(file["rows"], 200) << file;
  EXPECT_EQ(files[0]["format"], "ids");
  EXPECT_EQ(files[1]["format"], "distances");
  EXPECT_EQ(files[0]["ids"], files[1]["distances"]);
  EXPECT_EQ(files[2]["distances"], 600);
  const std::string shape = "{'descr': '|b1', 'fortran_order': False, 'shape': (1, 64), }";
  WriteFile(folder_ / "bool.npy", std::string("\x93NUMPY\1\0\x76\0", 10) + shape +
                                      std::string(0x75 - shape.size(), ' ') + "\n" + std::string(64, '\1'));
  EXPECT_THAT(Run({"info", "--bits", folder_ / "bool.npy"}).out, HasSubstr("; 64 bits a row"));
}

TEST_F(VerbsTest, HelpAndCompletion) {
  for (const char* verb :
       {"build", "search", "truth", "eval", "bench", "plan", "info", "convert", "completion", "help"}) {
    const Outcome help = Run({verb, "--help"});
    EXPECT_THAT(help.out, HasSubstr("Examples:")) << verb;
    EXPECT_THAT(help.out, HasSubstr(std::string("elanus ") + verb)) << verb;
    EXPECT_THAT(Run({"completion"}).out, HasSubstr(std::string("    ") + verb + ")\n")) << verb;
  }
  EXPECT_THAT(Run({"help", "hnsw"}).out,
              testing::AllOf(HasSubstr("efConstruction"), HasSubstr("2..2048 (default 30)")));
  EXPECT_THAT(Run({"help", "kinds"}).out, HasSubstr("IVF_FLAT"));
  EXPECT_THAT(Run({"help", "formats"}).out, HasSubstr(".fvecs"));
  EXPECT_THAT(Run({"help", "metrics"}).out, HasSubstr("JACCARD"));
  EXPECT_THAT(Run({"--version"}).out, testing::StartsWith("elanus "));
  EXPECT_THAT(Run({"--help"}).out, HasSubstr("Exit codes"));
}

}  // namespace
}  // namespace elanus::test
