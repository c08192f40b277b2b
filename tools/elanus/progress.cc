#include "tools/elanus/progress.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/elanus/console.h"

namespace elanus::tools {
namespace {

constexpr std::size_t kBarWidth = 24;
constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr absl::Duration kLine = absl::Seconds(5);
constexpr char kWipe[] = "\r\033[K";

struct Numbers {
  double fraction = 0;
  double rate = 0;  // units a second
  double left = 0;  // seconds
};

Numbers NumbersOf(const StageState& state) {
  Numbers numbers;
  const double seconds = absl::ToDoubleSeconds(state.elapsed);
  const auto done = static_cast<double>(state.done);
  if (seconds > 0) numbers.rate = done / seconds;
  if (state.total > 0) {
    numbers.fraction = std::min(1.0, done / static_cast<double>(state.total));
    if (numbers.fraction > 0) numbers.left = seconds * (1 - numbers.fraction) / numbers.fraction;
  }
  return numbers;
}

}  // namespace

std::string FormatBar(const StageState& state) {
  const Numbers n = NumbersOf(state);
  if (state.total == 0) {
    return absl::StrFormat("%-20s %s  %s/s", state.name, HumanCount(static_cast<double>(state.done)),
                           HumanCount(n.rate));
  }
  const auto filled = static_cast<std::size_t>(n.fraction * static_cast<double>(kBarWidth));
  std::string bar(filled, '=');
  if (filled < kBarWidth) bar += '>';
  bar.resize(kBarWidth, ' ');
  return absl::StrFormat("%-20s [%s] %3.0f%%  %s/s  ETA %s", state.name, bar, n.fraction * 100, HumanCount(n.rate),
                         state.done > 0 ? HumanSeconds(n.left) : "?");
}

std::string FormatLine(const StageState& state) {
  const Numbers n = NumbersOf(state);
  if (state.total == 0) {
    return absl::StrFormat("%s: %s done, %s/s", state.name, HumanCount(static_cast<double>(state.done)),
                           HumanCount(n.rate));
  }
  return absl::StrFormat("%s: %.0f %%, %s/s, ETA %s", state.name, n.fraction * 100, HumanCount(n.rate),
                         state.done > 0 ? HumanSeconds(n.left) : "?");
}

Progress::Progress(Surroundings surroundings)
    : surroundings_(std::move(surroundings)),
      interval_(surroundings_.terminal ? kRedraw : kLine),
      next_report_(absl::ToUnixNanos(surroundings_.now() + interval_)),
      started_(surroundings_.now()) {}

Progress::~Progress() { Clear(); }

void Progress::Stage(absl::string_view name, std::uint64_t total) {
  const std::lock_guard lock(mutex_);
  name_ = std::string(name);
  total_ = total;
  done_ = 0;
  started_ = surroundings_.now();
  if (surroundings_.terminal) Report();
}

void Progress::Advance(std::uint64_t units) {
  done_.fetch_add(units, std::memory_order_relaxed);
  if (absl::ToUnixNanos(surroundings_.now()) < next_report_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  if (absl::ToUnixNanos(surroundings_.now()) >= next_report_.load(std::memory_order_relaxed)) Report();
}

void Progress::Report() {
  const absl::Time now = surroundings_.now();
  next_report_ = absl::ToUnixNanos(now + interval_);
  const StageState state{name_, done_.load(std::memory_order_relaxed), total_, now - started_};
  if (surroundings_.terminal) {
    surroundings_.write(absl::StrCat(kWipe, FormatBar(state)));
    drawn_ = true;
  } else {
    surroundings_.write(absl::StrCat(surroundings_.prefix, FormatLine(state), "\n"));
  }
}

void Progress::Clear() {
  const std::lock_guard lock(mutex_);
  if (drawn_) surroundings_.write(kWipe);
  drawn_ = false;
}

}  // namespace elanus::tools
