// The hot loops, one implementation per instruction level, behind tables of function pointers.
//
// Every level returns the same bits. Float distances are canonical: with the dimension padded to 16 by zeros, chunk c
// adds component 16c+j to partial sum j with one fused multiply-add, c ascending; then s[j]+=s[j+8], s[j]+=s[j+4],
// s[j]+=s[j+2], s[0]+s[1]. Everything else is integers, whose sums do not depend on order.
//
// Common rules: query buffers are 64-byte aligned and zero-padded to a multiple of 64 bytes; rows and codes need no
// alignment unless said. Nothing here allocates or fails; sizes of 0 are legal and do nothing.
#ifndef ELANUS_HOST_SIMD_KERNELS_H_
#define ELANUS_HOST_SIMD_KERNELS_H_

#include <cstddef>
#include <cstdint>

#include "host/base/element.h"
#include "host/simd/level.h"

namespace elanus::simd {

/// Rows picked from a row-major array: row i of the call is base + (ids ? ids[i] : i) * stride.
struct RowList {
  const std::byte* base;
  std::size_t stride;        // bytes
  const std::uint32_t* ids;  // [count], or nullptr for rows 0..count-1
  std::size_t count;
};

/// out[i] = distance(query, row i). `query` is float[dim] for float rows, and of the rows' own type for int8 and uint8.
/// Integer results are exact integers (below 2^31 for dim <= 32768), rounded once to float.
using RowDistances = void (*)(const void* query, const RowList& rows, std::uint32_t dim, float* out);

/// out[d] = component d as a float, d < dim; exact.
using RowToFloat = void (*)(const std::byte* row, std::uint32_t dim, float* out);

/// Distances of rows in row-major memory. Indexed by Element (kF32..kU8); entries for kBit are null.
struct DistanceKernels {
  RowDistances l2[7];  // squared Euclidean distance: sum of (q - x)^2
  RowDistances ip[7];  // inner product (not negated)
  RowToFloat to_float[7];
};

/// Integer scans over codes of 8 bits, and the selection that follows them.
struct ScanKernels {
  /// dots[32 g + r] = sum over bytes of codes(group g, row r) * query, u8 times s8, in int32.
  /// codes: G32C16, `groups` * `chunks` * 512 bytes, 64-byte aligned. query: [chunks * 16].
  void (*dot_groups)(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::int8_t* query,
                     std::int32_t* dots);
  /// The same product for row-major codes of `bytes` bytes (a multiple of 16); prefetches nothing.
  void (*dot_rows)(const std::int8_t* query, const RowList& rows, std::uint32_t bytes, std::int32_t* dots);

  /// Each writes, ascending, the i < count that pass, and returns how many. positions: room for count entries.
  /// Passes: bias[i] + scale * float(dots[i]) <= limit, one multiplication and one addition, each rounded.
  std::size_t (*select_float)(const std::int32_t* dots, const float* bias, float scale, float limit, std::size_t count,
                              std::uint32_t* positions);
  /// Passes: bias[i] + scale * dots[i] <= limit in int32 arithmetic that wraps.
  std::size_t (*select_int)(const std::int32_t* dots, const std::int32_t* bias, std::int32_t scale, std::int32_t limit,
                            std::size_t count, std::uint32_t* positions);
  /// Passes: (scale * float(dots[i] + bias[i])) * row_scale[i] <= limit.
  std::size_t (*select_scaled)(const std::int32_t* dots, const std::int32_t* bias, const float* row_scale, float scale,
                               float limit, std::size_t count, std::uint32_t* positions);
};

/// Tables that one call of lut4_groups takes: their sums fill the registers.
inline constexpr std::size_t kLutsMax = 4;

/// Look-up-table scans of product-quantiser codes.
struct PqKernels {
  /// For each of 1..kLutsMax tables: sums[32 (t * groups + g) + r] = sum over m of luts[t][m * 16 + code(g, r, m)], in
  /// uint16 (the caller keeps it below 65536). Several tables share the reading and splitting of the codes.
  /// codes: G32N4, 64-byte aligned; luts[t]: [subquantisers * 16], 64-byte aligned; subquantisers a multiple of 4.
  void (*lut4_groups)(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                      const std::uint8_t* const* luts, std::size_t tables, std::uint16_t* sums);
  /// For one table of 8-bit codes: byte m of a row is its code m. codes: G32C16; lut: [subquantisers * 256].
  void (*lut8_groups)(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                      const std::uint8_t* lut, std::uint16_t* sums);
  /// Writes, ascending, the i < count with bias[i] + scale * float(sums[i]) <= limit; returns how many.
  std::size_t (*select)(const std::uint16_t* sums, const float* bias, float scale, float limit, std::size_t count,
                        std::uint32_t* positions);
};

/// Packed bits, of any alignment and any number of bytes.
struct BitKernels {
  std::uint32_t (*popcount)(const std::uint8_t* a, std::size_t bytes);
  std::uint32_t (*and_popcount)(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes);
  /// True when every bit of a is set in b.
  bool (*is_subset)(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes);
};

/// One block of bit columns (host/base/layout.h), or part of one: word w of column c is words[c * stride + w], for
/// w < count; its bit r belongs to row 32 w + r.
struct BitBlock {
  const std::uint32_t* words;
  std::size_t stride;  // words from one column to the next
  std::size_t count;   // words of a column, 1..base::kBlockGroups
};

/// Scans of bits stored by column: 512 rows a register, and only the listed columns are read.
struct ColumnKernels {
  /// Finds the rows that have at least at_least[row / 32] of the listed columns set. Writes their numbers, ascending,
  /// to `rows` and how many of the columns each has to `counts`; returns how many rows there are. `rows`, `counts`:
  /// room for 32 * block.count. columns: [count], each once, count <= base::kBitsMax.
  std::size_t (*select_counts)(const BitBlock& block, const std::uint32_t* columns, std::size_t count,
                               const std::uint32_t* at_least, std::uint32_t* rows, std::uint32_t* counts);
  /// The same for rows that have all of the listed columns set (`set`), or none of them. Stops reading columns as soon
  /// as no row is left, so the columns that rule out most rows should come first.
  std::size_t (*select_all)(const BitBlock& block, const std::uint32_t* columns, std::size_t count, bool set,
                            std::uint32_t* rows);
};

/// All kernels of one level.
struct Kernels {
  Level level;
  DistanceKernels distance;
  ScanKernels scan;
  PqKernels pq;
  BitKernels bits;
  ColumnKernels columns;
};

/// The table of a level; immutable, lives for ever. `level` must be in SupportedLevels().
const Kernels& KernelsFor(Level level);

}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_KERNELS_H_
