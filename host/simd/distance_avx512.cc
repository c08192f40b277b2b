#include <immintrin.h>

#include "host/simd/avx512.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

void Store(float* out, std::size_t valid, __m128 distances) {
  alignas(16) float four[4];
  _mm_store_ps(four, distances);
  StoreValid(four, valid, out);
}

struct F32 {
  static constexpr std::size_t kBytes = 4;
  static __m512 Load(const std::byte* p) { return _mm512_loadu_ps(p); }
  static __m512 LoadTail(const std::byte* p, __mmask16 inside) { return _mm512_maskz_loadu_ps(inside, p); }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static __m512 Widen(__m256i v) { return _mm512_cvtph_ps(v); }
  static __m512 Load(const std::byte* p) { return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static __m512 LoadTail(const std::byte* p, __mmask16 inside) { return Widen(_mm256_maskz_loadu_epi16(inside, p)); }
};

struct Bf16 {
  static constexpr std::size_t kBytes = 2;
  static __m512 Widen(__m256i v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(v), 16)); }
  static __m512 Load(const std::byte* p) { return Widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
  static __m512 LoadTail(const std::byte* p, __mmask16 inside) { return Widen(_mm256_maskz_loadu_epi16(inside, p)); }
};

struct L2 {
  static __m512 Add(__m512 q, __m512 x, __m512 sum) {
    const __m512 difference = _mm512_sub_ps(q, x);
    return _mm512_fmadd_ps(difference, difference, sum);
  }
};

struct Ip {
  static __m512 Add(__m512 q, __m512 x, __m512 sum) { return _mm512_fmadd_ps(q, x, sum); }
};

/// The canonical last steps of four rows at once: s[j] + s[j+8], + s[j+4], + s[j+2], s[0] + s[1].
__m128 CanonicalSums(const __m512* s) {
  const __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(s[0], s[1], 0x44), _mm512_shuffle_f32x4(s[0], s[1], 0xEE));
  const __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(s[2], s[3], 0x44), _mm512_shuffle_f32x4(s[2], s[3], 0xEE));
  const __m512 fours = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xDD));
  const __m512 twos = _mm512_add_ps(fours, _mm512_permute_ps(fours, 0x4E));
  const __m512 ones = _mm512_add_ps(twos, _mm512_permute_ps(twos, 0xB1));
  return _mm512_castps512_ps128(_mm512_maskz_compress_ps(0x1111, ones));
}

template <class T, class Metric>
void FloatRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const float* q = static_cast<const float*>(query);
  const std::uint32_t whole = dim & ~15u;
  ForFourRows(rows, dim * T::kBytes, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    __m512 s[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    for (std::uint32_t d = 0; d < whole; d += 16) {
      const __m512 qd = _mm512_load_ps(q + d);
      for (int r = 0; r < 4; ++r) s[r] = Metric::Add(qd, T::Load(x.row[r] + d * T::kBytes), s[r]);
    }
    if (whole < dim) {
      const __mmask16 inside = LowMask16(dim - whole);
      const __m512 qd = _mm512_load_ps(q + whole);
      for (int r = 0; r < 4; ++r) s[r] = Metric::Add(qd, T::LoadTail(x.row[r] + whole * T::kBytes, inside), s[r]);
    }
    Store(out + i, valid, CanonicalSums(s));
  });
}

// The integer metrics see int8 as uint8 and back by flipping the top bit, which adds or takes 128: VPDPBUSD multiplies
// unsigned by signed bytes.
__m512i FlipTop(__m512i v) { return _mm512_xor_si512(v, _mm512_set1_epi8(-128)); }

/// Sum of (q - x)^2. The difference d is in 0..255, so d * d is d * (d - 128) + 128 * d: unsigned by signed twice.
/// Flipping the top bits of int8 on both sides keeps the difference.
template <bool kSigned>
struct IntegerL2 {
  IntegerL2(const std::uint8_t*, std::uint32_t) {}

  struct Sum {
    __m512i product = _mm512_setzero_si512();
    __m512i difference = _mm512_setzero_si512();
  };
  static __m512i Query(__m512i q) { return kSigned ? FlipTop(q) : q; }
  static void Add(__m512i q, __m512i raw, Sum& sum) {
    const __m512i x = kSigned ? FlipTop(raw) : raw;
    const __m512i d = _mm512_or_si512(_mm512_subs_epu8(q, x), _mm512_subs_epu8(x, q));
    sum.product = _mm512_dpbusd_epi32(sum.product, d, FlipTop(d));
    sum.difference = _mm512_dpbusd_epi32(sum.difference, d, _mm512_set1_epi8(1));
  }
  __m512i Total(const Sum& sum) const { return _mm512_add_epi32(sum.product, _mm512_slli_epi32(sum.difference, 7)); }
};

/// Sum of q * x. One side has its top bits flipped, which adds 128 * sum(q) to int8 and takes it from uint8.
template <bool kSigned>
struct IntegerIp {
  IntegerIp(const std::uint8_t* query, std::uint32_t dim) {
    for (std::uint32_t d = 0; d < dim; ++d) correction += kSigned ? -static_cast<std::int8_t>(query[d]) : query[d];
    correction *= 128;
  }

  struct Sum {
    __m512i product = _mm512_setzero_si512();
  };
  static __m512i Query(__m512i q) { return q; }
  static void Add(__m512i q, __m512i x, Sum& sum) {
    sum.product =
        kSigned ? _mm512_dpbusd_epi32(sum.product, FlipTop(x), q) : _mm512_dpbusd_epi32(sum.product, q, FlipTop(x));
  }
  __m512i Total(const Sum& sum) const {
    return _mm512_add_epi32(sum.product, _mm512_zextsi128_si512(_mm_cvtsi32_si128(correction)));
  }

  std::int32_t correction = 0;
};

template <class Metric>
void IntegerRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const auto* q = static_cast<const std::uint8_t*>(query);
  const Metric metric(q, dim);
  const std::uint32_t whole = dim & ~63u;
  ForFourRows(rows, dim, [&](const FourRows& x, std::size_t i, std::size_t valid) {
    typename Metric::Sum s[4];
    for (std::uint32_t d = 0; d < whole; d += 64) {
      const __m512i qd = Metric::Query(_mm512_load_si512(q + d));
      for (int r = 0; r < 4; ++r) Metric::Add(qd, _mm512_loadu_si512(x.row[r] + d), s[r]);
    }
    if (whole < dim) {
      const __mmask64 inside = LowMask64(dim - whole);
      const __m512i qd = Metric::Query(_mm512_load_si512(q + whole));
      for (int r = 0; r < 4; ++r) Metric::Add(qd, _mm512_maskz_loadu_epi8(inside, x.row[r] + whole), s[r]);
    }
    const __m512i totals[4] = {metric.Total(s[0]), metric.Total(s[1]), metric.Total(s[2]), metric.Total(s[3])};
    Store(out + i, valid, _mm_cvtepi32_ps(SumRows4(totals)));
  });
}

template <class T>
void FloatToFloat(const std::byte* row, std::uint32_t dim, float* out) {
  const std::uint32_t whole = dim & ~15u;
  for (std::uint32_t d = 0; d < whole; d += 16) _mm512_storeu_ps(out + d, T::Load(row + d * T::kBytes));
  if (whole < dim) {
    const __mmask16 inside = LowMask16(dim - whole);
    _mm512_mask_storeu_ps(out + whole, inside, T::LoadTail(row + whole * T::kBytes, inside));
  }
}

template <bool kSigned>
void IntegerToFloat(const std::byte* row, std::uint32_t dim, float* out) {
  for (std::uint32_t d = 0; d < dim; d += 16) {
    const __mmask16 inside = dim - d >= 16 ? __mmask16{0xFFFF} : LowMask16(dim - d);
    const __m128i v = _mm_maskz_loadu_epi8(inside, row + d);
    _mm512_mask_storeu_ps(out + d, inside,
                          _mm512_cvtepi32_ps(kSigned ? _mm512_cvtepi8_epi32(v) : _mm512_cvtepu8_epi32(v)));
  }
}

}  // namespace

constinit const DistanceKernels kDistanceAvx512 = {
    .l2 = {nullptr, FloatRows<F32, L2>, FloatRows<F16, L2>, FloatRows<Bf16, L2>, IntegerRows<IntegerL2<true>>,
           IntegerRows<IntegerL2<false>>, nullptr},
    .ip = {nullptr, FloatRows<F32, Ip>, FloatRows<F16, Ip>, FloatRows<Bf16, Ip>, IntegerRows<IntegerIp<true>>,
           IntegerRows<IntegerIp<false>>, nullptr},
    .to_float = {nullptr, FloatToFloat<F32>, FloatToFloat<F16>, FloatToFloat<Bf16>, IntegerToFloat<true>,
                 IntegerToFloat<false>, nullptr},
};

}  // namespace elanus::simd
