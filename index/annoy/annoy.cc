#include "index/annoy/annoy.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/aligned.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"
#include "index/annoy/forest.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

CodedShape CodedShapeFor(const Spec& spec) { return {.slots = spec.rows, .row_ids = true, .row_major = true}; }

ForestShape ForestShapeFor(const Spec& spec, std::uint32_t trees) {
  return ForestShape::For(spec.rows, trees, base::ChunksFor(spec.dim) * base::kChunkBytes);
}

std::vector<std::uint64_t> ForestSectionBytes(const ForestShape& shape) {
  const std::uint64_t nodes = shape.trees * shape.nodes();
  return {nodes * shape.code_bytes, nodes * sizeof(TreeCut), shape.trees * shape.rows * sizeof(std::uint32_t)};
}

/// Rows of `bytes` each: row i becomes what row order[i] was, in place, following the permutation's cycles.
void Permute(absl::Span<const std::uint32_t> order, std::size_t bytes, absl::Span<std::byte> rows) {
  std::vector<bool> done(order.size(), false);
  std::vector<std::byte> held(bytes);
  for (std::size_t start = 0; start < order.size(); ++start) {
    if (done[start] || order[start] == start) continue;
    std::memcpy(held.data(), rows.data() + start * bytes, bytes);
    std::size_t to = start;
    for (; order[to] != start; to = order[to]) {
      std::memcpy(rows.data() + to * bytes, rows.data() + order[to] * bytes, bytes);
      done[to] = true;
    }
    std::memcpy(rows.data() + to * bytes, held.data(), bytes);
    done[to] = true;
  }
}

class AnnoyIndex : public Index {
 public:
  AnnoyIndex(Image image, const simd::Kernels& kernels, CodedView view, const ForestShape& shape,
             const ForestView& forest)
      : Index(std::move(image), kernels), view_(std::move(view)), shape_(shape), forest_(forest) {
    const Spec& s = spec();
    const Measure measure =
        IsFloat(s.element) ? Measure(kernels, s.metric, s.element, s.dim, view_.inverse_norms_by_row) : Measure();
    scanner_ = Scanner(kernels, s.metric, &view_.codec, view_.rows, measure);
  }

 protected:
  absl::Status CheckSearch(const SearchParams& params, std::uint32_t k) const override {
    if (params.search_k == -1 || params.search_k >= k) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("search_k(", params.search_k, ") should be -1 or not smaller than k(", k, ")"));
  }

  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override {
    AnnoyScratch& scratch = workspace.Get<AnnoyScratch>();
    const std::uint64_t wanted = batch.params.search_k == -1 ? std::uint64_t{ResultBucket(batch.k)} * shape_.trees
                                                             : static_cast<std::uint64_t>(batch.params.search_k);
    for (std::size_t q = 0; q < batch.queries.size(); ++q) {
      const Query& query = batch.queries[q];
      Gather(query, batch.k, wanted, batch.filter, scratch);
      view_.codec.PrepareQuery(query, &scratch.scan_query);
      scratch.collector.Reset(batch.k);
      scanner_.ScanSlots(query, scratch.scan_query, scratch.slots, scratch.collector, scratch.scan);
      sink.Emit(q, scratch.collector.Sorted());
    }
  }

 private:
  /// A subtree not yet entered. Larger margins first; among equals the smaller node, so that the order is fixed.
  struct Branch {
    float margin;
    std::uint64_t node;  // tree * (2 * nodes + 1) + heap position, leaves included
    bool operator<(const Branch& other) const {
      return margin != other.margin ? margin < other.margin : node > other.node;
    }
  };
  struct AnnoyScratch {
    std::vector<Branch> branches;
    std::vector<std::uint64_t> gathered;  // bit per slot; all zero between queries
    std::vector<std::uint32_t> slots;
    std::vector<std::uint8_t> query_codes;
    base::AlignedArray<std::int8_t> signed_codes;
    ScanCodec::ScanQuery scan_query;
    Collector collector;
    Scanner::Scratch scan;
  };

  /// Leaves in scratch.slots, ascending, at least min(k, matches) allowed slots: those of the best leaves until
  /// `wanted` are met, a slot met in several trees counting each time (as Annoy counts search_k).
  void Gather(const Query& query, std::uint64_t k, std::uint64_t wanted, const RowFilter* filter,
              AnnoyScratch& scratch) const {
    scratch.gathered.resize(std::max<std::size_t>(scratch.gathered.size(), (shape_.rows + 63) / 64), 0);
    const std::uint64_t matches = filter != nullptr ? filter->allowed : shape_.rows;
    if (matches <= wanted && filter != nullptr) {
      TakeAllowed(*filter, scratch);
      return;
    }
    WalkTrees(query, std::min(k, matches), wanted, filter, scratch);
    scratch.slots.clear();
    for (std::size_t word = 0; word < (shape_.rows + 63) / 64; ++word) {
      for (std::uint64_t bits = std::exchange(scratch.gathered[word], 0); bits != 0; bits &= bits - 1) {
        scratch.slots.push_back(static_cast<std::uint32_t>(word * 64 + std::countr_zero(bits)));
      }
    }
  }

  void TakeAllowed(const RowFilter& filter, AnnoyScratch& scratch) const {
    scratch.slots.clear();
    for (std::uint32_t slot = 0; slot < shape_.rows; ++slot) {
      if (filter.Allows(view_.rows.row_ids[slot])) scratch.slots.push_back(slot);
    }
  }

  void WalkTrees(const Query& query, std::uint64_t needed, std::uint64_t wanted, const RowFilter* filter,
                 AnnoyScratch& scratch) const {
    const std::int8_t* signed_codes = SignedCodes(query, scratch);
    std::int32_t code_sum = 0;
    for (std::uint32_t d = 0; d < shape_.code_bytes; ++d) code_sum += signed_codes[d];
    const std::uint64_t inner = shape_.nodes();
    const std::uint64_t tree_nodes = 2 * inner + 1;
    scratch.branches.clear();
    for (std::uint64_t tree = 0; tree < shape_.trees; ++tree) {
      scratch.branches.push_back({std::numeric_limits<float>::infinity(), tree * tree_nodes});
    }
    std::make_heap(scratch.branches.begin(), scratch.branches.end());
    std::uint64_t met = 0;
    std::uint64_t found = 0;
    while (!scratch.branches.empty() && (met < wanted || found < needed)) {
      std::pop_heap(scratch.branches.begin(), scratch.branches.end());
      const Branch branch = scratch.branches.back();
      scratch.branches.pop_back();
      const std::uint64_t tree = branch.node / tree_nodes;
      std::uint64_t position = branch.node % tree_nodes;
      while (position < inner) {
        const auto node = static_cast<std::uint32_t>(tree * inner + position);
        const TreeCut& cut = forest_.cuts[node];
        std::int32_t dot = 0;
        kernels().scan.dot_rows(signed_codes,
                                {reinterpret_cast<const std::byte*>(forest_.normals), shape_.code_bytes, &node, 1},
                                shape_.code_bytes, &dot);
        const auto margin =
            static_cast<float>(std::int64_t{dot} - 128 * std::int64_t{code_sum} - cut.cut) * cut.inverse_norm;
        const std::uint64_t left = 2 * position + 1;
        const bool go_left = margin < 0;
        scratch.branches.push_back(
            {std::min(branch.margin, -std::abs(margin)), tree * tree_nodes + (go_left ? left + 1 : left)});
        std::push_heap(scratch.branches.begin(), scratch.branches.end());
        position = go_left ? left : left + 1;
      }
      TakeLeaf(tree, position - inner, filter, scratch, &met, &found);
    }
  }

  void TakeLeaf(std::uint64_t tree, std::uint64_t leaf, const RowFilter* filter, AnnoyScratch& scratch,
                std::uint64_t* met, std::uint64_t* found) const {
    const std::uint32_t* items = forest_.items + tree * shape_.rows;
    for (std::uint64_t i = shape_.LeafBegin(leaf); i < shape_.LeafBegin(leaf + 1); ++i) {
      const std::uint32_t slot = items[i];
      if (filter != nullptr && !filter->Allows(view_.rows.row_ids[slot])) continue;
      ++*met;
      const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
      *found += (scratch.gathered[slot / 64] & bit) == 0;
      scratch.gathered[slot / 64] |= bit;
    }
  }

  /// The query's codes less 128, aligned as the kernels want them.
  const std::int8_t* SignedCodes(const Query& query, AnnoyScratch& scratch) const {
    scratch.query_codes.resize(shape_.code_bytes);
    view_.codec.EncodeQuery(query, scratch.query_codes.data());
    scratch.signed_codes.Reset(shape_.code_bytes);
    std::int8_t* const codes = scratch.signed_codes.data();
    for (std::uint32_t d = 0; d < spec().dim; ++d) codes[d] = static_cast<std::int8_t>(scratch.query_codes[d] - 128);
    return codes;
  }

  CodedView view_;
  ForestShape shape_;
  ForestView forest_;
  Scanner scanner_;
};

/// Reorders the rows of the coded sections by the first tree's leaves, and makes that tree the identity.
void ReorderByFirstTree(const ForestShape& shape, const MutableForest& forest, Image* image) {
  const std::vector<std::uint32_t> order(forest.items, forest.items + shape.rows);
  const auto permute = [&](SectionId id, std::size_t bytes) { Permute(order, bytes, image->MutableSection(id)); };
  permute(SectionId::kCodes, CodeStride(image->spec()));
  permute(SectionId::kBias, 4);
  permute(SectionId::kRowIds, 4);
  if (image->spec().metric == Metric::kCosine && IsInteger(image->spec().element)) permute(SectionId::kRowScale, 4);
  for (std::uint64_t i = 0; i < shape.rows; ++i) forest.items[i] = static_cast<std::uint32_t>(i);
}

absl::StatusOr<MutableForest> AddForest(const ForestShape& shape, Image* image) {
  const std::vector<std::uint64_t> bytes = ForestSectionBytes(shape);
  ELANUS_ASSIGN_OR_RETURN(const auto normals, image->Add(SectionId::kTrees, bytes[0]));
  ELANUS_ASSIGN_OR_RETURN(const auto cuts, image->Add(SectionId::kTreeCuts, bytes[1]));
  ELANUS_ASSIGN_OR_RETURN(const auto items, image->Add(SectionId::kTreeItems, bytes[2]));
  return MutableForest{reinterpret_cast<std::uint8_t*>(normals.data()), reinterpret_cast<TreeCut*>(cuts.data()),
                       reinterpret_cast<std::uint32_t*>(items.data())};
}

}  // namespace

absl::StatusOr<IndexPlan> PlanAnnoy(const Spec& spec, const BuildParams& params) {
  const ForestShape shape = ForestShapeFor(spec, static_cast<std::uint32_t>(params.n_trees));
  std::vector<std::uint64_t> sections = CodedSectionBytes(spec, CodedShapeFor(spec));
  for (const std::uint64_t bytes : ForestSectionBytes(shape)) {
    if (bytes > 0) sections.push_back(bytes);
  }
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(sections);
  // The projections of all rows and their order, here for two threads; norms; the order of the first tree.
  plan.build_peak_bytes = plan.file_bytes + spec.rows * (2 * 12 + 8);
  return plan;
}

absl::StatusOr<Image> BuildAnnoy(const BuildRequest& request) {
  Image image(Spec{Kind::kAnnoy, request.metric, request.base.element, request.base.dim, request.base.count});
  {
    std::vector<std::uint32_t> identity(request.base.count);
    std::iota(identity.begin(), identity.end(), 0u);
    ELANUS_RETURN_IF_ERROR(WriteCoded(request, CodedShapeFor(image.spec()), identity, &image));
  }

  const ForestShape shape = ForestShapeFor(image.spec(), static_cast<std::uint32_t>(request.params.n_trees));
  ELANUS_ASSIGN_OR_RETURN(const MutableForest forest, AddForest(shape, &image));
  const ForestRows rows{image.section(SectionId::kCodes).data(), CodeStride(image.spec())};
  const auto seed = static_cast<std::uint64_t>(request.params.seed);
  request.monitor.Stage("trees", std::uint64_t{shape.trees} * shape.depth * shape.rows);
  BuildTree(*request.kernels, rows, shape, seed, 0, request.monitor, forest);
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  ReorderByFirstTree(shape, forest, &image);
  request.pool->ParallelFor(shape.trees - 1, 1, [&](std::uint64_t begin, std::uint64_t) {
    BuildTree(*request.kernels, rows, shape, seed, static_cast<std::uint32_t>(begin + 1), request.monitor, forest);
  });
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  return image;
}

absl::StatusOr<std::unique_ptr<Index>> OpenAnnoy(Image image, const simd::Kernels& kernels) {
  const Spec& spec = image.spec();
  ELANUS_ASSIGN_OR_RETURN(CodedView view, ViewCoded(image, CodedShapeFor(spec)));
  const absl::Span<const std::uint32_t> row_ids(view.rows.row_ids, spec.rows);
  if (const auto empty = std::find(row_ids.begin(), row_ids.end(), kNoRow); empty != row_ids.end()) {
    return absl::DataLossError(absl::StrCat("slot ", empty - row_ids.begin(), " holds no row"));
  }
  const std::uint64_t trees = image.section(SectionId::kTreeItems).size() / (spec.rows * sizeof(std::uint32_t));
  if (trees < 1 || trees > 1024) {
    return absl::DataLossError(absl::StrCat("the index has ", trees, " trees, expected 1 to 1024"));
  }
  const ForestShape shape = ForestShapeFor(spec, static_cast<std::uint32_t>(trees));
  const std::uint64_t nodes = trees * shape.nodes();
  ELANUS_ASSIGN_OR_RETURN(const auto normals, image.Array<std::uint8_t>(SectionId::kTrees, nodes * shape.code_bytes));
  ELANUS_ASSIGN_OR_RETURN(const auto cuts, image.Array<TreeCut>(SectionId::kTreeCuts, nodes));
  ELANUS_ASSIGN_OR_RETURN(const auto items, image.Array<std::uint32_t>(SectionId::kTreeItems, trees * spec.rows));
  const auto bad_item = std::find_if(items.begin(), items.end(), [&](std::uint32_t i) { return i >= spec.rows; });
  if (bad_item != items.end()) {
    return absl::DataLossError(absl::StrCat("a tree holds slot ", *bad_item, " of ", spec.rows));
  }
  const ForestView forest{normals.data(), cuts.data(), items.data()};
  return std::make_unique<AnnoyIndex>(std::move(image), kernels, std::move(view), shape, forest);
}

}  // namespace elanus::index
