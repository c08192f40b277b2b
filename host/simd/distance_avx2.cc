#include <immintrin.h>

#include "host/simd/avx2.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// The first n of `bytes` bytes, then zeros: AVX2 cannot load part of a register of small components, and a row may
/// be the last bytes of a mapping.
template <std::size_t kBytes>
struct Padded {
  Padded(const std::byte* p, std::size_t n) { __builtin_memcpy(bytes, p, n); }
  alignas(32) std::byte bytes[kBytes] = {};
};

struct F32 {
  static constexpr std::size_t kBytes = 4;
  static __m256 Load(const std::byte* p) { return _mm256_loadu_ps(reinterpret_cast<const float*>(p)); }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static __m256 Load(const std::byte* p) { return _mm256_cvtph_ps(Load16(p)); }
};

struct Bf16 {
  static constexpr std::size_t kBytes = 2;
  static __m256 Load(const std::byte* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(Load16(p)), 16));
  }
};

struct I8 {
  static __m256i Widen(__m128i v) { return _mm256_cvtepi8_epi16(v); }
  static __m256i ToInt32(__m128i v) { return _mm256_cvtepi8_epi32(v); }
};

struct U8 {
  static __m256i Widen(__m128i v) { return _mm256_cvtepu8_epi16(v); }
  static __m256i ToInt32(__m128i v) { return _mm256_cvtepu8_epi32(v); }
};

struct L2 {
  static __m256 Add(__m256 q, __m256 x, __m256 sum) {
    const __m256 difference = _mm256_sub_ps(q, x);
    return _mm256_fmadd_ps(difference, difference, sum);
  }
  static __m256i Product(__m256i q, __m256i x) {
    const __m256i difference = _mm256_sub_epi16(q, x);
    return _mm256_madd_epi16(difference, difference);
  }
};

struct Ip {
  static __m256 Add(__m256 q, __m256 x, __m256 sum) { return _mm256_fmadd_ps(q, x, sum); }
  static __m256i Product(__m256i q, __m256i x) { return _mm256_madd_epi16(q, x); }
};

void Store(float* out, std::size_t valid, __m128 distances) {
  alignas(16) float four[4];
  _mm_store_ps(four, distances);
  StoreValid(four, valid, out);
}

/// The sixteen partial sums of a row: j and j + 8.
struct Sums {
  __m256 low = _mm256_setzero_ps();
  __m256 high = _mm256_setzero_ps();

  __m128 Fours() const {
    const __m256 eights = _mm256_add_ps(low, high);
    return _mm_add_ps(_mm256_castps256_ps128(eights), _mm256_extractf128_ps(eights, 1));
  }
};

/// The canonical last steps of four rows at once: s[j] + s[j+8], + s[j+4], + s[j+2], s[0] + s[1].
__m128 CanonicalSums(const Sums* s) {
  const __m128 a = s[0].Fours(), b = s[1].Fours(), c = s[2].Fours(), d = s[3].Fours();
  const __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
  const __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
  return _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab));
}

template <class T, class Metric>
void AddChunk(const float* q, const std::byte* x, Sums& s) {
  s.low = Metric::Add(_mm256_load_ps(q), T::Load(x), s.low);
  s.high = Metric::Add(_mm256_load_ps(q + 8), T::Load(x + 8 * T::kBytes), s.high);
}

template <class T, class Metric>
void FloatRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const float* q = static_cast<const float*>(query);
  const std::uint32_t whole = dim & ~15u;
  ForFourRows(rows, dim * T::kBytes, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    Sums s[4];
    for (std::uint32_t d = 0; d < whole; d += 16) {
      for (int r = 0; r < 4; ++r) AddChunk<T, Metric>(q + d, x.row[r] + d * T::kBytes, s[r]);
    }
    if (whole < dim) {
      for (int r = 0; r < 4; ++r) {
        const Padded<16 * T::kBytes> tail(x.row[r] + whole * T::kBytes, (dim - whole) * T::kBytes);
        AddChunk<T, Metric>(q + whole, tail.bytes, s[r]);
      }
    }
    Store(out + i, valid, CanonicalSums(s));
  });
}

template <class T, class Metric>
void IntegerRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const auto* q = static_cast<const std::byte*>(query);
  const std::uint32_t whole = dim & ~15u;
  ForFourRows(rows, dim, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    __m256i s[4] = {};
    for (std::uint32_t d = 0; d < whole; d += 16) {
      const __m256i qd = T::Widen(Load16(q + d));
      for (int r = 0; r < 4; ++r) {
        s[r] = _mm256_add_epi32(s[r], Metric::Product(qd, T::Widen(Load16(x.row[r] + d))));
      }
    }
    if (whole < dim) {
      const __m256i qd = T::Widen(Load16(q + whole));
      for (int r = 0; r < 4; ++r) {
        const Padded<16> tail(x.row[r] + whole, dim - whole);
        s[r] = _mm256_add_epi32(s[r], Metric::Product(qd, T::Widen(Load16(tail.bytes))));
      }
    }
    Store(out + i, valid, _mm_cvtepi32_ps(SumRows4(s)));
  });
}

template <class T>
void FloatToFloat(const std::byte* row, std::uint32_t dim, float* out) {
  const std::uint32_t whole = dim & ~7u;
  for (std::uint32_t d = 0; d < whole; d += 8) _mm256_storeu_ps(out + d, T::Load(row + d * T::kBytes));
  if (whole < dim) {
    const Padded<8 * T::kBytes> tail(row + whole * T::kBytes, (dim - whole) * T::kBytes);
    alignas(32) float values[8];
    _mm256_store_ps(values, T::Load(tail.bytes));
    __builtin_memcpy(out + whole, values, (dim - whole) * sizeof(float));
  }
}

template <class T>
void IntegerToFloat(const std::byte* row, std::uint32_t dim, float* out) {
  const std::uint32_t whole = dim & ~7u;
  for (std::uint32_t d = 0; d < whole; d += 8) {
    const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + d));
    _mm256_storeu_ps(out + d, _mm256_cvtepi32_ps(T::ToInt32(bytes)));
  }
  if (whole < dim) {
    const Padded<16> tail(row + whole, dim - whole);
    alignas(32) float values[8];
    _mm256_store_ps(values, _mm256_cvtepi32_ps(T::ToInt32(Load16(tail.bytes))));
    __builtin_memcpy(out + whole, values, (dim - whole) * sizeof(float));
  }
}

}  // namespace

constinit const DistanceKernels kDistanceAvx2 = {
    .l2 = {nullptr, FloatRows<F32, L2>, FloatRows<F16, L2>, FloatRows<Bf16, L2>, IntegerRows<I8, L2>,
           IntegerRows<U8, L2>, nullptr},
    .ip = {nullptr, FloatRows<F32, Ip>, FloatRows<F16, Ip>, FloatRows<Bf16, Ip>, IntegerRows<I8, Ip>,
           IntegerRows<U8, Ip>, nullptr},
    .to_float = {nullptr, FloatToFloat<F32>, FloatToFloat<F16>, FloatToFloat<Bf16>, IntegerToFloat<I8>,
                 IntegerToFloat<U8>, nullptr},
};

}  // namespace elanus::simd
