// Best-first search on one level of the graph (Malkov and Yashunin, arXiv:1603.09320, algorithm 2).
//
// A walk alternates between two halves: Fetch picks the next node and asks for its neighbours' codes, Absorb scores
// them. Each half ends by prefetching what the other one reads, so that several walks taking turns hide each other's
// cache misses.
#ifndef ELANUS_INDEX_HNSW_WALK_H_
#define ELANUS_INDEX_HNSW_WALK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "host/simd/kernels.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/frontier.h"
#include "index/hnsw/graph.h"

namespace elanus::index {

inline void PrefetchLines(const void* data, std::size_t bytes) {
  for (std::size_t b = 0; b < bytes; b += 64) __builtin_prefetch(static_cast<const char*>(data) + b);
}

/// A set of nodes that is emptied in time proportional to what it holds.
class VisitedSet {
 public:
  /// Empties it and makes room for nodes below `nodes`.
  void Reset(std::uint64_t nodes) {
    for (std::size_t i = 0; i < count_; ++i) bits_[order_[i] / 64] = 0;
    count_ = 0;
    if (bits_.size() < (nodes + 63) / 64) bits_.resize((nodes + 63) / 64);
  }

  /// Adds `nodes` and returns those that were not in the set, in their order; valid until the next call.
  absl::Span<const std::uint32_t> Add(absl::Span<const std::uint32_t> nodes) {
    if (order_.size() < count_ + nodes.size() + 1) order_.resize(2 * (count_ + nodes.size() + 1));
    std::uint32_t* const fresh = order_.data() + count_;
    std::size_t found = 0;
    for (const std::uint32_t node : nodes) {  // without branches: which nodes are new cannot be predicted
      std::uint64_t& word = bits_[node / 64];
      const std::uint64_t bit = std::uint64_t{1} << (node % 64);
      fresh[found] = node;
      found += (word & bit) == 0;
      word |= bit;
    }
    count_ += found;
    return {fresh, found};
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> order_;
  std::size_t count_ = 0;
};

/// One walk. Reusable: keeps its memory. `graph`, `kernels` and `probe` outlive it.
template <class Frontier>
class Walk {
 public:
  /// Starts at `entry`, a scored node of `level`, with a frontier that has just been reset.
  void Start(const simd::Kernels& kernels, const Graph& graph, const ScoreTarget& probe, unsigned level,
             ScoredNode entry) {
    kernels_ = &kernels;
    graph_ = &graph;
    probe_ = &probe;
    level_ = level;
    visited_.Reset(graph.shape->nodes(level));
    const std::uint32_t node = NodeOf(entry);
    visited_.Add({&node, 1});
    frontier.Push(ScoreOf(entry), node);
    dots_.resize(graph.shape->capacity(level));
    scores_.resize(graph.shape->capacity(level));
  }

  /// Picks the next node and prefetches the codes of its neighbours. False when the walk is over.
  bool Fetch() {
    const std::uint32_t node = frontier.Next();
    if (node == kNoNode) return false;
    fresh_ = visited_.Add(graph_->Links(level_, node));
    const NodeCodes& codes = graph_->codes;
    for (const std::uint32_t next : fresh_) {
      PrefetchLines(codes.codes + next * codes.stride, codes.stride);
      __builtin_prefetch(codes.bias + next);
    }
    PrefetchLinks();
    return true;
  }

  /// Scores the neighbours that Fetch found, and prefetches the links of the node that is next.
  void Absorb() {
    GraphCodec::Scores(*kernels_, graph_->codes, *probe_, fresh_, dots_.data(), scores_.data());
    for (std::size_t i = 0; i < fresh_.size(); ++i) {
      if (scores_[i] <= frontier.limit()) frontier.Push(scores_[i], fresh_[i]);
    }
    PrefetchLinks();
  }

  /// Both halves until the end, or until more than `scores_max` nodes were scored: false then.
  bool Run(std::uint64_t scores_max) {
    for (std::uint64_t scored = 0; Fetch();) {
      scored += fresh_.size();
      if (scored > scores_max) return false;
      Absorb();
    }
    return true;
  }

  Frontier frontier;

 private:
  void PrefetchLinks() {
    const std::uint32_t node = frontier.Peek();
    if (node != kNoNode) {
      PrefetchLines(graph_->list(level_, node), graph_->shape->capacity(level_) * sizeof(std::uint32_t));
    }
  }

  const simd::Kernels* kernels_ = nullptr;
  const Graph* graph_ = nullptr;
  const ScoreTarget* probe_ = nullptr;
  unsigned level_ = 0;
  VisitedSet visited_;
  absl::Span<const std::uint32_t> fresh_;
  std::vector<std::int32_t> dots_;
  std::vector<Score> scores_;
};

/// Searches one level keeping `ef` nodes, with the form of frontier that suits. Reusable. Not thread-safe.
class LevelSearcher {
 public:
  /// Results, nearest first; valid until the next call. With a filter the walk takes HeapFrontier, and gives up with no
  /// results once it has scored more nodes than the filter allows rows: measuring those is cheaper then.
  absl::Span<const ScoredNode> Search(const simd::Kernels& kernels, const Graph& graph, const ScoreTarget& probe,
                                      unsigned level, ScoredNode entry, std::size_t ef, const NodeFilter& filter);

  /// Up to this many nodes a sorted array is faster than heaps.
  static constexpr std::size_t kSortedMax = 1024;

 private:
  Walk<SortedFrontier> sorted_;
  Walk<HeapFrontier> heaps_;
};

/// Walks greedily from `entry` on level `from` down to level `to` >= 1 (algorithm 5, lines 5 to 7). On each level it
/// stops where no neighbour is nearer. Returns the node reached.
class Descent {
 public:
  ScoredNode Run(const simd::Kernels& kernels, const Graph& graph, const ScoreTarget& probe, unsigned from, unsigned to,
                 std::uint32_t entry);

 private:
  std::vector<std::int32_t> dots_;
  std::vector<Score> scores_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_WALK_H_
