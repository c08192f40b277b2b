// Timed searches: as many as fit into a time, by concurrent clients or in batches.
#ifndef ELANUS_TOOLS_ELANUS_TIMING_H_
#define ELANUS_TOOLS_ELANUS_TIMING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/base/progress.h"
#include "index/index.h"

namespace elanus::tools {

struct TimedSearch {
  const index::Index* index = nullptr;
  base::Vectors queries;  // taken in turn, again and again
  std::uint32_t k = 10;
  index::SearchParams params;
  const index::RowFilter* filter = nullptr;
  unsigned threads = 1;
  std::uint32_t batch = 1;   // queries a call
  std::uint32_t shared = 1;  // at most so many of them share a scan; 1 or more
};

struct Timing {
  std::uint64_t queries = 0;
  double seconds = 0;  // wall, from the first call's begin to the last one's end
  double p50 = 0;      // seconds a call took, median
  double p99 = 0;

  double qps() const { return static_cast<double>(queries) / seconds; }
};

/// Runs calls for `duration`, after a fifth of it unmeasured; whole calls only, at least one a client. batch 1: each of
/// `threads` clients sends one query at a time. Larger: one call at a time, whose queries `threads` threads share.
/// Errors: those of the search; kCancelled.
absl::StatusOr<Timing> TimeSearch(const TimedSearch& search, absl::Duration duration, const base::CancelFlag& cancel);

/// The p-quantile by nearest rank, 0 < p <= 1, of one or more values, which are reordered.
double Quantile(std::vector<double>& values, double p);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_TIMING_H_
