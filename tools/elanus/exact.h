// Exact distances of some rows to some queries, straight from the vectors.
#ifndef ELANUS_TOOLS_ELANUS_EXACT_H_
#define ELANUS_TOOLS_ELANUS_EXACT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "host/base/element.h"
#include "host/simd/kernels.h"
#include "index/query.h"
#include "index/spec.h"

namespace elanus::tools {

/// Canonical distances, bit for bit those of an exact index. One thread.
class ExactDistances {
 public:
  /// `base` and `queries` are of one dimension and go with the metric (see CheckMetric); they outlive it.
  ExactDistances(const base::Vectors& base, const base::Vectors& queries, index::Metric metric,
                 const simd::Kernels& kernels);

  /// out[i] = minimised distance (similarities negated) of row ids[i] < base.count to query `query`.
  /// Errors: kInvalidArgument for NaN, infinity, and a query that does not convert to the base's element type.
  absl::Status Measure(std::uint64_t query, absl::Span<const std::uint32_t> ids, std::vector<float>* out);

 private:
  float BitsDistance(const index::Query& query, std::uint32_t id) const;

  base::Vectors base_;
  base::Vectors queries_;
  index::Spec spec_;
  const simd::Kernels& kernels_;
  index::QueryBlock block_;
};

/// kInvalidArgument unless an exact index of `base` by `metric` is possible and `queries` have its dimension.
absl::Status CheckMetric(const base::Vectors& base, const base::Vectors& queries, index::Metric metric);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_EXACT_H_
