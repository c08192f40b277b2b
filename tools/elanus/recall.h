// How many of the results are right, with ties at the k-th distance counted as right.
#ifndef ELANUS_TOOLS_ELANUS_RECALL_H_
#define ELANUS_TOOLS_ELANUS_RECALL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/io/row_table.h"

namespace elanus::tools {

/// Exact neighbours of some queries, best first. Row q may hold fewer than k ids: those are all that match then.
struct Truth {
  io::RowTable<std::uint32_t> ids;
  io::RowTable<float> distances;  // no rows: not known; then ties cannot be told and only the ids count

  bool has_distances() const { return distances.rows() > 0; }
};

/// Reads both files, of which `distances` may be "". Errors: those of the files; kInvalidArgument naming both where
/// their shapes disagree, and where a distance is NaN.
absl::StatusOr<Truth> ReadTruth(const std::string& ids, const std::string& distances);

/// kInvalidArgument naming the file unless the truth is of `queries` queries and k neighbours or more, those that are
/// padding included. Text has no padding, so that short rows may be all that match: then OK, and `note` is what to say.
absl::Status CheckTruthCovers(const Truth& truth, const std::string& name, std::uint64_t queries, std::uint64_t k,
                              std::string* note);

struct RecallSum {
  std::uint64_t wanted = 0;     // min(k, matches) of all queries
  std::uint64_t right = 0;      // distinct ids among the first k that are right
  std::uint64_t undecided = 0;  // not in the truth, which ends at the k-th distance: ties may go on beyond its end

  /// right / wanted; 1 where nothing is wanted.
  double recall() const { return wanted == 0 ? 1.0 : static_cast<double>(right) / static_cast<double>(wanted); }
  RecallSum& operator+=(const RecallSum& other);
};

/// Judges the results of queries one at a time; keeps its memory between them. One thread.
class RecallJudge {
 public:
  /// Results `found` of query `query`: ids among the first k of the truth are right, and those further down in it at
  /// the k-th distance.
  RecallSum Judge(const Truth& truth, std::uint64_t query, absl::Span<const std::uint32_t> found, std::uint64_t k);

  /// The distinct ids of the last call that are not right by the truth alone.
  absl::Span<const std::uint32_t> others() const { return others_; }

 private:
  absl::flat_hash_map<std::uint32_t, bool> seen_;  // ids that are right, or were met; true once met
  std::vector<std::uint32_t> others_;
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_RECALL_H_
