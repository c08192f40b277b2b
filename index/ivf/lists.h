// Inverted lists: rows sorted by their nearest centroid, each list in whole groups of 32 slots.
#ifndef ELANUS_INDEX_IVF_LISTS_H_
#define ELANUS_INDEX_IVF_LISTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "index/image.h"
#include "index/index.h"
#include "index/spec.h"

namespace elanus::index {

inline constexpr std::int64_t kListsMax = 65'536;

/// Groups that all lists together get, fixed before the build so that sizes are known: ceil(rows / 32) + nlist, which
/// always suffices. The groups that the lists leave over lie at the end.
std::uint64_t ListGroups(std::uint64_t rows, std::uint64_t nlist);

/// Errors: kInvalidArgument when there are more lists than rows, or more slots than 32 bits count, naming both.
absl::Status CheckLists(const Spec& spec, const BuildParams& params);

/// Bytes of the sections that WriteLists adds.
std::vector<std::uint64_t> ListSectionBytes(std::uint64_t nlist);

/// Lays the lists out one after another, list 0 first, rows ascending within a list, adds kListOffsets and
/// kListLengths, and returns the row of each slot: [ListGroups * 32], kNoRow for empty ones.
/// `labels`: [rows], the list of each row, below `nlist`. Errors: kResourceExhausted.
absl::StatusOr<std::vector<std::uint32_t>> WriteLists(absl::Span<const std::uint32_t> labels, std::uint64_t nlist,
                                                      Image* image);

/// Where the lists lie. A view of an image's sections.
struct ListView {
  absl::Span<const std::uint32_t> offsets;  // [nlist] first group
  absl::Span<const std::uint32_t> lengths;  // [nlist] rows
  std::uint64_t slots = 0;                  // of all groups

  std::uint32_t nlist() const { return static_cast<std::uint32_t>(offsets.size()); }
};

/// Errors: kDataLoss naming the list unless every list lies inside the groups that its image must have, none overlap,
/// and their lengths add up to all rows.
absl::StatusOr<ListView> ViewLists(const Image& image);

/// Errors: kDataLoss naming the list and slot unless every slot that a list uses holds a row.
/// `row_ids`: [lists.slots], each a row or kNoRow.
absl::Status CheckRowIds(const ListView& lists, const std::uint32_t* row_ids);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_IVF_LISTS_H_
