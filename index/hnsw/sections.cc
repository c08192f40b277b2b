#include "index/hnsw/sections.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "host/base/status_macros.h"
#include "index/hnsw/params.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

absl::StatusOr<GraphShape> ReadShape(const Image& image) {
  ELANUS_ASSIGN_OR_RETURN(const auto headers, image.Array<GraphHeader>(SectionId::kGraphLevels, 1));
  const GraphHeader& header = headers[0];
  if (header.M < kHnswMMin || header.M > kHnswMMax) {
    return absl::DataLossError(absl::StrCat("the graph has M ", header.M, ", outside ", kHnswMMin, "..", kHnswMMax));
  }
  GraphShape shape(image.spec().rows, header.M);
  if (header.levels != shape.levels()) {
    return absl::DataLossError(absl::StrCat("the graph has ", header.levels, " levels, ", image.spec().rows,
                                            " rows with M ", header.M, " give ", shape.levels()));
  }
  return shape;
}

absl::Status CheckLinks(absl::Span<const std::uint32_t> links, std::uint32_t nodes, unsigned level) {
  const auto bad =
      std::find_if(links.begin(), links.end(), [&](std::uint32_t link) { return link >= nodes && link != kNoNode; });
  if (bad == links.end()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a link on level ", level, " leads to node ", *bad, ", the level has ", nodes));
}

/// Chains ascend and no two meet, so that every walk along one ends and no row is met twice.
absl::Status CheckChains(absl::Span<const std::uint32_t> next_equal) {
  std::vector<bool> reached(next_equal.size());
  for (std::uint32_t node = 0; node < next_equal.size(); ++node) {
    const std::uint32_t next = next_equal[node];
    if (next == kNoNode) continue;
    if (next <= node || next >= next_equal.size() || reached[next]) {
      return absl::DataLossError(absl::StrCat("the chain of equal nodes leads from node ", node, " to node ", next,
                                              " of ", next_equal.size(), ", which it cannot"));
    }
    reached[next] = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::uint32_t>> InvertRowIds(absl::Span<const std::uint32_t> row_ids) {
  std::vector<std::uint32_t> node_of_row(row_ids.size(), kNoNode);
  for (std::uint32_t node = 0; node < row_ids.size(); ++node) {
    const std::uint32_t row = row_ids[node];
    if (row >= row_ids.size() || node_of_row[row] != kNoNode) {
      return absl::DataLossError(absl::StrCat("node ", node, " holds row ", row, ", which is ",
                                              row >= row_ids.size() ? "no row of the index" : "another node's too"));
    }
    node_of_row[row] = node;
  }
  return node_of_row;
}

absl::Status ViewGraph(const Image& image, HnswView* view) {
  const GraphShape& shape = view->shape;
  const std::uint64_t rows = image.spec().rows;
  ELANUS_ASSIGN_OR_RETURN(const auto base, image.Array<std::uint32_t>(SectionId::kGraph, rows * shape.stride(0)));
  ELANUS_ASSIGN_OR_RETURN(const auto upper,
                          image.Array<std::uint32_t>(SectionId::kGraphUpper, shape.offset(shape.levels())));
  ELANUS_RETURN_IF_ERROR(CheckLinks(base, shape.nodes(0), 0));
  for (unsigned level = 1; level < shape.levels(); ++level) {
    const std::size_t begin = shape.offset(level);
    ELANUS_RETURN_IF_ERROR(
        CheckLinks(upper.subspan(begin, shape.offset(level + 1) - begin), shape.nodes(level), level));
  }
  ELANUS_ASSIGN_OR_RETURN(const auto next_equal, image.Array<std::uint32_t>(SectionId::kEqualNodes, rows));
  ELANUS_RETURN_IF_ERROR(CheckChains(next_equal));
  view->graph.next_equal = next_equal.data();
  view->graph.base_links = base.data();
  view->graph.upper_links = upper.data();
  return absl::OkStatus();
}

}  // namespace

std::vector<std::pair<SectionId, std::uint64_t>> HnswSections(const Spec& spec, std::uint32_t M) {
  const GraphShape shape(spec.rows, M);
  const bool lossless = GraphCodec::Lossless(spec);
  std::vector<std::pair<SectionId, std::uint64_t>> sections = {
      {SectionId::kCodes, spec.rows * GraphCodec::Stride(spec)},
      {SectionId::kRowIds, spec.rows * sizeof(std::uint32_t)},
      {SectionId::kBias, spec.rows * sizeof(std::int32_t)},
      {SectionId::kGraph, spec.rows * shape.stride(0) * sizeof(std::uint32_t)},
      {SectionId::kGraphUpper, shape.offset(shape.levels()) * sizeof(std::uint32_t)},
      {SectionId::kGraphLevels, sizeof(GraphHeader)},
      {SectionId::kEqualNodes, spec.rows * sizeof(std::uint32_t)}};
  if (!lossless) {
    sections.emplace_back(SectionId::kCodec, GraphCodec::SectionBytes(spec));
    sections.emplace_back(SectionId::kRows, spec.rows * RowStride(spec));
  }
  if (spec.metric == Metric::kCosine) sections.emplace_back(SectionId::kRowScale, spec.rows * sizeof(float));
  return sections;
}

absl::StatusOr<HnswView> ViewHnsw(const Image& image) {
  const Spec& spec = image.spec();
  ELANUS_ASSIGN_OR_RETURN(GraphShape shape, ReadShape(image));
  ELANUS_ASSIGN_OR_RETURN(GraphCodec codec, GraphCodec::Load(image));
  HnswView view{std::move(shape), std::move(codec), {}, nullptr, {}, nullptr, 0, nullptr};
  const std::size_t stride = GraphCodec::Stride(spec);
  ELANUS_ASSIGN_OR_RETURN(const auto codes, image.Array<std::uint8_t>(SectionId::kCodes, spec.rows * stride));
  ELANUS_ASSIGN_OR_RETURN(const auto bias, image.Array<std::int32_t>(SectionId::kBias, spec.rows));
  ELANUS_ASSIGN_OR_RETURN(const auto row_ids, image.Array<std::uint32_t>(SectionId::kRowIds, spec.rows));
  view.graph.codes = {codes.data(), stride, bias.data()};
  view.row_ids = row_ids.data();
  ELANUS_ASSIGN_OR_RETURN(view.node_of_row, InvertRowIds(row_ids));
  if (!view.codec.lossless()) {
    view.node_of_row = {};
    ELANUS_ASSIGN_OR_RETURN(const auto rows, image.Array<std::byte>(SectionId::kRows, spec.rows * RowStride(spec)));
    view.rows = rows.data();
    view.row_stride = RowStride(spec);
  }
  if (spec.metric == Metric::kCosine) {
    ELANUS_ASSIGN_OR_RETURN(const auto norms, image.Array<float>(SectionId::kRowScale, spec.rows));
    view.inverse_norms = norms.data();
  }
  ELANUS_RETURN_IF_ERROR(ViewGraph(image, &view));
  return view;
}

}  // namespace elanus::index
