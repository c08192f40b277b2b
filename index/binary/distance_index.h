// Search of bit rows by Hamming, Jaccard or Tanimoto distance: BIN_FLAT and BIN_IVF_FLAT.
#ifndef ELANUS_INDEX_BINARY_DISTANCE_INDEX_H_
#define ELANUS_INDEX_BINARY_DISTANCE_INDEX_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "index/binary/bit_scanner.h"
#include "index/binary/bit_sections.h"
#include "index/index.h"

namespace elanus::index {

/// What lists are made and ranked by; Tanimoto orders as Jaccard does.
constexpr Metric BitCoarseMetric(Metric metric) {
  return metric == Metric::kHamming ? Metric::kHamming : Metric::kJaccard;
}

/// The centroids of the lists, by column: list l in slot l. Movable, as BitView.
struct BitCoarse {
  BitRows centroids;
  std::vector<std::uint32_t> group_popcounts;
};

/// With one list and no coarse part: exact. Else searches the nprobe lists whose centroids are nearest to the query,
/// and further ones in that order until there are min(k, matches) rows.
class BitDistanceIndex : public Index {
 public:
  BitDistanceIndex(Image image, const simd::Kernels& kernels, BitView view, std::optional<BitCoarse> coarse);

 protected:
  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override;
  void RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const override;

 private:
  struct Scratch;
  void ScanAll(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace, KeySink& sink) const;
  void ScanLists(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace, KeySink& sink) const;
  absl::Span<const base::Key> NearestLists(const Query& query, std::size_t count, Scratch& scratch) const;
  std::size_t row_bytes() const { return RowBytes(spec().element, spec().dim); }

  BitView view_;
  std::optional<BitCoarse> coarse_;
  BitScanner scanner_;
  std::optional<BitScanner> coarse_scanner_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_DISTANCE_INDEX_H_
