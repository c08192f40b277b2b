// How long a build of all rows will take, from builds of some of them.
#ifndef ELANUS_TOOLS_ELANUS_FORECAST_H_
#define ELANUS_TOOLS_ELANUS_FORECAST_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/base/progress.h"

namespace elanus::tools {

/// Seconds each stage of a build took, by its name; stages of one name are added up.
using StageSeconds = std::map<std::string, double>;

/// Times the stages of a build. Stage and Advance may come from any thread of one build at a time.
class StageTimer : public base::ProgressSink {
 public:
  void Stage(absl::string_view name, std::uint64_t total) override;
  void Advance(std::uint64_t units) override;
  /// Ends the last stage and returns all.
  StageSeconds Finish();

 private:
  void EndStage();

  std::string name_ = "start";
  absl::Time started_ = absl::InfinitePast();
  StageSeconds seconds_;
};

/// What one sample build took.
struct SampleBuild {
  std::uint64_t rows = 0;
  StageSeconds stages;

  double seconds() const;
};

/// Seconds a build of `rows` rows will take: each stage goes on growing by the power of the number of rows by which it
/// grew from the smaller sample to the larger one, from constant (training on a limited sample of rows) to rows^1.3
/// (graphs, whose rows stop fitting into the cache). Both samples have rows, the larger one more.
double ForecastSeconds(const SampleBuild& smaller, const SampleBuild& larger, std::uint64_t rows);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_FORECAST_H_
