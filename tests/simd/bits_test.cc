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
    std::uint32_t ones = 0, both = 0;
    for (std::size_t i = 0; i < bytes * 8; ++i) {
      ones += Bit(a.data(), i);
      both += Bit(a.data(), i) && Bit(b.data(), i);
    }
    EXPECT_EQ(k.popcount(a.data(), bytes), ones);
    EXPECT_EQ(k.and_popcount(a.data(), b.data(), bytes), both);
  }
}

TEST_P(BitSets, PairsOfAllOnesDoNotOverflow) {
  const BitKernels& k = kernels().bits;
  const std::size_t bytes = base::kBitsMax / 8;
  Guarded<std::uint8_t> ones(bytes);
  std::memset(ones.data(), 255, bytes);
  EXPECT_EQ(k.popcount(ones.data(), bytes), base::kBitsMax);
  EXPECT_EQ(k.and_popcount(ones.data(), ones.data(), bytes), base::kBitsMax);
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

}  // namespace
}  // namespace elanus::simd
