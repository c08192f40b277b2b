#include "index/hnsw/insert.h"

#include <algorithm>
#include <utility>

#include "index/hnsw/permutation.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kBatchShare = 50;  // a batch is at most this part of the graph: quality as one by one
constexpr std::uint64_t kBatchMax = 1 << 14;
constexpr std::uint64_t kBatchLinksMax = 1 << 19;  // bounds the memory for reverse links
constexpr std::uint64_t kNodesPerPiece = 8;
constexpr std::uint64_t kNoLink = ~std::uint64_t{0};
/// Reverse links are dealt to this many buckets by target; a bucket is one thread's.
constexpr std::size_t kBuckets = 128;

std::uint32_t TargetOf(std::uint64_t link) { return static_cast<std::uint32_t>(link >> 32); }
std::uint32_t SourceOf(std::uint64_t link) { return static_cast<std::uint32_t>(link); }

}  // namespace

absl::Status Inserter::InsertLevel(unsigned level) {
  const GraphShape& shape = *graph_.view.shape;
  const std::uint32_t first = shape.nodes(level + 1);
  const std::uint64_t count = shape.nodes(level) - first;
  // Near nodes have near numbers: in that order the batches would be blind to each other's neighbours.
  const Permutation order(count, base::StreamSeed(static_cast<std::uint64_t>(request_.params.seed), 100 + level));
  std::uint64_t done = 0;
  if (first == 0) {  // the entry point has nothing to search
    for (unsigned l = 0; l <= level; ++l) SetLinks(l, 0, {});
    done = 1;
  }
  const std::uint64_t batch_max = std::min(kBatchMax, std::max<std::uint64_t>(kBatchLinksMax / shape.M(), 1));
  std::vector<std::uint32_t> batch;
  for (std::uint64_t i = 0; i < count;) {
    const std::uint64_t wanted = std::clamp<std::uint64_t>((first + done) / kBatchShare, 1, batch_max);
    batch.clear();
    const std::uint64_t begin = i;
    for (; i < count && batch.size() < wanted; ++i) {
      const auto node = static_cast<std::uint32_t>(first + order(i));
      if (node != 0 && *graph_.list(0, node) != kNoNode) batch.push_back(node);
    }
    InsertBatch(level, batch);
    ELANUS_RETURN_IF_ERROR(request_.monitor.Check());
    request_.monitor.Advance(i - begin);
    done += batch.size();
  }
  return absl::OkStatus();
}

void Inserter::InsertBatch(unsigned level, absl::Span<const std::uint32_t> nodes) {
  const std::size_t M = graph_.view.shape->M();
  reverse_.resize(level + 1);
  for (std::vector<std::uint64_t>& links : reverse_) links.assign(nodes.size() * M, kNoLink);
  request_.pool->ParallelFor(nodes.size(), kNodesPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    ScratchList::Loan scratch(scratch_);
    for (std::uint64_t i = begin; i < end && !request_.monitor.cancelled(); ++i) {
      InsertOne(nodes[i], level, i * M, *scratch);
    }
  });
  for (unsigned l = 0; l <= level; ++l) AddReverseLinks(l);
}

/// Finds the node's neighbours in the graph as it was before the batch. Its reverse links go to reverse_, from `place`.
void Inserter::InsertOne(std::uint32_t node, unsigned level, std::size_t place, BuildScratch& scratch) {
  const Graph& graph = graph_.view;
  const simd::Kernels& kernels = *request_.kernels;
  codec_.PrepareNode(graph.codes.codes + node * graph.codes.stride, graph.codes.bias[node], &scratch.probe);
  const std::uint32_t start = graph.shape->nodes(level + 1) > 0 ? *graph_.list(0, node) : 0;
  ScoredNode entry = scratch.descent.Run(kernels, graph, scratch.probe, 0, 1, start);
  const auto ef = static_cast<std::size_t>(request_.params.ef_construction);
  for (unsigned l = level + 1; l-- > 0;) {
    const auto found = scratch.searcher.Search(kernels, graph, scratch.probe, l, entry, ef, {});
    entry = found.front();
    const auto chosen = scratch.selector.Select(kernels, codec_, graph.codes, found, graph.shape->M());
    SetLinks(l, node, chosen);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      reverse_[l][place + i] = (static_cast<std::uint64_t>(chosen[i]) << 32) | node;
    }
  }
}

void Inserter::AddReverseLinks(unsigned level) {
  std::size_t starts[kBuckets + 1] = {};
  for (const std::uint64_t link : reverse_[level]) {
    if (link != kNoLink) ++starts[TargetOf(link) % kBuckets + 1];
  }
  for (std::size_t b = 0; b < kBuckets; ++b) starts[b + 1] += starts[b];
  bucketed_.resize(starts[kBuckets]);
  std::size_t next[kBuckets];
  std::copy_n(starts, kBuckets, next);
  for (const std::uint64_t link : reverse_[level]) {
    if (link != kNoLink) bucketed_[next[TargetOf(link) % kBuckets]++] = link;
  }
  request_.pool->ParallelFor(kBuckets, 1, [&](std::uint64_t bucket, std::uint64_t) {
    const auto links = absl::MakeSpan(bucketed_).subspan(starts[bucket], starts[bucket + 1] - starts[bucket]);
    if (links.empty()) return;
    ScratchList::Loan scratch(scratch_);
    std::sort(links.begin(), links.end());
    for (std::size_t begin = 0; begin < links.size() && !request_.monitor.cancelled();) {
      std::size_t end = begin + 1;
      while (end < links.size() && TargetOf(links[end]) == TargetOf(links[begin])) ++end;
      AddToTarget(level, links.subspan(begin, end - begin), *scratch);
      begin = end;
    }
  });
}

/// Appends while there is room; else chooses anew among the old and the new neighbours.
void Inserter::AddToTarget(unsigned level, absl::Span<const std::uint64_t> links, BuildScratch& scratch) {
  const Graph& graph = graph_.view;
  const simd::Kernels& kernels = *request_.kernels;
  const std::uint32_t target = TargetOf(links.front());
  const absl::Span<const std::uint32_t> old = graph.Links(level, target);
  scratch.nodes.assign(old.begin(), old.end());
  for (const std::uint64_t link : links) scratch.nodes.push_back(SourceOf(link));
  const std::size_t capacity = graph.shape->capacity(level);
  if (scratch.nodes.size() <= capacity) {
    std::copy(scratch.nodes.begin(), scratch.nodes.end(), graph_.list(level, target));
    return;
  }
  const std::size_t count = scratch.nodes.size();
  scratch.dots.resize(count);
  scratch.scores.resize(count);
  codec_.PrepareNode(graph.codes.codes + target * graph.codes.stride, graph.codes.bias[target], &scratch.probe);
  GraphCodec::Scores(kernels, graph.codes, scratch.probe, scratch.nodes, scratch.dots.data(), scratch.scores.data());
  scratch.candidates.clear();
  for (std::size_t i = 0; i < count; ++i) {
    scratch.candidates.push_back(MakeScored(scratch.scores[i], scratch.nodes[i]));
  }
  std::sort(scratch.candidates.begin(), scratch.candidates.end());
  SetLinks(level, target, scratch.selector.Select(kernels, codec_, graph.codes, scratch.candidates, capacity));
}

void Inserter::SetLinks(unsigned level, std::uint32_t node, absl::Span<const std::uint32_t> links) {
  std::uint32_t* const list = graph_.list(level, node);
  std::copy(links.begin(), links.end(), list);
  std::fill(list + links.size(), list + graph_.view.shape->stride(level), kNoNode);
}

}  // namespace elanus::index
