// FLAT: exact search over every row.
//
// The scan reads 8-bit codes and measures exactly what their bounds do not rule out (index/scan/codec.h), so answers
// are exact and a row costs one byte a component instead of four. Sections: kCodes, kBias; float rows: kCodec, kRows;
// cosine: kRowScale.
#ifndef ELANUS_INDEX_FLAT_FLAT_H_
#define ELANUS_INDEX_FLAT_FLAT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "index/kinds.h"

namespace elanus::index {

/// See KindRow.
absl::StatusOr<IndexPlan> PlanFlat(const Spec& spec, const BuildParams& params);
absl::StatusOr<Image> BuildFlat(const BuildRequest& request);
absl::StatusOr<std::unique_ptr<Index>> OpenFlat(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_FLAT_FLAT_H_
