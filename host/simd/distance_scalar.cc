#include <cmath>
#include <cstring>

#include "host/base/half.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

struct F32 {
  static constexpr std::size_t kBytes = 4;
  static float Load(const std::byte* p) {
    float value;
    std::memcpy(&value, p, sizeof value);
    return value;
  }
};

struct F16 {
  static constexpr std::size_t kBytes = 2;
  static float Load(const std::byte* p) {
    std::uint16_t half;
    std::memcpy(&half, p, sizeof half);
    return base::FloatFromHalf(half);
  }
};

struct Bf16 {
  static constexpr std::size_t kBytes = 2;
  static float Load(const std::byte* p) {
    std::uint16_t bf16;
    std::memcpy(&bf16, p, sizeof bf16);
    return base::FloatFromBf16(bf16);
  }
};

struct I8 {
  static constexpr std::size_t kBytes = 1;
  static std::int32_t Load(const std::byte* p) { return static_cast<std::int8_t>(*p); }
};

struct U8 {
  static constexpr std::size_t kBytes = 1;
  static std::int32_t Load(const std::byte* p) { return static_cast<std::uint8_t>(*p); }
};

template <bool kL2>
float Term(float q, float x, float sum) {
  return kL2 ? std::fma(q - x, q - x, sum) : std::fma(q, x, sum);
}

// The padding is added too: it turns a sum of -0 into +0.
template <class T, bool kL2>
float FloatDistance(const std::byte* query, const std::byte* row, std::uint32_t dim) {
  float s[16] = {};
  for (std::uint32_t c = 0; c < dim; c += 16) {
    for (std::uint32_t j = 0; j < 16; ++j) {
      const bool inside = c + j < dim;
      const float q = inside ? F32::Load(query + (c + j) * F32::kBytes) : 0.0f;
      const float x = inside ? T::Load(row + (c + j) * T::kBytes) : 0.0f;
      s[j] = Term<kL2>(q, x, s[j]);
    }
  }
  for (std::uint32_t half = 8; half > 0; half /= 2) {
    for (std::uint32_t j = 0; j < half; ++j) s[j] += s[j + half];
  }
  return s[0];
}

template <class T, bool kL2>
float IntegerDistance(const std::byte* query, const std::byte* row, std::uint32_t dim) {
  std::int32_t sum = 0;
  for (std::uint32_t d = 0; d < dim; ++d) {
    const std::int32_t q = T::Load(query + d);
    const std::int32_t x = T::Load(row + d);
    sum += kL2 ? (q - x) * (q - x) : q * x;
  }
  return static_cast<float>(sum);
}

template <class T, bool kL2>
void FloatRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const auto* q = static_cast<const std::byte*>(query);
  for (std::size_t i = 0; i < rows.count; ++i) out[i] = FloatDistance<T, kL2>(q, RowAt(rows, i), dim);
}

template <class T, bool kL2>
void IntegerRows(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  const auto* q = static_cast<const std::byte*>(query);
  for (std::size_t i = 0; i < rows.count; ++i) out[i] = IntegerDistance<T, kL2>(q, RowAt(rows, i), dim);
}

template <class T>
void ToFloat(const std::byte* row, std::uint32_t dim, float* out) {
  for (std::uint32_t d = 0; d < dim; ++d) out[d] = static_cast<float>(T::Load(row + d * T::kBytes));
}

}  // namespace

constinit const DistanceKernels kDistanceScalar = {
    .l2 = {nullptr, FloatRows<F32, true>, FloatRows<F16, true>, FloatRows<Bf16, true>, IntegerRows<I8, true>,
           IntegerRows<U8, true>, nullptr},
    .ip = {nullptr, FloatRows<F32, false>, FloatRows<F16, false>, FloatRows<Bf16, false>, IntegerRows<I8, false>,
           IntegerRows<U8, false>, nullptr},
    .to_float = {nullptr, ToFloat<F32>, ToFloat<F16>, ToFloat<Bf16>, ToFloat<I8>, ToFloat<U8>, nullptr},
};

}  // namespace elanus::simd
