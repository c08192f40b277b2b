#include "index/ivf/coarse.h"

#include <cstddef>
#include <cstring>
#include <utility>

#include "host/base/status_macros.h"
#include "index/cluster/kmeans.h"

namespace elanus::index {
namespace {

std::size_t CentroidStride(const Spec& spec) { return (sizeof(float) * spec.dim + 63) / 64 * 64; }

base::Vectors CentroidRows(const Spec& spec, const std::byte* data, std::uint64_t nlist) {
  return {data, nlist, spec.dim, base::Element::kF32, CentroidStride(spec)};
}

}  // namespace

std::vector<std::uint64_t> CoarseSectionBytes(const Spec& spec, std::uint64_t nlist) {
  return {nlist * CentroidStride(spec), CentroidTable::CodedBytes(nlist, spec.dim)};
}

absl::StatusOr<std::vector<std::uint32_t>> TrainCoarse(const BuildRequest& request, Image* image) {
  const Spec& spec = image->spec();
  const auto nlist = static_cast<std::uint32_t>(request.params.nlist);
  const ClusterInput input{request.base, request.metric, request.kernels, request.pool, request.monitor};
  ELANUS_ASSIGN_OR_RETURN(
      const std::vector<float> centroids,
      TrainKMeans(input, {.clusters = nlist, .seed = static_cast<std::uint64_t>(request.params.seed)}));
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> rows,
                          image->Add(SectionId::kCentroids, nlist * CentroidStride(spec)));
  for (std::uint32_t c = 0; c < nlist; ++c) {
    std::memcpy(rows.data() + c * CentroidStride(spec), centroids.data() + std::size_t{c} * spec.dim,
                sizeof(float) * spec.dim);
  }
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> coded,
                          image->Add(SectionId::kCentroidCodes, CentroidTable::CodedBytes(nlist, spec.dim)));
  CentroidTable::Encode(*request.kernels, CoarseMetric(spec.metric), CentroidRows(spec, rows.data(), nlist),
                        *request.pool, coded);
  return AssignRows(input, centroids);
}

absl::StatusOr<CentroidTable> ViewCoarse(const Image& image, const simd::Kernels& kernels, std::uint64_t nlist) {
  const Spec& spec = image.spec();
  ELANUS_ASSIGN_OR_RETURN(const auto rows, image.Array<std::byte>(SectionId::kCentroids, nlist * CentroidStride(spec)));
  ELANUS_ASSIGN_OR_RETURN(
      const auto coded, image.Array<std::byte>(SectionId::kCentroidCodes, CentroidTable::CodedBytes(nlist, spec.dim)));
  return CentroidTable::View(kernels, CoarseMetric(spec.metric), CentroidRows(spec, rows.data(), nlist), coded);
}

}  // namespace elanus::index
