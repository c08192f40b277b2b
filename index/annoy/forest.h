// A forest of balanced trees that halve the rows by hyperplanes.
//
// As in Annoy (Bernhardsson, github.com/spotify/annoy: src/annoylib.h), a split separates two centres found by a few
// rounds of 2-means on a sample. Ours cuts at the median, so every tree of n rows has the same shape, known before the
// build, and a path is as long as it must be; and it works on 8-bit codes, so a node costs one byte a component and its
// side is one integer dot product.
//
// Shape: 2^depth leaves, depth the smallest with at most kLeafRows rows a leaf. Nodes in heap order (children of i are
// 2i + 1 and 2i + 2); leaf j of a tree holds items [j * n >> depth, (j + 1) * n >> depth).
#ifndef ELANUS_INDEX_ANNOY_FOREST_H_
#define ELANUS_INDEX_ANNOY_FOREST_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"

namespace elanus::index {

struct ForestShape {
  static constexpr std::uint64_t kLeafRows = 32;

  std::uint32_t trees = 0;
  std::uint32_t depth = 0;  // 0: a tree is one leaf
  std::uint64_t rows = 0;
  std::uint32_t code_bytes = 0;  // of a row and of a normal, a multiple of 16

  static ForestShape For(std::uint64_t rows, std::uint32_t trees, std::uint32_t code_bytes);
  std::uint64_t nodes() const { return (std::uint64_t{1} << depth) - 1; }  // inner nodes of a tree
  std::uint64_t LeafBegin(std::uint64_t leaf) const { return (leaf * rows) >> depth; }
};

/// A node sends a query left when margin = sum (normal * query code) - threshold < 0. Stored for one unsigned times
/// signed product: with n = normal + 128 (a byte) and c = query code - 128 (signed),
///   margin = dot(n, c) - 128 * sum(c) - cut,  cut = threshold - 128 * sum(normal).
struct TreeCut {
  std::int32_t cut;
  float inverse_norm;  // 1 / |normal|, so that margins of different nodes compare
};

/// Arrays of all trees, tree after tree.
template <class Byte, class Cut, class Item>
struct ForestArrays {
  Byte* normals;  // [trees][nodes][code_bytes], component + 128
  Cut* cuts;      // [trees][nodes]
  Item* items;    // [trees][rows], each tree a permutation of the slots
};
using MutableForest = ForestArrays<std::uint8_t, TreeCut, std::uint32_t>;
using ForestView = ForestArrays<const std::uint8_t, const TreeCut, const std::uint32_t>;

/// What a forest is built over: 8-bit codes, row-major.
struct ForestRows {
  const std::byte* codes;
  std::size_t stride;  // bytes
};

/// Builds tree `tree` into its part of `out`, on the calling thread. Reproducible from (rows, shape, seed, tree).
/// Leaves early when `monitor` is cancelled: the arrays are unfinished then.
void BuildTree(const simd::Kernels& kernels, const ForestRows& rows, const ForestShape& shape, std::uint64_t seed,
               std::uint32_t tree, const base::Monitor& monitor, const MutableForest& out);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_ANNOY_FOREST_H_
