// A table of float vectors that answers "which are nearest to this query" exactly and fast: the assignment step of
// k-means, and the coarse search of the inverted-file kinds.
//
// The scan reads 8-bit codes of the centroids and measures only those that a proven bound does not rule out
// (index/scan/codec.h).
#ifndef ELANUS_INDEX_CLUSTER_CENTROIDS_H_
#define ELANUS_INDEX_CLUSTER_CENTROIDS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/element.h"
#include "host/base/key.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/measure.h"
#include "index/query.h"
#include "index/scan/codec.h"
#include "index/spec.h"

namespace elanus::index {

/// Immutable view of centroids and their codes. Movable; const calls are safe from many threads, each with its own
/// Scratch.
class CentroidTable {
 public:
  /// A centroid and bias + scale * dot, from which its distance is at most ScanQuery::width away.
  struct Candidate {
    float score;
    std::uint32_t centroid;
    bool operator<(const Candidate& other) const { return score < other.score; }
  };
  struct Scratch {
    std::vector<ScanCodec::ScanQuery> queries;
    std::vector<std::int32_t> dots;
    std::vector<std::uint32_t> positions;
    std::vector<Candidate> candidates;
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    std::vector<base::Key> keys;
  };

  /// Bytes of the codes of `count` centroids: what Encode fills.
  static std::size_t CodedBytes(std::uint64_t count, std::uint32_t dim);

  /// Writes the codes of fp32 `centroids` for searches by `metric` (kL2 or kIp) to `out` [CodedBytes], 64-byte
  /// aligned: G32C16 codes, then a float bias a slot, then the codec's table. Deterministic. `out` starts as zeros.
  static void Encode(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids, threads::Pool& pool,
                     absl::Span<std::byte> out);

  /// A view of centroids and what Encode wrote for them; both outlive it. Errors: kDataLoss for a codec or a centroid
  /// that is not finite.
  static absl::StatusOr<CentroidTable> View(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids,
                                            absl::Span<const std::byte> coded);

  /// The min(n, count) nearest centroids: canonical distance to `query.values` (IP: negated; `query.native` is not
  /// read) and number, ascending, ties by number. n >= 1. Valid until the scratch is used again.
  absl::Span<const base::Key> Nearest(const Query& query, std::uint32_t n, Scratch& scratch) const;

  /// out[i] = the nearest centroid of queries[i]. On entry out[i] is a centroid likely to be near: any is right, a near
  /// one makes it faster. Some tens of queries at once share the reading of the codes.
  void NearestOfEach(absl::Span<const Query> queries, Scratch& scratch, std::uint32_t* out) const;

  std::uint32_t count() const { return static_cast<std::uint32_t>(centroids_.count); }
  /// fp32 rows.
  const base::Vectors& centroids() const { return centroids_; }

 private:
  CentroidTable(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids, ScanCodec codec,
                absl::Span<const std::byte> coded);
  std::size_t Dots(const ScanCodec::ScanQuery& query, std::uint32_t first, float limit, Scratch& scratch) const;
  /// Of a centroid whose dot is in scratch.
  float Score(const ScanCodec::ScanQuery& query, std::uint32_t centroid, const Scratch& scratch) const {
    return bias_[centroid] + query.scale * static_cast<float>(scratch.dots[centroid]);
  }
  float GuessLimit(const ScanCodec::ScanQuery& query, std::uint32_t n, Scratch& scratch) const;
  void Gather(const ScanCodec::ScanQuery& query, std::uint32_t n, Scratch& scratch) const;
  void Measured(const Query& query, absl::Span<const Candidate> candidates, Scratch& scratch) const;

  const simd::Kernels* kernels_;
  Measure measure_;
  base::Vectors centroids_;
  ScanCodec codec_;
  const std::uint8_t* codes_;
  const float* bias_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_CLUSTER_CENTROIDS_H_
