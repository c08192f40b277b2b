#include "index/ivf/lists.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "host/base/check.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"

namespace elanus::index {

std::uint64_t ListGroups(std::uint64_t rows, std::uint64_t nlist) { return base::GroupsFor(rows) + nlist; }

absl::Status CheckLists(const Spec& spec, const BuildParams& params) {
  const auto nlist = static_cast<std::uint64_t>(params.nlist);
  if (nlist > spec.rows) {
    return absl::InvalidArgumentError(absl::StrCat("param 'nlist' (", nlist, ") should be at most the number of rows (",
                                                   spec.rows, "): set a smaller nlist or use FLAT"));
  }
  const std::uint64_t slots = ListGroups(spec.rows, nlist) * base::kGroupRows;
  if (slots > kNoRow) {
    return absl::InvalidArgumentError(absl::StrCat(spec.rows, " rows in ", nlist, " lists need ", slots,
                                                   " slots, more than ", kNoRow, ": split the rows over two indexes"));
  }
  return absl::OkStatus();
}

std::vector<std::uint64_t> ListSectionBytes(std::uint64_t nlist) {
  return {nlist * sizeof(std::uint32_t), nlist * sizeof(std::uint32_t)};
}

absl::StatusOr<std::vector<std::uint32_t>> WriteLists(absl::Span<const std::uint32_t> labels, std::uint64_t nlist,
                                                      Image* image) {
  const auto add = [&](SectionId id) -> absl::StatusOr<std::uint32_t*> {
    ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bytes, image->Add(id, nlist * sizeof(std::uint32_t)));
    return reinterpret_cast<std::uint32_t*>(bytes.data());
  };
  ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const offsets, add(SectionId::kListOffsets));
  ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const lengths, add(SectionId::kListLengths));
  for (const std::uint32_t label : labels) {
    ELANUS_CHECK(label < nlist);
    ++lengths[label];
  }
  std::vector<std::uint32_t> next(nlist);  // slots
  std::uint64_t group = 0;
  for (std::uint64_t list = 0; list < nlist; ++list) {
    offsets[list] = static_cast<std::uint32_t>(group);
    next[list] = static_cast<std::uint32_t>(group * base::kGroupRows);
    group += base::GroupsFor(lengths[list]);
  }
  std::vector<std::uint32_t> row_of_slot(ListGroups(labels.size(), nlist) * base::kGroupRows, kNoRow);
  for (std::size_t row = 0; row < labels.size(); ++row) {
    row_of_slot[next[labels[row]]++] = static_cast<std::uint32_t>(row);
  }
  return row_of_slot;
}

absl::StatusOr<ListView> ViewLists(const Image& image) {
  const std::uint64_t nlist = image.section(SectionId::kListOffsets).size() / sizeof(std::uint32_t);
  if (nlist < 1 || nlist > static_cast<std::uint64_t>(kListsMax)) {
    return absl::DataLossError(
        absl::StrCat("the index has ", nlist, " lists, which should be in [1, ", kListsMax, "]"));
  }
  ListView view;
  ELANUS_ASSIGN_OR_RETURN(view.offsets, image.Array<std::uint32_t>(SectionId::kListOffsets, nlist));
  ELANUS_ASSIGN_OR_RETURN(view.lengths, image.Array<std::uint32_t>(SectionId::kListLengths, nlist));
  const std::uint64_t groups = ListGroups(image.spec().rows, nlist);
  view.slots = groups * base::kGroupRows;
  std::uint64_t end = 0;
  std::uint64_t rows = 0;
  for (std::uint64_t list = 0; list < nlist; ++list) {
    const std::uint64_t first = view.offsets[list];
    const std::uint64_t count = base::GroupsFor(view.lengths[list]);
    if (first < end || first + count > groups) {
      return absl::DataLossError(absl::StrCat("list ", list, " of ", nlist, " lies in groups [", first, ", ",
                                              first + count, "), outside [", end, ", ", groups, ")"));
    }
    end = first + count;
    rows += view.lengths[list];
  }
  if (rows != image.spec().rows) {
    return absl::DataLossError(absl::StrCat("the lists hold ", rows, " rows, the index ", image.spec().rows));
  }
  return view;
}

absl::Status CheckRowIds(const ListView& lists, const std::uint32_t* row_ids) {
  for (std::uint32_t list = 0; list < lists.nlist(); ++list) {
    const std::uint64_t first = std::uint64_t{lists.offsets[list]} * base::kGroupRows;
    for (std::uint64_t slot = first; slot < first + lists.lengths[list]; ++slot) {
      if (row_ids[slot] == kNoRow) {
        return absl::DataLossError(absl::StrCat("slot ", slot, " of list ", list, " holds no row"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace elanus::index
