// Runs the elanus program.
#ifndef ELANUS_TESTS_TOOLS_TOOL_PROCESS_H_
#define ELANUS_TESTS_TOOLS_TOOL_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace elanus::test {

struct Outcome {
  int exit_code = -1;  // -1: ended by a signal
  std::string out;
  std::string err;

  /// The last line of stdout.
  nlohmann::json Json() const;
};

struct ToolSettings {
  std::uint64_t file_bytes_max = 0;     // RLIMIT_FSIZE of the process; 0: unlimited
  std::string stdout_path = {};         // "": captured
  std::uint64_t address_bytes_max = 0;  // RLIMIT_AS; 0: unlimited
  int closed = -1;                      // this stream is closed when the program starts
};

/// One run of the program. Movable only by moving what is inside: keep it where it was made.
class ToolProcess {
 public:
  explicit ToolProcess(const std::vector<std::string>& words, const ToolSettings& settings = {});
  ToolProcess(const ToolProcess&) = delete;
  ~ToolProcess();

  void Signal(int signal);
  /// Waits for its end. At most once.
  Outcome Wait();

 private:
  std::string folder_;
  pid_t pid_ = -1;
};

/// Runs `elanus WORDS...` to its end.
Outcome RunTool(const std::vector<std::string>& words, const ToolSettings& settings = {});

/// Watches for files that appear in `folder`, from construction on.
class FileWatch {
 public:
  explicit FileWatch(const std::string& folder);
  ~FileWatch();
  /// Waits for the file `name`, or any. False when a minute passes without it.
  bool WaitFor(const std::string& name);
  bool WaitForAny() { return WaitFor(""); }

 private:
  int inotify_;
};

/// "tests/data/NAME" of the source tree.
std::string Sample(const std::string& name);

}  // namespace elanus::test

#endif  // ELANUS_TESTS_TOOLS_TOOL_PROCESS_H_
