#include <numeric>
#include <utility>
#include <vector>

#include "host/base/status_macros.h"
#include "index/binary/binary.h"
#include "index/binary/bit_sections.h"
#include "index/binary/containment_index.h"
#include "index/binary/distance_index.h"

namespace elanus::index {

absl::StatusOr<IndexPlan> PlanBinFlat(const Spec& spec, const BuildParams&) {
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(BitSectionBytes(spec, base::GroupsFor(spec.rows)));
  plan.build_peak_bytes = plan.file_bytes + spec.rows * 16;  // slots, popcounts, keys to sort by
  return plan;
}

absl::StatusOr<Image> BuildBinFlat(const BuildRequest& request) {
  Image image(Spec{Kind::kBinFlat, request.metric, request.base.element, request.base.dim, request.base.count});
  const BitList all = {0, request.base.count};
  std::vector<std::uint32_t> row_of_slot(all.groups() * base::kGroupRows, kNoRow);
  std::iota(row_of_slot.begin(), row_of_slot.begin() + static_cast<std::ptrdiff_t>(all.length), 0u);
  ELANUS_RETURN_IF_ERROR(WriteBits(request, {&all, 1}, std::move(row_of_slot), &image));
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenBinFlat(Image image, const simd::Kernels& kernels) {
  const BitList all = {0, image.spec().rows};
  ELANUS_ASSIGN_OR_RETURN(BitView view, ViewBits(image, {all}, all.groups()));
  if (IsContainment(image.spec().metric)) {
    return std::make_unique<BitContainmentIndex>(std::move(image), kernels, std::move(view), BitRows());
  }
  return std::make_unique<BitDistanceIndex>(std::move(image), kernels, std::move(view), std::nullopt);
}

}  // namespace elanus::index
