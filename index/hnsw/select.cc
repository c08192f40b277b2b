#include "index/hnsw/select.h"

namespace elanus::index {

absl::Span<const std::uint32_t> NeighbourSelector::Select(const simd::Kernels& kernels, const GraphCodec& codec,
                                                          const NodeCodes& codes,
                                                          absl::Span<const ScoredNode> candidates,
                                                          std::size_t capacity) {
  nodes_.clear();
  to_base_.clear();
  taken_.clear();
  for (const ScoredNode candidate : candidates) {
    nodes_.push_back(NodeOf(candidate));
    to_base_.push_back(ScoreOf(candidate));
  }
  dots_.resize(candidates.size());
  to_taken_.resize(candidates.size());
  while (!nodes_.empty() && taken_.size() < capacity) {
    taken_.push_back(nodes_.front());
    if (taken_.size() < capacity) DropNearerToFirst(kernels, codec, codes);
  }
  return taken_;
}

/// One taken node against all that are left: as many comparisons as candidate by candidate, but in one sweep.
void NeighbourSelector::DropNearerToFirst(const simd::Kernels& kernels, const GraphCodec& codec,
                                          const NodeCodes& codes) {
  const std::uint32_t taken = nodes_.front();
  codec.PrepareNode(codes.codes + taken * codes.stride, codes.bias[taken], &probe_);
  GraphCodec::Scores(kernels, codes, probe_, nodes_, dots_.data(), to_taken_.data());
  std::size_t kept = 0;
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    nodes_[kept] = nodes_[i];
    to_base_[kept] = to_base_[i];
    kept += to_taken_[i] >= to_base_[i];
  }
  nodes_.resize(kept);
  to_base_.resize(kept);
}

}  // namespace elanus::index
