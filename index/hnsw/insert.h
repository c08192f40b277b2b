// Inserts nodes into a graph, in batches whose outcome does not depend on the number of threads.
#ifndef ELANUS_INDEX_HNSW_INSERT_H_
#define ELANUS_INDEX_HNSW_INSERT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/graph.h"
#include "index/hnsw/scratch.h"
#include "index/index.h"

namespace elanus::index {

/// A graph under construction: `view` reads the memory that the other two write.
struct GrowingGraph {
  Graph view;
  std::uint32_t* base_links = nullptr;
  std::uint32_t* upper_links = nullptr;

  std::uint32_t* list(unsigned level, std::uint32_t node) const {
    return (level == 0 ? base_links : upper_links + view.shape->offset(level)) + node * view.shape->stride(level);
  }
};

/// Everything given outlives it.
class Inserter {
 public:
  Inserter(const BuildRequest& request, const GraphCodec& codec, const GrowingGraph& graph, ScratchList& scratch)
      : request_(request), codec_(codec), graph_(graph), scratch_(scratch) {}

  /// Inserts the nodes whose highest level is `level`, on that level and all below; those of the levels above are in.
  /// Their codes are written, and the first link of each on level 0 names the node of level + 1 to start from (unless
  /// `level` is the top), or is kNoNode for nodes that are to stay out of the graph. Errors: kCancelled.
  absl::Status InsertLevel(unsigned level);

 private:
  void InsertBatch(unsigned level, absl::Span<const std::uint32_t> nodes);
  void InsertOne(std::uint32_t node, unsigned level, std::size_t place, BuildScratch& scratch);
  void AddReverseLinks(unsigned level);
  void AddToTarget(unsigned level, absl::Span<const std::uint64_t> links, BuildScratch& scratch);
  void SetLinks(unsigned level, std::uint32_t node, absl::Span<const std::uint32_t> links);

  const BuildRequest& request_;
  const GraphCodec& codec_;
  const GrowingGraph& graph_;
  ScratchList& scratch_;
  std::vector<std::vector<std::uint64_t>> reverse_;  // per level, M for each node of the batch: target << 32 | source
  std::vector<std::uint64_t> bucketed_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_INSERT_H_
