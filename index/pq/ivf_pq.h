// IVF_PQ: inverted lists of product-quantised residuals, scanned with look-up tables, the best re-scored.
//
// A row x of list c is kept as the codes of its residual r = R (x - c), R the rotation if there is one. With r^ the
// decoded residual,   L2: |q - c - r^|^2 = |q - c|^2 + (|r^|^2 + 2 <Rc, r^>) - 2 <Rq, r^>,   IP: -<q, c> - <Rq, r^>:
// a number a list, a stored number a row (kBias), and a table that depends on the query alone, made once for all lists.
// The refine_k rows with the smallest estimates are measured exactly, on the originals (refine=1) or on what the codes
// stand for (refine=0).
//
// Sections: those of the lists (index/ivf), kCodebooks (PqHeader, then floats), kRotation, kCodes (G32N4 for 4 bits,
// G32C16 for 8), kBias, kRowIds; refine=1: kRows, and for cosine kRowScale.
#ifndef ELANUS_INDEX_PQ_IVF_PQ_H_
#define ELANUS_INDEX_PQ_IVF_PQ_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow.
absl::StatusOr<IndexPlan> PlanIvfPq(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildIvfPq(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenIvfPq(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_PQ_IVF_PQ_H_
