// Exact (canonical) distances of queries to row-major rows, in the form results are ordered by.
#ifndef ELANUS_INDEX_MEASURE_H_
#define ELANUS_INDEX_MEASURE_H_

#include <cstdint>

#include "host/base/element.h"
#include "host/simd/kernels.h"
#include "index/query.h"
#include "index/spec.h"

namespace elanus::index {

/// Distances are minimised: squared L2; -<q, x>; -((<q, x> * 1/|q|) * 1/|x|).
class Measure {
 public:
  Measure() = default;
  /// `inverse_norms`: [rows], by row, for cosine; else unused. All outlive the measure.
  Measure(const simd::Kernels& kernels, Metric metric, base::Element element, std::uint32_t dim,
          const float* inverse_norms);

  /// out[i] = distance to row i of `rows` (rows.ids index the inverse norms too). Allocates nothing.
  void operator()(const Query& query, const simd::RowList& rows, float* out) const;

  /// The minimised distance from a kernel's value and the row's inverse norm: the one place with the sign.
  static float FromInnerProduct(Metric metric, float ip, const Query& query, float inverse_norm) {
    return metric == Metric::kCosine ? -((ip * query.inverse_norm) * inverse_norm) : -ip;
  }

 private:
  simd::RowDistances kernel_ = nullptr;
  Metric metric_ = Metric::kL2;
  std::uint32_t dim_ = 0;
  const float* inverse_norms_ = nullptr;
};

/// inverse_norms[i] = InverseNorm(<x_i, x_i>), canonical; what cosine indexes store.
void ComputeInverseNorms(const simd::Kernels& kernels, const base::Vectors& rows, float* inverse_norms);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_MEASURE_H_
