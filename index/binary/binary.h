// BIN_FLAT and BIN_IVF_FLAT: rows of bits, exact or by inverted lists.
//
// Rows lie by column (host/base/layout.h), so a search costs two instructions a set bit of the query and 512 rows, and
// reads only the query's columns; distances come from the counts themselves, so no rows are kept. Metrics with
// distances skip what popcounts rule out (bit_scanner.h). Containment is exact in both kinds (containment_index.h).
// Sections: kCodes; kRowIds and kPopcounts, or kColumnCounts; with lists kListOffsets, kListLengths, kCentroids,
// kCentroidPopcounts.
#ifndef ELANUS_INDEX_BINARY_BINARY_H_
#define ELANUS_INDEX_BINARY_BINARY_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow.
absl::StatusOr<IndexPlan> PlanBinFlat(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildBinFlat(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenBinFlat(Image image, const simd::Kernels& kernels);

/// Lists of k-majority centroids (kmajority.h). Errors: as CheckLists (index/ivf/lists.h).
absl::StatusOr<IndexPlan> PlanBinIvfFlat(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildBinIvfFlat(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenBinIvfFlat(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BINARY_H_
