// The exact neighbours of a block of queries, as far as the base has been scanned; survives a kill.
#ifndef ELANUS_TOOLS_ELANUS_TRUTH_BLOCK_H_
#define ELANUS_TOOLS_ELANUS_TRUTH_BLOCK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/key.h"

namespace elanus::tools {

/// Move-only in spirit: it is large. Different queries may be merged into from different threads.
class TruthBlock {
 public:
  /// For queries [first_query, first_query + queries), k neighbours each.
  TruthBlock(std::uint64_t first_query, std::uint64_t queries, std::uint32_t k);

  std::uint64_t first_query() const { return first_query_; }
  std::uint64_t queries() const { return queries_; }
  /// Base rows before it have been merged for every query. Set by the scan.
  std::uint64_t next_row() const { return next_row_; }
  void set_next_row(std::uint64_t row) { next_row_ = row; }

  /// Merges `keys`, ascending and distinct, into the best k of query `query` of the block. Merging keys that are there
  /// already changes nothing, so that a piece of the base may be scanned twice.
  void Merge(std::uint64_t query, absl::Span<const base::Key> keys);
  /// The best keys so far, ascending, at most k.
  absl::Span<const base::Key> Best(std::uint64_t query) const;

  /// Writes everything to `path`, whole or not at all. `job` is text that is equal for runs with equal results.
  absl::Status Save(const std::string& path, const std::string& job) const;
  /// Reads what Save wrote. Errors: kNotFound; kFailedPrecondition for another job, k or query; kDataLoss.
  static absl::StatusOr<TruthBlock> Load(const std::string& path, const std::string& job, std::uint64_t first_query,
                                         std::uint32_t k);

 private:
  absl::Span<base::Key> Slots(std::uint64_t query) { return absl::MakeSpan(keys_).subspan(query * k_, k_); }

  std::uint64_t first_query_;
  std::uint64_t queries_;
  std::uint32_t k_;
  std::uint64_t next_row_ = 0;
  std::vector<base::Key> keys_;  // [queries][k], ascending, the rest kNoResult
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_TRUTH_BLOCK_H_
