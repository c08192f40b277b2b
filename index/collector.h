// Collects the best results of one query.
#ifndef ELANUS_INDEX_COLLECTOR_H_
#define ELANUS_INDEX_COLLECTOR_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "host/base/key.h"

namespace elanus::index {

/// Keeps the `capacity` smallest keys offered that are not above `bound`. With capacity k: the top k. With unlimited
/// capacity and the largest key of a radius as bound: a range search. The result does not depend on the order of
/// offers. Not thread-safe. Offer allocates only while the heap grows.
class Collector {
 public:
  static constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

  /// Empties it, keeping its memory. capacity >= 1.
  void Reset(std::size_t capacity, base::Key bound = base::kNoResult - 1) {
    heap_.clear();
    capacity_ = capacity;
    bound_ = bound;
  }

  /// Takes `key` if it is among the best so far. Keys of one query are distinct.
  void Offer(base::Key key) {
    if (key > bound_) return;
    if (heap_.size() < capacity_) {
      heap_.push_back(key);
      if (capacity_ == kUnlimited) return;
      if (heap_.size() == capacity_) {
        std::make_heap(heap_.begin(), heap_.end());
        bound_ = heap_.front();
      }
      return;
    }
    std::pop_heap(heap_.begin(), heap_.end());
    heap_.back() = key;
    std::push_heap(heap_.begin(), heap_.end());
    bound_ = heap_.front();
  }

  /// No key above it can enter any more.
  base::Key bound() const { return bound_; }
  /// Distance above which nothing can enter; +infinity while anything can.
  float limit() const {
    const float distance = base::KeyDistance(bound_);
    return distance == distance ? distance : std::numeric_limits<float>::infinity();
  }
  std::size_t size() const { return heap_.size(); }
  /// True once the bound says all there is to say: k keys are kept, or the bound is a radius.
  bool full() const { return capacity_ == kUnlimited || heap_.size() >= capacity_; }
  /// How many more are taken before the bound starts to fall.
  std::size_t missing() const { return full() ? 0 : capacity_ - heap_.size(); }

  /// What was kept, in no particular order; valid until the next Offer or Reset.
  absl::Span<const base::Key> Unsorted() const { return heap_; }

  /// Sorts ascending and returns what was kept; valid until the next call. Offer must not follow without Reset.
  absl::Span<const base::Key> Sorted() {
    std::sort(heap_.begin(), heap_.end());
    return heap_;
  }

 private:
  std::vector<base::Key> heap_;  // a max-heap once full
  std::size_t capacity_ = 1;
  base::Key bound_ = base::kNoResult - 1;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_COLLECTOR_H_
