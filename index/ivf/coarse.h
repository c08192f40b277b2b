// The coarse quantiser of the inverted-file kinds: which lists a query visits, in which order.
#ifndef ELANUS_INDEX_IVF_COARSE_H_
#define ELANUS_INDEX_IVF_COARSE_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/simd/kernels.h"
#include "index/cluster/centroids.h"
#include "index/image.h"
#include "index/index.h"
#include "index/spec.h"

namespace elanus::index {

/// What lists are ranked by: squared L2 distance to the centroid for kL2; for kIp the inner product with it, which is
/// the mean inner product with the list's rows; likewise for kCosine, whose centroids have length 1.
constexpr Metric CoarseMetric(Metric metric) { return metric == Metric::kL2 ? Metric::kL2 : Metric::kIp; }

/// Bytes of the sections that TrainCoarse adds.
std::vector<std::uint64_t> CoarseSectionBytes(const Spec& spec, std::uint64_t nlist);

/// Trains `request.params.nlist` centroids, adds kCentroids and kCentroidCodes, and returns the list of each base row:
/// [rows]. L2, IP: the nearest centroid; cosine: the one at the smallest angle. Errors: kCancelled, kResourceExhausted.
absl::StatusOr<std::vector<std::uint32_t>> TrainCoarse(const BuildRequest& request, Image* image);

/// The trained centroids as a table that ranks lists. Errors: kDataLoss.
absl::StatusOr<CentroidTable> ViewCoarse(const Image& image, const simd::Kernels& kernels, std::uint64_t nlist);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_IVF_COARSE_H_
