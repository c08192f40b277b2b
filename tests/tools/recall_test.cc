#include "tools/elanus/recall.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace elanus::tools {
namespace {

using Ids = std::vector<std::uint32_t>;

Truth OneQuery(const Ids& ids, const std::vector<float>& distances) {
  Truth truth;
  truth.ids = {ids, {ids.size()}};
  if (!distances.empty()) truth.distances = {distances, {distances.size()}};
  return truth;
}

RecallSum Judge(const Truth& truth, const Ids& found, std::uint64_t k) {
  return RecallJudge().Judge(truth, 0, found, k);
}

TEST(RecallTest, CountsIdsWhateverTheirOrder) {
  const Truth truth = OneQuery({1, 2, 3, 4}, {1, 2, 3, 4});
  EXPECT_EQ(Judge(truth, {3, 2, 1}, 3).right, 3u);
  EXPECT_EQ(Judge(truth, {3, 9, 1}, 3).right, 2u);
  EXPECT_EQ(Judge(truth, {4, 5, 6}, 3).right, 0u) << "beyond the k-th";
  EXPECT_EQ(Judge(truth, {9, 8, 7, 1}, 3).right, 0u) << "only the first k count";
  EXPECT_EQ(Judge(truth, {}, 3).right, 0u);
  EXPECT_EQ(Judge(truth, {}, 3).wanted, 3u);
}

TEST(RecallTest, TiesAtTheLastDistanceAreRight) {
  const Truth truth = OneQuery({1, 2, 3, 4, 5}, {1, 2, 2, 2, 7});
  EXPECT_EQ(Judge(truth, {1, 4}, 2).right, 2u);
  EXPECT_EQ(Judge(truth, {3, 4}, 2).right, 2u);
  EXPECT_EQ(Judge(truth, {1, 5}, 2).right, 1u);
  EXPECT_EQ(Judge(truth, {1, 9}, 2).undecided, 0u) << "the truth goes on beyond the tie";
  EXPECT_EQ(Judge(OneQuery({1, 2, 3, 4, 5}, {}), {1, 4}, 2).right, 1u) << "without distances only ids count";
}

TEST(RecallTest, TiesMayGoOnBeyondTheEnd) {
  const RecallSum sum = Judge(OneQuery({1, 2, 3}, {1, 2, 2}), {1, 8, 9}, 2);
  EXPECT_EQ(sum.right, 1u);
  EXPECT_EQ(sum.undecided, 1u);
}

TEST(RecallTest, RepeatedIdsCountOnce) {
  RecallJudge judge;
  const Truth truth = OneQuery({1, 2, 3}, {1, 2, 3});
  EXPECT_EQ(judge.Judge(truth, 0, Ids{1, 1, 1}, 3).right, 1u);
  EXPECT_EQ(judge.Judge(truth, 0, Ids{9, 9, 1}, 3).right, 1u);
  EXPECT_THAT(judge.others(), testing::ElementsAre(9u));
}

TEST(RecallTest, FewerMatchesThanK) {
  const Truth truth = OneQuery({5, 6}, {1, 1});
  EXPECT_EQ(Judge(truth, {5, 6}, 10).recall(), 1.0);
  EXPECT_EQ(Judge(truth, {5, 7}, 10).recall(), 0.5);
  EXPECT_EQ(Judge(OneQuery({}, {}), {}, 10).recall(), 1.0) << "nothing wanted";
}

TEST(RecallTest, ReadsAndChecksTheTruth) {
  const test::TempDir folder;
  test::WriteFile(folder / "ids.jsonl", "[1,2,3]\n[4,5]\n");
  test::WriteFile(folder / "d.csv", "1,2,3\n1,2\n");
  test::WriteFile(folder / "few.csv", "1,2,3\n");
  test::WriteFile(folder / "short.csv", "1,2,3\n1\n");
  const absl::StatusOr<Truth> truth = ReadTruth(folder / "ids.jsonl", folder / "d.csv");
  ASSERT_TRUE(truth.ok()) << truth.status();
  std::string note;
  EXPECT_TRUE(CheckTruthCovers(*truth, "t", 2, 3, &note).ok());
  EXPECT_FALSE(CheckTruthCovers(*truth, "t", 2, 4, &note).ok());
  EXPECT_FALSE(CheckTruthCovers(*truth, "t", 3, 3, &note).ok());
  EXPECT_EQ(note, "");
  EXPECT_TRUE(CheckTruthCovers(*truth, "t.jsonl", 2, 4, &note).ok());
  EXPECT_THAT(note, testing::HasSubstr("t.jsonl: holds at most 3 neighbours a query, --k is 4"));
  EXPECT_FALSE(ReadTruth(folder / "ids.jsonl", folder / "few.csv").ok());
  EXPECT_FALSE(ReadTruth(folder / "ids.jsonl", folder / "short.csv").ok());
}

}  // namespace
}  // namespace elanus::tools
