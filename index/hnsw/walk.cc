#include "index/hnsw/walk.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

}  // namespace

absl::Span<const ScoredNode> LevelSearcher::Search(const simd::Kernels& kernels, const Graph& graph,
                                                   const ScoreTarget& probe, unsigned level, ScoredNode entry,
                                                   std::size_t ef, const NodeFilter& filter) {
  const std::size_t capacity = std::min<std::size_t>(ef, graph.shape->nodes(level));
  if (filter.rows == nullptr && capacity <= kSortedMax) {
    sorted_.frontier.Reset(capacity);
    sorted_.Start(kernels, graph, probe, level, entry);
    sorted_.Run(kNoLimit);
    return sorted_.frontier.Results();
  }
  heaps_.frontier.Reset(capacity, filter);
  heaps_.Start(kernels, graph, probe, level, entry);
  if (!heaps_.Run(filter.rows != nullptr ? filter.rows->allowed : kNoLimit)) return {};
  return heaps_.frontier.Results();
}

ScoredNode Descent::Run(const simd::Kernels& kernels, const Graph& graph, const ScoreTarget& probe, unsigned from,
                        unsigned to, std::uint32_t entry) {
  dots_.resize(graph.shape->capacity(1));
  scores_.resize(graph.shape->capacity(1));
  GraphCodec::Scores(kernels, graph.codes, probe, {&entry, 1}, dots_.data(), scores_.data());
  ScoredNode best = MakeScored(scores_[0], entry);
  for (unsigned level = from; level >= to; --level) {
    for (bool moved = true; moved;) {
      const absl::Span<const std::uint32_t> links = graph.Links(level, NodeOf(best));
      for (const std::uint32_t node : links)
        PrefetchLines(graph.codes.codes + node * graph.codes.stride, graph.codes.stride);
      GraphCodec::Scores(kernels, graph.codes, probe, links, dots_.data(), scores_.data());
      const ScoredNode before = best;
      for (std::size_t i = 0; i < links.size(); ++i) best = std::min(best, MakeScored(scores_[i], links[i]));
      moved = best != before;
    }
  }
  return best;
}

}  // namespace elanus::index
