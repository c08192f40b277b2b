#include <bit>

#include "host/base/layout.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

/// Bits of the largest count.
constexpr int kPlanesMax = std::bit_width(base::kBitsMax);

/// Bit-sliced counters: bit r of planes[b][w] is bit b of the count of row 32 w + r. Counting is adding columns, 32
/// rows a word (O'Neil, Quass: Improved Query Performance with Variant Indexes, SIGMOD 1997, section 4).
struct Counters {
  std::uint32_t planes[kPlanesMax][base::kBlockGroups] = {};

  void Add(const std::uint32_t* column, std::size_t words, int plane_count) {
    std::uint32_t carry[base::kBlockGroups];
    for (std::size_t w = 0; w < words; ++w) carry[w] = column[w];
    for (int b = 0; b < plane_count; ++b) {
      for (std::size_t w = 0; w < words; ++w) {
        const std::uint32_t both = planes[b][w] & carry[w];
        planes[b][w] ^= carry[w];
        carry[w] = both;
      }
    }
  }

  /// Rows of word w whose count is at least `limit`.
  std::uint32_t AtLeast(std::size_t w, std::uint32_t limit, int plane_count) const {
    if (limit >> plane_count != 0) return 0;
    std::uint32_t passing = ~std::uint32_t{0};
    for (int b = 0; b < plane_count; ++b) {
      passing = (limit >> b & 1) != 0 ? planes[b][w] & passing : planes[b][w] | passing;
    }
    return passing;
  }

  std::uint32_t CountOf(std::size_t w, std::uint32_t row, int plane_count) const {
    std::uint32_t count = 0;
    for (int b = 0; b < plane_count; ++b) count |= (planes[b][w] >> row & 1) << b;
    return count;
  }
};

std::size_t SelectCounts(const BitBlock& block, const std::uint32_t* columns, std::size_t count,
                         const std::uint32_t* at_least, std::uint32_t* rows, std::uint32_t* counts) {
  const auto plane_count = static_cast<int>(std::bit_width(count));
  Counters counters;
  for (std::size_t i = 0; i < count; ++i) {
    counters.Add(block.words + columns[i] * block.stride, block.count, plane_count);
  }
  std::size_t found = 0;
  for (std::size_t w = 0; w < block.count; ++w) {
    std::uint32_t passing = counters.AtLeast(w, at_least[w], plane_count);
    for (; passing != 0; passing &= passing - 1) {
      const auto row = static_cast<std::uint32_t>(std::countr_zero(passing));
      rows[found] = static_cast<std::uint32_t>(w) * base::kGroupRows + row;
      counts[found++] = counters.CountOf(w, row, plane_count);
    }
  }
  return found;
}

std::size_t SelectAll(const BitBlock& block, const std::uint32_t* columns, std::size_t count, bool set,
                      std::uint32_t* rows) {
  const std::uint32_t flip = set ? 0 : ~std::uint32_t{0};
  std::size_t found = 0;
  for (std::size_t w = 0; w < block.count; ++w) {
    std::uint32_t passing = ~std::uint32_t{0};
    for (std::size_t i = 0; i < count && passing != 0; ++i) {
      passing &= block.words[columns[i] * block.stride + w] ^ flip;
    }
    for (; passing != 0; passing &= passing - 1) {
      rows[found++] =
          static_cast<std::uint32_t>(w) * base::kGroupRows + static_cast<std::uint32_t>(std::countr_zero(passing));
    }
  }
  return found;
}

}  // namespace

constinit const ColumnKernels kColumnsScalar = {
    .select_counts = SelectCounts,
    .select_all = SelectAll,
};

}  // namespace elanus::simd
