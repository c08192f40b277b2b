#include <limits>

#include "host/base/layout.h"
#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

class Pq : public LevelTest {};

INSTANTIATE_TEST_SUITE_P(, Pq, testing::ValuesIn(SupportedLevels()), NameOfLevel);

/// `luts`: kLutsMax tables of 16 * subquantisers entries, one after another.
void CheckLut4(const Kernels& k, const Guarded<std::uint8_t>& codes, std::size_t groups, std::uint32_t subquantisers,
               const Guarded<std::uint8_t>& luts, std::size_t tables) {
  const std::uint8_t* table[kLutsMax];
  for (std::size_t t = 0; t < kLutsMax; ++t) table[t] = luts.data() + t * subquantisers * 16;
  Guarded<std::uint16_t> sums(tables * groups * 32);
  k.pq.lut4_groups(codes.data(), groups, subquantisers, table, tables, sums.data());
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const std::size_t row = i % (groups * 32);
    const std::uint8_t* const lut = table[i / (groups * 32)];
    std::uint64_t sum = 0;
    for (std::uint32_t m = 0; m < subquantisers; ++m) {
      const std::size_t r = row % 32;
      const std::uint8_t byte = codes[(row / 32 * subquantisers + m) * 16 + (r < 16 ? r : r - 16)];
      sum += lut[m * 16 + (r < 16 ? byte % 16 : byte / 16)];
    }
    ASSERT_LT(sum, 65'536u);
    ASSERT_EQ(sums[i], sum) << "row " << row << ", " << subquantisers << " sub-quantisers, table " << i / (groups * 32)
                            << " of " << tables;
  }
}

TEST_P(Pq, Lut4AgreesForEveryShape) {
  for (const std::uint32_t subquantisers : {0u, 4u, 8u, 12u, 16u, 20u, 32u, 48u, 64u, 128u, 256u}) {
    for (const std::size_t groups : {0u, 1u, 2u, 3u, 5u}) {
      SCOPED_TRACE(testing::Message() << "seed " << subquantisers);
      base::Random random(subquantisers);
      Guarded<std::uint8_t> codes(groups * base::Nibble4GroupBytes(subquantisers)), luts(kLutsMax * subquantisers * 16);
      FillBits(random, codes);
      FillBits(random, luts);
      for (std::size_t tables = 1; tables <= kLutsMax; ++tables) {
        CheckLut4(kernels(), codes, groups, subquantisers, luts, tables);
      }
    }
  }
}

TEST_P(Pq, Lut4KeepsTheLargestSum) {
  const std::uint32_t subquantisers = 256;  // 256 * 255 = 65,280
  Guarded<std::uint8_t> codes(base::Nibble4GroupBytes(subquantisers)), luts(kLutsMax * subquantisers * 16);
  base::Random random(1);
  FillBits(random, codes);
  std::memset(luts.data(), 255, luts.size());
  CheckLut4(kernels(), codes, 1, subquantisers, luts, kLutsMax);
}

void CheckLut8(const Kernels& k, const Guarded<std::uint8_t>& codes, std::size_t groups, std::uint32_t subquantisers,
               const Guarded<std::uint8_t>& lut) {
  const std::uint32_t chunks = (subquantisers + 15) / 16;
  Guarded<std::uint16_t> sums(groups * 32);
  k.pq.lut8_groups(codes.data(), groups, subquantisers, lut.data(), sums.data());
  for (std::size_t row = 0; row < sums.size(); ++row) {
    std::uint64_t sum = 0;
    for (std::uint32_t m = 0; m < subquantisers; ++m) {
      sum += lut[m * 256 + codes[base::ChunkOffset(row, m / 16, chunks) + m % 16]];
    }
    ASSERT_LT(sum, 65'536u);
    ASSERT_EQ(sums[row], sum) << "row " << row << " of " << groups * 32 << ", " << subquantisers << " sub-quantisers";
  }
}

TEST_P(Pq, Lut8AgreesForEveryShape) {
  for (const std::uint32_t subquantisers :
       {0u, 1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 24u, 31u, 32u, 33u, 48u, 64u, 100u}) {
    for (const std::size_t groups : {0u, 1u, 2u, 3u, 4u}) {
      SCOPED_TRACE(testing::Message() << "seed " << subquantisers);
      base::Random random(subquantisers);
      Guarded<std::uint8_t> codes(groups * base::GroupBytes((subquantisers + 15) / 16)), lut(subquantisers * 256);
      FillBits(random, codes);
      FillBits(random, lut);
      CheckLut8(kernels(), codes, groups, subquantisers, lut);
    }
  }
}

TEST_P(Pq, Lut8KeepsTheLargestSum) {
  const std::uint32_t subquantisers = 257;  // 257 * 255 = 65,535
  Guarded<std::uint8_t> codes(2 * base::GroupBytes(17)), lut(subquantisers * 256);
  base::Random random(1);
  FillBits(random, codes);
  std::memset(lut.data(), 255, lut.size());
  CheckLut8(kernels(), codes, 2, subquantisers, lut);
}

TEST_P(Pq, SelectAgrees) {
  for (const std::size_t count : {0u, 1u, 7u, 8u, 15u, 16u, 17u, 31u, 32u, 33u, 63u, 64u, 65u, 100u, 129u, 1000u}) {
    SCOPED_TRACE(testing::Message() << "seed " << count);
    base::Random random(count);
    Guarded<std::uint16_t> sums(count);
    Guarded<float> bias(count);
    for (std::size_t i = 0; i < count; ++i) {
      sums[i] = static_cast<std::uint16_t>(random.Below(i % 9 == 0 ? 65'536 : 30));
      bias[i] = static_cast<float>(random.Below(20));
    }
    if (count > 10) bias[10] = std::numeric_limits<float>::quiet_NaN();
    for (const float limit : {-1.0f, 0.0f, 4.0f, 12.5f, 1e9f}) {
      for (const float scale : {0.5f, -1.0f, 0.1f}) {
        std::vector<std::uint32_t> expected;
        for (std::uint32_t i = 0; i < count; ++i) {
          const float product = scale * static_cast<float>(sums[i]);
          if (bias[i] + product <= limit) expected.push_back(i);
        }
        Guarded<std::uint32_t> out(count);
        const std::size_t passed = kernels().pq.select(sums.data(), bias.data(), scale, limit, count, out.data());
        ASSERT_LE(passed, count);
        ASSERT_EQ(std::vector<std::uint32_t>(out.data(), out.data() + passed), expected) << count << " " << limit;
      }
    }
  }
}

}  // namespace
}  // namespace elanus::simd
