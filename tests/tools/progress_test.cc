#include "tools/elanus/progress.h"

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace elanus::tools {
namespace {

using testing::HasSubstr;

TEST(ProgressTest, FormatsRateAndRest) {
  const StageState half{"assign", 500, 1000, absl::Seconds(10)};
  EXPECT_EQ(FormatLine(half), "assign: 50 %, 50.0/s, ETA 10.0 s");
  EXPECT_EQ(FormatBar(half), "assign               [============>           ]  50%  50.0/s  ETA 10.0 s");
  EXPECT_EQ(FormatLine({"read", 0, 100, absl::ZeroDuration()}), "read: 0 %, 0.00/s, ETA ?");
  EXPECT_EQ(FormatLine({"read", 4'000, 0, absl::Seconds(2)}), "read: 4.00 k done, 2.00 k/s");
  EXPECT_EQ(FormatBar({"all", 10, 10, absl::Seconds(1)}),
            "all                  [========================] 100%  10.0/s  ETA 0 us");
}

class ProgressClockTest : public testing::Test {
 protected:
  Progress::Surroundings Surroundings(bool terminal) {
    return {[this](absl::string_view text) { written_.emplace_back(text); }, [this] { return now_; }, terminal,
            "elanus build: "};
  }
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::vector<std::string> written_;
};

TEST_F(ProgressClockTest, WritesALineEveryFiveSeconds) {
  Progress progress(Surroundings(false));
  progress.Stage("assign", 100);
  progress.Advance(10);
  EXPECT_THAT(written_, testing::IsEmpty());
  now_ += absl::Seconds(5);
  progress.Advance(10);
  now_ += absl::Seconds(1);
  progress.Advance(10);
  EXPECT_THAT(written_, testing::ElementsAre("elanus build: assign: 20 %, 4.00/s, ETA 20.0 s\n"));
}

TEST_F(ProgressClockTest, RedrawsAndWipesABar) {
  {
    Progress progress(Surroundings(true));
    progress.Stage("assign", 100);
    now_ += absl::Milliseconds(150);
    progress.Advance(50);
    ASSERT_EQ(written_.size(), 2u);
    EXPECT_THAT(written_[1], HasSubstr(" 50%"));
    progress.Clear();
    EXPECT_EQ(written_.size(), 3u);
  }
  EXPECT_EQ(written_.size(), 3u) << "wiped twice";
}

TEST_F(ProgressClockTest, CountsFromManyThreads) {
  Progress progress(Surroundings(false));
  progress.Stage("assign", 4000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) progress.Advance(1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  now_ += absl::Seconds(8);
  progress.Advance(0);
  EXPECT_THAT(written_, testing::ElementsAre(HasSubstr("100 %")));
}

}  // namespace
}  // namespace elanus::tools
