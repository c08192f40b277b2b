#include <immintrin.h>

#include "host/base/layout.h"
#include "host/simd/avx512.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// Four sub-quantisers of 32 rows: row j's sum in dword j of `low`, row j + 16's in dword j of `high`.
/// VPERMB first turns "four runs of 16 rows" into "16 rows of four codes", then looks all four up at once (a code's
/// index is 16 * its sub-quantiser + its nibble), and VPDPBUSD adds a row's four entries.
struct Lut4 {
  const __m512i transpose =
      _mm512_setr_epi32(0x30201000, 0x31211101, 0x32221202, 0x33231303, 0x34241404, 0x35251505, 0x36261606, 0x37271707,
                        0x38281808, 0x39291909, 0x3A2A1A0A, 0x3B2B1B0B, 0x3C2C1C0C, 0x3D2D1D0D, 0x3E2E1E0E, 0x3F2F1F0F);
  const __m512i nibble = _mm512_set1_epi8(15);
  const __m512i table_of_byte = _mm512_set1_epi32(0x30201000);
  const __m512i ones = _mm512_set1_epi8(1);

  struct Indices {
    __m512i low;
    __m512i high;
  };
  Indices Split(const std::uint8_t* codes) const {
    constexpr int kAndOr = 0xEA;  // (a & b) | c
    const __m512i pairs = _mm512_permutexvar_epi8(transpose, _mm512_load_si512(codes));
    return {_mm512_ternarylogic_epi32(pairs, nibble, table_of_byte, kAndOr),
            _mm512_ternarylogic_epi32(_mm512_srli_epi32(pairs, 4), nibble, table_of_byte, kAndOr)};
  }
  void Add(const Indices& indices, const std::uint8_t* lut, __m512i& low, __m512i& high) const {
    const __m512i table = _mm512_load_si512(lut);
    low = _mm512_dpbusd_epi32(low, _mm512_permutexvar_epi8(indices.low, table), ones);
    high = _mm512_dpbusd_epi32(high, _mm512_permutexvar_epi8(indices.high, table), ones);
  }
};

void Store16(__m512i sums, std::uint16_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi32_epi16(sums));
}

template <std::size_t kTables>
void Lut4Tables(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                const std::uint8_t* const* luts, std::uint16_t* sums) {
  const Lut4 lookup;
  const std::size_t group_bytes = std::size_t{subquantisers} * 16;
  for (std::size_t g = 0; g < groups; ++g, codes += group_bytes) {
    __m512i low[kTables] = {}, high[kTables] = {};
    for (std::size_t b = 0; b < group_bytes; b += 64) {
      const Lut4::Indices indices = lookup.Split(codes + b);
      for (std::size_t t = 0; t < kTables; ++t) lookup.Add(indices, luts[t] + b, low[t], high[t]);
    }
    for (std::size_t t = 0; t < kTables; ++t) {
      std::uint16_t* const out = sums + (t * groups + g) * base::kGroupRows;
      Store16(low[t], out);
      Store16(high[t], out + 16);
    }
  }
}

void Lut4Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                const std::uint8_t* const* luts, std::size_t tables, std::uint16_t* sums) {
  static_assert(kLutsMax == 4);
  switch (tables) {
    case 1:
      return Lut4Tables<1>(codes, groups, subquantisers, luts, sums);
    case 2:
      return Lut4Tables<2>(codes, groups, subquantisers, luts, sums);
    case 3:
      return Lut4Tables<3>(codes, groups, subquantisers, luts, sums);
    default:
      return Lut4Tables<4>(codes, groups, subquantisers, luts, sums);
  }
}

/// Bytes. The look-ups of one chunk fill the processor's window, which then does not reach the next loads by itself;
/// asking the second-level cache this far ahead reads memory at 25 GB/s instead of 6 (Zen 4; into the first level: 8).
constexpr std::size_t kAhead = 16'384;

/// One chunk of 64 rows, that is of two groups, turned: bytes[m] holds code m of every row. Its byte 2 (8 k + i) is
/// from row 4 i + k of group a, the next one from the same row of group b.
struct TurnedChunk {
  TurnedChunk(const std::uint8_t* a, const std::uint8_t* b) {
    __m512i x[16], y[16];
    for (int i = 0; i < 8; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(a + kAhead + i * 64), _MM_HINT_T1);
      _mm_prefetch(reinterpret_cast<const char*>(b + kAhead + i * 64), _MM_HINT_T1);
      const __m512i rows_a = _mm512_load_si512(a + i * 64), rows_b = _mm512_load_si512(b + i * 64);
      x[i] = _mm512_unpacklo_epi8(rows_a, rows_b);
      x[8 + i] = _mm512_unpackhi_epi8(rows_a, rows_b);
    }
    for (int half = 0; half < 16; half += 8) {
      for (int i = 0; i < 4; ++i) {
        y[half + i] = _mm512_unpacklo_epi16(x[half + 2 * i], x[half + 2 * i + 1]);
        y[half + 4 + i] = _mm512_unpackhi_epi16(x[half + 2 * i], x[half + 2 * i + 1]);
      }
    }
    for (int quarter = 0; quarter < 16; quarter += 4) {
      for (int i = 0; i < 2; ++i) {
        x[quarter + i] = _mm512_unpacklo_epi32(y[quarter + 2 * i], y[quarter + 2 * i + 1]);
        x[quarter + 2 + i] = _mm512_unpackhi_epi32(y[quarter + 2 * i], y[quarter + 2 * i + 1]);
      }
    }
    for (int m = 0; m < 16; m += 2) {
      bytes[m] = _mm512_unpacklo_epi64(x[m], x[m + 1]);
      bytes[m + 1] = _mm512_unpackhi_epi64(x[m], x[m + 1]);
    }
  }
  __m512i bytes[16];
};

/// 64 look-ups in one table of 256 bytes.
__m512i LookUp(const std::uint8_t* table, __m512i codes) {
  const __m512i below = _mm512_permutex2var_epi8(_mm512_loadu_si512(table), codes, _mm512_loadu_si512(table + 64));
  const __m512i above =
      _mm512_permutex2var_epi8(_mm512_loadu_si512(table + 128), codes, _mm512_loadu_si512(table + 192));
  return _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), below, above);
}

/// Two groups at once (or one group twice), because a register holds 64 codes.
void Lut8TwoGroups(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t subquantisers, const std::uint8_t* lut,
                   std::uint16_t* sums_a, std::uint16_t* sums_b) {
  // Bytes of the two groups alternate: `both` adds them as 16-bit numbers a + 256 b, `upper` those of b alone.
  __m512i both = _mm512_setzero_si512(), upper = _mm512_setzero_si512();
  for (std::uint32_t m = 0; m < subquantisers; m += base::kChunkBytes) {
    const TurnedChunk codes(a, b);
#pragma GCC unroll 16
    for (std::uint32_t j = 0; j < base::kChunkBytes; ++j) {
      if (m + j == subquantisers) break;
      const __m512i entries = LookUp(lut + (m + j) * 256, codes.bytes[j]);
      both = _mm512_add_epi16(both, entries);
      upper = _mm512_add_epi16(upper, _mm512_srli_epi16(entries, 8));
    }
    a += base::kGroupRows * base::kChunkBytes;
    b += base::kGroupRows * base::kChunkBytes;
  }
  // Position of row r = 4 i + k is 8 k + i.
  const __m512i order =
      _mm512_setr_epi32(0x00080000, 0x00180010, 0x00090001, 0x00190011, 0x000A0002, 0x001A0012, 0x000B0003, 0x001B0013,
                        0x000C0004, 0x001C0014, 0x000D0005, 0x001D0015, 0x000E0006, 0x001E0016, 0x000F0007, 0x001F0017);
  const __m512i lower = _mm512_sub_epi16(both, _mm512_slli_epi16(upper, 8));
  _mm512_storeu_si512(sums_a, _mm512_permutexvar_epi16(order, lower));
  _mm512_storeu_si512(sums_b, _mm512_permutexvar_epi16(order, upper));
}

void Lut8Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers, const std::uint8_t* lut,
                std::uint16_t* sums) {
  const std::size_t chunks = (std::size_t{subquantisers} + base::kChunkBytes - 1) / base::kChunkBytes;
  const std::size_t group_bytes = chunks * base::kGroupRows * base::kChunkBytes;
  for (std::size_t g = 0; g < groups; g += 2) {
    const std::size_t next = g + 1 < groups ? g + 1 : g;
    Lut8TwoGroups(codes + g * group_bytes, codes + next * group_bytes, subquantisers, lut, sums + g * base::kGroupRows,
                  sums + next * base::kGroupRows);
  }
}

std::size_t SelectSums(const std::uint16_t* sums, const float* bias, float scale, float limit, std::size_t count,
                       std::uint32_t* positions) {
  const __m512 factor = _mm512_set1_ps(scale), bound = _mm512_set1_ps(limit);
  return Select(count, positions, [=](std::size_t i, __mmask16 valid) {
    const __m512i sum = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(valid, sums + i));
    const __m512 scaled = _mm512_mul_ps(factor, _mm512_cvtepi32_ps(sum));
    const __m512 value = _mm512_add_ps(_mm512_maskz_loadu_ps(valid, bias + i), scaled);
    return _mm512_mask_cmp_ps_mask(valid, value, bound, _CMP_LE_OQ);
  });
}

}  // namespace

constinit const PqKernels kPqAvx512 = {.lut4_groups = Lut4Groups, .lut8_groups = Lut8Groups, .select = SelectSums};

}  // namespace elanus::simd
