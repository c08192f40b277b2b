#include "index/hnsw/graph.h"

namespace elanus::index {

GraphShape::GraphShape(std::uint64_t rows, std::uint32_t M) : M_(M), offsets_(2) {
  for (std::uint64_t nodes = rows; nodes > 0; nodes /= M) {
    if (!nodes_.empty()) offsets_.push_back(offsets_.back() + nodes * M);
    nodes_.push_back(static_cast<std::uint32_t>(nodes));
  }
}

}  // namespace elanus::index
