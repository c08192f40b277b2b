#include "host/threads/pool.h"

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "host/base/check.h"

namespace elanus::threads {
namespace {

/// One ParallelFor in flight. All fields but `body` are guarded by Pool::Impl::mutex_.
struct Loop {
  absl::FunctionRef<void(std::uint64_t, std::uint64_t)> body;
  std::uint64_t count;
  std::uint64_t grain;
  std::uint64_t next = 0;     // first row not yet handed out
  std::uint64_t running = 0;  // pieces handed out and not finished

  bool exhausted() const { return next >= count; }
  bool finished() const { return exhausted() && running == 0; }
};

}  // namespace

class Pool::Impl {
 public:
  explicit Impl(unsigned workers) {
    for (unsigned i = 0; i < workers; ++i) workers_.emplace_back([this] { Work(); });
  }

  ~Impl() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& worker : workers_) worker.join();
  }

  void Run(Loop& loop) {
    absl::MutexLock lock(&mutex_);
    loops_.push_back(&loop);
    while (!loop.exhausted()) RunPiece(loop);
    mutex_.Await(absl::Condition(
        +[](Loop* l) { return l->finished(); }, &loop));
  }

 private:
  void Work() {
    absl::MutexLock lock(&mutex_);
    while (true) {
      mutex_.Await(absl::Condition(this, &Impl::Ready));
      if (stopping_) return;
      RunPiece(*loops_.front());
    }
  }

  bool Ready() const { return stopping_ || !loops_.empty(); }

  /// Takes the next piece of `loop` and runs it with the mutex released. A loop leaves the queue with its last piece.
  void RunPiece(Loop& loop) {
    const std::uint64_t begin = loop.next;
    const std::uint64_t end = begin + std::min(loop.grain, loop.count - begin);
    loop.next = end;
    ++loop.running;
    if (loop.exhausted()) loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
    mutex_.Unlock();
    loop.body(begin, end);
    mutex_.Lock();
    --loop.running;
  }

  absl::Mutex mutex_;
  std::deque<Loop*> loops_;  // loops with pieces left to hand out, oldest first
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

Pool::Pool(unsigned threads) : threads_(threads) {
  ELANUS_CHECK(threads >= 1);
  if (threads > 1) impl_ = std::make_unique<Impl>(threads - 1);
}

Pool::~Pool() = default;

void Pool::ParallelFor(std::uint64_t count, std::uint64_t grain,
                       absl::FunctionRef<void(std::uint64_t, std::uint64_t)> body) {
  ELANUS_CHECK(grain >= 1);
  if (count == 0) return;
  if (impl_ == nullptr || count <= grain) {
    for (std::uint64_t begin = 0; begin < count; begin += std::min(grain, count - begin)) {
      body(begin, begin + std::min(grain, count - begin));
    }
    return;
  }
  Loop loop{.body = body, .count = count, .grain = grain};
  impl_->Run(loop);
}

}  // namespace elanus::threads
