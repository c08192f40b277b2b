// Which of many near nodes become neighbours.
#ifndef ELANUS_INDEX_HNSW_SELECT_H_
#define ELANUS_INDEX_HNSW_SELECT_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "host/simd/kernels.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/frontier.h"

namespace elanus::index {

/// The heuristic of Malkov and Yashunin (arXiv:1603.09320, algorithm 4): going from the nearest candidate outwards, one
/// is taken unless it is nearer to a taken one than to the base. Reusable: keeps its memory. Not thread-safe.
class NeighbourSelector {
 public:
  /// `candidates`: scored against the base, nearest first, without the base itself. Returns at most `capacity` of
  /// them, nearest first; valid until the next call.
  absl::Span<const std::uint32_t> Select(const simd::Kernels& kernels, const GraphCodec& codec, const NodeCodes& codes,
                                         absl::Span<const ScoredNode> candidates, std::size_t capacity);

 private:
  void DropNearerToFirst(const simd::Kernels& kernels, const GraphCodec& codec, const NodeCodes& codes);

  ScoreTarget probe_;
  std::vector<std::uint32_t> nodes_;  // candidates neither taken nor dropped, nearest first
  std::vector<Score> to_base_;
  std::vector<Score> to_taken_;
  std::vector<std::int32_t> dots_;
  std::vector<std::uint32_t> taken_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_SELECT_H_
