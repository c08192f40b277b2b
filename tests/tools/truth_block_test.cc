#include "tools/elanus/truth_block.h"

#include <algorithm>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/random.h"
#include "tests/support/temp_dir.h"

namespace elanus::tools {
namespace {

using base::Key;
using testing::ElementsAre;

TEST(TruthBlockTest, KeepsTheBestOfAllPiecesInAnyOrderAndTwice) {
  constexpr std::uint64_t kSeed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  base::Random random(kSeed);
  for (const std::uint32_t k : {1u, 3u, 17u}) {
    TruthBlock block(0, 2, k);
    std::set<Key> all;
    for (int piece = 0; piece < 30; ++piece) {
      std::set<Key> keys;
      for (int i = 0; i < 5; ++i) keys.insert(random.Below(200));
      all.insert(keys.begin(), keys.end());
      const std::vector<Key> sorted(keys.begin(), keys.end());
      block.Merge(1, sorted);
      if (piece % 3 == 0) block.Merge(1, sorted);
      std::vector<Key> expected(all.begin(), all.end());
      expected.resize(std::min<std::size_t>(expected.size(), k));
      ASSERT_THAT(block.Best(1), testing::ElementsAreArray(expected));
    }
    EXPECT_THAT(block.Best(0), ElementsAre());
  }
}

TEST(TruthBlockTest, ComesBackFromAFile) {
  const test::TempDir folder;
  TruthBlock block(40, 2, 3);
  block.Merge(0, std::vector<Key>{1, 2});
  block.Merge(1, std::vector<Key>{7, 8, 9});
  block.set_next_row(1000);
  ASSERT_TRUE(block.Save(folder / "b", "job").ok());
  const absl::StatusOr<TruthBlock> again = TruthBlock::Load(folder / "b", "job", 40, 3);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->next_row(), 1000u);
  EXPECT_EQ(again->queries(), 2u);
  EXPECT_THAT(again->Best(0), ElementsAre(1, 2));
  EXPECT_THAT(again->Best(1), ElementsAre(7, 8, 9));
  EXPECT_FALSE(TruthBlock::Load(folder / "b", "other", 40, 3).ok());
  EXPECT_FALSE(TruthBlock::Load(folder / "b", "job", 41, 3).ok());
  EXPECT_FALSE(TruthBlock::Load(folder / "b", "job", 40, 4).ok());
  EXPECT_FALSE(TruthBlock::Load(folder / "absent", "job", 40, 3).ok());
}

TEST(TruthBlockTest, RefusesEveryDamagedByteAndLength) {
  const test::TempDir folder;
  TruthBlock block(0, 1, 2);
  block.Merge(0, std::vector<Key>{5});
  ASSERT_TRUE(block.Save(folder / "b", "job").ok());
  const std::string whole = test::ReadFile(folder / "b");
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    test::WriteFile(folder / "d", damaged);
    EXPECT_FALSE(TruthBlock::Load(folder / "d", "job", 0, 2).ok()) << "byte " << i;
    test::WriteFile(folder / "d", whole.substr(0, i));
    EXPECT_FALSE(TruthBlock::Load(folder / "d", "job", 0, 2).ok()) << "length " << i;
  }
}

}  // namespace
}  // namespace elanus::tools
