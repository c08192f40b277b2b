#include "index/flat/flat.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "host/base/layout.h"
#include "host/base/status_macros.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

/// Codes scanned for one query before the next query takes its turn on them: they stay in the second-level cache.
constexpr std::size_t kTileBytes = 256 * 1024;

CodedShape ShapeFor(const Spec& spec) { return {.slots = base::GroupsFor(spec.rows) * base::kGroupRows}; }

class FlatIndex : public Index {
 public:
  FlatIndex(Image image, const simd::Kernels& kernels, CodedView view)
      : Index(std::move(image), kernels), view_(std::move(view)) {
    const Spec& s = spec();
    const Measure measure =
        IsFloat(s.element) ? Measure(kernels, s.metric, s.element, s.dim, view_.inverse_norms_by_row) : Measure();
    scanner_ = Scanner(kernels, s.metric, &view_.codec, view_.rows, measure);
  }

 protected:
  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override {
    ScanAll(batch, batch.k, base::kNoResult - 1, workspace, sink);
  }

  void RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const override {
    ScanAll(batch, Collector::kUnlimited, bound, workspace, sink);
  }

 private:
  struct FlatScratch {
    std::vector<ScanCodec::ScanQuery> queries;
    std::vector<Collector> collectors;
    Scanner::Scratch scan;
  };

  void ScanAll(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace, KeySink& sink) const {
    FlatScratch& scratch = workspace.Get<FlatScratch>();
    const std::size_t count = batch.queries.size();
    if (scratch.queries.size() < count) scratch.queries.resize(count);
    if (scratch.collectors.size() < count) scratch.collectors.resize(count);
    for (std::size_t q = 0; q < count; ++q) {
      view_.codec.PrepareQuery(batch.queries[q], &scratch.queries[q]);
      scratch.collectors[q].Reset(capacity, bound);
    }
    const std::uint64_t groups = base::GroupsFor(spec().rows);
    const std::uint64_t tile = std::max<std::uint64_t>(1, kTileBytes / base::GroupBytes(view_.codec.chunks()));
    for (std::uint64_t group = 0; group < groups; group += tile) {
      const std::uint64_t rows = std::min(tile * base::kGroupRows, spec().rows - group * base::kGroupRows);
      for (std::size_t q = 0; q < count; ++q) {
        // The first query brings the tile into the cache, and the head of the next one.
        const std::uint64_t next = q > 0 || group + tile >= groups ? Scanner::kNoGroup : group + tile;
        scanner_.Scan(batch.queries[q], scratch.queries[q], group, rows, batch.filter, scratch.collectors[q],
                      scratch.scan, next);
      }
    }
    for (std::size_t q = 0; q < count; ++q) sink.Emit(q, scratch.collectors[q].Sorted());
  }

  CodedView view_;
  Scanner scanner_;
};

}  // namespace

absl::StatusOr<IndexPlan> PlanFlat(const Spec& spec, const BuildParams&) {
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(CodedSectionBytes(spec, ShapeFor(spec)));
  plan.build_peak_bytes = plan.file_bytes + (spec.metric == Metric::kCosine ? spec.rows * sizeof(float) : 0);
  return plan;
}

absl::StatusOr<Image> BuildFlat(const BuildRequest& request) {
  Image image(Spec{Kind::kFlat, request.metric, request.base.element, request.base.dim, request.base.count});
  ELANUS_RETURN_IF_ERROR(WriteCoded(request, ShapeFor(image.spec()), {}, &image));
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenFlat(Image image, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(CodedView view, ViewCoded(image, ShapeFor(image.spec())));
  return std::make_unique<FlatIndex>(std::move(image), kernels, std::move(view));
}

}  // namespace elanus::index
