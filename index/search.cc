#include "index/search.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/check.h"

namespace elanus::index {

/// Workspaces not in use: each piece of a loop takes one and puts it back, so there are at most as many as threads.
class Searcher::Workspaces {
 public:
  std::unique_ptr<Workspace> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }
  void Return(std::unique_ptr<Workspace> workspace) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(workspace));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;
};

Searcher::Searcher(const Index& index, threads::Pool& pool, std::uint32_t batch)
    : index_(index), pool_(pool), batch_(batch), workspaces_(std::make_unique<Workspaces>()) {
  ELANUS_CHECK(batch >= 1);
}

Searcher::~Searcher() = default;

absl::Status Searcher::Search(const SearchRequest& request, const Hits& hits) {
  const std::uint64_t count = request.queries.count;
  const std::uint64_t results = count * request.k;
  if (hits.rows.size() < results || hits.distances.size() < results || hits.counts.size() < count) {
    return absl::InvalidArgumentError(absl::StrCat("the result arrays hold fewer than ", results, " results"));
  }
  // Fewer queries than a batch a thread: share them evenly, so that no thread idles.
  const std::uint64_t share = (count + pool_.threads() - 1) / pool_.threads();
  const std::uint64_t piece = std::clamp<std::uint64_t>(share, 1, batch_);
  std::mutex mutex;
  absl::Status first_error;
  std::uint64_t first_error_at = count;
  pool_.ParallelFor(count, piece, [&](std::uint64_t begin, std::uint64_t end) {
    std::unique_ptr<Workspace> workspace = workspaces_->Take();
    SearchRequest part = request;
    part.queries = request.queries.Slice(begin, end - begin);
    part.first_query += begin;
    const Hits part_hits{hits.rows.subspan(begin * request.k, (end - begin) * request.k),
                         hits.distances.subspan(begin * request.k, (end - begin) * request.k),
                         hits.counts.subspan(begin, end - begin)};
    const absl::Status status = index_.Search(part, *workspace, part_hits);
    workspaces_->Return(std::move(workspace));
    if (status.ok()) return;
    const std::lock_guard lock(mutex);
    if (begin < first_error_at) {
      first_error_at = begin;
      first_error = status;
    }
  });
  return first_error;
}

}  // namespace elanus::index
