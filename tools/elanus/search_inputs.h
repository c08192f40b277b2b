// What `search` and `bench` are given: an index, queries, a filter, search parameters.
#ifndef ELANUS_TOOLS_ELANUS_SEARCH_INPUTS_H_
#define ELANUS_TOOLS_ELANUS_SEARCH_INPUTS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"
#include "index/index.h"
#include "index/kinds.h"
#include "tools/elanus/options.h"

namespace elanus::tools {

inline constexpr OptionSpec kIndexOption = {"index", OptionKind::kPath,           "FILE",
                                            nullptr, "an index that build wrote", true};
inline constexpr OptionSpec kQueriesOption = {
    "queries", OptionKind::kPath, "FILE", nullptr, "vectors to find the neighbours of: see `elanus help formats`",
    true};
inline constexpr OptionSpec kKOption = {"k", OptionKind::kUnsigned, "N", "10", "neighbours a query", false, false,
                                        1,   index::kTopKMax};
inline constexpr OptionSpec kSearchSetOption = {"set", OptionKind::kAssignment, "NAME=VALUE", nullptr,
                                                "search parameter; `elanus help KIND` lists them"};
inline constexpr OptionSpec kFilterOption = {
    "filter", OptionKind::kPath, "ROWS", nullptr,
    "only these rows may be found: a file of row numbers, or a one-dimensional bool array"};
inline constexpr OptionSpec kHeapOption = {"heap", OptionKind::kFlag, nullptr, nullptr,
                                           "read the index into memory instead of mapping it"};
inline constexpr OptionSpec kNoVerifyOption = {"no-verify", OptionKind::kFlag, nullptr, nullptr,
                                               "do not check the checksums of the index, which reads it once"};

/// Everything is checked against the index's shape. Move-only.
class SearchInputs {
 public:
  /// From --index, --queries, --filter, --heap, --no-verify and --simd; --metric where given must be the index's.
  /// Errors: those of the files, each naming it; kInvalidArgument for another dimension, element type or metric.
  static absl::StatusOr<SearchInputs> Open(const Options& options, const simd::Kernels& kernels);

  const index::Index& index() const { return *index_; }
  const index::KindRow& kind() const { return index::KindRowFor(index_->spec().kind); }
  const std::string& index_path() const { return index_path_; }
  const io::VectorFile& queries() const { return queries_; }
  /// nullptr: every row. Valid while this object stays where it is.
  const index::RowFilter* filter() const { return filter_ ? &*filter_ : nullptr; }

  /// Sets search parameters. Errors: usage errors naming kind, parameter, value and range.
  absl::StatusOr<index::SearchParams> Params(absl::Span<const Assignment> assignments) const;
  /// kInvalidArgument naming k and the rows unless the index has k rows.
  absl::Status CheckK(std::uint64_t k) const;
  /// Checks queries [begin, begin + count): their stored dimensions and that they are finite.
  absl::Status CheckQueries(std::uint64_t begin, std::uint64_t count) const;

 private:
  SearchInputs(std::string path, std::unique_ptr<index::Index> index, io::VectorFile queries)
      : index_path_(std::move(path)), index_(std::move(index)), queries_(std::move(queries)) {}

  std::string index_path_;
  std::unique_ptr<index::Index> index_;
  io::VectorFile queries_;
  std::unique_ptr<io::RowSet> allowed_;  // what filter_ views
  std::optional<index::RowFilter> filter_;
};

/// Queries that share a scan: `wanted`, or fewer where their vectors and results on all threads would pass 24 MiB.
std::uint32_t BatchWithinMemory(std::uint64_t wanted, std::uint32_t dim, std::uint64_t k, unsigned threads);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_SEARCH_INPUTS_H_
