#include "index/scan/codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "host/base/check.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

using base::Element;

/// kCodec: these three, then mid[dim], step[dim].
struct Bounds {
  float error_max;
  float code_max;
  float norm_max;
};

/// A float not below the value, as far as there is one: what overflows trips kBoundMax.
float RoundUp(double value) {
  if (!(value < std::numeric_limits<float>::max())) return std::numeric_limits<float>::max();
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

/// Relative error allowed to the canonical fp32 sums and to the float arithmetic of the bound itself: dim / 16 + 4
/// additions a sum and a handful around it, 2^-24 each, doubled.
double RoundingSlack(std::uint32_t dim) { return (dim / 16 + 16) * 0x1p-23; }

/// Where floats may overflow on the way to a distance, nothing is ruled out.
constexpr double kBoundMax = 1e37;

/// Rows and queries shorter than 1 / this lose bits of their canonical products to underflow: under cosine, which
/// multiplies by the inverse norms afterwards, nothing is ruled out then.
constexpr float kInverseNormMax = 1e15f;

/// Components are taken eight at a time, each with a sum of its own: independent operations that become vectors.
constexpr std::uint32_t kLanes = 8;

std::uint32_t Padded(std::uint32_t dim) { return (dim + kLanes - 1) / kLanes * kLanes; }

double SumLanes(const double* lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

template <class T>
double Dot(const double* a, const T* b, std::uint32_t padded) {
  double sums[kLanes] = {};
  for (std::uint32_t d = 0; d < padded; d += kLanes) {
    for (std::uint32_t i = 0; i < kLanes; ++i) sums[i] += a[d + i] * b[d + i];
  }
  return SumLanes(sums);
}

double Sum(const double* a, std::uint32_t padded) {
  double sums[kLanes] = {};
  for (std::uint32_t d = 0; d < padded; d += kLanes) {
    for (std::uint32_t i = 0; i < kLanes; ++i) sums[i] += a[d + i];
  }
  return SumLanes(sums);
}

double LargestMagnitude(const double* a, std::uint32_t padded) {
  double largest[kLanes] = {};
  for (std::uint32_t d = 0; d < padded; d += kLanes) {
    for (std::uint32_t i = 0; i < kLanes; ++i) largest[i] = std::max(largest[i], std::abs(a[d + i]));
  }
  return *std::max_element(largest, largest + kLanes);
}

/// What code c stands for.
float DecodeOne(float mid, float step, float c) { return step * c + mid; }

/// Nearest integer, ties to even, for |value| < 2^51: adding 1.5 * 2^52 leaves no fraction bits.
double RoundToInteger(double value) { return (value + 0x1.8p52) - 0x1.8p52; }

}  // namespace

ScanCodec::ScanCodec(Metric metric, Target target, Element element, std::uint32_t dim)
    : metric_(metric), target_(target), element_(element), dim_(dim) {}

absl::StatusOr<ScanCodec> ScanCodec::Train(const simd::Kernels& kernels, Metric metric, Target target,
                                           const base::Vectors& rows, const float* inverse_norms, threads::Pool& pool,
                                           const base::Monitor& monitor) {
  ScanCodec codec(metric, target, rows.element, rows.dim);
  if (codec.lossless()) return codec;
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> low(rows.dim, inf);
  std::vector<float> high(rows.dim, -inf);
  std::mutex mutex;
  pool.ParallelFor(rows.count, 4096, [&](std::uint64_t begin, std::uint64_t end) {
    if (monitor.cancelled()) return;
    std::vector<float> part_low(rows.dim, inf);
    std::vector<float> part_high(rows.dim, -inf);
    std::vector<float> values(rows.dim);
    for (std::uint64_t row = begin; row < end; ++row) {
      kernels.distance.to_float[static_cast<int>(rows.element)](rows.row(row), rows.dim, values.data());
      const float factor = metric == Metric::kCosine ? inverse_norms[row] : 1.0f;
      for (std::uint32_t d = 0; d < rows.dim; ++d) {
        const float value = values[d] * factor;
        part_low[d] = std::min(part_low[d], value);
        part_high[d] = std::max(part_high[d], value);
      }
    }
    const std::lock_guard lock(mutex);  // minima and maxima do not depend on the order of merging
    for (std::uint32_t d = 0; d < rows.dim; ++d) {
      low[d] = std::min(low[d], part_low[d]);
      high[d] = std::max(high[d], part_high[d]);
    }
  });
  ELANUS_RETURN_IF_ERROR(monitor.Check());
  for (std::uint32_t d = 0; d < rows.dim; ++d) {
    // Code c stands for mid + step * c; -128 and 127 hit the extremes, so mid lies half a step above the middle.
    const float step = static_cast<float>((static_cast<double>(high[d]) - low[d]) / 255.0);
    codec.step_.push_back(step);
    codec.mid_.push_back(static_cast<float>(low[d] + 128.0 * step));
  }
  codec.step_.resize(Padded(rows.dim));
  codec.mid_.resize(Padded(rows.dim));
  return codec;
}

std::size_t ScanCodec::SectionBytes(Element element, std::uint32_t dim) {
  return IsFloat(element) ? sizeof(Bounds) + 2 * sizeof(float) * dim : 0;
}

void ScanCodec::Save(absl::Span<std::byte> out) const {
  const Bounds bounds{error_max_, code_max_, norm_max_};
  std::memcpy(out.data(), &bounds, sizeof(bounds));
  std::memcpy(out.data() + sizeof(bounds), mid_.data(), sizeof(float) * dim_);
  std::memcpy(out.data() + sizeof(bounds) + sizeof(float) * dim_, step_.data(), sizeof(float) * dim_);
}

absl::StatusOr<ScanCodec> ScanCodec::Load(const Image& image, Target target) {
  const Spec& spec = image.spec();
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<const std::byte> bytes,
                          image.Array<std::byte>(SectionId::kCodec, SectionBytes(spec.element, spec.dim)));
  return Load(spec.metric, target, spec.element, spec.dim, bytes);
}

absl::StatusOr<ScanCodec> ScanCodec::Load(Metric metric, Target target, Element element, std::uint32_t dim,
                                          absl::Span<const std::byte> bytes) {
  ELANUS_CHECK(bytes.size() == SectionBytes(element, dim));
  ScanCodec codec(metric, target, element, dim);
  if (codec.lossless()) return codec;
  Bounds bounds;
  std::memcpy(&bounds, bytes.data(), sizeof(bounds));
  codec.error_max_ = bounds.error_max;
  codec.code_max_ = bounds.code_max;
  codec.norm_max_ = bounds.norm_max;
  const auto* floats = reinterpret_cast<const float*>(bytes.data() + sizeof(bounds));
  codec.mid_.assign(floats, floats + dim);
  codec.step_.assign(floats + dim, floats + 2 * std::size_t{dim});
  codec.mid_.resize(Padded(dim));
  codec.step_.resize(Padded(dim));
  const auto finite = [](float v) { return std::isfinite(v); };
  const auto bound = [](float v) { return std::isfinite(v) && v >= 0; };
  if (!std::all_of(floats, floats + dim, finite) || !std::all_of(floats + dim, floats + 2 * std::size_t{dim}, bound) ||
      !bound(bounds.error_max) || !bound(bounds.code_max) || !bound(bounds.norm_max)) {
    return absl::DataLossError("the codec section holds numbers that are not finite, or negative steps or bounds");
  }
  return codec;
}

ScanCodec::Side ScanCodec::EncodeInteger(const std::byte* row, std::uint8_t* codes) const {
  std::int32_t sum = 0;
  std::int32_t squares = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    const int byte = std::to_integer<int>(row[d]);
    const int value = element_ == Element::kI8 ? static_cast<std::int8_t>(byte) : byte;
    codes[d] = static_cast<std::uint8_t>(element_ == Element::kI8 ? value + 128 : value);
    sum += value;
    squares += value * value;
  }
  // uint8: dot = sum x (q - 128), so <x, q> = dot + 128 sum x. int8: dot = sum (x + 128) q: corrected in the query.
  const std::int32_t correction = element_ == Element::kU8 ? 128 * sum : 0;
  if (metric_ == Metric::kL2) return {.int_bias = squares - 2 * correction};
  return {.int_bias = metric_ == Metric::kCosine ? correction : -correction};
}

/// The code, -128..127, of a value of component d.
float ScanCodec::CodeOf(float x, std::uint32_t d) const {
  return step_[d] > 0 ? static_cast<float>(std::clamp(RoundToInteger((x - mid_[d]) / step_[d]), -128.0, 127.0)) : 0.0f;
}

void ScanCodec::EncodeQuery(const Query& query, std::uint8_t* codes) const {
  std::memset(codes, 0, std::size_t{chunks()} * base::kChunkBytes);
  if (lossless()) {
    EncodeInteger(query.native, codes);
    return;
  }
  const float factor = metric_ == Metric::kCosine ? query.inverse_norm : 1.0f;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    codes[d] = static_cast<std::uint8_t>(static_cast<int>(CodeOf(query.values[d] * factor, d)) + 128);
  }
}

ScanCodec::Side ScanCodec::Encode(const simd::Kernels& kernels, const std::byte* row, float inverse_norm,
                                  std::uint8_t* codes) {
  std::memset(codes, 0, std::size_t{chunks()} * base::kChunkBytes);
  if (lossless()) return EncodeInteger(row, codes);
  std::vector<float> values(dim_);
  kernels.distance.to_float[static_cast<int>(element_)](row, dim_, values.data());
  double error = 0;
  double code_norm = 0;
  double norm = 0;
  double centred = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    const float x = metric_ == Metric::kCosine ? values[d] * inverse_norm : values[d];
    const float c = CodeOf(x, d);
    codes[d] = static_cast<std::uint8_t>(static_cast<int>(c) + 128);
    const double decoded = static_cast<double>(step_[d]) * c + mid_[d];  // exact but for one rounding of a double
    const double target = target_ == Target::kRow ? x : DecodeOne(mid_[d], step_[d], c);
    error += (target - decoded) * (target - decoded);
    code_norm += static_cast<double>(c) * c;
    norm += target * target;
    centred += (target - mid_[d]) * (target - mid_[d]);
  }
  error_max_ = std::max(error_max_, RoundUp(std::sqrt(error)));
  code_max_ = std::max(code_max_, RoundUp(std::sqrt(code_norm)));
  norm_max_ = std::max(norm_max_, RoundUp(std::sqrt(metric_ == Metric::kL2 ? centred : norm)));
  if (metric_ == Metric::kCosine && inverse_norm > kInverseNormMax) norm_max_ = std::numeric_limits<float>::max();
  return {.bias = metric_ == Metric::kL2 ? static_cast<float>(std::min(centred, kBoundMax)) : 0.0f};
}

void ScanCodec::MergeBounds(const ScanCodec& other) {
  error_max_ = std::max(error_max_, other.error_max_);
  code_max_ = std::max(code_max_, other.code_max_);
  norm_max_ = std::max(norm_max_, other.norm_max_);
}

void ScanCodec::Decode(const std::uint8_t* codes, float* out) const {
  for (std::uint32_t d = 0; d < dim_; ++d) {
    out[d] = DecodeOne(mid_[d], step_[d], static_cast<float>(static_cast<int>(codes[d]) - 128));
  }
}

void ScanCodec::PrepareIntegerQuery(const Query& query, std::int8_t* weights, ScanQuery* out) const {
  std::int32_t sum = 0;
  std::int32_t squares = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    const int byte = std::to_integer<int>(query.native[d]);
    const int value = element_ == Element::kI8 ? static_cast<std::int8_t>(byte) : byte;
    weights[d] = static_cast<std::int8_t>(element_ == Element::kI8 ? value : value - 128);
    sum += value;
    squares += value * value;
  }
  const std::int32_t correction = element_ == Element::kI8 ? 128 * sum : 0;  // <x, q> = dot + row's part - correction
  if (metric_ == Metric::kL2) {
    out->int_scale = -2;
    out->int_offset = squares + 2 * correction;
  } else {
    out->int_scale = metric_ == Metric::kCosine ? 1 : -1;
    out->int_offset = metric_ == Metric::kCosine ? -correction : correction;
  }
}

void ScanCodec::PrepareQuery(const Query& query, ScanQuery* out) const {
  out->storage.Reset(std::size_t{chunks()} * base::kChunkBytes);
  std::int8_t* const weights = out->storage.data();
  out->weights = weights;
  if (lossless()) return PrepareIntegerQuery(query, weights, out);

  // With q' = q - mid (L2) or q (IP; cosine: normalised), w = q' * step, and w^ = unit * weights near w:
  //   <q', x'> = sum w c + <q', e>,  |sum (w - w^) c| <= |w - w^| |c|,  |<q', e>| <= |q'| |e|   (Cauchy-Schwarz).
  const bool l2 = metric_ == Metric::kL2;
  const std::uint32_t padded = Padded(dim_);
  out->work.resize(3 * padded);
  double* const centred = out->work.data();
  double* const wanted = centred + padded;  // w / unit
  double* const rounded = wanted + padded;
  const double factor = metric_ == Metric::kCosine ? query.inverse_norm : 1.0;
  const double centring = l2 ? 1.0 : 0.0;
  for (std::uint32_t d = 0; d < padded; ++d) {
    centred[d] = query.values[d] * factor - centring * mid_[d];
    wanted[d] = centred[d] * step_[d];
  }
  const double largest = LargestMagnitude(wanted, padded);
  const double unit = largest > 0 ? largest / 127.0 : 1.0;
  const double per_unit = 1.0 / unit;
  for (std::uint32_t d = 0; d < padded; ++d) {
    wanted[d] *= per_unit;
    rounded[d] = RoundToInteger(wanted[d]);
    wanted[d] -= rounded[d];
    weights[d] = static_cast<std::int8_t>(static_cast<std::int32_t>(rounded[d]));
  }
  const double squares = Dot(centred, centred, padded);
  const double norm = std::sqrt(squares);
  const double through_mid = l2 ? 0.0 : Dot(centred, mid_.data(), padded);
  // sum w^ c = unit * dot - centre: the stored code is c + 128.
  const double centre = 128.0 * unit * Sum(rounded, padded);
  const double slack = unit * std::sqrt(Dot(wanted, wanted, padded)) * code_max_ + norm * error_max_;
  const double magnitude = l2 ? (norm + norm_max_) * (norm + norm_max_) : norm * norm_max_ + std::abs(through_mid);
  const double dot_max = unit * 255.0 * 127.0 * dim_;
  const bool underflows = metric_ == Metric::kCosine && query.inverse_norm > kInverseNormMax;
  if (underflows || !(magnitude + dot_max < kBoundMax)) {
    out->scale = 0;
    out->offset = -std::numeric_limits<float>::infinity();
    out->width = std::numeric_limits<float>::infinity();
    return;
  }
  const double rounding = RoundingSlack(dim_) * magnitude + 0x1p-21 * (dot_max + std::abs(centre)) + 1e-30;
  const double bound = l2 ? squares + 2 * (centre - slack) : centre - through_mid - slack;
  const double margin = rounding + 0x1p-23 * std::abs(bound);
  out->scale = static_cast<float>(l2 ? -2 * unit : -unit);
  out->offset = static_cast<float>(bound - margin);
  out->width = RoundUp((l2 ? 4 : 2) * slack + 3 * margin);
}

}  // namespace elanus::index
