// Batches of queries over several threads.
#ifndef ELANUS_INDEX_SEARCH_H_
#define ELANUS_INDEX_SEARCH_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "host/threads/pool.h"
#include "index/index.h"

namespace elanus::index {

/// Splits the queries of one call over a pool's threads, in pieces of at most `batch` queries. The answers are those of
/// one Index::Search call. Keeps a Workspace a thread between calls. Not thread-safe: one Searcher a caller.
class Searcher {
 public:
  /// `index` and `pool` outlive it. batch >= 1: queries that share a scan; larger is faster and takes more memory.
  Searcher(const Index& index, threads::Pool& pool, std::uint32_t batch);
  ~Searcher();

  /// Errors: as Index::Search; of several, the one of the first queries.
  absl::Status Search(const SearchRequest& request, const Hits& hits);

 private:
  class Workspaces;
  const Index& index_;
  threads::Pool& pool_;
  std::uint32_t batch_;
  std::unique_ptr<Workspaces> workspaces_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_SEARCH_H_
