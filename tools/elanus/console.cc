#include "tools/elanus/console.h"

#include <cerrno>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace elanus::tools {
namespace {

void Write(std::FILE* file, absl::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), file));
}

/// `value` with three significant digits or more.
std::string Short(double value) { return absl::StrFormat("%.*f", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value); }

}  // namespace

void Console::Note(absl::string_view line) {
  if (!settings_.quiet) Write(err_, absl::StrCat(line, "\n"));
}

void Console::Print(absl::string_view text) {
  if (!settings_.json) {
    WriteOut(text);
  } else if (!settings_.quiet) {
    Write(err_, text);
  }
}

void Console::Report(const Json& json) {
  if (!settings_.json) return;
  // A path may be any bytes; JSON must be UTF-8.
  WriteOut(absl::StrCat(json.dump(-1, ' ', false, Json::error_handler_t::replace), "\n"));
}

void Console::WriteOut(absl::string_view text) {
  errno = 0;
  // Flushed at once: rows of a long bench are read as they come.
  const bool written = std::fwrite(text.data(), 1, text.size(), out_) == text.size() && std::fflush(out_) == 0;
  if (!written && out_error_ == 0) out_error_ = errno == 0 ? EIO : errno;
}

void Console::Error(absl::string_view line) { Write(err_, absl::StrCat(line, "\n")); }

absl::Status Console::Finish() {
  return out_error_ == 0 ? absl::OkStatus() : absl::ErrnoToStatus(out_error_, "standard output: cannot write");
}

std::string HumanBytes(std::uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrCat(Short(value), " ", kUnits[unit]);
}

std::string HumanCount(double count) {
  if (count < 999.5) return Short(count);
  if (count < 999.5e3) return Short(count / 1e3) + " k";
  if (count < 999.5e6) return Short(count / 1e6) + " M";
  return Short(count / 1e9) + " G";
}

std::string HumanSeconds(double seconds) {
  if (seconds < 1e-3) return absl::StrFormat("%.0f us", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.0f ms", seconds * 1e3);
  if (seconds < 99.95) return absl::StrFormat("%.1f s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 3600) return absl::StrFormat("%d:%02d min", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d h", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string Grouped(std::uint64_t number) {
  const std::string digits = absl::StrCat(number);
  std::string grouped;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) grouped.push_back(',');
    grouped.push_back(digits[i]);
  }
  return grouped;
}

}  // namespace elanus::tools
