// Which rows a search may return.
#ifndef ELANUS_INDEX_FILTER_H_
#define ELANUS_INDEX_FILTER_H_

#include <cstdint>

#include "absl/types/span.h"

namespace elanus::index {

/// A view of a bit set over the rows of one index: row r may be returned when bit r % 64 of bits[r / 64] is set.
/// The words outlive the search. Bits past the last row are zero.
struct RowFilter {
  absl::Span<const std::uint64_t> bits;  // [ceil(rows / 64)]
  std::uint64_t allowed = 0;             // number of set bits

  bool Allows(std::uint32_t row) const { return ((bits[row >> 6] >> (row & 63u)) & 1u) != 0; }
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_FILTER_H_
