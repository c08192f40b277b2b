// HNSW: hierarchical navigable small world graphs (Malkov and Yashunin, arXiv:1603.09320).
//
// A search walks from near node to nearer node over 8-bit codes (index/hnsw/codec.h) and, where these are lossy,
// measures what it found exactly. Results are min(k, matches) whatever ef and the filter: where a walk would cost more
// than measuring every allowed row, or came up short, the allowed rows are scanned exactly.
//
// Rows with equal codes are one node of the graph, with the others chained to it: groups of equal rows cost neither
// links nor candidates, and are found whole.
//
// The build inserts rows in batches: the rows of a batch search the graph as it was before, in parallel; then their
// reverse links are added grouped by target, in parallel (Manohar et al.: ParlayANN, PPoPP 2024, section 3). Batches
// hold at most a fiftieth of the graph. So the bytes do not depend on the number of threads.
#ifndef ELANUS_INDEX_HNSW_HNSW_H_
#define ELANUS_INDEX_HNSW_HNSW_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/hnsw/params.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow. Reads M, efConstruction and seed.
absl::StatusOr<IndexPlan> PlanHnsw(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildHnsw(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenHnsw(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_HNSW_H_
