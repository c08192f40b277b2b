// A searchable copy of a few bit rows, in memory of its own: the centroids while they are trained and assigned to.
#ifndef ELANUS_INDEX_BINARY_BIT_TABLE_H_
#define ELANUS_INDEX_BINARY_BIT_TABLE_H_

#include <cstdint>
#include <vector>

#include "host/base/element.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/binary/bit_rows.h"
#include "index/binary/bit_scanner.h"

namespace elanus::index {

/// Immutable; const calls are safe from many threads. Movable.
class BitTable {
 public:
  /// Copies `rows`, which are bits. Memory: 4 bytes a column and 32 rows, 8 bytes a row.
  BitTable(const simd::Kernels& kernels, const base::Vectors& rows, threads::Pool& pool);

  /// The rows by column, sorted by popcount; row_ids are row numbers. One list of all of them.
  BitRows view() const;
  const BitList& list() const { return list_; }

 private:
  std::uint32_t dim_;
  BitList list_;
  std::vector<std::uint32_t> words_, row_ids_, popcounts_, group_popcounts_;
};

/// popcounts[32 g] of every group g.
std::vector<std::uint32_t> GroupPopcounts(const std::uint32_t* popcounts, std::uint64_t groups);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BIT_TABLE_H_
