#include "tools/elanus/forecast.h"

#include <cmath>

#include "gtest/gtest.h"

namespace elanus::tools {
namespace {

TEST(ForecastTest, CarriesEachStageOnByItsOwnPower) {
  const SampleBuild smaller{1000, {{"train", 2.0}, {"assign", 1.0}, {"graph", 1.0}}};
  const SampleBuild larger{2000, {{"train", 2.0}, {"assign", 2.0}, {"graph", std::pow(2.0, 1.2)}}};
  EXPECT_NEAR(ForecastSeconds(smaller, larger, 16'000), 2.0 + 16.0 + std::pow(16.0, 1.2), 1e-9);
  EXPECT_NEAR(ForecastSeconds(smaller, larger, 2000), larger.seconds(), 1e-9);
}

TEST(ForecastTest, KeepsPowersWithinReason) {
  const SampleBuild smaller{1000, {{"fell", 2.0}, {"jumped", 0.001}, {"gone", 1.0}}};
  const SampleBuild larger{2000, {{"fell", 1.0}, {"jumped", 1.0}, {"new", 1.0}}};
  EXPECT_NEAR(ForecastSeconds(smaller, larger, 8000), 1.0 + std::pow(4.0, 1.3) + 4.0, 1e-9);
}

TEST(StageTimerTest, AddsUpStagesOfOneName) {
  StageTimer timer;
  timer.Stage("a", 0);
  timer.Stage("b", 0);
  timer.Stage("a", 0);
  const StageSeconds seconds = timer.Finish();
  ASSERT_EQ(seconds.size(), 2u);
  EXPECT_GE(seconds.at("a"), 0);
  EXPECT_TRUE(timer.Finish().empty());
}

}  // namespace
}  // namespace elanus::tools
