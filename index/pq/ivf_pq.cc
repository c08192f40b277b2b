#include "index/pq/ivf_pq.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"
#include "index/ivf/coarse.h"
#include "index/ivf/lists.h"
#include "index/ivf/probes.h"
#include "index/measure.h"
#include "index/pq/pq_sections.h"
#include "index/pq/quantiser.h"
#include "index/pq/rotation.h"
#include "index/reservoir.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

constexpr std::uint32_t kBlockGroups = 8;  // groups between two looks at the limit: sums stay in the first-level cache
constexpr std::uint64_t kBlockRows = kBlockGroups * base::kGroupRows;

/// Tables, candidates and probes of the queries that are answered together: bounds their memory.
constexpr std::size_t kTogetherBytes = std::size_t{8} << 20;

/// Lists are scanned for several queries in turn when a list has at least this many on average.
constexpr std::size_t kReuse = 2;

/// Sections of an IVF_PQ index, checked.
struct IvfPqView {
  IvfPqShape shape;
  ListView lists;
  PqCodebooks codebooks;
  const float* rotation = nullptr;
  const std::uint8_t* codes = nullptr;
  const float* bias = nullptr;
  const std::uint32_t* row_ids = nullptr;
  const std::byte* rows = nullptr;       // refine=1
  const float* inverse_norms = nullptr;  // refine=1, cosine
};

class IvfPqIndex : public Index {
 public:
  IvfPqIndex(Image image, const simd::Kernels& kernels, const IvfPqView& view, CentroidTable coarse)
      : Index(std::move(image), kernels), view_(view), coarse_(std::move(coarse)) {
    if (view_.shape.refined) {
      measure_ = Measure(kernels, spec().metric, spec().element, spec().dim, view_.inverse_norms);
    }
  }

 protected:
  absl::Status CheckSearch(const SearchParams& params, std::uint32_t k) const override {
    if (params.refine_k == 0 || params.refine_k >= k) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("refine_k(", params.refine_k, ") should be 0 or not smaller than k(", k, ")"));
  }

  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override {
    const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
    const std::uint64_t refine_k = batch.params.refine_k > 0 ? static_cast<std::uint64_t>(batch.params.refine_k)
                                                             : std::uint64_t{4} * ResultBucket(batch.k);
    const Task task{
        batch,
        static_cast<std::uint32_t>(std::min<std::int64_t>(batch.params.nprobe, view_.lists.nlist())),
        static_cast<std::size_t>(std::min<std::uint64_t>(std::max<std::uint64_t>(refine_k, batch.k), spec().rows)),
        std::min<std::uint64_t>(batch.k, matches),
        workspace.Get<PqScratch>(),
        sink};
    const std::size_t most = kTogetherBytes / (view_.shape.pq.scanned() * std::size_t{view_.shape.pq.codewords()} +
                                               2 * (sizeof(base::Key) * task.refine_k + sizeof(Probe) * task.nprobe));
    if (batch.filter != nullptr && view_.shape.refined && matches <= task.refine_k) return MeasureAllowed(task);
    for (std::size_t begin = 0; begin < batch.queries.size();) {
      const std::size_t count = std::clamp<std::size_t>(most, 1, batch.queries.size() - begin);
      if (view_.shape.pq.nbits == 4 && count * task.nprobe >= kReuse * view_.lists.nlist()) {
        SearchTogether(task, begin, count);
      } else {
        for (std::size_t q = begin; q < begin + count; ++q) SearchOne(task, q);
      }
      begin += count;
    }
  }

 private:
  /// A query's table, and what was found for it.
  struct Candidates {
    PqTable table;
    Reservoir estimates;  // (estimated distance, slot)
  };
  struct PqScratch {
    std::vector<Candidates> queries;
    Probes probes;
    CentroidTable::Scratch coarse;
    std::vector<float> rotated;
    std::vector<float> products;
    std::vector<std::uint16_t> sums;
    std::vector<std::uint32_t> positions;
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    Collector collector;
    std::vector<std::uint8_t> code;
    std::vector<float> decoded;
    std::vector<float> unrotated;
  };

  /// One search: what is the same for all its queries.
  struct Task {
    const Batch& batch;
    std::uint32_t nprobe;
    std::size_t refine_k;  // candidates re-scored
    std::uint64_t wanted;  // candidates below which a query visits more lists
    PqScratch& scratch;
    KeySink& sink;
  };

  /// Exact distances to every row that the filter allows: when they are no more than would be re-scored anyway.
  void MeasureAllowed(const Task& task) const {
    PqScratch& scratch = task.scratch;
    const RowFilter& filter = *task.batch.filter;
    scratch.ids.clear();
    for (std::size_t word = 0; word < filter.bits.size(); ++word) {
      for (std::uint64_t bits = filter.bits[word]; bits != 0; bits &= bits - 1) {
        scratch.ids.push_back(static_cast<std::uint32_t>(word * 64 + static_cast<unsigned>(std::countr_zero(bits))));
      }
    }
    for (std::size_t q = 0; q < task.batch.queries.size(); ++q) {
      scratch.collector.Reset(task.batch.k);
      OfferRows(task.batch.queries[q], scratch);
      task.sink.Emit(q, scratch.collector.Sorted());
    }
  }

  /// Query by query, nearest list first.
  void SearchOne(const Task& task, std::size_t q) const {
    Prepare(task, q, 0);
    const absl::Span<const base::Key> order = coarse_.Nearest(task.batch.queries[q], task.nprobe, task.scratch.coarse);
    for (std::size_t i = 0; i < order.size(); ++i) {
      const Probe probe{base::KeyRow(order[i]), 0, base::KeyDistance(order[i])};
      ScanList(task, q, {&probe, 1}, base::KeyRow(order[std::min(i + 1, order.size() - 1)]));
    }
    Finish(task, q, 0);
  }

  /// List by list: a list's codes are read from memory once for all queries that visit it, and split once for several.
  void SearchTogether(const Task& task, std::size_t begin, std::size_t count) const {
    Probes& probes = task.scratch.probes;
    probes.Clear();
    for (std::uint32_t i = 0; i < count; ++i) {
      Prepare(task, begin + i, i);
      probes.Add(i, coarse_.Nearest(task.batch.queries[begin + i], task.nprobe, task.scratch.coarse));
    }
    probes.ForEachList(view_.lists.nlist(), [&](absl::Span<const Probe> visitors, std::uint32_t next_list) {
      const std::uint32_t list = visitors.front().list;
      for (; !visitors.empty(); visitors.remove_prefix(std::min(visitors.size(), simd::kLutsMax))) {
        const bool last = visitors.size() <= simd::kLutsMax;
        ScanList(task, begin, visitors.subspan(0, simd::kLutsMax), last ? next_list : list);
      }
    });
    for (std::size_t i = 0; i < count; ++i) Finish(task, begin + i, i);
  }

  /// Query `q` of the batch uses place `i` of the scratch: its table of products with all codewords, in units of the
  /// distance.
  void Prepare(const Task& task, std::size_t q, std::size_t i) const {
    PqScratch& scratch = task.scratch;
    if (scratch.queries.size() <= i) scratch.queries.resize(i + 1);
    const Query& query = task.batch.queries[q];
    const float* values = query.values;
    if (view_.rotation != nullptr) {
      scratch.rotated.resize(spec().dim);
      Rotate(kernels(), view_.rotation, spec().dim, query.values, scratch.rotated.data());
      values = scratch.rotated.data();
    }
    const PqShape& pq = view_.shape.pq;
    scratch.products.resize(std::size_t{pq.m} * pq.codewords());
    view_.codebooks.Products(values, scratch.products.data());
    QuantiseTable(pq, spec().metric == Metric::kL2 ? -2.0f : -Scale(query), scratch.products,
                  &scratch.queries[i].table);
    scratch.queries[i].estimates.Reset(task.refine_k);
  }

  /// Cosine rows and centroids are normalised; the query is not.
  float Scale(const Query& query) const { return spec().metric == Metric::kCosine ? query.inverse_norm : 1.0f; }

  /// Asks for the block of rows that is scanned next: more than the processor's own prefetcher does at the bounds of
  /// lists.
  void PrefetchBlock(std::uint32_t list, std::uint64_t done) const {
    const std::uint64_t count = std::min<std::uint64_t>(kBlockRows, view_.lists.lengths[list] - done);
    const std::uint64_t group = view_.lists.offsets[list] + done / base::kGroupRows;
    const std::size_t bytes = base::GroupsFor(count) * view_.shape.group_bytes();
    const std::uint8_t* codes = view_.codes + group * view_.shape.group_bytes();
    for (std::size_t line = 0; line < bytes; line += 64) __builtin_prefetch(codes + line);
    const float* bias = view_.bias + group * base::kGroupRows;
    for (std::size_t i = 0; i < count; i += 16) __builtin_prefetch(bias + i);
  }

  /// Estimates the rows of one list for up to kLutsMax queries; `begin`: the query of the batch that is probes' first.
  /// next_list: the one that is likely to be scanned after it.
  void ScanList(const Task& task, std::size_t begin, absl::Span<const Probe> probes, std::uint32_t next_list) const {
    PqScratch& scratch = task.scratch;
    const std::uint32_t list = probes.front().list;
    const std::uint64_t length = view_.lists.lengths[list];
    scratch.sums.resize(simd::kLutsMax * kBlockRows);
    scratch.positions.resize(kBlockRows);
    const std::uint8_t* tables[simd::kLutsMax];
    for (std::size_t i = 0; i < probes.size(); ++i) tables[i] = scratch.queries[probes[i].query].table.entries;
    for (std::uint64_t done = 0; done < length; done += kBlockRows) {
      const auto count = static_cast<std::size_t>(std::min(kBlockRows, length - done));
      const std::uint64_t group = view_.lists.offsets[list] + done / base::kGroupRows;
      const std::uint64_t groups = base::GroupsFor(count);
      const std::uint8_t* codes = view_.codes + group * view_.shape.group_bytes();
      const bool more = done + kBlockRows < length;
      PrefetchBlock(more ? list : next_list, more ? done + kBlockRows : 0);
      if (view_.shape.pq.nbits == 4) {
        kernels().pq.lut4_groups(codes, groups, view_.shape.pq.scanned(), tables, probes.size(), scratch.sums.data());
      } else {
        kernels().pq.lut8_groups(codes, groups, view_.shape.pq.m, tables[0], scratch.sums.data());
      }
      for (std::size_t i = 0; i < probes.size(); ++i) {
        OfferBlock(task, task.batch.queries[begin + probes[i].query], probes[i], group * base::kGroupRows, count,
                   scratch.sums.data() + i * groups * base::kGroupRows);
      }
    }
  }

  /// Offers the rows of a block whose estimate, from the sums of their table entries, is within the query's limit.
  void OfferBlock(const Task& task, const Query& query, const Probe& probe, std::uint64_t first_slot, std::size_t count,
                  const std::uint16_t* sums) const {
    Candidates& candidates = task.scratch.queries[probe.query];
    const PqTable& table = candidates.table;
    // L2: |q - c|^2; inner products: -<q, c>, for cosine by the query's length.
    const float offset = probe.distance * (spec().metric == Metric::kCosine ? query.inverse_norm : 1.0f) + table.offset;
    // Which candidates are kept must not depend on when the limit fell: what roundings could drop is passed on.
    const float limit = candidates.estimates.limit();
    float widened = (limit - offset) + (std::abs(limit) + std::abs(offset)) * 0x1p-21f;
    if (widened != widened) widened = std::numeric_limits<float>::infinity();  // distances beyond what a float holds
    std::uint32_t* const positions = task.scratch.positions.data();
    const std::size_t selected =
        kernels().pq.select(sums, view_.bias + first_slot, table.scale, widened, count, positions);
    for (std::size_t i = 0; i < selected; ++i) {
      const std::uint64_t slot = first_slot + positions[i];
      if (task.batch.filter != nullptr && !task.batch.filter->Allows(view_.row_ids[slot])) continue;
      const float estimate = offset + (view_.bias[slot] + table.scale * static_cast<float>(sums[positions[i]]));
      candidates.estimates.Offer(base::MakeKey(estimate, static_cast<std::uint32_t>(slot)));
    }
  }

  /// Visits further lists while candidates are missing, re-scores, and hands the results over.
  void Finish(const Task& task, std::size_t q, std::size_t i) const {
    PqScratch& scratch = task.scratch;
    const Query& query = task.batch.queries[q];
    Reservoir& estimates = scratch.queries[i].estimates;
    if (estimates.size() < task.wanted) {
      const absl::Span<const base::Key> order = coarse_.Nearest(query, view_.lists.nlist(), scratch.coarse);
      for (std::size_t next = task.nprobe; next < order.size() && estimates.size() < task.wanted; ++next) {
        const Probe probe{base::KeyRow(order[next]), static_cast<std::uint32_t>(i), base::KeyDistance(order[next])};
        ScanList(task, q - i, {&probe, 1}, probe.list);
      }
    }
    scratch.collector.Reset(task.batch.k);
    Refine(query, estimates.Best(), scratch);
    task.sink.Emit(q, scratch.collector.Sorted());
  }

  /// Measures the rows with the best estimates exactly.
  void Refine(const Query& query, absl::Span<const base::Key> candidates, PqScratch& scratch) const {
    scratch.ids.clear();
    if (!view_.shape.refined) {
      for (const base::Key key : candidates) {
        scratch.collector.Offer(
            base::MakeKey(DecodedDistance(query, base::KeyRow(key), scratch), view_.row_ids[base::KeyRow(key)]));
      }
      return;
    }
    for (const base::Key key : candidates) scratch.ids.push_back(view_.row_ids[base::KeyRow(key)]);
    OfferRows(query, scratch);
  }

  /// Offers the rows in scratch.ids with their exact distances.
  void OfferRows(const Query& query, PqScratch& scratch) const {
    scratch.distances.resize(scratch.ids.size());
    measure_(query, {view_.rows, RowStride(spec()), scratch.ids.data(), scratch.ids.size()}, scratch.distances.data());
    for (std::size_t i = 0; i < scratch.ids.size(); ++i) {
      scratch.collector.Offer(base::MakeKey(scratch.distances[i], scratch.ids[i]));
    }
  }

  /// Canonical distance to centroid + R^T decoded residual.
  float DecodedDistance(const Query& query, std::uint32_t slot, PqScratch& scratch) const {
    const PqShape& pq = view_.shape.pq;
    scratch.code.resize(pq.m);
    scratch.decoded.resize(pq.dim);
    ReadCode(slot, scratch.code.data());
    view_.codebooks.Decode(scratch.code.data(), scratch.decoded.data());
    if (view_.rotation != nullptr) {
      scratch.unrotated.resize(pq.dim);
      RotateBack(view_.rotation, pq.dim, scratch.decoded.data(), scratch.unrotated.data());
      std::swap(scratch.decoded, scratch.unrotated);
    }
    const auto* centroid = reinterpret_cast<const float*>(coarse_.centroids().row(ListOf(slot)));
    for (std::uint32_t d = 0; d < pq.dim; ++d) scratch.decoded[d] += centroid[d];
    const simd::DistanceKernels& distance = kernels().distance;
    const auto kernel =
        (spec().metric == Metric::kL2 ? distance.l2 : distance.ip)[static_cast<int>(base::Element::kF32)];
    float value = 0;
    kernel(query.values, {reinterpret_cast<const std::byte*>(scratch.decoded.data()), 0, nullptr, 1}, pq.dim, &value);
    return spec().metric == Metric::kL2 ? value : Measure::FromInnerProduct(spec().metric, value, query, 1.0f);
  }

  void ReadCode(std::uint32_t slot, std::uint8_t* code) const {
    const PqShape& pq = view_.shape.pq;
    if (pq.nbits == 8) {
      for (std::uint32_t i = 0; i < pq.m; ++i) {
        code[i] =
            view_.codes[base::ChunkOffset(slot, i / base::kChunkBytes, base::ChunksFor(pq.m)) + i % base::kChunkBytes];
      }
      return;
    }
    const std::uint8_t* group = view_.codes + slot / base::kGroupRows * view_.shape.group_bytes();
    const std::uint32_t row = slot % base::kGroupRows;
    for (std::uint32_t i = 0; i < pq.m; ++i) {
      const std::uint8_t byte = group[std::size_t{i} * 16 + row % 16];
      code[i] = row < 16 ? byte & 0x0F : byte >> 4;
    }
  }

  /// Lists lie one after another: the last that begins at or before the slot's group and is not empty.
  std::uint32_t ListOf(std::uint32_t slot) const {
    const auto& offsets = view_.lists.offsets;
    auto list = static_cast<std::uint32_t>(std::upper_bound(offsets.begin(), offsets.end(), slot / base::kGroupRows) -
                                           offsets.begin() - 1);
    while (view_.lists.lengths[list] == 0 && list > 0) --list;
    return list;
  }

  IvfPqView view_;
  CentroidTable coarse_;
  Measure measure_;
};

absl::StatusOr<IvfPqView> ViewSections(const Image& image) {
  const Spec& spec = image.spec();
  IvfPqView view;
  ELANUS_ASSIGN_OR_RETURN(view.lists, ViewLists(image));
  ELANUS_ASSIGN_OR_RETURN(view.shape, IvfPqShape::Load(image));
  const PqShape& pq = view.shape.pq;
  if (view.shape.nlist != view.lists.nlist()) {
    return absl::DataLossError(
        absl::StrCat("the codebook section counts ", view.shape.nlist, " lists, there are ", view.lists.nlist()));
  }
  ELANUS_ASSIGN_OR_RETURN(const auto codebooks,
                          image.Array<float>(SectionId::kCodebooks, sizeof(PqHeader) / 4 + pq.codebook_floats()));
  view.codebooks = PqCodebooks(pq, codebooks.data() + sizeof(PqHeader) / 4);
  const std::uint64_t slots = view.lists.slots;
  ELANUS_ASSIGN_OR_RETURN(const auto codes, image.Array<std::uint8_t>(SectionId::kCodes, slots / base::kGroupRows *
                                                                                             view.shape.group_bytes()));
  ELANUS_ASSIGN_OR_RETURN(const auto bias, image.Array<float>(SectionId::kBias, slots));
  ELANUS_ASSIGN_OR_RETURN(const auto ids, image.Array<std::uint32_t>(SectionId::kRowIds, slots));
  view.codes = codes.data();
  view.bias = bias.data();
  view.row_ids = ids.data();
  ELANUS_RETURN_IF_ERROR(CheckIdRange(ids, spec.rows));
  ELANUS_RETURN_IF_ERROR(CheckRowIds(view.lists, view.row_ids));
  if (view.shape.rotated) {
    ELANUS_ASSIGN_OR_RETURN(const auto matrix,
                            image.Array<float>(SectionId::kRotation, std::uint64_t{pq.dim} * pq.dim));
    view.rotation = matrix.data();
  }
  if (view.shape.refined) {
    ELANUS_ASSIGN_OR_RETURN(const auto rows, image.Array<std::byte>(SectionId::kRows, spec.rows * RowStride(spec)));
    view.rows = rows.data();
    if (spec.metric == Metric::kCosine) {
      ELANUS_ASSIGN_OR_RETURN(const auto norms, image.Array<float>(SectionId::kRowScale, spec.rows));
      view.inverse_norms = norms.data();
    }
  }
  return view;
}

}  // namespace

absl::StatusOr<IndexPlan> PlanIvfPq(const Spec& spec, const BuildParams& params) {
  ELANUS_ASSIGN_OR_RETURN(const IvfPqShape shape, IvfPqShape::For(spec, params));
  std::vector<std::uint64_t> sections = shape.SectionBytes(spec);
  for (const std::uint64_t bytes : CoarseSectionBytes(spec, shape.nlist)) sections.push_back(bytes);
  for (const std::uint64_t bytes : ListSectionBytes(shape.nlist)) sections.push_back(bytes);
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(sections);
  // k-means; then labels, rows of slots, norms, the training residuals (128 MiB at most) and turned centroids.
  const std::uint64_t training = spec.rows * 20 + shape.nlist * spec.dim * 16;
  const std::uint64_t encoding = spec.rows * 12 + shape.nlist * (128 + std::uint64_t{spec.dim} * 4) +
                                 std::min<std::uint64_t>(spec.rows * spec.dim * 4, std::uint64_t{128} << 20) +
                                 std::uint64_t{spec.dim} * spec.dim * 8;
  plan.build_peak_bytes = plan.file_bytes + std::max(training, encoding);
  return plan;
}

absl::StatusOr<Image> BuildIvfPq(const BuildRequest& request) {
  Image image(Spec{Kind::kIvfPq, request.metric, request.base.element, request.base.dim, request.base.count});
  ELANUS_ASSIGN_OR_RETURN(const IvfPqShape shape, IvfPqShape::For(image.spec(), request.params));
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> labels, TrainCoarse(request, &image));
  ELANUS_ASSIGN_OR_RETURN(const std::vector<std::uint32_t> row_of_slot, WriteLists(labels, shape.nlist, &image));
  ELANUS_RETURN_IF_ERROR(WritePq(request, shape, labels, row_of_slot, &image));
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenIvfPq(Image image, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(const IvfPqView view, ViewSections(image));
  ELANUS_ASSIGN_OR_RETURN(CentroidTable coarse, ViewCoarse(image, kernels, view.lists.nlist()));
  return std::make_unique<IvfPqIndex>(std::move(image), kernels, view, std::move(coarse));
}

}  // namespace elanus::index
