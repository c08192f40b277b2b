// Memory layouts shared by the host scans, the index files and the device kernels.
#ifndef ELANUS_HOST_BASE_LAYOUT_H_
#define ELANUS_HOST_BASE_LAYOUT_H_

#include <cstddef>
#include <cstdint>

namespace elanus::base {

/// "G32C16": rows in groups of 32, each row cut into 16-byte chunks, the last one zero-padded.
/// Chunk c of row r lies at ((r / 32) * chunks + c) * 512 + (r % 32) * 16: for each chunk, 32 rows side by side.
/// A warp reads 512 contiguous bytes with one 16-byte load a lane; AVX-512 reads four rows with one load.
/// The last group is padded with zero rows.
inline constexpr std::uint32_t kGroupRows = 32;
inline constexpr std::uint32_t kChunkBytes = 16;

constexpr std::uint32_t ChunksFor(std::size_t row_bytes) {
  return static_cast<std::uint32_t>((row_bytes + kChunkBytes - 1) / kChunkBytes);
}
constexpr std::uint64_t GroupsFor(std::uint64_t rows) { return (rows + kGroupRows - 1) / kGroupRows; }
constexpr std::size_t GroupBytes(std::uint32_t chunks) { return std::size_t{chunks} * kGroupRows * kChunkBytes; }
constexpr std::size_t ChunkOffset(std::uint64_t row, std::uint32_t chunk, std::uint32_t chunks) {
  return ((row / kGroupRows) * chunks + chunk) * (kGroupRows * kChunkBytes) + (row % kGroupRows) * kChunkBytes;
}

/// "G32N4": 4-bit codes (PQ). Rows in groups of 32; a group stores its sub-quantisers one after another, 16 bytes each:
/// byte j holds row j in its low nibble and row j + 16 in its high one. The number of sub-quantisers is padded to a
/// multiple of 4 with zero bytes, so that a group is a whole number of 64-byte lines.
constexpr std::size_t Nibble4GroupBytes(std::uint32_t padded_subquantisers) {
  return std::size_t{padded_subquantisers} * 16;
}

/// "Bit columns": rows of packed bits, stored by column, so that a query reads the columns of its own set bits and no
/// others. Rows in groups of 32; up to 64 consecutive groups of a list form a block, only a list's last block is
/// shorter. A block stores column after column: bit r of its word c * (groups of the block) + w is bit c of row
/// 32 w + r of the block. A group takes 4 bytes a column, so a block starts at its first group's number * dim * 4
/// bytes. Rows past the end of a list are zero.
inline constexpr std::uint32_t kBlockGroups = 64;
inline constexpr std::uint32_t kBlockRows = kBlockGroups * kGroupRows;

constexpr std::size_t ColumnGroupBytes(std::uint32_t dim) { return std::size_t{dim} * (kGroupRows / 8); }

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_LAYOUT_H_
