#include <immintrin.h>

#include "host/simd/avx2.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// Up to eight bytes as a number, the missing ones 0.
std::uint64_t Word(const std::uint8_t* p, std::size_t n) {
  std::uint64_t word = 0;
  __builtin_memcpy(&word, p, n);
  return word;
}

/// Number of set bits in combine(offset, n) over all steps of n <= 8 bytes.
template <class Combine>
std::uint32_t CountBits(std::size_t bytes, Combine combine) {
  std::uint64_t ones = 0;
  std::size_t i = 0;
  for (; i + 8 <= bytes; i += 8) ones += static_cast<std::uint64_t>(_mm_popcnt_u64(combine(i, 8)));
  if (i < bytes) ones += static_cast<std::uint64_t>(_mm_popcnt_u64(combine(i, bytes - i)));
  return static_cast<std::uint32_t>(ones);
}

std::uint32_t Popcount(const std::uint8_t* a, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t i, std::size_t n) { return Word(a + i, n); });
}

std::uint32_t AndPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t i, std::size_t n) { return Word(a + i, n) & Word(b + i, n); });
}

bool IsSubset(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::size_t i = 0;
  for (; i + 32 <= bytes; i += 32) {
    if (_mm256_testc_si256(Load32(b + i), Load32(a + i)) == 0) return false;
  }
  std::uint64_t extra = 0;
  for (; i + 8 <= bytes; i += 8) extra |= Word(a + i, 8) & ~Word(b + i, 8);
  if (i < bytes) extra |= Word(a + i, bytes - i) & ~Word(b + i, bytes - i);
  return extra == 0;
}

}  // namespace

constinit const BitKernels kBitsAvx2 = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .is_subset = IsSubset,
};

}  // namespace elanus::simd
