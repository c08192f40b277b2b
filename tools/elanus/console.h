// Where the tool speaks: results to stdout, everything else to stderr.
#ifndef ELANUS_TOOLS_ELANUS_CONSOLE_H_
#define ELANUS_TOOLS_ELANUS_CONSOLE_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace elanus::tools {

using Json = nlohmann::ordered_json;

/// One thread at a time. The streams outlive it.
class Console {
 public:
  struct Settings {
    bool quiet = false;  // no notes, no progress
    bool json = false;   // stdout carries one JSON object and nothing else; what a person reads goes to stderr
  };
  Console(std::FILE* out, std::FILE* err) : out_(out), err_(err) {}

  void Configure(const Settings& settings) { settings_ = settings; }
  const Settings& settings() const { return settings_; }
  std::FILE* err() const { return err_; }

  /// A line about what is going on: to stderr, unless quiet.
  void Note(absl::string_view line);
  /// Part of the result as a person reads it: to stdout, with --json to stderr (there not if quiet).
  void Print(absl::string_view text);
  /// The result as a program reads it: one line on stdout with --json, else nothing.
  void Report(const Json& json);
  /// To stderr, always.
  void Error(absl::string_view line);

  /// Errors: kResourceExhausted and others where what was printed did not get through.
  absl::Status Finish();

 private:
  void WriteOut(absl::string_view text);

  std::FILE* out_;
  std::FILE* err_;
  Settings settings_;
  int out_error_ = 0;  // errno of the first write to out_ that failed
};

/// "1.21 GB" (powers of 1000), "12.3 k", "1:02:03", as people read them.
std::string HumanBytes(std::uint64_t bytes);
std::string HumanCount(double count);
std::string HumanSeconds(double seconds);
/// 1234567 as "1,234,567".
std::string Grouped(std::uint64_t number);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_CONSOLE_H_
