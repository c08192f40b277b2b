#include "index/binary/distance_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "index/ivf/lists.h"

namespace elanus::index {
struct BitDistanceIndex::Scratch {
  std::vector<BitSearch> searches;
  BitSearch coarse;
  BitScanner::Scratch scan;
};

BitDistanceIndex::BitDistanceIndex(Image image, const simd::Kernels& kernels, BitView view,
                                   std::optional<BitCoarse> coarse)
    : Index(std::move(image), kernels),
      view_(std::move(view)),
      coarse_(std::move(coarse)),
      scanner_(kernels, spec().metric, view_.rows) {
  if (coarse_.has_value()) coarse_scanner_.emplace(kernels, BitCoarseMetric(spec().metric), coarse_->centroids);
}

void BitDistanceIndex::SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const {
  const std::size_t capacity = batch.k;
  if (coarse_.has_value()) return ScanLists(batch, capacity, base::kNoResult - 1, workspace, sink);
  ScanAll(batch, capacity, base::kNoResult - 1, workspace, sink);
}

void BitDistanceIndex::RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const {
  if (coarse_.has_value()) return ScanLists(batch, Collector::kUnlimited, bound, workspace, sink);
  ScanAll(batch, Collector::kUnlimited, bound, workspace, sink);
}

/// Each query first meets the block of its own popcount, which gives it a limit. Then the blocks pass by, each for all
/// queries, so that a batch reads the index once.
void BitDistanceIndex::ScanAll(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace,
                               KeySink& sink) const {
  Scratch& scratch = workspace.Get<Scratch>();
  const std::size_t count = batch.queries.size();
  if (count == 0) return;
  if (scratch.searches.size() < count) scratch.searches.resize(count);
  const BitList& all = view_.lists.front();
  std::uint64_t sum = 0;
  for (std::size_t q = 0; q < count; ++q) {
    BitSearch& search = scratch.searches[q];
    search.Start(batch.queries[q].native, row_bytes(), capacity, bound);
    scanner_.ScanBlock(all, scanner_.NearestBlock(all, search.popcount()), batch.filter, search, scratch.scan);
    sum += search.popcount();
  }
  const std::uint64_t middle = scanner_.NearestBlock(all, static_cast<std::uint32_t>(sum / count));
  ForOutwards(middle, all.blocks(), [&](std::uint64_t block) {
    for (std::size_t q = 0; q < count; ++q) {
      BitSearch& search = scratch.searches[q];
      if (block == scanner_.NearestBlock(all, search.popcount())) continue;
      scanner_.ScanBlock(all, block, batch.filter, search, scratch.scan);
    }
  });
  for (std::size_t q = 0; q < count; ++q) sink.Emit(q, scratch.searches[q].collector.Sorted());
}

/// The `count` nearest lists, nearest first. Valid until the scratch is used again.
absl::Span<const base::Key> BitDistanceIndex::NearestLists(const Query& query, std::size_t count,
                                                           Scratch& scratch) const {
  scratch.coarse.Start(query.native, row_bytes(), count, base::kNoResult - 1);
  coarse_scanner_->Scan({0, view_.lists.size()}, nullptr, scratch.coarse, scratch.scan);
  return scratch.coarse.collector.Sorted();
}

void BitDistanceIndex::ScanLists(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace,
                                 KeySink& sink) const {
  Scratch& scratch = workspace.Get<Scratch>();
  scratch.searches.resize(std::max<std::size_t>(1, scratch.searches.size()));
  BitSearch& search = scratch.searches.front();
  const auto nprobe = std::min(static_cast<std::size_t>(batch.params.nprobe), view_.lists.size());
  const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
  const std::uint64_t wanted = capacity == Collector::kUnlimited ? 0 : std::min<std::uint64_t>(capacity, matches);
  const auto scan = [&](base::Key list) {
    scanner_.Scan(view_.lists[base::KeyRow(list)], batch.filter, search, scratch.scan);
  };
  for (std::size_t q = 0; q < batch.queries.size(); ++q) {
    const Query& query = batch.queries[q];
    search.Start(query.native, row_bytes(), capacity, bound);
    for (const base::Key list : NearestLists(query, nprobe, scratch)) scan(list);
    if (search.collector.size() < wanted) {
      const absl::Span<const base::Key> order = NearestLists(query, view_.lists.size(), scratch);
      for (std::size_t i = nprobe; i < order.size() && search.collector.size() < wanted; ++i) scan(order[i]);
    }
    sink.Emit(q, search.collector.Sorted());
  }
}

}  // namespace elanus::index
