#include "index/hnsw/codec.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

using base::Element;

constexpr std::uint64_t kSampleComponents = std::uint64_t{4} << 20;
constexpr int kHistogramBins = 2048;
constexpr float kBiasMax = 0x1p28f;  // three terms of this size fit 32 bits

/// Adds in the ring of 32-bit integers: intermediate sums may leave the range that the result has.
std::int32_t Wrap(std::uint32_t value) { return static_cast<std::int32_t>(value); }

/// Nearest integer, ties to even, of a value within +-2^21; the library's function is a call without SSE4.1.
float RoundToInteger(float value) { return (value + 12582912.0f) - 12582912.0f; }

std::int32_t Quantise(float value) {
  return static_cast<std::int32_t>(RoundToInteger(std::clamp(value, -128.0f, 127.0f)));
}

/// Calls visit(values) for each row of the sample, times its factor.
template <class Visit>
void ForSample(const simd::Kernels& kernels, const base::Vectors& rows, const float* inverse_norms, Visit visit) {
  const std::uint64_t count = std::clamp<std::uint64_t>(kSampleComponents / rows.dim, 1, rows.count);
  std::vector<float> values(rows.dim);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t row = i * rows.count / count;
    kernels.distance.to_float[static_cast<int>(rows.element)](rows.row(row), rows.dim, values.data());
    if (inverse_norms != nullptr) {
      for (float& value : values) value *= inverse_norms[row];
    }
    visit(values);
  }
}

/// The step with the least squared error over a histogram of |x - mid| on [0, largest]: rounding costs step^2 / 12,
/// clamping what lies beyond 127 steps.
float BestStep(const std::vector<std::uint64_t>& histogram, float largest) {
  float best = largest / 127.0f;
  double best_error = -1;
  for (int j = 0; j <= 24; ++j) {
    const double step = largest / 127.0 * std::pow(0.875, j);
    double error = 0;
    for (int bin = 0; bin < kHistogramBins; ++bin) {
      const double value = (bin + 0.5) * largest / kHistogramBins;
      const double beyond = std::max(0.0, value - 127.5 * step);
      error += static_cast<double>(histogram[static_cast<std::size_t>(bin)]) * (step * step / 12 + beyond * beyond);
    }
    if (best_error >= 0 && error >= best_error) continue;
    best_error = error;
    best = static_cast<float>(step);
  }
  return best;
}

}  // namespace

GraphCodec::GraphCodec(Metric metric, Element element, std::uint32_t dim)
    : metric_(metric), element_(element), dim_(dim), lossless_(Lossless({Kind::kHnsw, metric, element, dim, 1})) {}

GraphCodec GraphCodec::Train(const simd::Kernels& kernels, Metric metric, const base::Vectors& rows,
                             const float* inverse_norms) {
  GraphCodec codec(metric, rows.element, rows.dim);
  if (!codec.lossless_) codec.Learn(kernels, rows, metric == Metric::kCosine ? inverse_norms : nullptr);
  return codec;
}

void GraphCodec::Learn(const simd::Kernels& kernels, const base::Vectors& rows, const float* inverse_norms) {
  std::vector<double> sums(dim_);
  std::uint64_t count = 0;
  ForSample(kernels, rows, inverse_norms, [&](const std::vector<float>& values) {
    for (std::uint32_t d = 0; d < dim_; ++d) sums[d] += values[d];
    ++count;
  });
  for (const double sum : sums) mid_.push_back(static_cast<float>(sum / static_cast<double>(count)));
  float largest = 0;
  ForSample(kernels, rows, inverse_norms, [&](const std::vector<float>& values) {
    for (std::uint32_t d = 0; d < dim_; ++d) largest = std::max(largest, std::abs(values[d] - mid_[d]));
  });
  if (!(largest > 0x1p-100f)) return;  // all rows of the sample are equal
  largest = std::min(largest, 0x1p120f);
  std::vector<std::uint64_t> histogram(kHistogramBins);
  const float bins = static_cast<float>(kHistogramBins) / largest;
  ForSample(kernels, rows, inverse_norms, [&](const std::vector<float>& values) {
    for (std::uint32_t d = 0; d < dim_; ++d) {
      const float bin = std::min(std::abs(values[d] - mid_[d]) * bins, kHistogramBins - 1.0f);
      ++histogram[static_cast<std::size_t>(bin)];
    }
  });
  step_ = BestStep(histogram, largest);
}

std::size_t GraphCodec::SectionBytes(const Spec& spec) {
  return Lossless(spec) ? 0 : sizeof(float) * (std::size_t{1} + spec.dim);
}

void GraphCodec::Save(absl::Span<std::byte> out) const {
  std::memcpy(out.data(), &step_, sizeof(float));
  std::memcpy(out.data() + sizeof(float), mid_.data(), sizeof(float) * dim_);
}

absl::StatusOr<GraphCodec> GraphCodec::Load(const Image& image) {
  const Spec& spec = image.spec();
  GraphCodec codec(spec.metric, spec.element, spec.dim);
  if (codec.lossless_) return codec;
  ELANUS_ASSIGN_OR_RETURN(const auto floats, image.Array<float>(SectionId::kCodec, std::uint64_t{1} + spec.dim));
  codec.step_ = floats[0];
  codec.mid_.assign(floats.begin() + 1, floats.end());
  if (!std::all_of(floats.begin(), floats.end(), [](float v) { return std::isfinite(v); }) || !(codec.step_ > 0)) {
    return absl::DataLossError("the codec section holds numbers that are not finite, or no positive step");
  }
  return codec;
}

std::int32_t GraphCodec::Encode(const simd::Kernels& kernels, const std::byte* row, float inverse_norm,
                                absl::Span<float> values, std::uint8_t* code) const {
  if (lossless_) {
    const auto shift = static_cast<std::uint8_t>(element_ == Element::kI8 ? 0x80 : 0);
    for (std::uint32_t d = 0; d < dim_; ++d) code[d] = static_cast<std::uint8_t>(row[d]) ^ shift;
    return Bias(code);
  }
  kernels.distance.to_float[static_cast<int>(element_)](row, dim_, values.data());
  const float factor = metric_ == Metric::kCosine ? inverse_norm : 1.0f;
  const float steps = 1.0f / step_;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    code[d] = static_cast<std::uint8_t>(Quantise((values[d] * factor - mid_[d]) * steps) + 128);
  }
  return Bias(code);
}

std::int32_t GraphCodec::Bias(const std::uint8_t* code) const {
  if (metric_ != Metric::kIp) {
    std::int32_t squares = 0;
    for (std::uint32_t d = 0; d < dim_; ++d) squares += (code[d] - 128) * (code[d] - 128);
    return squares;
  }
  if (lossless_) {  // uint8: the node's part of <x, y> = dot(x, y - 128) + 128 sum x
    std::int32_t sum = 0;
    for (std::uint32_t d = 0; d < dim_; ++d) sum += code[d];
    return element_ == Element::kU8 ? -128 * sum : 0;
  }
  double through_mid = 0;  // of <mid + step c, mid + step c'> / step^2
  for (std::uint32_t d = 0; d < dim_; ++d) through_mid += static_cast<double>(mid_[d]) * (code[d] - 128);
  return static_cast<std::int32_t>(-std::clamp<double>(std::floor(through_mid / step_), -kBiasMax, kBiasMax));
}

std::int8_t* GraphCodec::Weights(ScoreTarget* probe) const {
  const std::size_t bytes = (std::size_t{dim_} + 63) / 64 * 64;
  if (probe->storage.size() != bytes) probe->storage.Reset(bytes);
  std::int8_t* const weights = probe->storage.data();
  std::memset(weights + dim_, 0, bytes - dim_);  // an index of another dimension may have left something
  probe->weights = weights;
  return weights;
}

/// With c' the weights: dot = <c + 128, c'> = <c, c'> + 128 sum c'.
void GraphCodec::SetInteger(const std::int8_t* weights, std::int32_t bias, ScoreTarget* probe) const {
  std::int32_t sum = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) sum += weights[d];
  probe->exact = true;
  if (metric_ != Metric::kIp) {
    probe->scale = -2;
    probe->offset = Wrap(static_cast<std::uint32_t>(bias) + 256u * static_cast<std::uint32_t>(sum));
    return;
  }
  probe->scale = -1;
  if (lossless_) {
    probe->offset = element_ == Element::kI8 ? 128 * sum : 0;
  } else {
    probe->offset = Wrap(static_cast<std::uint32_t>(bias) + 128u * static_cast<std::uint32_t>(sum));
  }
}

void GraphCodec::PrepareNode(const std::uint8_t* code, std::int32_t bias, ScoreTarget* probe) const {
  std::int8_t* weights = Weights(probe);
  for (std::uint32_t d = 0; d < dim_; ++d) weights[d] = static_cast<std::int8_t>(code[d] ^ 0x80);
  SetInteger(weights, bias, probe);
}

void GraphCodec::PrepareQuery(const Query& query, ScoreTarget* probe) const {
  std::int8_t* weights = Weights(probe);
  if (!lossless_) return QuantiseQuery(query, weights, probe);
  std::int32_t squares = 0;
  const int shift = element_ == Element::kU8 ? 0x80 : 0;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    weights[d] = static_cast<std::int8_t>(std::to_integer<int>(query.native[d]) ^ shift);
    squares += weights[d] * weights[d];
  }
  SetInteger(weights, squares, probe);
}

void GraphCodec::QuantiseQuery(const Query& query, std::int8_t* weights, ScoreTarget* probe) const {
  const bool ip = metric_ == Metric::kIp;
  const float factor = metric_ == Metric::kCosine ? query.inverse_norm : 1.0f;
  // L2: |x - q|^2 = |x - mid|^2 - 2 <x - mid, q - mid> + const. IP: <x, q> = <x - mid, q> + const.
  const auto centred = [&](std::uint32_t d) { return query.values[d] * factor - (ip ? 0.0f : mid_[d]); };
  float largest = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) largest = std::max(largest, std::abs(centred(d)));
  // A unit of the query's own: one that lies outside the rows keeps its direction.
  const float unit = largest > 0x1p-100f ? std::min(largest, std::numeric_limits<float>::max()) / 127.0f : 1.0f;
  std::int32_t sum = 0;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    const std::int32_t weight = Quantise(centred(d) / unit);
    weights[d] = static_cast<std::int8_t>(weight);
    sum += weight;
  }
  probe->exact = false;
  probe->offset = -128 * sum;
  probe->bias_factor = ip ? 0.0f : 1.0f;
  probe->float_scale = ip ? -1.0f : -2.0f * (unit / step_);
}

void GraphCodec::Scores(const simd::Kernels& kernels, const NodeCodes& codes, const ScoreTarget& probe,
                        absl::Span<const std::uint32_t> nodes, std::int32_t* dots, Score* scores) {
  kernels.scan.dot_rows(probe.weights,
                        {reinterpret_cast<const std::byte*>(codes.codes), codes.stride, nodes.data(), nodes.size()},
                        static_cast<std::uint32_t>(codes.stride), dots);
  if (probe.exact) {
    const auto scale = static_cast<std::uint32_t>(probe.scale);
    const std::uint32_t offset = static_cast<std::uint32_t>(probe.offset) ^ kSignBit;  // adding 2^31 flips the sign bit
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      scores[i] =
          static_cast<std::uint32_t>(codes.bias[nodes[i]]) + scale * static_cast<std::uint32_t>(dots[i]) + offset;
    }
    return;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const float value = probe.bias_factor * static_cast<float>(codes.bias[nodes[i]]) +
                        probe.float_scale * static_cast<float>(dots[i] + probe.offset);
    scores[i] = base::OrderableFromFloat(value);
  }
}

}  // namespace elanus::index
