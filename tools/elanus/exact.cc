#include "tools/elanus/exact.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "index/binary/bit_distance.h"
#include "index/measure.h"

namespace elanus::tools {
namespace {

const std::uint8_t* Bits(const std::byte* row) { return reinterpret_cast<const std::uint8_t*>(row); }

}  // namespace

ExactDistances::ExactDistances(const base::Vectors& base, const base::Vectors& queries, index::Metric metric,
                               const simd::Kernels& kernels)
    : base_(base),
      queries_(queries),
      spec_{index::IsBinaryMetric(metric) ? index::Kind::kBinFlat : index::Kind::kFlat, metric, base.element, base.dim,
            base.count},
      kernels_(kernels) {}

absl::Status ExactDistances::Measure(std::uint64_t query, absl::Span<const std::uint32_t> ids,
                                     std::vector<float>* out) {
  ELANUS_RETURN_IF_ERROR(block_.Prepare(queries_.Slice(query, 1), spec_, kernels_, query));
  const index::Query& prepared = block_.queries().front();
  out->resize(ids.size());
  if (spec_.element == base::Element::kBit) {
    for (std::size_t i = 0; i < ids.size(); ++i) (*out)[i] = BitsDistance(prepared, ids[i]);
    return absl::OkStatus();
  }
  const simd::RowList rows{base_.data, base_.stride, ids.data(), ids.size()};
  const auto element = static_cast<int>(base_.element);
  if (spec_.metric == index::Metric::kL2) {
    kernels_.distance.l2[element](prepared.native, rows, base_.dim, out->data());
    return absl::OkStatus();
  }
  kernels_.distance.ip[element](prepared.native, rows, base_.dim, out->data());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    float inverse_norm = 0;
    if (spec_.metric == index::Metric::kCosine) {
      index::ComputeInverseNorms(kernels_, base_.Slice(ids[i], 1), &inverse_norm);
    }
    (*out)[i] = index::Measure::FromInnerProduct(spec_.metric, (*out)[i], prepared, inverse_norm);
  }
  return absl::OkStatus();
}

float ExactDistances::BitsDistance(const index::Query& query, std::uint32_t id) const {
  const std::size_t bytes = base::RowBytes(base::Element::kBit, spec_.dim);
  const std::uint8_t* q = Bits(query.native);
  const std::uint8_t* x = Bits(base_.row(id));
  const float outside = std::numeric_limits<float>::infinity();
  if (spec_.metric == index::Metric::kSubstructure) return kernels_.bits.is_subset(q, x, bytes) ? 0 : outside;
  if (spec_.metric == index::Metric::kSuperstructure) return kernels_.bits.is_subset(x, q, bytes) ? 0 : outside;
  return index::BitDistance(spec_.metric)(kernels_.bits.and_popcount(q, x, bytes), query.popcount,
                                          kernels_.bits.popcount(x, bytes));
}

absl::Status CheckMetric(const base::Vectors& base, const base::Vectors& queries, index::Metric metric) {
  if (index::IsBinaryMetric(metric) != (base.element == base::Element::kBit)) {
    return absl::InvalidArgumentError(absl::StrCat("metric ", index::MetricName(metric), " does not go with ",
                                                   base::ElementName(base.element), " rows"));
  }
  if (base.dim != queries.dim) {
    return absl::InvalidArgumentError(
        absl::StrCat("queries have dimension ", queries.dim, ", the base has ", base.dim));
  }
  return absl::OkStatus();
}

}  // namespace elanus::tools
