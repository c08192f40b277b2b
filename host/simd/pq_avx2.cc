#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx2.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// Sums of bytes at 16 positions, for two sub-quantisers (the halves of a register): the bytes of a pair of rows are
/// added as one 16-bit number a + 256 b in `both`, and b alone in `upper`.
struct PairSums {
  __m256i both = _mm256_setzero_si256();
  __m256i upper = _mm256_setzero_si256();

  void Add(__m256i entries) {
    both = _mm256_add_epi16(both, entries);
    upper = _mm256_add_epi16(upper, _mm256_srli_epi16(entries, 8));
  }

  void Store(std::uint16_t* sums) const {
    const __m256i lower = _mm256_sub_epi16(both, _mm256_slli_epi16(upper, 8));
    StoreHalves(_mm256_unpacklo_epi16(lower, upper), sums);
    StoreHalves(_mm256_unpackhi_epi16(lower, upper), sums + 8);
  }

  static void StoreHalves(__m256i v, std::uint16_t* sums) {
    const __m128i sum = _mm_add_epi16(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(sums), sum);
  }
};

void Lut4OneTable(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers, const std::uint8_t* lut,
                  std::uint16_t* sums) {
  const __m256i nibble = _mm256_set1_epi8(15);
  const std::size_t group_bytes = std::size_t{subquantisers} * 16;
  for (std::size_t g = 0; g < groups; ++g) {
    PairSums low, high;
    for (std::size_t b = 0; b < group_bytes; b += 32) {
      const __m256i pairs = Load32(codes + b), table = Load32(lut + b);
      low.Add(_mm256_shuffle_epi8(table, _mm256_and_si256(pairs, nibble)));
      high.Add(_mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(pairs, 4), nibble)));
    }
    low.Store(sums);
    high.Store(sums + 16);
    codes += group_bytes;
    sums += base::kGroupRows;
  }
}

// Table by table: the sums of two fill more than AVX2's sixteen registers.
void Lut4Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                const std::uint8_t* const* luts, std::size_t tables, std::uint16_t* sums) {
  for (std::size_t t = 0; t < tables; ++t) {
    Lut4OneTable(codes, groups, subquantisers, luts[t], sums + t * groups * base::kGroupRows);
  }
}

/// Adds the entries of eight codes in a row.
std::uint32_t AddEight(const std::uint8_t* codes, const std::uint8_t* lut, std::uint32_t sum) {
  std::uint64_t eight;
  __builtin_memcpy(&eight, codes, sizeof eight);
#pragma GCC unroll 8
  for (int j = 0; j < 8; ++j) sum += lut[j * 256 + ((eight >> (8 * j)) & 255)];
  return sum;
}

// Gathers of four bytes lose to plain loads of one: a table of 256 bytes has no vector form in AVX2.
void Lut8Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers, const std::uint8_t* lut,
                std::uint16_t* sums) {
  const std::size_t chunks = (std::size_t{subquantisers} + base::kChunkBytes - 1) / base::kChunkBytes;
  for (std::size_t g = 0; g < groups; ++g, codes += chunks * base::kGroupRows * base::kChunkBytes) {
    for (std::size_t r = 0; r < base::kGroupRows; ++r) {
      const std::uint8_t* row = codes + r * base::kChunkBytes;
      std::uint32_t sum = 0, m = 0;
      for (; m + 8 <= subquantisers; m += 8) {
        const std::size_t chunk = m / base::kChunkBytes * base::kGroupRows * base::kChunkBytes;
        sum = AddEight(row + chunk + m % base::kChunkBytes, lut + m * 256, sum);
      }
      for (; m < subquantisers; ++m) {
        const std::size_t chunk = m / base::kChunkBytes * base::kGroupRows * base::kChunkBytes;
        sum += lut[m * 256 + row[chunk + m % base::kChunkBytes]];
      }
      *sums++ = static_cast<std::uint16_t>(sum);
    }
  }
}

std::size_t SelectSums(const std::uint16_t* sums, const float* bias, float scale, float limit, std::size_t count,
                       std::uint32_t* positions) {
  const __m256 factor = _mm256_set1_ps(scale), bound = _mm256_set1_ps(limit);
  const auto vector = [=](std::size_t i) {
    const __m256 sum = _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(Load16(sums + i)));
    const __m256 value = _mm256_add_ps(_mm256_loadu_ps(bias + i), _mm256_mul_ps(factor, sum));
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(value, bound, _CMP_LE_OQ)));
  };
  const auto scalar = [=](std::size_t i) { return bias[i] + scale * static_cast<float>(sums[i]) <= limit; };
  return Select(count, positions, vector, scalar);
}

}  // namespace

constinit const PqKernels kPqAvx2 = {.lut4_groups = Lut4Groups, .lut8_groups = Lut8Groups, .select = SelectSums};

}  // namespace elanus::simd
