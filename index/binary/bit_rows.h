// Rows of bits by column (host/base/layout.h): where they lie, and how they are written.
#ifndef ELANUS_INDEX_BINARY_BIT_ROWS_H_
#define ELANUS_INDEX_BINARY_BIT_ROWS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "host/base/element.h"
#include "host/base/layout.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"

namespace elanus::index {

/// Consecutive slots: whole groups from `first_group` on, of which the first `length` slots hold rows.
struct BitList {
  std::uint64_t first_group = 0;
  std::uint64_t length = 0;

  std::uint64_t groups() const { return base::GroupsFor(length); }
  std::uint64_t end_group() const { return first_group + groups(); }
  std::uint64_t end_slot() const { return first_group * base::kGroupRows + length; }
  std::uint64_t blocks() const { return (groups() + base::kBlockGroups - 1) / base::kBlockGroups; }
};

/// One block of a list: `groups` groups from `first_group` on.
struct BitBlockRef {
  std::uint64_t first_group;
  std::uint32_t groups;
};
inline BitBlockRef BlockOf(const BitList& list, std::uint64_t block) {
  const std::uint64_t begin = block * base::kBlockGroups;
  return {list.first_group + begin,
          static_cast<std::uint32_t>(std::min<std::uint64_t>(base::kBlockGroups, list.groups() - begin))};
}

/// A view of rows by column and what lies beside them; everything outlives it.
struct BitRows {
  const std::uint32_t* words = nullptr;
  std::uint32_t dim = 0;
  const std::uint32_t* row_ids = nullptr;  // by slot; nullptr: slot = row
  /// Set bits of each slot's row, ascending within a list, and of each group's first row; both unused for containment.
  const std::uint32_t* popcounts = nullptr;
  const std::uint32_t* group_popcounts = nullptr;

  /// Groups [begin, end) of one block.
  simd::BitBlock Block(const BitBlockRef& block, std::uint64_t begin, std::uint64_t end) const {
    return {words + block.first_group * dim + (begin - block.first_group), block.groups,
            static_cast<std::size_t>(end - begin)};
  }
  std::uint32_t RowOf(std::uint64_t slot) const {
    return row_ids != nullptr ? row_ids[slot] : static_cast<std::uint32_t>(slot);
  }
};

/// popcounts[row] for every row, in parallel. Stops early when cancelled.
std::vector<std::uint32_t> CountBits(const simd::Kernels& kernels, const base::Vectors& rows, threads::Pool& pool,
                                     const base::Monitor& monitor);

/// Sorts the rows in the slots of each list by (popcount, row). `popcounts`: by row. Memory: 8 bytes a row of the
/// longest lists, one a thread.
void SortByPopcount(absl::Span<const BitList> lists, const std::vector<std::uint32_t>& popcounts, threads::Pool& pool,
                    absl::Span<std::uint32_t> row_of_slot);

/// Writes the columns of all lists to `words` ([groups of all lists] * rows.dim words, zeros before), in parallel.
/// `row_of_slot`: by slot. Advances the monitor by rows; stops early when cancelled.
void WriteColumns(const base::Vectors& rows, absl::Span<const BitList> lists,
                  absl::Span<const std::uint32_t> row_of_slot, threads::Pool& pool, const base::Monitor& monitor,
                  std::uint32_t* words);

/// The numbers of the set bits among the `bytes` bytes at `bits`, ascending.
void ListSetBits(const std::byte* bits, std::size_t bytes, std::vector<std::uint32_t>* set);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BIT_ROWS_H_
