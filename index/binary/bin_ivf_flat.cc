#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "host/base/status_macros.h"
#include "index/binary/binary.h"
#include "index/binary/bit_sections.h"
#include "index/binary/bit_table.h"
#include "index/binary/containment_index.h"
#include "index/binary/distance_index.h"
#include "index/binary/kmajority.h"
#include "index/ivf/lists.h"

namespace elanus::index {
namespace {

std::vector<std::uint64_t> CentroidSectionBytes(const Spec& spec, std::uint64_t nlist) {
  std::vector<std::uint64_t> bytes = {base::GroupsFor(nlist) * base::ColumnGroupBytes(spec.dim)};
  if (!IsContainment(spec.metric)) bytes.push_back(base::GroupsFor(nlist) * base::kGroupRows * sizeof(std::uint32_t));
  return bytes;
}

std::vector<BitList> ToBitLists(const ListView& lists) {
  std::vector<BitList> out;
  for (std::uint32_t l = 0; l < lists.nlist(); ++l) out.push_back({lists.offsets[l], lists.lengths[l]});
  return out;
}

/// The OR of each list's rows, or their AND: what all hits in a list must fit in with.
BitCentroids BoundLists(const BuildRequest& request, absl::Span<const BitList> lists,
                        const std::vector<std::uint32_t>& row_of_slot) {
  const std::size_t row_bytes = RowBytes(request.base.element, request.base.dim);
  const bool all_set = request.metric == Metric::kSubstructure;
  BitCentroids bounds{request.base.dim, {}};
  bounds.bytes.assign(lists.size() * row_bytes, all_set ? std::byte{0} : std::byte{0xFF});
  request.pool->ParallelFor(lists.size(), 8, [&](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t l = begin; l < end && !request.monitor.cancelled(); ++l) {
      std::byte* bound = bounds.bytes.data() + l * row_bytes;
      for (std::uint64_t slot = lists[l].first_group * base::kGroupRows; slot < lists[l].end_slot(); ++slot) {
        const std::byte* row = request.base.row(row_of_slot[slot]);
        for (std::size_t i = 0; i < row_bytes; ++i) bound[i] = all_set ? bound[i] | row[i] : bound[i] & row[i];
      }
    }
  });
  return bounds;
}

/// Adds kCentroids, list l in slot l, and for distances kCentroidPopcounts.
absl::Status WriteCentroids(const BuildRequest& request, const BitCentroids& centroids, Image* image) {
  const base::Vectors rows = centroids.view();
  const BitList all = {0, rows.count};
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> words,
                          image->Add(SectionId::kCentroids, all.groups() * base::ColumnGroupBytes(rows.dim)));
  std::vector<std::uint32_t> slots(rows.count);
  std::iota(slots.begin(), slots.end(), 0u);
  WriteColumns(rows, {&all, 1}, slots, *request.pool, {}, reinterpret_cast<std::uint32_t*>(words.data()));
  if (IsContainment(request.metric)) return absl::OkStatus();
  ELANUS_ASSIGN_OR_RETURN(
      const absl::Span<std::byte> popcounts,
      image->Add(SectionId::kCentroidPopcounts, all.groups() * base::kGroupRows * sizeof(std::uint32_t)));
  const std::vector<std::uint32_t> counted = CountBits(*request.kernels, rows, *request.pool, {});
  std::copy(counted.begin(), counted.end(), reinterpret_cast<std::uint32_t*>(popcounts.data()));
  return absl::OkStatus();
}

absl::StatusOr<BitCoarse> ViewCentroids(const Image& image, std::uint64_t nlist) {
  const BitList all = {0, nlist};
  const std::uint32_t dim = image.spec().dim;
  BitCoarse coarse;
  ELANUS_ASSIGN_OR_RETURN(const auto words, image.Array<std::uint32_t>(SectionId::kCentroids, all.groups() * dim));
  coarse.centroids.words = words.data();
  coarse.centroids.dim = dim;
  if (IsContainment(image.spec().metric)) return coarse;
  ELANUS_ASSIGN_OR_RETURN(const auto popcounts,
                          image.Array<std::uint32_t>(SectionId::kCentroidPopcounts, all.groups() * base::kGroupRows));
  ELANUS_RETURN_IF_ERROR(CheckPopcounts(all, popcounts.data(), dim));
  coarse.group_popcounts = GroupPopcounts(popcounts.data(), all.groups());
  coarse.centroids.popcounts = popcounts.data();
  coarse.centroids.group_popcounts = coarse.group_popcounts.data();
  return coarse;
}

}  // namespace

absl::StatusOr<IndexPlan> PlanBinIvfFlat(const Spec& spec, const BuildParams& params) {
  ELANUS_RETURN_IF_ERROR(CheckLists(spec, params));
  const auto nlist = static_cast<std::uint64_t>(params.nlist);
  const std::uint64_t groups = ListGroups(spec.rows, nlist);
  std::vector<std::uint64_t> sections = BitSectionBytes(spec, groups);
  for (const std::uint64_t bytes : CentroidSectionBytes(spec, nlist)) sections.push_back(bytes);
  for (const std::uint64_t bytes : ListSectionBytes(nlist)) sections.push_back(bytes);
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(sections);
  // Labels, slots, popcounts and keys to sort by; three copies of the centroids while training.
  plan.build_peak_bytes = plan.file_bytes + spec.rows * 16 + groups * base::kGroupRows * 4 + nlist * spec.dim / 8 * 3;
  return plan;
}

absl::StatusOr<Image> BuildBinIvfFlat(const BuildRequest& request) {
  Image image(Spec{Kind::kBinIvfFlat, request.metric, request.base.element, request.base.dim, request.base.count});
  const auto nlist = static_cast<std::uint32_t>(request.params.nlist);
  const BitClusterInput input{request.base, BitCoarseMetric(request.metric), request.kernels, request.pool,
                              request.monitor};
  ELANUS_ASSIGN_OR_RETURN(const BitCentroids centroids,
                          TrainKMajority(input, nlist, static_cast<std::uint64_t>(request.params.seed)));
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> labels, AssignBits(input, centroids));
  ELANUS_ASSIGN_OR_RETURN(std::vector<std::uint32_t> row_of_slot, WriteLists(labels, nlist, &image));
  ELANUS_ASSIGN_OR_RETURN(const ListView view, ViewLists(image));
  const std::vector<BitList> lists = ToBitLists(view);
  ELANUS_RETURN_IF_ERROR(WriteCentroids(
      request, IsContainment(request.metric) ? BoundLists(request, lists, row_of_slot) : centroids, &image));
  ELANUS_RETURN_IF_ERROR(WriteBits(request, lists, std::move(row_of_slot), &image));
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenBinIvfFlat(Image image, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(const ListView lists, ViewLists(image));
  ELANUS_ASSIGN_OR_RETURN(BitCoarse coarse, ViewCentroids(image, lists.nlist()));
  ELANUS_ASSIGN_OR_RETURN(BitView view, ViewBits(image, ToBitLists(lists), lists.slots / base::kGroupRows));
  if (IsContainment(image.spec().metric)) {
    return std::make_unique<BitContainmentIndex>(std::move(image), kernels, std::move(view), coarse.centroids);
  }
  return std::make_unique<BitDistanceIndex>(std::move(image), kernels, std::move(view), std::move(coarse));
}

}  // namespace elanus::index
