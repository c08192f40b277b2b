// Writes and reads the sections that bit rows need. Shared by BIN_FLAT and BIN_IVF_FLAT.
#ifndef ELANUS_INDEX_BINARY_BIT_SECTIONS_H_
#define ELANUS_INDEX_BINARY_BIT_SECTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "index/binary/bit_rows.h"
#include "index/image.h"
#include "index/index.h"
#include "index/spec.h"

namespace elanus::index {

/// Substructure and Superstructure: their rows lie in row order, because their hits come in row order. The rows of
/// metrics with distances lie in the order of their popcounts.
constexpr bool IsContainment(Metric metric) {
  return metric == Metric::kSubstructure || metric == Metric::kSuperstructure;
}

/// Bytes of each section that WriteBits adds. `groups`: of all lists.
std::vector<std::uint64_t> BitSectionBytes(const Spec& spec, std::uint64_t groups);

/// Sorts the slots of each list as the metric wants (containment: leaves them), and adds kCodes, and for distances
/// kRowIds and kPopcounts; for containment kColumnCounts, and kRowIds unless the kind is BIN_FLAT.
/// `row_of_slot`: [groups * 32], kNoRow for empty slots, rows ascending within a list.
/// Errors: kCancelled, kResourceExhausted.
absl::Status WriteBits(const BuildRequest& request, absl::Span<const BitList> lists,
                       std::vector<std::uint32_t> row_of_slot, Image* image);

/// What a search needs of these sections. Movable: `rows` points into the image and into the vectors' memory.
struct BitView {
  BitRows rows;
  std::vector<BitList> lists;
  std::vector<std::uint32_t> group_popcounts;
  absl::Span<const std::uint32_t> column_counts;  // containment: rows that have each bit set
};
/// Errors: kDataLoss for a missing or wrongly sized section, a slot of a list that holds no row, or popcounts that do
/// not ascend within a list or exceed the dimension. Time: one look at every slot.
absl::StatusOr<BitView> ViewBits(const Image& image, std::vector<BitList> lists, std::uint64_t groups);

/// Errors: kDataLoss naming the slot unless the popcounts ascend within the list and none exceeds `dim`.
absl::Status CheckPopcounts(const BitList& list, const std::uint32_t* popcounts, std::uint32_t dim);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BIT_SECTIONS_H_
