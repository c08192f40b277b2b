#include <algorithm>
#include <memory>
#include <numeric>

#include "host/base/layout.h"
#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

class BitColumns : public LevelTest {
 protected:
  struct Found {
    std::vector<std::uint32_t> rows;
    std::vector<std::uint32_t> counts;
    bool operator==(const Found&) const = default;
  };
};

INSTANTIATE_TEST_SUITE_P(, BitColumns, testing::ValuesIn(SupportedLevels()), NameOfLevel);

bool Bit(const BitBlock& block, std::uint32_t column, std::size_t row) {
  return (block.words[column * block.stride + row / 32] >> (row % 32)) % 2 == 1;
}

/// Columns with `density` of the bits set in steps of 1/8; 8: all.
void Fill(base::Random& random, std::uint32_t density, Guarded<std::uint32_t>& words) {
  for (std::uint32_t& word : words) {
    word = 0;
    for (int bit = 0; bit < 32; ++bit) word |= (random.Below(8) < density ? 1u : 0u) << bit;
  }
}

// Every number of columns meets every path of the adder trees; word counts end in registers of every fullness.
TEST_P(BitColumns, SelectCountsAgreesWithThePlainLoop) {
  constexpr std::uint32_t kColumns = 80;
  for (const std::size_t count : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 34u, 64u}) {
    for (std::size_t listed = 0; listed <= 70; listed += count == 17 ? 1 : 9) {
      SCOPED_TRACE(testing::Message() << count << " words, " << listed << " columns, both the seed");
      base::Random random(count * 100 + listed);
      const std::size_t stride = count + random.Below(3);
      Guarded<std::uint32_t> words(stride * (kColumns - 1) + count), at_least(count);
      Fill(random, 1 + static_cast<std::uint32_t>(random.Below(7)), words);
      const BitBlock block{words.data(), stride, count};
      Guarded<std::uint32_t> columns(listed);
      for (std::size_t i = 0; i < listed; ++i) columns[i] = static_cast<std::uint32_t>((i * 27 + 5) % kColumns);
      for (std::uint32_t& limit : at_least) limit = static_cast<std::uint32_t>(random.Below(listed + 2));
      at_least[0] = count % 2 == 0 ? 0 : 0xFFFFFFFFu;
      Found expected;
      for (std::size_t row = 0; row < count * 32; ++row) {
        std::uint32_t set = 0;
        for (const std::uint32_t column : columns) set += Bit(block, column, row);
        if (set < at_least[row / 32]) continue;
        expected.rows.push_back(static_cast<std::uint32_t>(row));
        expected.counts.push_back(set);
      }
      Guarded<std::uint32_t> rows(count * 32), counts(count * 32);
      const std::size_t found =
          kernels().columns.select_counts(block, columns.data(), listed, at_least.data(), rows.data(), counts.data());
      ASSERT_LE(found, count * 32);
      const Found got{{rows.data(), rows.data() + found}, {counts.data(), counts.data() + found}};
      EXPECT_EQ(got, expected);
    }
  }
}

TEST_P(BitColumns, SelectCountsCountsAsFarAsTheLongestRow) {
  const std::uint32_t count = base::kBitsMax;
  Guarded<std::uint32_t> words(count), columns(count);
  std::fill(words.begin(), words.end(), 0x80000001u);
  words[77] = 0x80000000u;  // row 0 misses one
  std::iota(columns.begin(), columns.end(), 0u);
  std::uint32_t rows[32], counts[32];
  const std::uint32_t all[] = {count};
  const BitBlock block{words.data(), 1, 1};
  ASSERT_EQ(kernels().columns.select_counts(block, columns.data(), count, all, rows, counts), 1u);
  EXPECT_EQ(rows[0], 31u);
  EXPECT_EQ(counts[0], count);
  const std::uint32_t all_but_one[] = {count - 1};
  ASSERT_EQ(kernels().columns.select_counts(block, columns.data(), count, all_but_one, rows, counts), 2u);
  EXPECT_EQ(rows[0], 0u);
  EXPECT_EQ(counts[0], count - 1);
}

TEST_P(BitColumns, SelectAllAgreesWithThePlainLoop) {
  constexpr std::uint32_t kColumns = 40;
  std::size_t found_in_all = 0;
  for (const std::size_t count : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 34u, 64u}) {
    for (const std::size_t listed : {0u, 1u, 2u, 3u, 4u, 5u, 8u, 9u, 30u}) {
      for (const bool set : {false, true}) {
        SCOPED_TRACE(testing::Message() << count << " words, " << listed << " columns, both the seed; " << set);
        base::Random random(count * 100 + listed);
        const std::size_t stride = count + random.Below(3);
        Guarded<std::uint32_t> words(stride * (kColumns - 1) + count);
        Fill(random, set ? 6 : 2, words);
        const BitBlock block{words.data(), stride, count};
        Guarded<std::uint32_t> columns(listed);
        for (std::size_t i = 0; i < listed; ++i) columns[i] = static_cast<std::uint32_t>((i * 27 + 5) % kColumns);
        std::vector<std::uint32_t> expected;
        for (std::size_t row = 0; row < count * 32; ++row) {
          const bool all = std::all_of(columns.begin(), columns.end(),
                                       [&](std::uint32_t column) { return Bit(block, column, row) == set; });
          if (all) expected.push_back(static_cast<std::uint32_t>(row));
        }
        Guarded<std::uint32_t> rows(count * 32);
        const std::size_t found = kernels().columns.select_all(block, columns.data(), listed, set, rows.data());
        ASSERT_LE(found, count * 32);
        EXPECT_EQ(std::vector<std::uint32_t>(rows.data(), rows.data() + found), expected);
        found_in_all += listed >= 8 ? found : 0;
      }
    }
  }
  EXPECT_GT(found_in_all, 100u);  // long lists have hits too, so the early end is not all that was tested
}

}  // namespace
}  // namespace elanus::simd
