#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx512.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kChunkGroup = base::kGroupRows * base::kChunkBytes;  // one chunk of a group, bytes

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

std::uint32_t XorPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t i, __mmask64 valid) {
    return _mm512_xor_si512(_mm512_maskz_loadu_epi8(valid, a + i), _mm512_maskz_loadu_epi8(valid, b + i));
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

__m512i BroadcastChunk(const std::uint8_t* query, std::uint32_t chunk) {
  const auto* source = reinterpret_cast<const __m128i*>(query + chunk * base::kChunkBytes);
  return _mm512_broadcast_i32x4(_mm_load_si128(source));
}

void AndPopcountGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       std::int32_t* counts) {
  for (std::size_t g = 0; g < groups; ++g) {
    __m512i ones[8] = {};  // four rows each
    for (std::uint32_t c = 0; c < chunks; ++c, codes += kChunkGroup) {
      const __m512i q = BroadcastChunk(query, c);
      for (int i = 0; i < 8; ++i) {
        const __m512i both = _mm512_and_si512(q, _mm512_load_si512(codes + i * 64));
        ones[i] = _mm512_add_epi32(ones[i], _mm512_popcnt_epi32(both));
      }
    }
    _mm512_storeu_si512(counts, FoldRows16<AddInt32>(ones));
    _mm512_storeu_si512(counts + 16, FoldRows16<AddInt32>(ones + 4));
    counts += base::kGroupRows;
  }
}

/// Bit r is set when row r has a bit it must not have: `extra` holds those bits, four rows a register.
std::uint32_t RowsWithExtra(const __m512i* extra) {
  const __m512i low = FoldRows16<Or>(extra), high = FoldRows16<Or>(extra + 4);
  return static_cast<std::uint32_t>(_mm512_test_epi32_mask(low, low)) |
         static_cast<std::uint32_t>(_mm512_test_epi32_mask(high, high)) << 16;
}

constexpr std::uint32_t kChunksBetweenChecks = 4;

template <bool kSupersetOfQuery>
std::uint32_t ContainmentMask(const std::uint8_t* codes, std::uint32_t chunks, const std::uint8_t* query) {
  constexpr int kOrExtra = kSupersetOfQuery ? 0xF4 : 0xF2;  // a | (b & ~c), a | (c & ~b)
  __m512i extra[8] = {};
  std::uint32_t c = 0;
  while (true) {
    const std::uint32_t end = chunks - c > kChunksBetweenChecks ? c + kChunksBetweenChecks : chunks;
    for (; c < end; ++c, codes += kChunkGroup) {
      const __m512i q = BroadcastChunk(query, c);
      for (int i = 0; i < 8; ++i) {
        extra[i] = _mm512_ternarylogic_epi32(extra[i], q, _mm512_load_si512(codes + i * 64), kOrExtra);
      }
    }
    const std::uint32_t surviving = ~RowsWithExtra(extra);
    if (surviving == 0 || c == chunks) return surviving;
  }
}

void ContainmentGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       bool superset_of_query, std::uint32_t* masks) {
  for (std::size_t g = 0; g < groups; ++g, codes += chunks * kChunkGroup) {
    masks[g] =
        superset_of_query ? ContainmentMask<true>(codes, chunks, query) : ContainmentMask<false>(codes, chunks, query);
  }
}

}  // namespace

constinit const BitKernels kBitsAvx512 = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .xor_popcount = XorPopcount,
    .is_subset = IsSubset,
    .and_popcount_groups = AndPopcountGroups,
    .containment_groups = ContainmentGroups,
};

}  // namespace elanus::simd
