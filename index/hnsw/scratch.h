// What a thread of the build needs, and a list of those not in use.
#ifndef ELANUS_INDEX_HNSW_SCRATCH_H_
#define ELANUS_INDEX_HNSW_SCRATCH_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "index/hnsw/codec.h"
#include "index/hnsw/frontier.h"
#include "index/hnsw/select.h"
#include "index/hnsw/walk.h"

namespace elanus::index {

struct BuildScratch {
  std::vector<float> values;
  std::vector<std::uint8_t> code;
  ScoreTarget probe;
  Descent descent;
  LevelSearcher searcher;
  NeighbourSelector selector;
  std::vector<std::uint32_t> nodes;
  std::vector<std::int32_t> dots;
  std::vector<Score> scores;
  std::vector<ScoredNode> candidates;
};

/// Thread-safe. Holds at most as many as threads took one at a time.
class ScratchList {
 public:
  /// One of the list, taken for a scope.
  class Loan {
   public:
    explicit Loan(ScratchList& list) : list_(list), scratch_(list.Take()) {}
    ~Loan() { list_.Return(std::move(scratch_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    BuildScratch& operator*() { return *scratch_; }

   private:
    ScratchList& list_;
    std::unique_ptr<BuildScratch> scratch_;
  };

 private:
  std::unique_ptr<BuildScratch> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<BuildScratch>();
    std::unique_ptr<BuildScratch> scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void Return(std::unique_ptr<BuildScratch> scratch) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<BuildScratch>> free_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_SCRATCH_H_
