#include "host/threads/pool.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace elanus::threads {
namespace {

TEST(Pool, CoversEveryIndexOnceInPiecesThatDoNotDependOnThreads) {
  for (const std::uint64_t count : {0u, 1u, 7u, 8u, 9u, 1000u}) {
    std::set<std::pair<std::uint64_t, std::uint64_t>> expected;
    for (std::uint64_t begin = 0; begin < count; begin += 8) expected.insert({begin, std::min(begin + 8, count)});
    for (const unsigned threads : {1u, 2u, 5u}) {
      Pool pool(threads);
      std::mutex mutex;
      std::set<std::pair<std::uint64_t, std::uint64_t>> pieces;
      pool.ParallelFor(count, 8, [&](std::uint64_t begin, std::uint64_t end) {
        const std::lock_guard lock(mutex);
        EXPECT_TRUE(pieces.insert({begin, end}).second);
      });
      EXPECT_EQ(pieces, expected) << "count " << count << ", threads " << threads;
    }
  }
}

TEST(Pool, MayBeNested) {
  Pool pool(3);
  std::atomic<std::uint64_t> sum{0};
  pool.ParallelFor(10, 1, [&](std::uint64_t outer, std::uint64_t) {
    pool.ParallelFor(10, 3, [&](std::uint64_t begin, std::uint64_t end) {
      for (std::uint64_t i = begin; i < end; ++i) sum += outer * 10 + i;
    });
  });
  EXPECT_EQ(sum.load(), 99u * 100u / 2u);
}

TEST(Pool, ServesSeveralCallersAtOnce) {
  Pool pool(3);
  std::atomic<std::uint64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) {
        pool.ParallelFor(20, 1, [&](std::uint64_t begin, std::uint64_t) { sum += begin; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum.load(), 4u * 50u * 190u);
}

}  // namespace
}  // namespace elanus::threads
