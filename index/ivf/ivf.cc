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
#include "index/ivf/probes.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

CodedShape ShapeFor(const Spec& spec, std::uint64_t nlist, bool keep_rows) {
  return {.slots = ListGroups(spec.rows, nlist) * base::kGroupRows, .row_ids = true, .keep_rows = keep_rows};
}

bool KeepsRows(Kind kind, const BuildParams& params) { return kind == Kind::kIvfFlat || params.sq8_refine == 1; }

/// Probes, and results, of the queries that are answered together: bounds their memory, some 24 bytes each.
constexpr std::size_t kTogether = std::size_t{1} << 18;

/// Lists are scanned for several queries in turn when a list has at least this many on average. Below it the order is
/// worth more than the reuse: nearest lists first.
constexpr std::size_t kReuse = 2;

/// Codes scanned for one query before the next one takes its turn on them: they stay in the second-level cache.
constexpr std::size_t kTileBytes = 128 * 1024;

class IvfIndex : public Index {
 public:
  IvfIndex(Image image, const simd::Kernels& kernels, const ListView& lists, CentroidTable coarse, CodedView view)
      : Index(std::move(image), kernels),
        lists_(lists),
        coarse_(std::move(coarse)),
        view_(std::move(view)),
        tile_rows_(std::max<std::uint64_t>(1, kTileBytes / base::GroupBytes(view_.codec.chunks())) * base::kGroupRows) {
    const Spec& s = spec();
    const bool measures_rows = view_.rows.rows != nullptr;
    scanner_ =
        Scanner(kernels, s.metric, &view_.codec, view_.rows,
                measures_rows ? Measure(kernels, s.metric, s.element, s.dim, view_.inverse_norms_by_row) : Measure());
  }

 protected:
  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override {
    SearchLists(batch, batch.k, base::kNoResult - 1, workspace, sink);
  }

  void RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const override {
    SearchLists(batch, Collector::kUnlimited, bound, workspace, sink);
  }

 private:
  struct IvfScratch {
    std::vector<ScanCodec::ScanQuery> queries;
    std::vector<Collector> collectors;
    CentroidTable::Scratch coarse;
    Scanner::Scratch scan;
    Probes probes;
  };

  /// One search: what is the same for all its queries.
  struct Task {
    const Batch& batch;
    std::size_t capacity;
    base::Key bound;
    std::uint32_t nprobe;
    std::uint64_t wanted;  // results below which a query visits more lists
    IvfScratch& scratch;
    KeySink& sink;
  };

  void SearchLists(const Batch& batch, std::size_t capacity, base::Key bound, Workspace& workspace,
                   KeySink& sink) const {
    const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
    const bool range = capacity == Collector::kUnlimited;
    const Task task{batch,
                    capacity,
                    bound,
                    static_cast<std::uint32_t>(std::min<std::int64_t>(batch.params.nprobe, lists_.nlist())),
                    range ? 0 : std::min<std::uint64_t>(capacity, matches),
                    workspace.Get<IvfScratch>(),
                    sink};
    const std::size_t most = kTogether / std::max<std::size_t>(task.nprobe, range ? 1 : capacity);
    for (std::size_t begin = 0; begin < batch.queries.size();) {
      const std::size_t count = std::clamp<std::size_t>(most, 1, batch.queries.size() - begin);
      if (count * task.nprobe >= kReuse * lists_.nlist()) {
        SearchTogether(task, begin, count);
      } else {
        for (std::size_t q = begin; q < begin + count; ++q) SearchOne(task, q);
      }
      begin += count;
    }
  }

  /// Query by query, nearest list first.
  void SearchOne(const Task& task, std::size_t q) const {
    Prepare(task, q, 0);
    const absl::Span<const base::Key> order = coarse_.Nearest(task.batch.queries[q], task.nprobe, task.scratch.coarse);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const std::size_t next = std::min(i + 1, order.size() - 1);
      Scan(task, q, 0, List(base::KeyRow(order[i])), lists_.offsets[base::KeyRow(order[next])]);
    }
    Finish(task, q, 0);
  }

  /// List by list, so that the codes of a list are read from memory once for all queries that visit it.
  void SearchTogether(const Task& task, std::size_t begin, std::size_t count) const {
    IvfScratch& scratch = task.scratch;
    scratch.probes.Clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      Prepare(task, begin + i, i);
      scratch.probes.Add(i, coarse_.Nearest(task.batch.queries[begin + i], task.nprobe, scratch.coarse));
    }
    scratch.probes.ForEachList(lists_.nlist(), [&](absl::Span<const Probe> probes, std::uint32_t next_list) {
      const Range list = List(probes.front().list);
      for (std::uint64_t done = 0; done < list.length; done += tile_rows_) {
        const Range tile{list.group + done / base::kGroupRows, std::min(tile_rows_, list.length - done)};
        const bool more = done + tile_rows_ < list.length;
        std::uint64_t next = more ? tile.group + tile_rows_ / base::kGroupRows : lists_.offsets[next_list];
        for (const Probe& probe : probes) {
          Scan(task, begin + probe.query, probe.query, tile, std::exchange(next, Scanner::kNoGroup));
        }
      }
    });
    for (std::size_t i = 0; i < count; ++i) Finish(task, begin + i, i);
  }

  struct Range {
    std::uint64_t group;
    std::uint64_t length;
  };
  Range List(std::uint32_t list) const { return {lists_.offsets[list], lists_.lengths[list]}; }

  /// Query `q` of the batch uses place `i` of the scratch.
  void Prepare(const Task& task, std::size_t q, std::size_t i) const {
    IvfScratch& scratch = task.scratch;
    if (scratch.queries.size() <= i) scratch.queries.resize(i + 1);
    if (scratch.collectors.size() <= i) scratch.collectors.resize(i + 1);
    view_.codec.PrepareQuery(task.batch.queries[q], &scratch.queries[i]);
    scratch.collectors[i].Reset(task.capacity, task.bound);
  }

  void Scan(const Task& task, std::size_t q, std::size_t i, const Range& range, std::uint64_t next_group) const {
    scanner_.Scan(task.batch.queries[q], task.scratch.queries[i], range.group, range.length, task.batch.filter,
                  task.scratch.collectors[i], task.scratch.scan, next_group);
  }

  /// Visits further lists while results are missing, and hands the results over.
  void Finish(const Task& task, std::size_t q, std::size_t i) const {
    Collector& collector = task.scratch.collectors[i];
    if (collector.size() < task.wanted) {
      const absl::Span<const base::Key> order =
          coarse_.Nearest(task.batch.queries[q], lists_.nlist(), task.scratch.coarse);
      for (std::size_t next = task.nprobe; next < order.size() && collector.size() < task.wanted; ++next) {
        Scan(task, q, i, List(base::KeyRow(order[next])), Scanner::kNoGroup);
      }
    }
    task.sink.Emit(q, collector.Sorted());
  }

  ListView lists_;
  CentroidTable coarse_;
  CodedView view_;
  Scanner scanner_;
  std::uint64_t tile_rows_;
};

absl::StatusOr<Image> BuildIvf(Kind kind, const BuildRequest& request) {
  Image image(Spec{kind, request.metric, request.base.element, request.base.dim, request.base.count});
  const auto nlist = static_cast<std::uint64_t>(request.params.nlist);
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> labels, TrainCoarse(request, &image));
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> row_of_slot, WriteLists(labels, nlist, &image));
  ELANUS_RETURN_IF_ERROR(
      WriteCoded(request, ShapeFor(image.spec(), nlist, KeepsRows(kind, request.params)), row_of_slot, &image));
  return image;
}

}  // namespace

absl::StatusOr<IndexPlan> PlanIvf(const Spec& spec, const BuildParams& params) {
  ELANUS_RETURN_IF_ERROR(CheckLists(spec, params));
  const auto nlist = static_cast<std::uint64_t>(params.nlist);
  const CodedShape shape = ShapeFor(spec, nlist, KeepsRows(spec.kind, params));
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
  const bool keeps_rows = image.spec().kind == Kind::kIvfFlat || !image.section(SectionId::kRows).empty();
  ELANUS_ASSIGN_OR_RETURN(CodedView view, ViewCoded(image, ShapeFor(image.spec(), lists.nlist(), keeps_rows)));
  ELANUS_RETURN_IF_ERROR(CheckRowIds(lists, view.rows.row_ids));
  return std::make_unique<IvfIndex>(std::move(image), kernels, lists, std::move(coarse), std::move(view));
}

}  // namespace elanus::index
