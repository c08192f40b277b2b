#include "index/hnsw/hnsw.h"

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "index/collector.h"
#include "index/hnsw/sections.h"
#include "index/hnsw/walk.h"
#include "index/measure.h"

namespace elanus::index {
namespace {

constexpr std::size_t kEfDefault = 64;
constexpr std::size_t kTurns = 8;        // walks that take turns to hide each other's cache misses
constexpr std::size_t kScanBlock = 256;  // rows measured at a time by an exact scan
/// Scores that a walk computes for each node it keeps, about. A walk through a filter that allows a part p of the rows
/// keeps one node in 1 / p.
constexpr std::uint64_t kScoresPerKept = 20;

class HnswIndex : public Index {
 public:
  HnswIndex(Image image, const simd::Kernels& kernels, HnswView view)
      : Index(std::move(image), kernels), view_(std::move(view)) {
    view_.graph.shape = &view_.shape;
    const Spec& s = spec();
    if (!view_.codec.lossless()) measure_ = Measure(kernels, s.metric, s.element, s.dim, view_.inverse_norms);
  }

 protected:
  absl::Status CheckSearch(const SearchParams& params, std::uint32_t k) const override {
    if (params.ef == 0 || params.ef >= k) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("ef(", params.ef, ") should be 0 or not smaller than k(", k, "): raise ef or lower k"));
  }

  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override;

 private:
  /// A query whose walk takes turns with others.
  struct Turn {
    std::size_t query = 0;
    ScoreTarget probe;
    Walk<SortedFrontier> walk;
  };
  struct Scratch {
    std::vector<Turn> turns = std::vector<Turn>(kTurns);
    ScoreTarget probe;
    LevelSearcher searcher;
    Descent descent;
    Collector collector;
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    std::vector<std::int32_t> dots;
    std::vector<Score> scores;
  };

  std::size_t Ef(const Batch& batch) const {
    if (batch.params.ef > 0) return std::max<std::size_t>(static_cast<std::size_t>(batch.params.ef), batch.k);
    return std::max<std::size_t>(kEfDefault, ResultBucket(batch.k));
  }
  bool ScanIsCheaper(std::uint64_t allowed, std::size_t ef) const {
    const double walk = static_cast<double>(kScoresPerKept * ef) * static_cast<double>(spec().rows);
    return static_cast<double>(allowed) * static_cast<double>(allowed) <= walk;
  }

  void WalkInTurns(const Batch& batch, std::size_t ef, Scratch& scratch, KeySink& sink) const;
  ScoredNode Enter(const Query& query, ScoreTarget& probe, Scratch& scratch) const;
  void Finish(const Batch& batch, std::size_t query, absl::Span<const ScoredNode> found, Scratch& scratch,
              KeySink& sink) const;
  void Scan(const Batch& batch, std::size_t query, Scratch& scratch, KeySink& sink) const;
  void OfferNodes(Scratch& scratch) const;
  void OfferRows(const Query& query, Scratch& scratch) const;

  HnswView view_;
  Measure measure_;
};

void HnswIndex::SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const {
  Scratch& scratch = workspace.Get<Scratch>();
  const std::uint64_t allowed = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
  const std::size_t ef = Ef(batch);
  if (ScanIsCheaper(allowed, ef)) {
    for (std::size_t q = 0; q < batch.queries.size(); ++q) Scan(batch, q, scratch, sink);
    return;
  }
  if (batch.filter == nullptr && ef <= LevelSearcher::kSortedMax) return WalkInTurns(batch, ef, scratch, sink);
  for (std::size_t q = 0; q < batch.queries.size(); ++q) {
    const ScoredNode entry = Enter(batch.queries[q], scratch.probe, scratch);
    const auto found = scratch.searcher.Search(kernels(), view_.graph, scratch.probe, 0, entry, ef,
                                               {batch.filter, view_.row_ids, view_.graph.next_equal});
    Finish(batch, q, found, scratch, sink);
  }
}

ScoredNode HnswIndex::Enter(const Query& query, ScoreTarget& probe, Scratch& scratch) const {
  view_.codec.PrepareQuery(query, &probe);
  return scratch.descent.Run(kernels(), view_.graph, probe, view_.shape.levels() - 1, 1, 0);
}

void HnswIndex::WalkInTurns(const Batch& batch, std::size_t ef, Scratch& scratch, KeySink& sink) const {
  Turn* active[kTurns];
  std::size_t running = 0;
  std::size_t next = 0;
  const auto start = [&](Turn& turn) {
    turn.query = next++;
    turn.walk.frontier.Reset(ef);
    const ScoredNode entry = Enter(batch.queries[turn.query], turn.probe, scratch);
    turn.walk.Start(kernels(), view_.graph, turn.probe, 0, entry);
  };
  for (; running < kTurns && next < batch.queries.size(); ++running) {
    active[running] = &scratch.turns[running];
    start(*active[running]);
  }
  while (running > 0) {
    for (std::size_t i = 0; i < running;) {
      Turn& turn = *active[i];
      if (turn.walk.Fetch()) {
        ++i;
        continue;
      }
      Finish(batch, turn.query, turn.walk.frontier.Results(), scratch, sink);
      if (next < batch.queries.size()) {
        start(turn);
      } else {
        std::swap(active[i], active[--running]);
      }
    }
    for (std::size_t i = 0; i < running; ++i) active[i]->walk.Absorb();
  }
}

/// Turns what a walk found, and the nodes equal to it, into results; scans where that is too little.
void HnswIndex::Finish(const Batch& batch, std::size_t query, absl::Span<const ScoredNode> found, Scratch& scratch,
                       KeySink& sink) const {
  const bool lossless = view_.codec.lossless();
  const std::size_t nodes =
      lossless ? found.size()
               : std::min(found.size(), std::max<std::size_t>(kEfDefault, std::size_t{2} * ResultBucket(batch.k)));
  scratch.collector.Reset(batch.k);
  scratch.ids.clear();
  for (const ScoredNode scored : found.first(nodes)) {
    for (std::uint32_t node = NodeOf(scored); node != kNoNode; node = view_.graph.next_equal[node]) {
      const std::uint32_t row = view_.row_ids[node];
      if (batch.filter != nullptr && !batch.filter->Allows(row)) continue;
      if (lossless) {
        scratch.collector.Offer(base::MakeKey(GraphCodec::ExactDistance(ScoreOf(scored)), row));
      } else {
        PrefetchLines(view_.rows + row * view_.row_stride, std::min<std::size_t>(view_.row_stride, 256));
        scratch.ids.push_back(row);
        if (scratch.ids.size() < kScanBlock) continue;
        OfferRows(batch.queries[query], scratch);  // chains may be long
        scratch.ids.clear();
      }
    }
  }
  if (!lossless) OfferRows(batch.queries[query], scratch);
  const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
  if (scratch.collector.size() < std::min<std::uint64_t>(batch.k, matches)) return Scan(batch, query, scratch, sink);
  sink.Emit(query, scratch.collector.Sorted());
}

/// Offers the nodes in scratch.ids with the distances that their lossless codes give to scratch.probe.
void HnswIndex::OfferNodes(Scratch& scratch) const {
  scratch.dots.resize(scratch.ids.size());
  scratch.scores.resize(scratch.ids.size());
  GraphCodec::Scores(kernels(), view_.graph.codes, scratch.probe, scratch.ids, scratch.dots.data(),
                     scratch.scores.data());
  for (std::size_t i = 0; i < scratch.ids.size(); ++i) {
    scratch.collector.Offer(base::MakeKey(GraphCodec::ExactDistance(scratch.scores[i]), view_.row_ids[scratch.ids[i]]));
  }
}

/// Offers the rows in scratch.ids with their exact distances to the query.
void HnswIndex::OfferRows(const Query& query, Scratch& scratch) const {
  scratch.distances.resize(scratch.ids.size());
  measure_(query, {view_.rows, view_.row_stride, scratch.ids.data(), scratch.ids.size()}, scratch.distances.data());
  for (std::size_t i = 0; i < scratch.ids.size(); ++i) {
    scratch.collector.Offer(base::MakeKey(scratch.distances[i], scratch.ids[i]));
  }
}

/// Measures every allowed row.
void HnswIndex::Scan(const Batch& batch, std::size_t query, Scratch& scratch, KeySink& sink) const {
  const bool lossless = view_.codec.lossless();
  if (lossless) view_.codec.PrepareQuery(batch.queries[query], &scratch.probe);
  scratch.collector.Reset(batch.k);
  scratch.ids.clear();
  const auto flush = [&] {
    if (lossless) {
      OfferNodes(scratch);
    } else {
      OfferRows(batch.queries[query], scratch);
    }
    scratch.ids.clear();
  };
  const auto visit = [&](std::uint64_t row) {
    scratch.ids.push_back(lossless ? view_.node_of_row[row] : static_cast<std::uint32_t>(row));
    if (scratch.ids.size() == kScanBlock) flush();
  };
  if (batch.filter == nullptr) {
    for (std::uint64_t row = 0; row < spec().rows; ++row) visit(row);
  } else {
    for (std::size_t word = 0; word < batch.filter->bits.size(); ++word) {
      for (std::uint64_t bits = batch.filter->bits[word]; bits != 0; bits &= bits - 1) {
        visit(word * 64 + static_cast<unsigned>(std::countr_zero(bits)));
      }
    }
  }
  flush();
  sink.Emit(query, scratch.collector.Sorted());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Index>> OpenHnsw(Image image, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(HnswView view, ViewHnsw(image));
  return std::make_unique<HnswIndex>(std::move(image), kernels, std::move(view));
}

}  // namespace elanus::index
