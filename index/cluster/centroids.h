// A table of float vectors that answers "which are nearest to this query" exactly and fast: the assignment step of
// k-means, and the coarse search of the inverted-file kinds.
//
// The scan reads 8-bit codes of the centroids and measures only those that a proven bound does not rule out
// (index/scan/codec.h).
#ifndef ELANUS_INDEX_CLUSTER_CENTROIDS_H_
#define ELANUS_INDEX_CLUSTER_CENTROIDS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/element.h"
#include "host/base/key.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/collector.h"
#include "index/query.h"
#include "index/scan/codec.h"
#include "index/scan/scanner.h"
#include "index/spec.h"

namespace elanus::index {

/// Immutable view of centroids and their codes. Movable; const calls are safe from many threads, each with its own
/// Scratch.
class CentroidTable {
 public:
  struct Scratch {
    ScanCodec::ScanQuery query;
    Collector collector;
    Scanner::Scratch scan;
    std::vector<std::int32_t> dots;
    std::vector<std::uint32_t> positions;
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

  /// The nearest centroid alone. `hint`: a centroid likely to be near, any is right; the nearer, the faster.
  base::Key NearestOne(const Query& query, std::uint32_t hint, Scratch& scratch) const;

  std::uint32_t count() const { return static_cast<std::uint32_t>(centroids_.count); }
  /// fp32 rows.
  const base::Vectors& centroids() const { return centroids_; }

 private:
  CentroidTable(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids, ScanCodec codec,
                absl::Span<const std::byte> coded);

  const simd::Kernels* kernels_;
  Measure measure_;
  base::Vectors centroids_;
  std::unique_ptr<const ScanCodec> codec_;  // the scanner points to it
  CodedRows coded_;
  Scanner scanner_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_CLUSTER_CENTROIDS_H_
