// Private to the distance and scan files of every level: the walk over a RowList. Internal linkage, see tables.h.
#ifndef ELANUS_HOST_SIMD_ROWS_H_
#define ELANUS_HOST_SIMD_ROWS_H_

#include <cstddef>
#include <cstdint>

#include "host/simd/kernels.h"

namespace elanus::simd {
namespace {

constexpr std::size_t kLineBytes = 64;
constexpr std::size_t kPrefetchRows = 8;       // how far ahead of their use rows picked by id are asked for
constexpr std::size_t kPrefetchBytes = 2'048;  // of a row; the processor's own prefetcher follows a longer one

inline const std::byte* RowAt(const RowList& rows, std::size_t i) {
  return rows.base + (rows.ids != nullptr ? rows.ids[i] : i) * rows.stride;
}

/// Rows i..i+3; past the end the last row again, whose result the caller drops.
struct FourRows {
  FourRows(const RowList& rows, std::size_t i) {
    for (std::size_t r = 0; r < 4; ++r) row[r] = RowAt(rows, i + r < rows.count ? i + r : rows.count - 1);
  }
  const std::byte* row[4];
};

inline void PrefetchRows(const RowList& rows, std::size_t begin, std::size_t end, std::size_t bytes) {
  for (std::size_t i = begin; i < end && i < rows.count; ++i) {
    const std::byte* row = RowAt(rows, i);
    for (std::size_t b = 0; b < bytes; b += kLineBytes) __builtin_prefetch(row + b);
    __builtin_prefetch(row + bytes - 1);
  }
}

/// The first `valid` of four results. Not a masked store: GCC 12 merges one with the extraction before it into
/// VEXTRACTF32X4, which faults on memory behind a masked lane.
template <class T>
inline void StoreValid(const T* four, std::size_t valid, T* out) {
  if (valid == 4) {
    __builtin_memcpy(out, four, 4 * sizeof(T));
    return;
  }
  for (std::size_t r = 0; r < valid; ++r) out[r] = four[r];
}

/// Calls block(rows, i, valid) for every four rows, of which the first `valid` (1..4) are in the list. One row is one
/// chain of dependent additions, so four run side by side to hide their latency. `ahead`: bytes to prefetch of a row.
template <class Block>
inline void ForFourRows(const RowList& rows, std::size_t ahead, Block block) {
  const std::size_t bytes = ahead < kPrefetchBytes ? ahead : kPrefetchBytes;
  const bool scattered = rows.ids != nullptr && bytes > 0;
  if (scattered) PrefetchRows(rows, 0, kPrefetchRows, bytes);
  for (std::size_t i = 0; i < rows.count; i += 4) {
    if (scattered) PrefetchRows(rows, i + kPrefetchRows, i + kPrefetchRows + 4, bytes);
    block(FourRows(rows, i), i, rows.count - i < 4 ? rows.count - i : 4);
  }
}

}  // namespace
}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_ROWS_H_
