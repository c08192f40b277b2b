// The graph in memory: how many nodes each level has, and where their links lie.
//
// Nodes are numbered so that the nodes of level l and above are 0 .. nodes(l) - 1: a level is a prefix, and nothing has
// to map a node to its place on a level. Node 0 is the entry point. Within the nodes whose highest level is l, numbers
// follow the nearest node of the level above, so that near nodes lie near each other in memory.
//
// Nodes with equal codes would fill each other's lists and cut themselves off from the rest. So only the first of them
// is in the graph, and the others hang on it in a chain.
#ifndef ELANUS_INDEX_HNSW_GRAPH_H_
#define ELANUS_INDEX_HNSW_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "index/hnsw/codec.h"

namespace elanus::index {

inline constexpr std::uint32_t kNoNode = 0xFFFFFFFFu;  // ends a list of links that is not full

/// Sizes that follow from the number of rows and M. Level l >= 1 holds 1 / M of the nodes of level l - 1, rounded down.
class GraphShape {
 public:
  /// rows >= 1, M >= 2.
  GraphShape(std::uint64_t rows, std::uint32_t M);

  std::uint32_t M() const { return M_; }
  unsigned levels() const { return static_cast<unsigned>(nodes_.size()); }  // >= 1
  /// Nodes on level `level`; 0 above the top.
  std::uint32_t nodes(unsigned level) const { return level < nodes_.size() ? nodes_[level] : 0; }
  /// Links a node may have on a level.
  std::uint32_t capacity(unsigned level) const { return level == 0 ? 2 * M_ : M_; }
  /// Links from one node's list to the next one's. Level 0: whole cache lines.
  std::size_t stride(unsigned level) const { return level == 0 ? (std::size_t{2} * M_ + 15) / 16 * 16 : M_; }
  /// Links before level `level` >= 1 in the section of the upper levels. offset(levels()): all of them.
  std::size_t offset(unsigned level) const { return offsets_[level]; }

 private:
  std::uint32_t M_;
  std::vector<std::uint32_t> nodes_;
  std::vector<std::size_t> offsets_;
};

/// A view of a graph. Levels above the ones in use may still be under construction.
struct Graph {
  const GraphShape* shape = nullptr;
  const std::uint32_t* base_links = nullptr;   // level 0
  const std::uint32_t* upper_links = nullptr;  // levels 1, 2, ...
  const std::uint32_t* next_equal = nullptr;   // [nodes]: the next node of the chain, a larger number, or kNoNode
  NodeCodes codes;

  const std::uint32_t* list(unsigned level, std::uint32_t node) const {
    return (level == 0 ? base_links : upper_links + shape->offset(level)) + node * shape->stride(level);
  }
  /// The links of a node, without the room that is left.
  absl::Span<const std::uint32_t> Links(unsigned level, std::uint32_t node) const {
    const std::uint32_t* links = list(level, node);
    const std::size_t capacity = shape->capacity(level);
    std::size_t count = 0;
    while (count < capacity && links[count] != kNoNode) ++count;
    return {links, count};
  }
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_GRAPH_H_
