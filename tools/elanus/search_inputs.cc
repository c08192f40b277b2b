#include "tools/elanus/search_inputs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {
namespace {

absl::StatusOr<std::unique_ptr<index::Index>> OpenIndexFile(const Options& options, const simd::Kernels& kernels) {
  const std::string path = options.Text("index");
  ELANUS_ASSIGN_OR_RETURN(index::Image image, index::Image::Open(path, {.verify = !options.Flag("no-verify"),
                                                                        .map = !options.Flag("heap")}));
  absl::StatusOr<std::unique_ptr<index::Index>> index = index::OpenIndex(std::move(image), kernels);
  if (!index.ok()) return InContext(path, index.status());
  return index;
}

absl::Status CheckMetric(const Options& options, const index::Spec& spec) {
  if (!options.Given("metric")) return absl::OkStatus();
  const absl::StatusOr<index::Metric> metric = index::MetricFromName(options.Text("metric"));
  if (!metric.ok()) return AsUsageError(metric.status());
  if (*metric == spec.metric) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(options.Text("index"), ": the index is for metric ",
                                                 index::MetricName(spec.metric), ", not ", index::MetricName(*metric),
                                                 "; build one with --metric ", index::MetricName(*metric)));
}

}  // namespace

absl::StatusOr<SearchInputs> SearchInputs::Open(const Options& options, const simd::Kernels& kernels) {
  ELANUS_ASSIGN_OR_RETURN(std::unique_ptr<index::Index> index, OpenIndexFile(options, kernels));
  const index::Spec spec = index->spec();
  ELANUS_RETURN_IF_ERROR(CheckMetric(options, spec));
  const bool bits = spec.element == base::Element::kBit;
  ELANUS_ASSIGN_OR_RETURN(
      io::VectorFile queries,
      io::OpenVectors(options.Text("queries"),
                      {.dataset = "test", .as_bits = bits, .as_bf16 = options.Flag("bf16"), .check_rows = false}));
  if (queries.vectors().dim != spec.dim) {
    return absl::InvalidArgumentError(absl::StrCat(queries.name(), ": queries have dimension ", queries.vectors().dim,
                                                   ", the index ", options.Text("index"), " has ", spec.dim));
  }
  SearchInputs inputs(options.Text("index"), std::move(index), std::move(queries));
  if (options.Given("filter")) {
    ELANUS_ASSIGN_OR_RETURN(io::RowSet rows, io::ReadRowSet(options.Text("filter"), spec.rows));
    inputs.allowed_ = std::make_unique<io::RowSet>(std::move(rows));
    inputs.filter_ = index::RowFilter{inputs.allowed_->bits, inputs.allowed_->count};
  }
  return inputs;
}

absl::StatusOr<index::SearchParams> SearchInputs::Params(absl::Span<const Assignment> assignments) const {
  index::SearchParams params;
  const absl::Status status = index::SetParams(kind().search_params, assignments, &params);
  if (!status.ok()) return AsUsageError(InContext(index::KindName(kind().kind), status));
  return params;
}

absl::Status SearchInputs::CheckK(std::uint64_t k) const {
  if (k <= index_->spec().rows) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(index_path_, ": --k ", k, " is more than the ", index_->spec().rows, " rows of the index"));
}

absl::Status SearchInputs::CheckQueries(std::uint64_t begin, std::uint64_t count) const {
  ELANUS_RETURN_IF_ERROR(queries_.CheckRows(begin, count));
  return io::CheckFinite(queries_.vectors().Slice(begin, count), begin, queries_.name());
}

std::uint32_t BatchWithinMemory(std::uint64_t wanted, std::uint32_t dim, std::uint64_t k, unsigned threads) {
  constexpr std::uint64_t kBytes = 24 << 20;
  // A prepared query holds its values up to twice, its scan weights with what they are made from take 25 bytes a
  // component; a result its key, row and distance.
  const std::uint64_t query_bytes = 33 * std::uint64_t{dim} + 24 * k;
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(kBytes / query_bytes / threads, 1, wanted));
}

}  // namespace elanus::tools
