#include <immintrin.h>

#include "host/simd/avx512.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// Number of set bits in combine(offset, valid) over all 64-byte steps; combine may read only the valid bytes.
template <class Combine>
std::uint32_t CountBits(std::size_t bytes, Combine combine) {
  __m512i ones = _mm512_setzero_si512();
  const std::size_t whole = bytes & ~std::size_t{63};
  for (std::size_t b = 0; b < whole; b += 64) {
    ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(combine(b, ~__mmask64{0})));
  }
  if (whole < bytes) {
    ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(combine(whole, LowMask64(bytes - whole))));
  }
  return static_cast<std::uint32_t>(_mm512_reduce_add_epi64(ones));
}

std::uint32_t Popcount(const std::uint8_t* a, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t b, __mmask64 valid) { return _mm512_maskz_loadu_epi8(valid, a + b); });
}

std::uint32_t AndPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t i, __mmask64 valid) {
    return _mm512_and_si512(_mm512_maskz_loadu_epi8(valid, a + i), _mm512_maskz_loadu_epi8(valid, b + i));
  });
}

bool IsSubset(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; i += 64) {
    const __mmask64 valid = bytes - i >= 64 ? ~__mmask64{0} : LowMask64(bytes - i);
    const __m512i inside = _mm512_maskz_loadu_epi8(valid, a + i);
    const __m512i outside = _mm512_maskz_loadu_epi8(valid, b + i);
    const __m512i extra = _mm512_andnot_si512(outside, inside);
    if (_mm512_test_epi64_mask(extra, extra) != 0) return false;
  }
  return true;
}

}  // namespace

constinit const BitKernels kBitsAvx512 = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .is_subset = IsSubset,
};

}  // namespace elanus::simd
