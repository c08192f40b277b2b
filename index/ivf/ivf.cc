#include "index/ivf/ivf.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"
#include "index/ivf/coarse.h"
#include "index/ivf/lists.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

CodedShape ShapeFor(const Spec& spec, std::uint64_t nlist) {
  return {.slots = ListGroups(spec.rows, nlist) * base::kGroupRows,
          .row_ids = true,
          .keep_rows = spec.kind == Kind::kIvfFlat};
}

class IvfIndex : public Index {
 public:
  IvfIndex(Image image, const simd::Kernels& kernels, const ListView& lists, CentroidTable coarse, CodedView view)
      : Index(std::move(image), kernels), lists_(lists), coarse_(std::move(coarse)), view_(std::move(view)) {
    const Spec& s = spec();
    const bool measures_rows = view_.rows.rows != nullptr;
    scanner_ =
        Scanner(kernels, s.metric, &view_.codec, view_.rows,
                measures_rows ? Measure(kernels, s.metric, s.element, s.dim, view_.inverse_norms_by_row) : Measure());
  }

 protected:
  absl::Status CheckSearch(const SearchParams& params, std::uint32_t) const override {
    if (params.nprobe >= 1 && params.nprobe <= kListsMax) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("param 'nprobe' (", params.nprobe, ") should be in range [1, ", kListsMax, "]"));
  }

  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override {
    SearchLists(batch, batch.k, base::kNoResult - 1, workspace, sink);
  }

  void RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const override {
    SearchLists(batch, Collector::kUnlimited, bound, workspace, sink);
  }

 private:
  struct IvfScratch {
    ScanCodec::ScanQuery query;
    Collector collector;
    CentroidTable::Scratch coarse;
    Scanner::Scratch scan;
  };

  void SearchLists(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace,
                   KeySink& sink) const {
    IvfScratch& scratch = workspace.Get<IvfScratch>();
    const auto nprobe = static_cast<std::uint32_t>(std::min<std::int64_t>(batch.params.nprobe, lists_.nlist()));
    const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
    const bool range = capacity == Collector::kUnlimited;
    const std::uint64_t wanted = range ? 0 : std::min<std::uint64_t>(capacity, matches);
    for (std::size_t q = 0; q < batch.queries.size(); ++q) {
      const Query& query = batch.queries[q];
      view_.codec.PrepareQuery(query, &scratch.query);
      scratch.collector.Reset(capacity, bound);
      absl::Span<const base::Key> order = coarse_.Nearest(query, nprobe, scratch.coarse);
      for (std::size_t i = 0; i < nprobe; ++i) ScanList(base::KeyRow(order[i]), query, batch.filter, scratch);
      if (scratch.collector.size() < wanted) {
        order = coarse_.Nearest(query, lists_.nlist(), scratch.coarse);
        for (std::size_t i = nprobe; i < order.size() && scratch.collector.size() < wanted; ++i) {
          ScanList(base::KeyRow(order[i]), query, batch.filter, scratch);
        }
      }
      sink.Emit(q, scratch.collector.Sorted());
    }
  }

  void ScanList(std::uint32_t list, const Query& query, const RowFilter* filter, IvfScratch& scratch) const {
    scanner_.Scan(query, scratch.query, lists_.offsets[list], lists_.lengths[list], filter, scratch.collector,
                  scratch.scan);
  }

  ListView lists_;
  CentroidTable coarse_;
  CodedView view_;
  Scanner scanner_;
};

absl::StatusOr<Image> BuildIvf(Kind kind, const BuildRequest& request) {
  Image image(Spec{kind, request.metric, request.base.element, request.base.dim, request.base.count});
  const auto nlist = static_cast<std::uint64_t>(request.params.nlist);
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> labels, TrainCoarse(request, &image));
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> row_of_slot, WriteLists(labels, nlist, &image));
  ELANUS_RETURN_IF_ERROR(WriteCoded(request, ShapeFor(image.spec(), nlist), row_of_slot, &image));
  return image;
}

}  // namespace

absl::StatusOr<IndexPlan> PlanIvf(const Spec& spec, const BuildParams& params) {
  ELANUS_RETURN_IF_ERROR(CheckLists(spec, params));
  const auto nlist = static_cast<std::uint64_t>(params.nlist);
  const CodedShape shape = ShapeFor(spec, nlist);
  std::vector<std::uint64_t> sections = CodedSectionBytes(spec, shape);
  for (const std::uint64_t bytes : CoarseSectionBytes(spec, nlist)) sections.push_back(bytes);
  for (const std::uint64_t bytes : ListSectionBytes(nlist)) sections.push_back(bytes);
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(sections);
  // Labels, rows of slots and norms while encoding; the sample's arrays and three copies of centroids while training.
  const std::uint64_t training = spec.rows * 20 + nlist * spec.dim * 16;
  const std::uint64_t encoding = spec.rows * 8 + shape.slots * 4;
  plan.build_peak_bytes = plan.file_bytes + std::max(training, encoding);
  return plan;
}

absl::StatusOr<Image> BuildIvfFlat(const BuildRequest& request) { return BuildIvf(Kind::kIvfFlat, request); }
absl::StatusOr<Image> BuildIvfSq8(const BuildRequest& request) { return BuildIvf(Kind::kIvfSq8, request); }

absl::StatusOr<std::unique_ptr<Index>> OpenIvf(Image image, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(const ListView lists, ViewLists(image));
  ELANUS_ASSIGN_OR_RETURN(CentroidTable coarse, ViewCoarse(image, kernels, lists.nlist()));
  ELANUS_ASSIGN_OR_RETURN(CodedView view, ViewCoded(image, ShapeFor(image.spec(), lists.nlist())));
  ELANUS_RETURN_IF_ERROR(CheckRowIds(lists, view.rows.row_ids));
  return std::make_unique<IvfIndex>(std::move(image), kernels, lists, std::move(coarse), std::move(view));
}

}  // namespace elanus::index
