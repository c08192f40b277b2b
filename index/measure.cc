#include "index/measure.h"

#include <algorithm>
#include <vector>

#include "host/base/aligned.h"
#include "host/base/check.h"

namespace elanus::index {

Measure::Measure(const simd::Kernels& kernels, Metric metric, base::Element element, std::uint32_t dim,
                 const float* inverse_norms)
    : kernel_((metric == Metric::kL2 ? kernels.distance.l2 : kernels.distance.ip)[static_cast<int>(element)]),
      metric_(metric),
      dim_(dim),
      inverse_norms_(inverse_norms) {
  ELANUS_CHECK(kernel_ != nullptr);
  ELANUS_CHECK(metric != Metric::kCosine || inverse_norms != nullptr);
}

void Measure::operator()(const Query& query, const simd::RowList& rows, float* out) const {
  kernel_(query.native, rows, dim_, out);
  if (metric_ == Metric::kL2) return;
  for (std::size_t i = 0; i < rows.count; ++i) {
    const float inverse_norm = metric_ == Metric::kCosine ? inverse_norms_[rows.ids != nullptr ? rows.ids[i] : i] : 1;
    out[i] = FromInnerProduct(metric_, out[i], query, inverse_norm);
  }
}

void ComputeInverseNorms(const simd::Kernels& kernels, const base::Vectors& rows, float* inverse_norms) {
  // The canonical kernels want one side in the query's form: aligned, padded, fp32 or the rows' own integers.
  const int element = static_cast<int>(rows.element);
  base::AlignedArray<std::byte> padded(sizeof(float) * rows.dim);
  std::byte* const query = padded.data();
  for (std::uint64_t i = 0; i < rows.count; ++i) {
    if (IsFloat(rows.element)) {
      kernels.distance.to_float[element](rows.row(i), rows.dim, reinterpret_cast<float*>(query));
    } else {
      std::copy(rows.row(i), rows.row(i) + rows.dim, query);
    }
    float squared_norm = 0;
    kernels.distance.ip[element](query, simd::RowList{rows.row(i), 0, nullptr, 1}, rows.dim, &squared_norm);
    inverse_norms[i] = InverseNorm(squared_norm);
  }
}

}  // namespace elanus::index
