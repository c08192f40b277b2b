// Private to the *_avx2.cc files: the register transposes that several kernels end with, and the selection.
// Everything has internal linkage, see tables.h.
#ifndef ELANUS_HOST_SIMD_AVX2_H_
#define ELANUS_HOST_SIMD_AVX2_H_

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace elanus::simd {
namespace {

inline __m128i Load16(const void* p) { return _mm_loadu_si128(static_cast<const __m128i*>(p)); }
inline __m256i Load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
/// 16 bytes in both halves.
inline __m256i Broadcast16(const void* p) { return _mm256_broadcastsi128_si256(Load16(p)); }

struct AddInt32 {
  static __m256i Apply(__m256i a, __m256i b) { return _mm256_add_epi32(a, b); }
};

/// Four registers of two rows by four values each (row 2 i + k in half k of v[i]) to one value a row, in row order.
template <class Op>
inline __m256i FoldRows8(const __m256i* v) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  const __m256i ab = Op::Apply(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
  const __m256i cd = Op::Apply(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
  return _mm256_permutevar8x32_epi32(Op::Apply(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd)), order);
}

/// Four registers of eight int32 each to their four sums.
inline __m128i SumRows4(const __m256i* v) {
  const __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
  const __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
  const __m256i abcd = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  return _mm_add_epi32(_mm256_castsi256_si128(abcd), _mm256_extracti128_si256(abcd, 1));
}

/// vector(i) gives the mask of passing rows among i..i+7, scalar(i) whether row i passes. Most calls find nothing, so
/// 32 rows are tested with one branch.
template <class Vector, class Scalar>
inline std::size_t Select(std::size_t count, std::uint32_t* positions, Vector vector, Scalar scalar) {
  std::uint32_t* out = positions;
  std::size_t i = 0;
  for (; i + 32 <= count; i += 32) {
    std::uint32_t passing = vector(i) | vector(i + 8) << 8 | vector(i + 16) << 16 | vector(i + 24) << 24;
    for (; passing != 0; passing &= passing - 1) {
      *out++ = static_cast<std::uint32_t>(i) + static_cast<std::uint32_t>(__builtin_ctz(passing));
    }
  }
  for (; i < count; ++i) {
    if (scalar(i)) *out++ = static_cast<std::uint32_t>(i);
  }
  return static_cast<std::size_t>(out - positions);
}

}  // namespace
}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_AVX2_H_
