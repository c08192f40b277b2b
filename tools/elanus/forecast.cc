#include "tools/elanus/forecast.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/time/clock.h"
#include "host/base/check.h"

namespace elanus::tools {
namespace {

constexpr double kPowerMax = 1.3;

}  // namespace

void StageTimer::Stage(absl::string_view name, std::uint64_t) {
  EndStage();
  name_ = std::string(name);
}

void StageTimer::Advance(std::uint64_t) {}

StageSeconds StageTimer::Finish() {
  EndStage();
  started_ = absl::InfinitePast();
  return std::exchange(seconds_, {});
}

void StageTimer::EndStage() {
  const absl::Time now = absl::Now();
  if (started_ != absl::InfinitePast()) seconds_[name_] += absl::ToDoubleSeconds(now - started_);
  started_ = now;
}

double SampleBuild::seconds() const {
  double sum = 0;
  for (const auto& [name, seconds] : stages) sum += seconds;
  return sum;
}

double ForecastSeconds(const SampleBuild& smaller, const SampleBuild& larger, std::uint64_t rows) {
  ELANUS_CHECK(smaller.rows > 0 && larger.rows > smaller.rows);
  const double growth = std::log(static_cast<double>(larger.rows) / static_cast<double>(smaller.rows));
  const double factor = static_cast<double>(rows) / static_cast<double>(larger.rows);
  double sum = 0;
  for (const auto& [name, seconds] : larger.stages) {
    const auto before = smaller.stages.find(name);
    double power = 1;
    if (before != smaller.stages.end() && before->second > 0 && seconds > 0) {
      power = std::clamp(std::log(seconds / before->second) / growth, 0.0, kPowerMax);
    }
    sum += seconds * std::pow(factor, power);
  }
  return sum;
}

}  // namespace elanus::tools
