#include "index/binary/bit_sections.h"

#include <bit>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "index/binary/bit_table.h"

namespace elanus::index {
namespace {

bool HasRowIds(const Spec& spec) { return spec.kind != Kind::kBinFlat || !IsContainment(spec.metric); }

absl::StatusOr<std::uint32_t*> AddWords(Image* image, SectionId id, std::uint64_t count) {
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bytes, image->Add(id, count * sizeof(std::uint32_t)));
  return reinterpret_cast<std::uint32_t*>(bytes.data());
}

/// counts[d] = rows with bit d set, from the columns.
void CountColumns(const simd::Kernels& kernels, const BitRows& rows, absl::Span<const BitList> lists,
                  threads::Pool& pool, std::uint32_t* counts) {
  pool.ParallelFor(rows.dim, 64, [&](std::uint64_t begin, std::uint64_t end) {
    for (const BitList& list : lists) {
      for (std::uint64_t b = 0; b < list.blocks(); ++b) {
        const BitBlockRef ref = BlockOf(list, b);
        const simd::BitBlock block = rows.Block(ref, ref.first_group, ref.first_group + ref.groups);
        for (std::uint64_t d = begin; d < end; ++d) {
          counts[d] += kernels.bits.popcount(reinterpret_cast<const std::uint8_t*>(block.words + d * block.stride),
                                             block.count * sizeof(std::uint32_t));
        }
      }
    }
  });
}

absl::Status CheckRows(const BitList& list, const std::uint32_t* row_ids, std::uint64_t rows) {
  for (std::uint64_t slot = list.first_group * base::kGroupRows; slot < list.end_slot(); ++slot) {
    if (row_ids[slot] < rows) continue;
    return absl::DataLossError(
        absl::StrCat("slot ", slot, " holds row ", row_ids[slot], ", the index has ", rows, " rows"));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<std::uint64_t> BitSectionBytes(const Spec& spec, std::uint64_t groups) {
  const std::uint64_t slots = groups * base::kGroupRows;
  std::vector<std::uint64_t> bytes = {groups * base::ColumnGroupBytes(spec.dim)};
  if (HasRowIds(spec)) bytes.push_back(slots * sizeof(std::uint32_t));
  bytes.push_back((IsContainment(spec.metric) ? spec.dim : slots) * sizeof(std::uint32_t));
  return bytes;
}

absl::Status WriteBits(const BuildRequest& request, absl::Span<const BitList> lists,
                       std::vector<std::uint32_t> row_of_slot, Image* image) {
  const Spec& spec = image->spec();
  const std::uint64_t slots = row_of_slot.size();
  request.monitor.Stage("write columns", spec.rows);
  if (!IsContainment(spec.metric)) {
    const std::vector<std::uint32_t> popcounts =
        CountBits(*request.kernels, request.base, *request.pool, request.monitor);
    ELANUS_RETURN_IF_ERROR(request.monitor.Check());
    SortByPopcount(lists, popcounts, *request.pool, absl::MakeSpan(row_of_slot));
    ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const out, AddWords(image, SectionId::kPopcounts, slots));
    for (std::uint64_t slot = 0; slot < slots; ++slot) {
      if (row_of_slot[slot] != kNoRow) out[slot] = popcounts[row_of_slot[slot]];
    }
  }
  ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const words,
                          AddWords(image, SectionId::kCodes, slots / base::kGroupRows * spec.dim));
  WriteColumns(request.base, lists, row_of_slot, *request.pool, request.monitor, words);
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  if (IsContainment(spec.metric)) {
    ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const counts, AddWords(image, SectionId::kColumnCounts, spec.dim));
    CountColumns(*request.kernels, {words, spec.dim}, lists, *request.pool, counts);
  }
  if (HasRowIds(spec)) {
    ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const row_ids, AddWords(image, SectionId::kRowIds, slots));
    std::copy(row_of_slot.begin(), row_of_slot.end(), row_ids);
  }
  return absl::OkStatus();
}

absl::StatusOr<BitView> ViewBits(const Image& image, std::vector<BitList> lists, std::uint64_t groups) {
  const Spec& spec = image.spec();
  const std::uint64_t slots = groups * base::kGroupRows;
  BitView view;
  view.rows.dim = spec.dim;
  ELANUS_ASSIGN_OR_RETURN(const auto words, image.Array<std::uint32_t>(SectionId::kCodes, groups * spec.dim));
  view.rows.words = words.data();
  if (HasRowIds(spec)) {
    ELANUS_ASSIGN_OR_RETURN(const auto row_ids, image.Array<std::uint32_t>(SectionId::kRowIds, slots));
    for (const BitList& list : lists) ELANUS_RETURN_IF_ERROR(CheckRows(list, row_ids.data(), spec.rows));
    view.rows.row_ids = row_ids.data();
  }
  if (IsContainment(spec.metric)) {
    ELANUS_ASSIGN_OR_RETURN(view.column_counts, image.Array<std::uint32_t>(SectionId::kColumnCounts, spec.dim));
  } else {
    ELANUS_ASSIGN_OR_RETURN(const auto popcounts, image.Array<std::uint32_t>(SectionId::kPopcounts, slots));
    for (const BitList& list : lists) ELANUS_RETURN_IF_ERROR(CheckPopcounts(list, popcounts.data(), spec.dim));
    view.group_popcounts = GroupPopcounts(popcounts.data(), groups);
    view.rows.popcounts = popcounts.data();
    view.rows.group_popcounts = view.group_popcounts.data();
  }
  view.lists = std::move(lists);
  return view;
}

absl::Status CheckPopcounts(const BitList& list, const std::uint32_t* popcounts, std::uint32_t dim) {
  std::uint32_t before = 0;
  for (std::uint64_t slot = list.first_group * base::kGroupRows; slot < list.end_slot(); ++slot) {
    if (popcounts[slot] < before || popcounts[slot] > dim) {
      return absl::DataLossError(absl::StrCat("the row in slot ", slot, " has ", popcounts[slot],
                                              " set bits, expected ", before, " to ", dim));
    }
    before = popcounts[slot];
  }
  return absl::OkStatus();
}

}  // namespace elanus::index
