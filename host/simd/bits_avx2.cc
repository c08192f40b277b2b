#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx2.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kChunkGroup = base::kGroupRows * base::kChunkBytes;  // one chunk of a group, bytes

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

std::uint32_t XorPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  return CountBits(bytes, [=](std::size_t i, std::size_t n) { return Word(a + i, n) ^ Word(b + i, n); });
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

/// Set bits of each byte, by looking both nibbles up (Mula, Kurz, Lemire: Faster Population Counts Using AVX2
/// Instructions, The Computer Journal 61(1), 2018, section 4).
__m256i OnesOfBytes(__m256i v) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i nibble = _mm256_set1_epi8(15);
  const __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(v, nibble));
  const __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(v, 4), nibble));
  return _mm256_add_epi8(low, high);
}

constexpr std::uint32_t kChunksPerByte = 255 / 8;  // a chunk adds up to 8 to the sum in a byte

/// 16 rows of a group.
void CountHalfGroup(const std::uint8_t* codes, std::uint32_t chunks, const std::uint8_t* query, std::int32_t* counts) {
  __m256i ones[8] = {};  // two rows each
  for (std::uint32_t begin = 0; begin < chunks; begin += kChunksPerByte) {
    const std::uint32_t end = chunks - begin > kChunksPerByte ? begin + kChunksPerByte : chunks;
    __m256i bytes[8] = {};
    for (std::uint32_t c = begin; c < end; ++c, codes += kChunkGroup) {
      const __m256i q = Broadcast16(query + c * base::kChunkBytes);
      for (int i = 0; i < 8; ++i) {
        bytes[i] = _mm256_add_epi8(bytes[i], OnesOfBytes(_mm256_and_si256(q, Load32(codes + i * 32))));
      }
    }
    for (int i = 0; i < 8; ++i) {
      ones[i] = _mm256_add_epi32(ones[i], _mm256_sad_epu8(bytes[i], _mm256_setzero_si256()));
    }
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts), FoldRows8<AddInt32>(ones));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(counts + 8), FoldRows8<AddInt32>(ones + 4));
}

void AndPopcountGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       std::int32_t* counts) {
  for (std::size_t g = 0; g < groups; ++g) {
    CountHalfGroup(codes, chunks, query, counts);
    CountHalfGroup(codes + kChunkGroup / 2, chunks, query, counts + 16);
    codes += chunks * kChunkGroup;
    counts += base::kGroupRows;
  }
}

/// Bit r is set when none of row r's bits in `extra` (two rows a register) is.
std::uint32_t RowsWithoutExtra(const __m256i* extra) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i low = _mm256_cmpeq_epi32(FoldRows8<Or>(extra), zero);
  const __m256i high = _mm256_cmpeq_epi32(FoldRows8<Or>(extra + 4), zero);
  return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(low))) |
         static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(high))) << 8;
}

constexpr std::uint32_t kChunksBetweenChecks = 4;

/// 16 rows of a group.
template <bool kSupersetOfQuery>
std::uint32_t HalfContainmentMask(const std::uint8_t* codes, std::uint32_t chunks, const std::uint8_t* query) {
  __m256i extra[8] = {};
  std::uint32_t c = 0;
  while (true) {
    const std::uint32_t end = chunks - c > kChunksBetweenChecks ? c + kChunksBetweenChecks : chunks;
    for (; c < end; ++c, codes += kChunkGroup) {
      const __m256i q = Broadcast16(query + c * base::kChunkBytes);
      for (int i = 0; i < 8; ++i) {
        const __m256i row = Load32(codes + i * 32);
        const __m256i wrong = kSupersetOfQuery ? _mm256_andnot_si256(row, q) : _mm256_andnot_si256(q, row);
        extra[i] = _mm256_or_si256(extra[i], wrong);
      }
    }
    const std::uint32_t surviving = RowsWithoutExtra(extra);
    if (surviving == 0 || c == chunks) return surviving;
  }
}

template <bool kSupersetOfQuery>
std::uint32_t ContainmentMask(const std::uint8_t* codes, std::uint32_t chunks, const std::uint8_t* query) {
  return HalfContainmentMask<kSupersetOfQuery>(codes, chunks, query) |
         HalfContainmentMask<kSupersetOfQuery>(codes + kChunkGroup / 2, chunks, query) << 16;
}

void ContainmentGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       bool superset_of_query, std::uint32_t* masks) {
  for (std::size_t g = 0; g < groups; ++g, codes += chunks * kChunkGroup) {
    masks[g] =
        superset_of_query ? ContainmentMask<true>(codes, chunks, query) : ContainmentMask<false>(codes, chunks, query);
  }
}

}  // namespace

constinit const BitKernels kBitsAvx2 = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .xor_popcount = XorPopcount,
    .is_subset = IsSubset,
    .and_popcount_groups = AndPopcountGroups,
    .containment_groups = ContainmentGroups,
};

}  // namespace elanus::simd
