// Collects the best candidates of one query where many pass: cheaper than a heap, at a looser limit.
#ifndef ELANUS_INDEX_RESERVOIR_H_
#define ELANUS_INDEX_RESERVOIR_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "absl/types/span.h"
#include "host/base/key.h"

namespace elanus::index {

/// Keeps the `capacity` smallest keys offered, whatever their order. Keys gather unsorted in a buffer of twice the
/// capacity; when it is full, a selection throws the larger half away and lowers the limit. An offer then costs a
/// constant number of operations, where a heap costs log(capacity) mispredicted ones. Not thread-safe.
/// Same idea: ReservoirTopN of FAISS, faiss/impl/ResultHandler.h.
class Reservoir {
 public:
  /// Empties it, keeping its memory. capacity >= 1.
  void Reset(std::size_t capacity) {
    capacity_ = capacity;
    size_ = 0;
    bound_ = base::kNoResult - 1;
    limit_ = std::numeric_limits<float>::infinity();
    if (keys_.size() < 2 * capacity) keys_.resize(2 * capacity);
  }

  /// Distance above which nothing can enter; +infinity until the buffer was full for the first time.
  float limit() const { return limit_; }

  /// Keys of one query are distinct.
  void Offer(base::Key key) {
    keys_[size_] = key;
    size_ += key <= bound_;  // without a branch: it cannot be predicted
    if (size_ == 2 * capacity_) Shrink();
  }

  /// How many are kept.
  std::size_t size() const { return std::min(size_, capacity_); }

  /// What is kept, in no particular order; valid until the next Offer or Reset.
  absl::Span<const base::Key> Best() {
    if (size_ > capacity_) Shrink();
    return absl::MakeConstSpan(keys_.data(), size_);
  }

 private:
  void Shrink() {
    const auto last = keys_.begin() + static_cast<std::ptrdiff_t>(capacity_ - 1);
    std::nth_element(keys_.begin(), last, keys_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ = capacity_;
    bound_ = *last;
    const float distance = base::KeyDistance(bound_);
    limit_ = distance == distance ? distance : std::numeric_limits<float>::infinity();
  }

  std::vector<base::Key> keys_;  // [2 * capacity], the first size_ in use
  std::size_t capacity_ = 1;
  std::size_t size_ = 0;
  base::Key bound_ = base::kNoResult - 1;
  float limit_ = std::numeric_limits<float>::infinity();
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_RESERVOIR_H_
