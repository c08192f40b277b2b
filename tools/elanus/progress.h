// Progress on stderr: a bar on a terminal, a line every few seconds elsewhere.
#ifndef ELANUS_TOOLS_ELANUS_PROGRESS_H_
#define ELANUS_TOOLS_ELANUS_PROGRESS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "host/base/progress.h"

namespace elanus::tools {

/// What is known of a stage.
struct StageState {
  std::string name;
  std::uint64_t done = 0;
  std::uint64_t total = 0;  // 0: unknown
  absl::Duration elapsed;
};

/// "assign rows  [=======>      ]  52%  1.20 M/s  ETA 3.2 s": rate over the whole stage, ETA from it.
std::string FormatBar(const StageState& state);
/// "assign rows: 52 %, 1.20 M/s, ETA 3.2 s".
std::string FormatLine(const StageState& state);

/// Thread-safe; Advance costs an atomic addition between reports.
class Progress : public base::ProgressSink {
 public:
  struct Surroundings {
    std::function<void(absl::string_view)> write;
    std::function<absl::Time()> now;
    bool terminal = false;
    std::string prefix;  // of each line when not a terminal
  };
  /// On a terminal the bar is redrawn ten times a second at most, elsewhere a line is written every five seconds.
  explicit Progress(Surroundings surroundings);
  /// Wipes the bar.
  ~Progress() override;

  void Stage(absl::string_view name, std::uint64_t total) override;
  void Advance(std::uint64_t units) override;
  /// Wipes the bar, so that other text can be written. The next Advance draws it again.
  void Clear();

 private:
  void Report();  // mutex_ is held

  const Surroundings surroundings_;
  const absl::Duration interval_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::int64_t> next_report_;  // nanoseconds since the epoch
  std::mutex mutex_;                       // guards all that follows
  std::string name_;
  std::uint64_t total_ = 0;
  absl::Time started_;
  bool drawn_ = false;
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_PROGRESS_H_
