// How long work tells its owner where it stands, and how the owner tells it to stop.
#ifndef ELANUS_HOST_BASE_PROGRESS_H_
#define ELANUS_HOST_BASE_PROGRESS_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace elanus::base {

/// Receives progress. Calls may come from any thread of the work, one at a time is not promised:
/// implementations lock. Cheap enough to be called some thousand times a second.
class ProgressSink {
 public:
  virtual ~ProgressSink() = default;
  /// A new stage begins ("k-means", "assign rows"): `total` units of work, 0 if unknown.
  virtual void Stage(absl::string_view name, std::uint64_t total) = 0;
  /// `units` more are done in the current stage.
  virtual void Advance(std::uint64_t units) = 0;
};

/// Set once, from any thread or a signal handler; polled by long work between pieces of at most some milliseconds.
class CancelFlag {
 public:
  void Cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false};
};

/// The two together, both optional. Copied by value; what it points to outlives the work.
struct Monitor {
  ProgressSink* progress = nullptr;
  const CancelFlag* cancel = nullptr;

  void Stage(absl::string_view name, std::uint64_t total) const {
    if (progress != nullptr) progress->Stage(name, total);
  }
  void Advance(std::uint64_t units) const {
    if (progress != nullptr) progress->Advance(units);
  }
  bool cancelled() const { return cancel != nullptr && cancel->cancelled(); }
  /// kCancelled if the owner asked to stop, else OK.
  absl::Status Check() const { return cancelled() ? absl::CancelledError("interrupted") : absl::OkStatus(); }
};

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_PROGRESS_H_
