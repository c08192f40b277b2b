// Queries in the form the scans want: checked, converted, padded, with their norms.
#ifndef ELANUS_INDEX_QUERY_H_
#define ELANUS_INDEX_QUERY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "host/base/aligned.h"
#include "host/base/element.h"
#include "host/simd/kernels.h"
#include "index/spec.h"

namespace elanus::index {

/// One prepared query. Pointers are 64-byte aligned, zero-padded to a multiple of 64 bytes, owned by the QueryBlock.
struct Query {
  const float* values = nullptr;      // [dim] as fp32; null for bits
  const std::byte* native = nullptr;  // what simd::RowDistances takes for the index's rows: `values` for float rows,
                                      // int8/uint8/bits of the rows' own type otherwise
  float inverse_norm = 0;             // 1 / sqrt(<q, q>), 0 for a zero vector; not set for bits
  std::uint32_t popcount = 0;         // bits: number of set ones
};

/// 1 / sqrt of a canonical squared norm; 0 for 0. The one definition of normalisation.
float InverseNorm(float squared_norm);

/// Errors: kInvalidArgument naming the row unless the bits after the dimension in its last byte are zero: they would be
/// counted by no one, and mean that the dimension is wrong. `what`: "query", "base row". `row`: the bits; `number`:
/// what the error calls it.
absl::Status CheckPadBits(const std::byte* row, std::uint32_t dim, absl::string_view what, std::uint64_t number);

/// Owns prepared queries. Move-only; reusable to keep its memory.
class QueryBlock {
 public:
  /// Prepares `queries` for an index of `spec`. Float rows take any float or integer query; int8 and uint8 rows take
  /// integers, and floats whose values are integers in range; bits take bits. Errors number queries from `first_query`.
  /// Errors: kInvalidArgument naming the query row, component and value for NaN, infinity, and what does not convert
  /// without loss, or bits set beyond the dimension; for a wrong dimension or element type, both of them.
  absl::Status Prepare(const base::Vectors& queries, const Spec& spec, const simd::Kernels& kernels,
                       std::uint64_t first_query = 0);

  absl::Span<const Query> queries() const { return queries_; }

 private:
  std::vector<Query> queries_;
  base::AlignedArray<std::byte> storage_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_QUERY_H_
