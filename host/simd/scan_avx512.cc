#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx512.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kChunkGroup = base::kGroupRows * base::kChunkBytes;  // one chunk of a group, bytes

void DotGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::int8_t* query,
               std::int32_t* dots) {
  for (std::size_t g = 0; g < groups; ++g) {
    __m512i sums[8] = {};  // four rows each
    for (std::uint32_t c = 0; c < chunks; ++c, codes += kChunkGroup) {
      const __m512i q =
          _mm512_broadcast_i32x4(_mm_load_si128(reinterpret_cast<const __m128i*>(query + c * base::kChunkBytes)));
      for (int i = 0; i < 8; ++i) sums[i] = _mm512_dpbusd_epi32(sums[i], _mm512_load_si512(codes + i * 64), q);
    }
    _mm512_storeu_si512(dots, FoldRows16<AddInt32>(sums));
    _mm512_storeu_si512(dots + 16, FoldRows16<AddInt32>(sums + 4));
    dots += base::kGroupRows;
  }
}

void DotRows(const std::int8_t* query, const RowList& rows, std::uint32_t bytes, std::int32_t* dots) {
  const std::uint32_t whole = bytes & ~63u;
  const __mmask64 inside = LowMask64(bytes - whole);
  ForFourRows(rows, 0, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    __m512i sums[4] = {};
    for (std::uint32_t b = 0; b < whole; b += 64) {
      const __m512i q = _mm512_load_si512(query + b);
      for (int r = 0; r < 4; ++r) sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_loadu_si512(x.row[r] + b), q);
    }
    if (whole < bytes) {
      const __m512i q = _mm512_load_si512(query + whole);
      for (int r = 0; r < 4; ++r) {
        sums[r] = _mm512_dpbusd_epi32(sums[r], _mm512_maskz_loadu_epi8(inside, x.row[r] + whole), q);
      }
    }
    alignas(16) std::int32_t four[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(four), SumRows4(sums));
    StoreValid(four, valid, dots + i);
  });
}

std::size_t SelectFloat(const std::int32_t* dots, const float* bias, float scale, float limit, std::size_t count,
                        std::uint32_t* positions) {
  const __m512 factor = _mm512_set1_ps(scale), bound = _mm512_set1_ps(limit);
  return Select(count, positions, [=](std::size_t i, __mmask16 valid) {
    const __m512 dot = _mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(valid, dots + i));
    const __m512 value = _mm512_add_ps(_mm512_maskz_loadu_ps(valid, bias + i), _mm512_mul_ps(factor, dot));
    return _mm512_mask_cmp_ps_mask(valid, value, bound, _CMP_LE_OQ);
  });
}

std::size_t SelectInt(const std::int32_t* dots, const std::int32_t* bias, std::int32_t scale, std::int32_t limit,
                      std::size_t count, std::uint32_t* positions) {
  const __m512i factor = _mm512_set1_epi32(scale), bound = _mm512_set1_epi32(limit);
  return Select(count, positions, [=](std::size_t i, __mmask16 valid) {
    const __m512i product = _mm512_mullo_epi32(factor, _mm512_maskz_loadu_epi32(valid, dots + i));
    const __m512i value = _mm512_add_epi32(_mm512_maskz_loadu_epi32(valid, bias + i), product);
    return _mm512_mask_cmple_epi32_mask(valid, value, bound);
  });
}

std::size_t SelectScaled(const std::int32_t* dots, const std::int32_t* bias, const float* row_scale, float scale,
                         float limit, std::size_t count, std::uint32_t* positions) {
  const __m512 factor = _mm512_set1_ps(scale), bound = _mm512_set1_ps(limit);
  return Select(count, positions, [=](std::size_t i, __mmask16 valid) {
    const __m512i sum =
        _mm512_add_epi32(_mm512_maskz_loadu_epi32(valid, dots + i), _mm512_maskz_loadu_epi32(valid, bias + i));
    const __m512 scaled = _mm512_mul_ps(factor, _mm512_cvtepi32_ps(sum));
    const __m512 value = _mm512_mul_ps(scaled, _mm512_maskz_loadu_ps(valid, row_scale + i));
    return _mm512_mask_cmp_ps_mask(valid, value, bound, _CMP_LE_OQ);
  });
}

}  // namespace

constinit const ScanKernels kScanAvx512 = {
    .dot_groups = DotGroups,
    .dot_rows = DotRows,
    .select_float = SelectFloat,
    .select_int = SelectInt,
    .select_scaled = SelectScaled,
};

}  // namespace elanus::simd
