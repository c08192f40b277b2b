#include "index/pq/ivf_pq.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"
#include "index/ivf/coarse.h"
#include "index/ivf/lists.h"
#include "index/measure.h"
#include "index/pq/pq_sections.h"
#include "index/pq/quantiser.h"
#include "index/pq/rotation.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

constexpr std::uint32_t kBlockGroups = 8;  // groups between two looks at the limit: sums stay in the first-level cache
constexpr std::uint64_t kBlockRows = kBlockGroups * base::kGroupRows;

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
    PqScratch& scratch = workspace.Get<PqScratch>();
    const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
    const std::uint64_t refine_k = batch.params.refine_k > 0 ? static_cast<std::uint64_t>(batch.params.refine_k)
                                                             : std::uint64_t{4} * ResultBucket(batch.k);
    const auto nprobe = static_cast<std::uint32_t>(std::min<std::int64_t>(batch.params.nprobe, view_.lists.nlist()));
    for (std::size_t q = 0; q < batch.queries.size(); ++q) {
      const Query& query = batch.queries[q];
      scratch.estimates.Reset(static_cast<std::size_t>(refine_k));
      PrepareTable(query, scratch);
      Probe(query, nprobe, std::min<std::uint64_t>(batch.k, matches), batch.filter, scratch);
      scratch.collector.Reset(batch.k);
      Refine(query, scratch);
      sink.Emit(q, scratch.collector.Sorted());
    }
  }

 private:
  struct PqScratch {
    CentroidTable::Scratch coarse;
    std::vector<float> rotated;
    std::vector<float> products;
    PqTable table;
    std::vector<std::uint16_t> sums;
    std::vector<std::uint32_t> positions;
    Collector estimates;  // (estimated distance, slot)
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    Collector collector;
    std::vector<std::uint8_t> code;
    std::vector<float> decoded;
    std::vector<float> unrotated;
  };

  /// The table of the query's products with all codewords, in units of the distance.
  void PrepareTable(const Query& query, PqScratch& scratch) const {
    const float* values = query.values;
    if (view_.rotation != nullptr) {
      scratch.rotated.resize(spec().dim);
      Rotate(kernels(), view_.rotation, spec().dim, query.values, scratch.rotated.data());
      values = scratch.rotated.data();
    }
    const PqShape& pq = view_.shape.pq;
    scratch.products.resize(std::size_t{pq.m} * pq.codewords());
    view_.codebooks.Products(values, scratch.products.data());
    QuantiseTable(pq, spec().metric == Metric::kL2 ? -2.0f : -Scale(query), scratch.products, &scratch.table);
  }

  /// Cosine rows and centroids are normalised; the query is not.
  float Scale(const Query& query) const { return spec().metric == Metric::kCosine ? query.inverse_norm : 1.0f; }

  /// Estimates the rows of the nearest lists: of nprobe, then of more while fewer than `wanted` were found.
  void Probe(const Query& query, std::uint32_t nprobe, std::uint64_t wanted, const RowFilter* filter,
             PqScratch& scratch) const {
    absl::Span<const base::Key> order = coarse_.Nearest(query, nprobe, scratch.coarse);
    for (std::size_t i = 0; i < nprobe; ++i) {
      if (i + 1 < nprobe) PrefetchList(base::KeyRow(order[i + 1]));
      ScanList(order[i], query, filter, scratch);
    }
    if (scratch.estimates.size() >= wanted) return;
    order = coarse_.Nearest(query, view_.lists.nlist(), scratch.coarse);
    for (std::size_t i = nprobe; i < order.size() && scratch.estimates.size() < wanted; ++i) {
      ScanList(order[i], query, filter, scratch);
    }
  }

  /// The first lines of a list: the processor's own prefetcher goes on from there.
  void PrefetchList(std::uint32_t list) const {
    const std::uint64_t group = view_.lists.offsets[list];
    const std::uint8_t* codes = view_.codes + group * view_.shape.group_bytes();
    for (std::size_t line = 0; line < 1024; line += 64) __builtin_prefetch(codes + line);
    __builtin_prefetch(view_.bias + group * base::kGroupRows);
  }

  void ScanList(base::Key list_key, const Query& query, const RowFilter* filter, PqScratch& scratch) const {
    const std::uint32_t list = base::KeyRow(list_key);
    const std::uint64_t length = view_.lists.lengths[list];
    const std::uint64_t first_group = view_.lists.offsets[list];
    const PqShape& pq = view_.shape.pq;
    // L2: |q - c|^2; inner products: -<q, c>, for cosine by the query's length.
    const float list_distance =
        base::KeyDistance(list_key) * (spec().metric == Metric::kCosine ? query.inverse_norm : 1.0f);
    const float offset = list_distance + scratch.table.offset;
    const auto scan = pq.nbits == 4 ? kernels().pq.lut4_groups : kernels().pq.lut8_groups;
    scratch.sums.resize(kBlockRows);
    scratch.positions.resize(kBlockRows);
    for (std::uint64_t begin = 0; begin < length; begin += kBlockRows) {
      const auto count = static_cast<std::size_t>(std::min(kBlockRows, length - begin));
      const std::uint64_t group = first_group + begin / base::kGroupRows;
      const std::uint64_t first_slot = group * base::kGroupRows;
      scan(view_.codes + group * view_.shape.group_bytes(), base::GroupsFor(count), pq.scanned(), scratch.table.entries,
           scratch.sums.data());
      const std::size_t selected =
          kernels().pq.select(scratch.sums.data(), view_.bias + first_slot, scratch.table.scale,
                              scratch.estimates.limit() - offset, count, scratch.positions.data());
      for (std::size_t i = 0; i < selected; ++i) {
        const std::uint64_t slot = first_slot + scratch.positions[i];
        if (filter != nullptr && !filter->Allows(view_.row_ids[slot])) continue;
        const float estimate =
            offset + (view_.bias[slot] + scratch.table.scale * static_cast<float>(scratch.sums[scratch.positions[i]]));
        scratch.estimates.Offer(base::MakeKey(estimate, static_cast<std::uint32_t>(slot)));
      }
    }
  }

  /// Measures the rows with the best estimates exactly.
  void Refine(const Query& query, PqScratch& scratch) const {
    scratch.ids.clear();
    if (!view_.shape.refined) {
      for (const base::Key key : scratch.estimates.Unsorted()) {
        scratch.collector.Offer(
            base::MakeKey(DecodedDistance(query, base::KeyRow(key), scratch), view_.row_ids[base::KeyRow(key)]));
      }
      return;
    }
    for (const base::Key key : scratch.estimates.Unsorted()) scratch.ids.push_back(view_.row_ids[base::KeyRow(key)]);
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
  // k-means; then labels, rows of slots, norms, the training residuals (65,536 at most) and turned centroids.
  const std::uint64_t training = spec.rows * 20 + shape.nlist * spec.dim * 16;
  const std::uint64_t encoding = spec.rows * 12 + shape.nlist * (128 + std::uint64_t{spec.dim} * 4) +
                                 std::min<std::uint64_t>(spec.rows, 65'536) * spec.dim * 4 +
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
