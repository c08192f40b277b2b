// What is left after kill -9 and Ctrl-C, and that running again gives the bytes of a run that nobody disturbed.
#include <signal.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"
#include "tests/tools/tool_process.h"

namespace elanus::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using Words = std::vector<std::string>;

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class ResumeTest : public testing::Test {
 protected:
  /// Small pieces and a checkpoint after each, so that there is always something to interrupt.
  Words Truth(const std::string& name, const std::string& checkpoint = "0") const {
    return {"truth",
            "--base",
            Sample("image_base.bvecs"),
            "--queries",
            Sample("image_query.bvecs"),
            "--metric",
            "L2",
            "--k",
            "100",
            "--out",
            folder_ / (name + ".ivecs"),
            "--out-distances",
            folder_ / (name + ".fvecs"),
            "--checkpoint",
            checkpoint,
            "--memory",
            "1",
            "--threads",
            "1"};
  }
  Words Search(const std::string& name, const std::string& checkpoint = "0") const {
    return {"search",
            "--index",
            folder_ / "index",
            "--queries",
            Sample("image_query.bvecs"),
            "--k",
            "10",
            "--out",
            folder_ / (name + ".ivecs"),
            "--out-distances",
            folder_ / (name + ".fvecs"),
            "--checkpoint",
            checkpoint,
            "--batch",
            "1",
            "--threads",
            "1"};
  }
  void BuildIndex() const {
    const Outcome built = RunTool({"build", "--kind", "FLAT", "--metric", "L2", "--base", Sample("image_base.bvecs"),
                                   "--out", folder_ / "index"});
    ASSERT_EQ(built.exit_code, 0) << built.err;
  }

  /// Starts `words`, sends `signal` once `file` appears in the folder, and returns how it ended.
  Outcome Interrupt(const Words& words, const std::string& file, int signal) const {
    FileWatch watch(folder_.path());
    ToolProcess process(words);
    EXPECT_TRUE(watch.WaitFor(file));
    process.Signal(signal);
    return process.Wait();
  }

  void ExpectSameFiles(const std::string& name) const {
    for (const char* extension : {".ivecs", ".fvecs"}) {
      EXPECT_EQ(ReadFile(folder_ / (name + extension)), ReadFile(folder_ / (std::string("calm") + extension)));
    }
    for (const std::string& left : folder_.Names()) EXPECT_THAT(left, Not(HasSubstr("partial")));
  }

  TempDir folder_;
};

TEST_F(ResumeTest, TruthGoesOnAfterKill) {
  ASSERT_EQ(RunTool(Truth("calm", "60")).exit_code, 0);
  for (const char* file : {"hit.ivecs.partial.block", "hit.ivecs.partial.job"}) {
    const Outcome killed = Interrupt(Truth("hit"), file, SIGKILL);
    ASSERT_EQ(killed.exit_code, -1) << killed.err;
    EXPECT_THAT(folder_.Names(), Not(testing::Contains("hit.ivecs")));
    EXPECT_THAT(folder_.Names(), Not(testing::Contains("hit.fvecs")));
  }
  const Outcome again = RunTool(Truth("hit", "60"));
  ASSERT_EQ(again.exit_code, 0) << again.err;
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, SearchGoesOnAfterKill) {
  BuildIndex();
  ASSERT_EQ(RunTool(Search("calm", "60")).exit_code, 0);
  const Outcome killed = Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGKILL);
  ASSERT_EQ(killed.exit_code, -1) << killed.err;
  EXPECT_THAT(folder_.Names(), Not(testing::Contains("hit.ivecs")));
  const Outcome again = RunTool(Search("hit", "60") + Words{"--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_THAT(again.err, HasSubstr("going on after query"));
  EXPECT_GE(again.Json()["resumed_queries"], 1);
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, SearchWithOtherParametersStartsAnew) {
  BuildIndex();
  ASSERT_EQ(Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGKILL).exit_code, -1);
  Words other = Search("hit");
  *std::find(other.begin(), other.end(), "10") = "11";
  const Outcome again = RunTool(other + Words{"--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.Json()["resumed_queries"], 0);
}

TEST_F(ResumeTest, RestartDropsWhatIsThere) {
  BuildIndex();
  ASSERT_EQ(RunTool(Search("calm", "60")).exit_code, 0);
  ASSERT_EQ(Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGKILL).exit_code, -1);
  const Outcome again = RunTool(Search("hit", "60") + Words{"--restart", "--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.Json()["resumed_queries"], 0);
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, QueriesInHdf5ThatChangeStartAnew) {
  BuildIndex();
  const Words convert = {"convert", "--in", Sample("image_query.bvecs"), "--out", folder_ / "q.hdf5:test"};
  ASSERT_EQ(RunTool(convert).exit_code, 0);
  Words search = Search("hit");
  *std::find(search.begin(), search.end(), Sample("image_query.bvecs")) = folder_ / "q.hdf5:test";
  ASSERT_EQ(Interrupt(search, "hit.ivecs.partial.job", SIGKILL).exit_code, -1);
  ASSERT_EQ(RunTool({"convert", "--in", Sample("image_query.bvecs"), "--out", folder_ / "q.hdf5:more"}).exit_code, 0);
  const Outcome again = RunTool(search + Words{"--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(again.Json()["resumed_queries"], 0);
}

TEST_F(ResumeTest, OnlyWhatIsKeptIsPromised) {
  BuildIndex();
  ASSERT_EQ(RunTool(Search("calm", "60")).exit_code, 0);
  const auto expect_nothing_kept = [&](const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_THAT(outcome.err, testing::AnyOf(HasSubstr("limit"), HasSubstr("File too large")));
    EXPECT_THAT(outcome.err, Not(HasSubstr("same command")));
    for (const std::string& left : folder_.Names()) EXPECT_THAT(left, Not(HasSubstr("hit")));
  };
  expect_nothing_kept(RunTool(Search("hit", "60"), {.file_bytes_max = 4096}));
  expect_nothing_kept(RunTool(Truth("hit", "60"), {.file_bytes_max = 4096}));
  Words hdf5 = Search("hit");
  *std::find(hdf5.begin(), hdf5.end(), folder_ / "hit.ivecs") = folder_ / "hit.hdf5";
  expect_nothing_kept(RunTool(hdf5, {.file_bytes_max = 4096}));

  const Outcome full = RunTool(Search("hit"), {.file_bytes_max = 4096});
  EXPECT_EQ(full.exit_code, 1);
  EXPECT_THAT(full.err, testing::AllOf(HasSubstr("limit"), HasSubstr("hit.ivecs.partial: the same command goes on")));
  const Outcome again = RunTool(Search("hit", "60") + Words{"--json"});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_GE(again.Json()["resumed_queries"], 16);
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, OutputsAreNoInputs) {
  BuildIndex();
  WriteFile(folder_ / "q.fvecs", ReadFile(Sample("text_query.fvecs")));
  const Outcome outcome = RunTool({"truth", "--base", Sample("text_base.fvecs"), "--queries", folder_ / "q.fvecs",
                                   "--metric", "L2", "--k", "1", "--out-distances", folder_ / "./q.fvecs"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("q.fvecs: is the file that --queries"));
  EXPECT_EQ(ReadFile(folder_ / "q.fvecs"), ReadFile(Sample("text_query.fvecs")));
}

TEST_F(ResumeTest, CtrlCStopsSearchAndKeepsTheWayOn) {
  BuildIndex();
  ASSERT_EQ(RunTool(Search("calm", "60")).exit_code, 0);
  const Outcome stopped = Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGINT);
  EXPECT_EQ(stopped.exit_code, 1) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("elanus search: interrupted; the results so far are kept in"));
  EXPECT_THAT(folder_.Names(), Not(testing::Contains("hit.ivecs")));
  ASSERT_EQ(RunTool(Search("hit", "60")).exit_code, 0);
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, AClosedTerminalStopsSearchLikeCtrlC) {
  BuildIndex();
  const Outcome stopped = Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGHUP);
  EXPECT_EQ(stopped.exit_code, 1) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("interrupted"));
}

TEST_F(ResumeTest, NohupOutlivesItsTerminal) {
  BuildIndex();
  // What is ignored when a program starts stays so.
  const auto before = ::signal(SIGHUP, SIG_IGN);
  const Outcome outcome = Interrupt(Search("hit"), "hit.ivecs.partial.job", SIGHUP);
  ::signal(SIGHUP, before);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(ResumeTest, CtrlCStopsTruthAndKeepsTheWayOn) {
  ASSERT_EQ(RunTool(Truth("calm", "60")).exit_code, 0);
  const Outcome stopped = Interrupt(Truth("hit"), "hit.ivecs.partial.block", SIGTERM);
  EXPECT_EQ(stopped.exit_code, 1) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("the same command goes on from there"));
  ASSERT_EQ(RunTool(Truth("hit", "60")).exit_code, 0);
  ExpectSameFiles("hit");
}

TEST_F(ResumeTest, CtrlCStopsBuildAndLeavesNothing) {
  FileWatch watch(folder_.path());
  // The folder is written to once before the build, to see that it can be: that is the sign to interrupt it.
  ToolProcess process({"build", "--kind", "HNSW", "--metric", "L2", "--base", Sample("image_base.bvecs"), "--out",
                       folder_ / "index", "--set", "M=64", "--set", "efConstruction=4000", "--threads", "1"});
  ASSERT_TRUE(watch.WaitForAny());
  process.Signal(SIGINT);
  const Outcome stopped = process.Wait();
  EXPECT_EQ(stopped.exit_code, 1) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("interrupted"));
  EXPECT_THAT(folder_.Names(), testing::IsEmpty());
}

}  // namespace
}  // namespace elanus::test
