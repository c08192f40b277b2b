// Build and search parameters: names, ranges and defaults as Milvus' clients know them.
#ifndef ELANUS_INDEX_PARAMS_H_
#define ELANUS_INDEX_PARAMS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace elanus::index {

/// Every kind reads the fields its table row names and ignores the rest. Ranges (ParamSpec) are checked by PlanIndex
/// and by every search; what depends on the data, by the kind.
struct BuildParams {
  std::int64_t nlist = 128;            // IVF: inverted lists
  std::int64_t m = 0;                  // IVF_PQ: sub-quantisers; 0: the kind chooses dim / 2 (4 bits), dim / 4 (8 bits)
  std::int64_t nbits = 8;              // IVF_PQ: 4 or 8
  std::int64_t rotate = 0;             // IVF_PQ: 1 trains an orthogonal rotation first
  std::int64_t refine = 1;             // IVF_PQ: 1 keeps the original rows for re-scoring
  std::int64_t sq8_refine = 0;         // IVF_SQ8, "refine": 1 keeps the original rows too and answers as IVF_FLAT does
  std::int64_t M = 30;                 // HNSW: links a node and level (twice that on level 0)
  std::int64_t ef_construction = 360;  // HNSW: candidates kept while inserting
  std::int64_t n_trees = 64;           // ANNOY
  std::int64_t seed = 42;              // every random choice of the build
};

struct SearchParams {
  std::int64_t nprobe = 8;     // IVF: lists visited before the search is extended for lack of rows
  std::int64_t refine_k = 0;   // IVF_PQ: candidates re-scored; 0: 4 * ResultBucket(k) (index.h)
  std::int64_t ef = 0;         // HNSW: candidates kept; 0: ResultBucket(k), at least 64
  std::int64_t search_k = -1;  // ANNOY: rows gathered; -1: ResultBucket(k) * n_trees
};

/// One settable parameter of P. The default is the field's value in a default-constructed P.
template <class P>
struct ParamSpec {
  const char* name;
  std::int64_t P::*field;
  std::int64_t min;
  std::int64_t max;
  const char* help;
};

/// Sets the named fields from text. Only decimal integers are taken ("16", not "16.0" or "true").
/// Errors: kInvalidArgument naming the parameter, the value, and the range or the known names; `params` is unchanged
/// then.
template <class P>
absl::Status SetParams(absl::Span<const ParamSpec<P>> specs,
                       absl::Span<const std::pair<std::string, std::string>> values, P* params);

/// Errors: kInvalidArgument naming the first of the named parameters whose value is out of range, and the range.
template <class P>
absl::Status CheckParams(absl::Span<const ParamSpec<P>> specs, const P& params);

extern template absl::Status CheckParams<BuildParams>(absl::Span<const ParamSpec<BuildParams>>, const BuildParams&);
extern template absl::Status CheckParams<SearchParams>(absl::Span<const ParamSpec<SearchParams>>, const SearchParams&);
extern template absl::Status SetParams<BuildParams>(absl::Span<const ParamSpec<BuildParams>>,
                                                    absl::Span<const std::pair<std::string, std::string>>,
                                                    BuildParams*);
extern template absl::Status SetParams<SearchParams>(absl::Span<const ParamSpec<SearchParams>>,
                                                     absl::Span<const std::pair<std::string, std::string>>,
                                                     SearchParams*);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_PARAMS_H_
