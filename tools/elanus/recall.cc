#include "tools/elanus/recall.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "host/io/format.h"

namespace elanus::tools {

absl::StatusOr<Truth> ReadTruth(const std::string& ids, const std::string& distances) {
  Truth truth;
  ELANUS_ASSIGN_OR_RETURN(truth.ids, io::ReadIds(ids));
  if (distances.empty()) return truth;
  ELANUS_ASSIGN_OR_RETURN(truth.distances, io::ReadDistances(distances));
  if (truth.distances.rows() != truth.ids.rows()) {
    return absl::InvalidArgumentError(absl::StrCat(distances, ": ", truth.distances.rows(), " rows of distances, ", ids,
                                                   " has ", truth.ids.rows(), " rows of ids"));
  }
  for (std::uint64_t row = 0; row < truth.ids.rows(); ++row) {
    const absl::Span<const float> values = truth.distances.row(row);
    if (values.size() < truth.ids.row(row).size()) {
      return absl::InvalidArgumentError(absl::StrCat(distances, ": row ", row, " has ", values.size(),
                                                     " distances, in ", ids, " it has ", truth.ids.row(row).size(),
                                                     " ids"));
    }
    if (std::any_of(values.begin(), values.end(), [](float v) { return std::isnan(v); })) {
      return absl::InvalidArgumentError(absl::StrCat(distances, ": row ", row, " has a distance that is NaN"));
    }
  }
  return truth;
}

absl::Status CheckTruthCovers(const Truth& truth, const std::string& name, std::uint64_t queries, std::uint64_t k,
                              std::string* note) {
  if (truth.ids.rows() != queries) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": ", truth.ids.rows(), " rows of truth for ", queries, " queries"));
  }
  const std::uint64_t longest = std::max(truth.ids.width, truth.distances.width);
  // Rows shorter than others are those of queries with few matches; where all are short, the truth itself is.
  if (longest >= k) return absl::OkStatus();
  const absl::StatusOr<io::Location> location = io::Locate(name, "");
  if (location.ok() && io::IsText(location->format)) {
    *note = absl::StrCat(name, ": holds at most ", longest, " neighbours a query, --k is ", k,
                         ": taken for all that match");
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": holds ", longest, " neighbours a query, --k ", k, " needs as many; make it with --k ", k));
}

RecallSum& RecallSum::operator+=(const RecallSum& other) {
  wanted += other.wanted;
  right += other.right;
  undecided += other.undecided;
  return *this;
}

RecallSum RecallJudge::Judge(const Truth& truth, std::uint64_t query, absl::Span<const std::uint32_t> found,
                             std::uint64_t k) {
  const absl::Span<const std::uint32_t> ids = truth.ids.row(query);
  RecallSum sum;
  sum.wanted = std::min<std::uint64_t>(k, ids.size());
  std::size_t end = sum.wanted;
  bool open_end = false;
  if (truth.has_distances() && end > 0) {
    const absl::Span<const float> distances = truth.distances.row(query);
    while (end < ids.size() && distances[end] == distances[sum.wanted - 1]) ++end;
    open_end = sum.wanted == k && end == ids.size();
  }
  seen_.clear();
  for (const std::uint32_t id : ids.subspan(0, end)) seen_.emplace(id, false);
  others_.clear();
  for (const std::uint32_t id : found.subspan(0, k)) {
    const auto [entry, added] = seen_.emplace(id, true);
    if (added) {
      others_.push_back(id);
    } else if (!entry->second) {  // a repeated id counts once
      entry->second = true;
      ++sum.right;
    }
  }
  sum.right = std::min(sum.right, sum.wanted);
  if (open_end) sum.undecided = std::min<std::uint64_t>(others_.size(), sum.wanted - sum.right);
  return sum;
}

}  // namespace elanus::tools
