// A fixed set of threads that share loops.
#ifndef ELANUS_HOST_THREADS_POOL_H_
#define ELANUS_HOST_THREADS_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"

namespace elanus::threads {

/// Runs loops on `threads` threads: the calling one and threads - 1 of its own.
/// Thread-safe; ParallelFor may be called from inside a ParallelFor body (the caller always makes progress itself).
class Pool {
 public:
  /// threads >= 1. Starts threads - 1 threads, which sleep until there is work.
  explicit Pool(unsigned threads);
  ~Pool();  // waits for loops that still run
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  unsigned threads() const { return threads_; }

  /// Calls body(begin, end) for consecutive pieces that cover [0, count): piece i is [i * grain, min((i + 1) * grain,
  /// count)). The pieces do not depend on the number of threads, so work whose result is a function of its piece is
  /// reproducible; which thread runs which piece does. Returns when all are done. grain >= 1. Allocates a few hundred
  /// bytes.
  void ParallelFor(std::uint64_t count, std::uint64_t grain,
                   absl::FunctionRef<void(std::uint64_t begin, std::uint64_t end)> body);

 private:
  class Impl;
  unsigned threads_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace elanus::threads

#endif  // ELANUS_HOST_THREADS_POOL_H_
