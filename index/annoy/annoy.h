// ANNOY: a forest of random hyperplane trees. The rows of the leaves nearest to a query are gathered from all trees in
// order of margin (Bernhardsson, github.com/spotify/annoy), then measured by the bounded 8-bit scan. Rows are stored in
// the leaf order of the first tree, so that what is gathered together lies together.
// Sections: kCodes (row-major), kBias, kRowIds; float rows: kCodec, kRows; cosine: kRowScale; kTrees, kTreeCuts,
// kTreeItems (forest.h).
#ifndef ELANUS_INDEX_ANNOY_ANNOY_H_
#define ELANUS_INDEX_ANNOY_ANNOY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow.
absl::StatusOr<IndexPlan> PlanAnnoy(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildAnnoy(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenAnnoy(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_ANNOY_ANNOY_H_
