#include "index/binary/bit_rows.h"

#include <bit>
#include <cstring>

namespace elanus::index {
namespace {

constexpr std::uint64_t kRowsPerPiece = 4096;

/// Bit j of word i becomes bit i of word j (Warren: Hacker's Delight, 2nd edition, section 7-3).
void Transpose32(std::uint32_t (&a)[32]) {
  std::uint32_t mask = 0x0000FFFF;
  for (std::uint32_t width = 16; width != 0; width >>= 1, mask ^= mask << width) {
    for (std::uint32_t k = 0; k < 32; k = (k + width + 1) & ~width) {
      const std::uint32_t swap = ((a[k] >> width) ^ a[k + width]) & mask;
      a[k] ^= swap << width;
      a[k + width] ^= swap;
    }
  }
}

/// Writes the columns of up to 32 rows: word d * stride of `words` gets column d.
void WriteGroup(const base::Vectors& rows, absl::Span<const std::uint32_t> group, std::size_t stride,
                std::uint32_t* words) {
  const std::size_t row_bytes = RowBytes(rows.element, rows.dim);
  for (std::uint32_t first = 0; first < rows.dim; first += 32) {
    std::uint32_t square[32] = {};
    const std::size_t bytes = std::min<std::size_t>(4, row_bytes - first / 8);
    for (std::size_t i = 0; i < group.size(); ++i) std::memcpy(&square[i], rows.row(group[i]) + first / 8, bytes);
    Transpose32(square);
    const std::uint32_t columns = std::min(32u, rows.dim - first);
    for (std::uint32_t d = 0; d < columns; ++d) words[(first + d) * stride] = square[d];
  }
}

}  // namespace

std::vector<std::uint32_t> CountBits(const simd::Kernels& kernels, const base::Vectors& rows, threads::Pool& pool,
                                     const base::Monitor& monitor) {
  std::vector<std::uint32_t> popcounts(rows.count);
  const std::size_t row_bytes = RowBytes(rows.element, rows.dim);
  pool.ParallelFor(rows.count, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    if (monitor.cancelled()) return;
    for (std::uint64_t row = begin; row < end; ++row) {
      popcounts[row] = kernels.bits.popcount(reinterpret_cast<const std::uint8_t*>(rows.row(row)), row_bytes);
    }
  });
  return popcounts;
}

void SortByPopcount(absl::Span<const BitList> lists, const std::vector<std::uint32_t>& popcounts, threads::Pool& pool,
                    absl::Span<std::uint32_t> row_of_slot) {
  pool.ParallelFor(lists.size(), 16, [&](std::uint64_t begin, std::uint64_t end) {
    std::vector<std::uint64_t> keys;
    for (const BitList& list : lists.subspan(begin, end - begin)) {
      const auto rows = row_of_slot.subspan(list.first_group * base::kGroupRows, list.length);
      keys.clear();
      for (const std::uint32_t row : rows) keys.push_back(std::uint64_t{popcounts[row]} << 32 | row);
      std::sort(keys.begin(), keys.end());
      for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::uint32_t>(keys[i]);
    }
  });
}

void WriteColumns(const base::Vectors& rows, absl::Span<const BitList> lists,
                  absl::Span<const std::uint32_t> row_of_slot, threads::Pool& pool, const base::Monitor& monitor,
                  std::uint32_t* words) {
  struct Piece {
    BitBlockRef block;
    std::uint64_t end_slot;
  };
  std::vector<Piece> pieces;
  for (const BitList& list : lists) {
    for (std::uint64_t block = 0; block < list.blocks(); ++block) {
      pieces.push_back({BlockOf(list, block), list.end_slot()});
    }
  }
  pool.ParallelFor(pieces.size(), 4, [&](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t p = begin; p < end && !monitor.cancelled(); ++p) {
      const auto [block, end_slot] = pieces[p];
      std::uint64_t written = 0;
      for (std::uint32_t g = 0; g < block.groups; ++g) {
        const std::uint64_t slot = (block.first_group + g) * base::kGroupRows;
        const std::uint64_t count = std::min<std::uint64_t>(base::kGroupRows, end_slot - slot);
        WriteGroup(rows, row_of_slot.subspan(slot, count), block.groups, words + block.first_group * rows.dim + g);
        written += count;
      }
      monitor.Advance(written);
    }
  });
}

void ListSetBits(const std::byte* bits, std::size_t bytes, std::vector<std::uint32_t>* set) {
  set->clear();
  for (std::size_t at = 0; at < bytes; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bits + at, std::min<std::size_t>(8, bytes - at));
    for (; word != 0; word &= word - 1) {
      set->push_back(static_cast<std::uint32_t>(at * 8) + static_cast<std::uint32_t>(std::countr_zero(word)));
    }
  }
}

}  // namespace elanus::index
