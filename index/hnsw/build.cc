#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/graph.h"
#include "index/hnsw/hnsw.h"
#include "index/hnsw/insert.h"
#include "index/hnsw/permutation.h"
#include "index/hnsw/scratch.h"
#include "index/hnsw/sections.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kRowsPerPiece = 512;

/// Numbers the rows, encodes them in that order, and inserts them, from the top level down.
class Builder {
 public:
  Builder(const BuildRequest& request, Image* image)
      : request_(request),
        image_(image),
        shape_(request.base.count, static_cast<std::uint32_t>(request.params.M)),
        rows_in_random_order_(request.base.count, static_cast<std::uint64_t>(request.params.seed)) {}

  absl::Status Run();

 private:
  absl::Status AddSections();
  void CopyRows();
  GraphCodec TrainCodec();
  absl::Status NumberLevel(const GraphCodec& codec, unsigned level);
  std::uint32_t NearestOnLevel(const GraphCodec& codec, std::uint64_t row, unsigned level, BuildScratch& scratch) const;
  void EncodeLevel(const GraphCodec& codec, unsigned level);
  absl::Status ChainLevel(unsigned level);
  void ChainRun(std::uint32_t begin, std::uint32_t end, bool below_top, BuildScratch& scratch);

  /// The sections that were added, as arrays; nullptr for those the index does not have.
  template <class T>
  absl::Status Add(SectionId id, std::uint64_t bytes, T** array) {
    ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> section, image_->Add(id, bytes));
    *array = reinterpret_cast<T*>(section.data());
    return absl::OkStatus();
  }

  const BuildRequest& request_;
  Image* image_;
  GraphShape shape_;
  Permutation rows_in_random_order_;
  ScratchList scratch_;
  GrowingGraph graph_;
  std::uint8_t* codes_ = nullptr;
  std::int32_t* bias_ = nullptr;
  std::uint32_t* row_ids_ = nullptr;
  std::uint32_t* next_equal_ = nullptr;
  std::byte* rows_ = nullptr;
  std::byte* codec_section_ = nullptr;
  float* inverse_norms_ = nullptr;
};

absl::Status Builder::AddSections() {
  GraphHeader* header = nullptr;
  for (const auto& [id, bytes] : HnswSections(image_->spec(), shape_.M())) {
    switch (id) {
      case SectionId::kCodes:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &codes_));
        break;
      case SectionId::kBias:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &bias_));
        break;
      case SectionId::kRowIds:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &row_ids_));
        break;
      case SectionId::kGraph:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &graph_.base_links));
        break;
      case SectionId::kGraphUpper:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &graph_.upper_links));
        break;
      case SectionId::kGraphLevels:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &header));
        break;
      case SectionId::kEqualNodes:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &next_equal_));
        break;
      case SectionId::kCodec:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &codec_section_));
        break;
      case SectionId::kRows:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &rows_));
        break;
      case SectionId::kRowScale:
        ELANUS_RETURN_IF_ERROR(Add(id, bytes, &inverse_norms_));
        break;
      default:
        ELANUS_CHECK(false);
    }
  }
  *header = {shape_.M(), shape_.levels()};
  graph_.view = {
      &shape_, graph_.base_links, graph_.upper_links, next_equal_, {codes_, GraphCodec::Stride(image_->spec()), bias_}};
  return absl::OkStatus();
}

absl::Status Builder::Run() {
  ELANUS_RETURN_IF_ERROR(AddSections());
  request_.monitor.Stage("learn the codes", 0);
  CopyRows();
  ELANUS_RETURN_IF_ERROR(request_.monitor.Check());
  const GraphCodec codec = GraphCodec::Train(*request_.kernels, request_.metric, request_.base, inverse_norms_);
  if (!codec.lossless()) {
    codec.Save(absl::MakeSpan(codec_section_, GraphCodec::SectionBytes(image_->spec())));
  }
  request_.monitor.Stage("insert", request_.base.count);
  Inserter inserter(request_, codec, graph_, scratch_);
  for (unsigned level = shape_.levels(); level-- > 0;) {
    ELANUS_RETURN_IF_ERROR(NumberLevel(codec, level));
    EncodeLevel(codec, level);
    ELANUS_RETURN_IF_ERROR(ChainLevel(level));
    ELANUS_RETURN_IF_ERROR(inserter.InsertLevel(level));
  }
  return absl::OkStatus();
}

void Builder::CopyRows() {
  const std::size_t stride = RowStride(image_->spec());
  const std::size_t bytes = RowBytes(request_.base.element, request_.base.dim);
  request_.pool->ParallelFor(request_.base.count, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    if (request_.monitor.cancelled()) return;
    if (inverse_norms_ != nullptr) {
      ComputeInverseNorms(*request_.kernels, request_.base.Slice(begin, end - begin), inverse_norms_ + begin);
    }
    for (std::uint64_t row = begin; row < end && rows_ != nullptr; ++row) {
      std::memcpy(rows_ + row * stride, request_.base.row(row), bytes);
    }
  });
}

/// Gives the rows whose highest level is `level` their numbers: by the nearest node of the level above, then by row.
/// Until a node is inserted, its first link on level 0 holds that nearest node; the keys to be sorted, too, are kept
/// where the links will be, so that numbering takes no memory of its own.
absl::Status Builder::NumberLevel(const GraphCodec& codec, unsigned level) {
  const std::uint32_t first = shape_.nodes(level + 1);
  const std::uint32_t count = shape_.nodes(level) - first;
  auto* const keys = reinterpret_cast<std::uint64_t*>(graph_.list(0, first));
  request_.pool->ParallelFor(count, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    ScratchList::Loan scratch(scratch_);
    for (std::uint64_t i = begin; i < end && !request_.monitor.cancelled(); ++i) {
      const std::uint64_t row = rows_in_random_order_(first + i);
      const std::uint64_t nearest = first == 0 ? 0 : NearestOnLevel(codec, row, level + 1, *scratch);
      keys[i] = nearest << 32 | row;
    }
  });
  ELANUS_RETURN_IF_ERROR(request_.monitor.Check());
  std::sort(keys, keys + count);
  for (std::uint32_t i = count; i-- > 0;) {  // backwards: a node's list begins at or behind the node's key
    const std::uint64_t key = keys[i];
    row_ids_[first + i] = static_cast<std::uint32_t>(key);
    *graph_.list(0, first + i) = static_cast<std::uint32_t>(key >> 32);
  }
  return absl::OkStatus();
}

std::uint32_t Builder::NearestOnLevel(const GraphCodec& codec, std::uint64_t row, unsigned level,
                                      BuildScratch& scratch) const {
  scratch.values.resize(request_.base.dim);
  scratch.code.resize(request_.base.dim);
  const float norm = inverse_norms_ != nullptr ? inverse_norms_[row] : 1.0f;
  const std::int32_t bias = codec.Encode(*request_.kernels, request_.base.row(row), norm,
                                         absl::MakeSpan(scratch.values), scratch.code.data());
  codec.PrepareNode(scratch.code.data(), bias, &scratch.probe);
  return NodeOf(scratch.descent.Run(*request_.kernels, graph_.view, scratch.probe, shape_.levels() - 1, level, 0));
}

void Builder::EncodeLevel(const GraphCodec& codec, unsigned level) {
  const std::uint32_t first = shape_.nodes(level + 1);
  const std::size_t stride = GraphCodec::Stride(image_->spec());
  request_.pool->ParallelFor(shape_.nodes(level) - first, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    if (request_.monitor.cancelled()) return;
    ScratchList::Loan scratch(scratch_);
    (*scratch).values.resize(request_.base.dim);
    for (std::uint64_t node = first + begin; node < first + end; ++node) {
      const std::uint32_t row = row_ids_[node];
      const float norm = inverse_norms_ != nullptr ? inverse_norms_[row] : 1.0f;
      bias_[node] = codec.Encode(*request_.kernels, request_.base.row(row), norm, absl::MakeSpan((*scratch).values),
                                 codes_ + node * stride);
    }
  });
}

/// Chains the nodes of the level that have equal codes, to each other or to a node of the levels above, and marks all
/// but the first of each chain to stay out of the graph. Equal rows have the same nearest node above, so they lie in
/// one run of nodes that start from the same node.
absl::Status Builder::ChainLevel(unsigned level) {
  const std::uint32_t first = shape_.nodes(level + 1);
  const std::uint32_t last = shape_.nodes(level);
  const auto starts_run = [&](std::uint32_t node) {
    return node == first || *graph_.list(0, node) != *graph_.list(0, node - 1);
  };
  std::fill(next_equal_ + first, next_equal_ + last, kNoNode);
  request_.pool->ParallelFor(last - first, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    ScratchList::Loan scratch(scratch_);
    for (std::uint64_t i = begin; i < end && !request_.monitor.cancelled(); ++i) {
      const auto node = static_cast<std::uint32_t>(first + i);
      if (!starts_run(node)) continue;
      std::uint32_t run_end = node + 1;
      while (run_end < last && !starts_run(run_end)) ++run_end;
      ChainRun(node, run_end, first > 0, *scratch);
    }
  });
  ELANUS_RETURN_IF_ERROR(request_.monitor.Check());
  request_.pool->ParallelFor(last, kRowsPerPiece * 8, [&](std::uint64_t begin, std::uint64_t end) {
    for (std::uint64_t node = begin; node < end; ++node) {
      const std::uint32_t next = next_equal_[node];
      if (next == kNoNode || next < first) continue;
      for (unsigned l = 0; l <= level; ++l) std::fill_n(graph_.list(l, next), shape_.stride(l), kNoNode);
    }
  });
  return absl::OkStatus();
}

/// One run; with `below_top` it starts from a node above, which may be equal, too, and have a chain already.
void Builder::ChainRun(std::uint32_t begin, std::uint32_t end, bool below_top, BuildScratch& scratch) {
  const std::size_t stride = graph_.view.codes.stride;
  const auto code = [&](std::uint32_t node) {
    return absl::string_view(reinterpret_cast<const char*>(codes_ + node * stride), stride);
  };
  scratch.nodes.clear();
  if (below_top) scratch.nodes.push_back(*graph_.list(0, begin));
  for (std::uint32_t node = begin; node < end; ++node) scratch.nodes.push_back(node);
  std::sort(scratch.nodes.begin(), scratch.nodes.end(), [&](std::uint32_t a, std::uint32_t b) {
    const int order = code(a).compare(code(b));
    return order != 0 ? order < 0 : a < b;
  });
  for (std::size_t i = 1; i < scratch.nodes.size(); ++i) {
    std::uint32_t tail = scratch.nodes[i - 1];
    if (code(tail) != code(scratch.nodes[i])) continue;
    while (next_equal_[tail] != kNoNode) tail = next_equal_[tail];
    next_equal_[tail] = scratch.nodes[i];
  }
}

}  // namespace

absl::StatusOr<IndexPlan> PlanHnsw(const Spec& spec, const BuildParams& params) {
  if (spec.rows > kHnswRowsMax) {
    return absl::InvalidArgumentError(absl::StrCat("rows (", spec.rows, ") of HNSW should be in range [1, ",
                                                   kHnswRowsMax, "]: split the collection"));
  }
  std::vector<std::uint64_t> sizes;
  for (const auto& [id, bytes] : HnswSections(spec, static_cast<std::uint32_t>(params.M))) sizes.push_back(bytes);
  IndexPlan plan;
  plan.file_bytes = Image::FileBytes(sizes);
  plan.build_peak_bytes = plan.file_bytes + (std::uint64_t{64} << 20);
  return plan;
}

absl::StatusOr<Image> BuildHnsw(const BuildRequest& request) {
  const Spec spec{Kind::kHnsw, request.metric, request.base.element, request.base.dim, request.base.count};
  ELANUS_RETURN_IF_ERROR(PlanHnsw(spec, request.params).status());
  Image image(spec);
  Builder builder(request, &image);
  ELANUS_RETURN_IF_ERROR(builder.Run());
  return image;
}

}  // namespace elanus::index
