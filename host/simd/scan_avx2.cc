#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx2.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kChunkGroup = base::kGroupRows * base::kChunkBytes;  // one chunk of a group, bytes

/// u8 times s8, summed to eight int32. VPMADDUBSW would saturate, so even and odd bytes are widened apart: shifting
/// and masking both sides costs less than unpacking them.
struct WideQuery {
  explicit WideQuery(__m256i q) : even(_mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8)), odd(_mm256_srai_epi16(q, 8)) {}

  __m256i Dot(__m256i codes) const {
    const __m256i low = _mm256_and_si256(codes, _mm256_set1_epi16(255));
    return _mm256_add_epi32(_mm256_madd_epi16(low, even), _mm256_madd_epi16(_mm256_srli_epi16(codes, 8), odd));
  }

  __m256i even;
  __m256i odd;
};

/// 16 rows of a group: as many partial sums as registers hold.
void DotHalfGroup(const std::uint8_t* codes, std::uint32_t chunks, const std::int8_t* query, std::int32_t* dots) {
  __m256i sums[8] = {};  // two rows each
  for (std::uint32_t c = 0; c < chunks; ++c, codes += kChunkGroup) {
    const WideQuery q(Broadcast16(query + c * base::kChunkBytes));
    for (int i = 0; i < 8; ++i) sums[i] = _mm256_add_epi32(sums[i], q.Dot(Load32(codes + i * 32)));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots), FoldRows8<AddInt32>(sums));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(dots + 8), FoldRows8<AddInt32>(sums + 4));
}

void DotGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::int8_t* query,
               std::int32_t* dots) {
  for (std::size_t g = 0; g < groups; ++g) {
    DotHalfGroup(codes, chunks, query, dots);
    DotHalfGroup(codes + kChunkGroup / 2, chunks, query, dots + 16);
    codes += chunks * kChunkGroup;
    dots += base::kGroupRows;
  }
}

void DotRows(const std::int8_t* query, const RowList& rows, std::uint32_t bytes, std::int32_t* dots) {
  ForFourRows(rows, 0, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    __m256i sums[4] = {};
    for (std::uint32_t b = 0; b < bytes; b += 16) {
      const __m256i q = _mm256_cvtepi8_epi16(Load16(query + b));
      for (int r = 0; r < 4; ++r) {
        const __m256i codes = _mm256_cvtepu8_epi16(Load16(x.row[r] + b));
        sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(codes, q));
      }
    }
    alignas(16) std::int32_t four[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(four), SumRows4(sums));
    StoreValid(four, valid, dots + i);
  });
}

std::uint32_t Mask(__m256 lanes) { return static_cast<std::uint32_t>(_mm256_movemask_ps(lanes)); }

// a + b and a * b that wrap.
std::int32_t Add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
std::int32_t Multiply(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

std::size_t SelectFloat(const std::int32_t* dots, const float* bias, float scale, float limit, std::size_t count,
                        std::uint32_t* positions) {
  const __m256 factor = _mm256_set1_ps(scale), bound = _mm256_set1_ps(limit);
  const auto vector = [=](std::size_t i) {
    const __m256 product = _mm256_mul_ps(factor, _mm256_cvtepi32_ps(Load32(dots + i)));
    return Mask(_mm256_cmp_ps(_mm256_add_ps(_mm256_loadu_ps(bias + i), product), bound, _CMP_LE_OQ));
  };
  const auto scalar = [=](std::size_t i) { return bias[i] + scale * static_cast<float>(dots[i]) <= limit; };
  return Select(count, positions, vector, scalar);
}

std::size_t SelectInt(const std::int32_t* dots, const std::int32_t* bias, std::int32_t scale, std::int32_t limit,
                      std::size_t count, std::uint32_t* positions) {
  const __m256i factor = _mm256_set1_epi32(scale), bound = _mm256_set1_epi32(limit);
  const auto vector = [=](std::size_t i) {
    const __m256i product = _mm256_mullo_epi32(factor, Load32(dots + i));
    const __m256i above = _mm256_cmpgt_epi32(_mm256_add_epi32(Load32(bias + i), product), bound);
    return Mask(_mm256_castsi256_ps(above)) ^ 255u;
  };
  const auto scalar = [=](std::size_t i) { return Add(bias[i], Multiply(scale, dots[i])) <= limit; };
  return Select(count, positions, vector, scalar);
}

std::size_t SelectScaled(const std::int32_t* dots, const std::int32_t* bias, const float* row_scale, float scale,
                         float limit, std::size_t count, std::uint32_t* positions) {
  const __m256 factor = _mm256_set1_ps(scale), bound = _mm256_set1_ps(limit);
  const auto vector = [=](std::size_t i) {
    const __m256 sum = _mm256_cvtepi32_ps(_mm256_add_epi32(Load32(dots + i), Load32(bias + i)));
    const __m256 value = _mm256_mul_ps(_mm256_mul_ps(factor, sum), _mm256_loadu_ps(row_scale + i));
    return Mask(_mm256_cmp_ps(value, bound, _CMP_LE_OQ));
  };
  const auto scalar = [=](std::size_t i) {
    return (scale * static_cast<float>(Add(dots[i], bias[i]))) * row_scale[i] <= limit;
  };
  return Select(count, positions, vector, scalar);
}

}  // namespace

constinit const ScanKernels kScanAvx2 = {
    .dot_groups = DotGroups,
    .dot_rows = DotRows,
    .select_float = SelectFloat,
    .select_int = SelectInt,
    .select_scaled = SelectScaled,
};

}  // namespace elanus::simd
