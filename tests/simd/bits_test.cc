#include "host/base/layout.h"
#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

class BitSets : public LevelTest {};

INSTANTIATE_TEST_SUITE_P(, BitSets, testing::ValuesIn(SupportedLevels()), NameOfLevel);

bool Bit(const std::uint8_t* bits, std::size_t i) { return (bits[i / 8] >> (i % 8)) % 2 == 1; }

std::vector<std::size_t> Sizes() {
  std::vector<std::size_t> sizes = {128, 129, 255, 256, 257, 1000, 32'768};
  for (std::size_t bytes = 0; bytes <= 100; ++bytes) sizes.push_back(bytes);
  return sizes;
}

TEST_P(BitSets, PairsAgreeForEverySize) {
  const BitKernels& k = kernels().bits;
  for (const std::size_t bytes : Sizes()) {
    SCOPED_TRACE(testing::Message() << "seed " << bytes);
    base::Random random(bytes);
    Guarded<std::uint8_t> a(bytes), b(bytes);
    FillBits(random, a);
    FillBits(random, b);
    std::uint32_t ones = 0, both = 0, different = 0;
    for (std::size_t i = 0; i < bytes * 8; ++i) {
      ones += Bit(a.data(), i);
      both += Bit(a.data(), i) && Bit(b.data(), i);
      different += Bit(a.data(), i) != Bit(b.data(), i);
    }
    EXPECT_EQ(k.popcount(a.data(), bytes), ones);
    EXPECT_EQ(k.and_popcount(a.data(), b.data(), bytes), both);
    EXPECT_EQ(k.xor_popcount(a.data(), b.data(), bytes), different);
  }
}

TEST_P(BitSets, PairsOfAllOnesDoNotOverflow) {
  const BitKernels& k = kernels().bits;
  const std::size_t bytes = base::kBitsMax / 8;
  Guarded<std::uint8_t> ones(bytes), zeros(bytes);
  std::memset(ones.data(), 255, bytes);
  EXPECT_EQ(k.popcount(ones.data(), bytes), base::kBitsMax);
  EXPECT_EQ(k.and_popcount(ones.data(), ones.data(), bytes), base::kBitsMax);
  EXPECT_EQ(k.xor_popcount(ones.data(), zeros.data(), bytes), base::kBitsMax);
}

// Every single bit can break a containment.
TEST_P(BitSets, IsSubsetSeesEveryBit) {
  const BitKernels& k = kernels().bits;
  for (const std::size_t bytes : {1u, 7u, 8u, 9u, 31u, 32u, 33u, 63u, 64u, 65u, 128u, 131u}) {
    SCOPED_TRACE(testing::Message() << "seed " << bytes);
    base::Random random(bytes);
    Guarded<std::uint8_t> a(bytes), b(bytes);
    FillBits(random, b);
    for (std::size_t i = 0; i < bytes; ++i) a[i] = static_cast<std::uint8_t>(b[i] & random.Next());
    EXPECT_TRUE(k.is_subset(a.data(), b.data(), bytes));
    EXPECT_TRUE(k.is_subset(b.data(), b.data(), bytes));
    for (std::size_t i = 0; i < bytes * 8; ++i) {
      if (Bit(b.data(), i)) continue;
      a[i / 8] = static_cast<std::uint8_t>(a[i / 8] ^ (1 << i % 8));
      ASSERT_FALSE(k.is_subset(a.data(), b.data(), bytes)) << "bit " << i;
      a[i / 8] = static_cast<std::uint8_t>(a[i / 8] ^ (1 << i % 8));
    }
  }
  EXPECT_TRUE(k.is_subset(nullptr, nullptr, 0));
}

/// The bytes of row r in groups.
std::vector<std::uint8_t> RowOf(const Guarded<std::uint8_t>& codes, std::size_t row, std::uint32_t chunks) {
  std::vector<std::uint8_t> bytes;
  for (std::uint32_t c = 0; c < chunks; ++c) {
    const std::uint8_t* chunk = codes.data() + base::ChunkOffset(row, c, chunks);
    bytes.insert(bytes.end(), chunk, chunk + base::kChunkBytes);
  }
  return bytes;
}

TEST_P(BitSets, AndPopcountGroupsAgreesForEveryShape) {
  for (const std::uint32_t chunks : {0u, 1u, 2u, 3u, 8u, 16u, 30u, 31u, 32u, 33u, 62u, 63u, 64u, 100u}) {
    for (const std::size_t groups : {0u, 1u, 2u, 3u}) {
      for (const bool all_ones : {false, true}) {
        SCOPED_TRACE(testing::Message() << "seed " << chunks);
        base::Random random(chunks);
        Guarded<std::uint8_t> codes(groups * base::GroupBytes(chunks)), query(QueryBytes(chunks * base::kChunkBytes));
        FillBits(random, codes);
        FillBits(random, query);
        if (all_ones) std::memset(codes.data(), 255, codes.size());
        if (all_ones) std::memset(query.data(), 255, query.size());
        Guarded<std::int32_t> counts(groups * base::kGroupRows);
        kernels().bits.and_popcount_groups(codes.data(), groups, chunks, query.data(), counts.data());
        for (std::size_t r = 0; r < counts.size(); ++r) {
          const std::vector<std::uint8_t> row = RowOf(codes, r, chunks);
          std::int32_t both = 0;
          for (std::size_t i = 0; i < row.size() * 8; ++i) both += Bit(row.data(), i) && Bit(query.data(), i);
          ASSERT_EQ(counts[r], both) << "row " << r << ", " << chunks << " chunks";
        }
      }
    }
  }
}

/// Groups in which row r is contained one way for about half of all rows; the others miss it by one bit somewhere.
void PlantContainment(base::Random& random, std::uint32_t chunks, bool superset_of_query,
                      const Guarded<std::uint8_t>& query, Guarded<std::uint8_t>& codes) {
  const std::size_t rows = codes.size() / (chunks * base::kChunkBytes);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::uint32_t c = 0; c < chunks; ++c) {
      for (std::size_t b = 0; b < base::kChunkBytes; ++b) {
        const std::uint8_t q = query[c * base::kChunkBytes + b];
        const auto noise = static_cast<std::uint8_t>(random.Next());
        codes[base::ChunkOffset(r, c, chunks) + b] = superset_of_query ? q | noise : q & noise;
      }
    }
    if (random.Below(2) == 0) continue;
    const std::size_t bit = random.Below(chunks * base::kChunkBytes * 8);
    const std::size_t byte = bit / 8;
    std::uint8_t& code = codes[base::ChunkOffset(r, static_cast<std::uint32_t>(byte / 16), chunks) + byte % 16];
    code = static_cast<std::uint8_t>(code ^ (1 << bit % 8));
  }
}

void CheckContainment(const Kernels& k, std::uint32_t chunks, bool superset_of_query,
                      const Guarded<std::uint8_t>& codes, const Guarded<std::uint8_t>& query) {
  Guarded<std::uint32_t> masks(chunks == 0 ? 2 : codes.size() / base::GroupBytes(chunks));
  k.bits.containment_groups(codes.data(), masks.size(), chunks, query.data(), superset_of_query, masks.data());
  for (std::size_t r = 0; r < masks.size() * 32; ++r) {
    const std::vector<std::uint8_t> row = RowOf(codes, r, chunks);
    bool contained = true;
    for (std::size_t i = 0; i < row.size() * 8; ++i) {
      const bool in_row = Bit(row.data(), i), in_query = Bit(query.data(), i);
      if (superset_of_query ? in_query && !in_row : in_row && !in_query) contained = false;
    }
    ASSERT_EQ((masks[r / 32] >> (r % 32)) % 2 == 1, contained) << "row " << r << ", " << chunks << " chunks";
  }
}

TEST_P(BitSets, ContainmentGroupsAgreesForEveryShape) {
  for (const std::uint32_t chunks : {0u, 1u, 2u, 3u, 4u, 5u, 8u, 9u, 16u, 31u}) {
    for (const std::size_t groups : {1u, 2u, 3u}) {
      for (const bool superset_of_query : {false, true}) {
        SCOPED_TRACE(testing::Message() << "seed " << chunks);
        base::Random random(chunks);
        Guarded<std::uint8_t> codes(groups * base::GroupBytes(chunks)), query(QueryBytes(chunks * base::kChunkBytes));
        FillBits(random, query);
        if (chunks > 0) PlantContainment(random, chunks, superset_of_query, query, codes);
        CheckContainment(kernels(), chunks, superset_of_query, codes, query);
        FillBits(random, codes);  // nobody survives the first chunks
        CheckContainment(kernels(), chunks, superset_of_query, codes, query);
      }
    }
  }
}

// One row survives among 32, whichever it is, and also when it falls in the very last chunk.
TEST_P(BitSets, ContainmentGroupsKeepsALoneSurvivor) {
  const std::uint32_t chunks = 9;
  for (std::size_t survivor = 0; survivor < 32; ++survivor) {
    for (const bool falls : {false, true}) {
      Guarded<std::uint8_t> codes(base::GroupBytes(chunks)), query(QueryBytes(chunks * base::kChunkBytes));
      for (std::size_t r = 0; r < 32; ++r) codes[base::ChunkOffset(r, 0, chunks)] = r == survivor ? 0 : 1;
      if (falls) codes[base::ChunkOffset(survivor, chunks - 1, chunks) + 15] = 0x80;
      std::uint32_t mask = 0;
      kernels().bits.containment_groups(codes.data(), 1, chunks, query.data(), false, &mask);
      EXPECT_EQ(mask, falls ? 0u : 1u << survivor);
    }
  }
}

}  // namespace
}  // namespace elanus::simd
