#include "tools/elanus/timing.h"

#include <algorithm>
#include <cmath>
#include <exception>
#include <latch>
#include <memory>
#include <thread>

#include "absl/time/clock.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "index/search.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {
namespace {

/// Result arrays of one call.
class CallHits {
 public:
  CallHits(std::uint64_t queries, std::uint32_t k) : rows_(queries * k), distances_(queries * k), counts_(queries) {}
  index::Hits hits() { return {absl::MakeSpan(rows_), absl::MakeSpan(distances_), absl::MakeSpan(counts_)}; }

 private:
  std::vector<std::uint32_t> rows_;
  std::vector<float> distances_;
  std::vector<std::uint32_t> counts_;
};

index::SearchRequest RequestFor(const TimedSearch& search, std::uint64_t begin, std::uint64_t count) {
  return {.queries = search.queries.Slice(begin, count),
          .k = search.k,
          .params = search.params,
          .filter = search.filter,
          .first_query = begin};
}

/// What one client did: as many calls as fit into a duration.
struct ClientLog {
  absl::Status status;
  absl::Time begin;
  absl::Time end;
  std::uint64_t queries = 0;
  std::vector<double> seconds;  // of each call
};

/// Makes calls of `count` queries until `duration` has passed. `call(begin, count)` makes one.
template <class Call>
ClientLog RunClient(const TimedSearch& search, std::uint64_t first, absl::Duration duration,
                    const base::CancelFlag& cancel, Call call) {
  const std::uint64_t total = search.queries.count;
  ClientLog log;
  log.begin = log.end = absl::Now();
  for (std::uint64_t at = first % total; log.end - log.begin < duration || log.queries == 0;) {
    if (cancel.cancelled()) {
      log.status = absl::CancelledError("interrupted");
      return log;
    }
    const std::uint64_t count = std::min<std::uint64_t>(search.batch, total - at);
    log.status = call(at, count);
    if (!log.status.ok()) return log;
    const absl::Time now = absl::Now();
    log.seconds.push_back(absl::ToDoubleSeconds(now - log.end));
    log.end = now;
    log.queries += count;
    at = at + count < total ? at + count : 0;
  }
  return log;
}

absl::StatusOr<Timing> Summarise(const std::vector<ClientLog>& logs) {
  Timing timing;
  std::vector<double> seconds;
  absl::Time begin = absl::InfiniteFuture();
  absl::Time end = absl::InfinitePast();
  for (const ClientLog& log : logs) {
    ELANUS_RETURN_IF_ERROR(log.status);
    begin = std::min(begin, log.begin);
    end = std::max(end, log.end);
    timing.queries += log.queries;
    seconds.insert(seconds.end(), log.seconds.begin(), log.seconds.end());
  }
  timing.seconds = std::max(absl::ToDoubleSeconds(end - begin), 1e-9);
  timing.p50 = Quantile(seconds, 0.5);
  timing.p99 = Quantile(seconds, 0.99);
  return timing;
}

/// Runs `body(i)` in `count` threads at once and waits for them. Errors: kResourceExhausted where they cannot all be
/// started; those that could then end without `body`.
template <class Body>
absl::Status RunThreads(unsigned count, Body body) {
  std::latch decided(1);
  bool all = true;  // written before `decided`
  std::vector<std::thread> threads;
  absl::Status status;
  try {
    threads.reserve(count);
    for (unsigned i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        decided.wait();
        if (all) body(i);
      });
    }
  } catch (...) {
    status = ExceptionError(std::current_exception());
    all = false;
  }
  decided.count_down();
  for (std::thread& thread : threads) thread.join();
  return status;
}

absl::StatusOr<Timing> TimeClients(const TimedSearch& search, absl::Duration warm_up, absl::Duration duration,
                                   const base::CancelFlag& cancel) {
  std::vector<ClientLog> logs(search.threads);
  std::latch warm(static_cast<std::ptrdiff_t>(search.threads));
  ELANUS_RETURN_IF_ERROR(RunThreads(search.threads, [&](unsigned client) {
    index::Workspace workspace;
    CallHits hits(1, search.k);
    const auto call = [&](std::uint64_t begin, std::uint64_t count) {
      return search.index->Search(RequestFor(search, begin, count), workspace, hits.hits());
    };
    const std::uint64_t first = client * search.queries.count / search.threads;
    static_cast<void>(RunClient(search, first, warm_up, cancel, call));
    warm.arrive_and_wait();
    logs[client] = RunClient(search, first, duration, cancel, call);
  }));
  return Summarise(logs);
}

absl::StatusOr<Timing> TimeBatches(const TimedSearch& search, absl::Duration warm_up, absl::Duration duration,
                                   const base::CancelFlag& cancel) {
  threads::Pool pool(search.threads);
  index::Searcher searcher(*search.index, pool, search.shared);
  CallHits hits(std::min<std::uint64_t>(search.batch, search.queries.count), search.k);
  const auto call = [&](std::uint64_t begin, std::uint64_t count) {
    return searcher.Search(RequestFor(search, begin, count), hits.hits());
  };
  static_cast<void>(RunClient(search, 0, warm_up, cancel, call));
  std::vector<ClientLog> logs;
  logs.push_back(RunClient(search, 0, duration, cancel, call));
  return Summarise(logs);
}

}  // namespace

double Quantile(std::vector<double>& values, double p) {
  ELANUS_CHECK(!values.empty() && p > 0 && p <= 1);
  const auto rank = static_cast<std::size_t>(std::ceil(p * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + (rank - 1), values.end());
  return values[rank - 1];
}

absl::StatusOr<Timing> TimeSearch(const TimedSearch& search, absl::Duration duration, const base::CancelFlag& cancel) {
  const absl::Duration warm_up = duration / 5;
  return search.batch == 1 ? TimeClients(search, warm_up, duration, cancel)
                           : TimeBatches(search, warm_up, duration, cancel);
}

}  // namespace elanus::tools
