// Private to the *_avx512.cc files: the register transposes that
// several kernels end with, and the selection.
// Everything has internal linkage, see tables.h.
#ifndef ELANUS_HOST_SIMD_AVX512_H_
#define ELANUS_HOST_SIMD_AVX512_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace elanus::simd {
namespace {

/// The lowest n bits set, n <= 16.
inline __mmask16 LowMask16(std::size_t n) { return static_cast<__mmask16>((1u << n) - 1); }
/// The lowest n bits set, n <= 63.
inline __mmask64 LowMask64(std::size_t n) { return static_cast<__mmask64>((std::uint64_t{1} << n) - 1); }

struct AddInt32 {
  static __m512i Apply(__m512i a, __m512i b) { return _mm512_add_epi32(a, b); }
};

/// Four registers of four rows by four values each (row 4 i + k in lane k of v[i]) to one value a row, in row order:
/// a transpose, whose cost is shared by 16 rows, instead of a horizontal operation a row.
template <class Op>
inline __m512i FoldRows16(const __m512i* v) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m512i ab = Op::Apply(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
  const __m512i cd = Op::Apply(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
  return _mm512_permutexvar_epi32(order, Op::Apply(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd)));
}

/// Four registers of sixteen int32 each to their four sums.
inline __m128i SumRows4(const __m512i* v) {
  const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(v[0], v[1]), _mm512_unpackhi_epi32(v[0], v[1]));
  const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(v[2], v[3]), _mm512_unpackhi_epi32(v[2], v[3]));
  const __m512i abcd = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(abcd), _mm512_extracti64x4_epi64(abcd, 1));
  return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/// Writes the positions whose bit is set, of 16 from `first` on. Not VPCOMPRESSD to memory, which is microcode on
/// Zen 4.
inline std::uint32_t* Append(__mmask16 passing, std::uint32_t first, __mmask16 room, std::uint32_t* out) {
  const __m512i ramp = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i positions = _mm512_add_epi32(ramp, _mm512_set1_epi32(static_cast<int>(first)));
  _mm512_mask_storeu_epi32(out, room, _mm512_maskz_compress_epi32(passing, positions));
  return out + __builtin_popcount(passing);
}

/// test(i, valid) gives the mask of passing lanes among rows i..i+15 and may read only the valid ones. Most calls find
/// nothing, so 64 rows are tested with one branch.
template <class Test>
inline std::size_t Select(std::size_t count, std::uint32_t* positions, Test test) {
  constexpr __mmask16 kAll = 0xFFFF;
  std::uint32_t* out = positions;
  std::size_t i = 0;
  for (; i + 64 <= count; i += 64) {
    const __mmask16 a = test(i, kAll), b = test(i + 16, kAll), c = test(i + 32, kAll), d = test(i + 48, kAll);
    if ((a | b | c | d) == 0) continue;
    // A full register is stored each time: no more were found than tested, so it ends inside the room for `count`.
    const auto first = static_cast<std::uint32_t>(i);
    out = Append(a, first, kAll, out);
    out = Append(b, first + 16, kAll, out);
    out = Append(c, first + 32, kAll, out);
    out = Append(d, first + 48, kAll, out);
  }
  for (; i < count; i += 16) {
    const __mmask16 valid = count - i >= 16 ? kAll : LowMask16(count - i);
    const __mmask16 passing = test(i, valid);
    if (passing != 0) out = Append(passing, static_cast<std::uint32_t>(i), valid, out);
  }
  return static_cast<std::size_t>(out - positions);
}

}  // namespace
}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_AVX512_H_
