// IVF_FLAT and IVF_SQ8: rows in inverted lists around k-means centroids, scanned by 8-bit codes.
//
// A search visits the nprobe lists whose centroids are nearest, and further ones in that order while it has found
// fewer than min(k, matches) rows. A range search visits nprobe lists and is exact within them. nprobe above nlist
// means all lists; IVF_FLAT then answers as FLAT does.
//
// IVF_FLAT: the codes decide what is measured, distances are to the original rows (integer rows: the codes are the
// rows). IVF_SQ8: float rows are kept as their codes alone, and distances are to the vectors these stand for: one byte
// a component, minimum to maximum of each over all rows in 256 steps. With refine it keeps the rows as well and
// answers as IVF_FLAT does.
// Source: Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor Search, TPAMI 2011, section 4 (lists).
#ifndef ELANUS_INDEX_IVF_IVF_H_
#define ELANUS_INDEX_IVF_IVF_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow.
absl::StatusOr<IndexPlan> PlanIvf(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildIvfFlat(const BuildRequest& request);
absl::StatusOr<Image> BuildIvfSq8(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenIvf(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_IVF_IVF_H_
