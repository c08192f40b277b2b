#include "host/threads/pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

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
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  void Run(Loop& loop) {
    std::unique_lock lock(mutex_);
    loops_.push_back(&loop);
    work_.notify_all();
    while (!loop.exhausted()) RunPiece(loop, lock);
    finished_.wait(lock, [&] { return loop.finished(); });
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      work_.wait(lock, [this] { return stopping_ || !loops_.empty(); });
      if (stopping_) return;
      RunPiece(*loops_.front(), lock);
    }
  }

  /// Takes the next piece of `loop` and runs it with the mutex released. A loop leaves the queue with its last piece.
  void RunPiece(Loop& loop, std::unique_lock<std::mutex>& lock) {
    const std::uint64_t begin = loop.next;
    const std::uint64_t end = begin + std::min(loop.grain, loop.count - begin);
    loop.next = end;
    ++loop.running;
    if (loop.exhausted()) loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
    lock.unlock();
    loop.body(begin, end);
    lock.lock();
    --loop.running;
    if (loop.finished()) finished_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable work_;      // a loop has pieces to hand out, or the pool stops
  std::condition_variable finished_;  // some loop's last piece is done
  std::deque<Loop*> loops_;           // loops with pieces left to hand out, oldest first
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
