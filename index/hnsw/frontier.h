// The nodes a walk has met and may still expand. Two forms of one interface:
//
//   Next(): the nearest node not yet expanded, or kNoNode when none can improve the results; it is expanded then.
//   Push(score, node): offers a node met for the first time.
//   limit(): scores above it cannot enter.
//   Peek(): the node that Next would return if nothing were pushed before, or kNoNode; a hint for prefetching.
//   Results(): what is kept, nearest first, as (score << 32 | node); valid until the next call.
//
// Equal scores are ordered by node, so a walk is a function of the graph and the scores alone.
#ifndef ELANUS_INDEX_HNSW_FRONTIER_H_
#define ELANUS_INDEX_HNSW_FRONTIER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

#include "absl/types/span.h"
#include "index/collector.h"
#include "index/filter.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/graph.h"

namespace elanus::index {

using ScoredNode = std::uint64_t;
inline ScoredNode MakeScored(Score score, std::uint32_t node) { return (static_cast<ScoredNode>(score) << 32) | node; }
inline Score ScoreOf(ScoredNode scored) { return static_cast<Score>(scored >> 32); }
inline std::uint32_t NodeOf(ScoredNode scored) { return static_cast<std::uint32_t>(scored); }

/// One sorted array of the nearest `capacity` nodes, expanded or not. The faster form for capacities that fit the
/// first-level cache. Node numbers below 2^31.
class SortedFrontier {
 public:
  void Reset(std::size_t capacity) {
    if (entries_.size() < capacity + 1) entries_.resize(capacity + 1);
    capacity_ = capacity;
    size_ = 0;
    cursor_ = 0;
    limit_ = ~Score{0};
  }

  std::uint32_t Next() {
    const std::uint32_t node = Peek();
    if (node != kNoNode) entries_[cursor_] |= 1;
    return node;
  }

  std::uint32_t Peek() {
    while (cursor_ < size_ && (entries_[cursor_] & 1) != 0) ++cursor_;
    return cursor_ < size_ ? static_cast<std::uint32_t>(entries_[cursor_]) >> 1 : kNoNode;
  }

  Score limit() const { return limit_; }

  void Push(Score score, std::uint32_t node) {
    const std::uint64_t entry = (static_cast<std::uint64_t>(score) << 32) | (node << 1);
    if (size_ == capacity_) {
      if (entry > entries_[size_ - 1]) return;
      --size_;
    }
    std::uint64_t* const first = entries_.data();
    std::uint64_t* const last = first + size_;
    std::uint64_t* const place = std::lower_bound(first, last, entry);
    std::memmove(place + 1, place, static_cast<std::size_t>(last - place) * sizeof(std::uint64_t));
    *place = entry;
    ++size_;
    cursor_ = std::min(cursor_, static_cast<std::size_t>(place - first));
    if (size_ == capacity_) limit_ = static_cast<Score>(entries_[size_ - 1] >> 32);
  }

  absl::Span<const ScoredNode> Results() {
    for (std::size_t i = 0; i < size_; ++i) {
      entries_[i] = MakeScored(ScoreOf(entries_[i]), static_cast<std::uint32_t>(entries_[i]) >> 1);
    }
    return absl::MakeConstSpan(entries_.data(), size_);
  }

 private:
  std::vector<std::uint64_t> entries_;  // score << 32 | node << 1 | expanded
  std::size_t capacity_ = 0;
  std::size_t size_ = 0;
  std::size_t cursor_ = 0;  // no unexpanded entry lies before it
  Score limit_ = ~Score{0};
};

/// What a walk may keep: rows that the filter allows.
struct NodeFilter {
  const RowFilter* rows = nullptr;            // nullptr: everything
  const std::uint32_t* row_ids = nullptr;     // the row of each node
  const std::uint32_t* next_equal = nullptr;  // see Graph

  /// True when the row of the node, or of one with the same code, is allowed.
  bool Allows(std::uint32_t node) const {
    if (rows == nullptr) return true;
    while (node != kNoNode && !rows->Allows(row_ids[node])) node = next_equal[node];
    return node != kNoNode;
  }
};

/// Two heaps: nodes to expand, and results. For large capacities, and for filters: nodes that the filter does not allow
/// are walked through but not kept.
class HeapFrontier {
 public:
  void Reset(std::size_t capacity, const NodeFilter& filter) {
    open_.clear();
    results_.Reset(capacity);
    filter_ = filter;
  }

  std::uint32_t Next() {
    const std::uint32_t node = Peek();
    if (node == kNoNode) return node;
    std::pop_heap(open_.begin(), open_.end(), std::greater<>());
    open_.pop_back();
    return node;
  }

  std::uint32_t Peek() const {
    if (open_.empty() || (results_.full() && open_.front() > results_.bound())) return kNoNode;
    return NodeOf(open_.front());
  }

  Score limit() const { return ScoreOf(results_.bound()); }

  void Push(Score score, std::uint32_t node) {
    const ScoredNode scored = MakeScored(score, node);
    if (results_.full() && scored > results_.bound()) return;
    open_.push_back(scored);
    std::push_heap(open_.begin(), open_.end(), std::greater<>());
    if (filter_.Allows(node)) results_.Offer(scored);
  }

  absl::Span<const ScoredNode> Results() { return results_.Sorted(); }

 private:
  std::vector<ScoredNode> open_;  // a min-heap
  Collector results_;
  NodeFilter filter_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_FRONTIER_H_
