#include "tests/tools/tool_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>

#include "gtest/gtest.h"
#include "host/base/check.h"
#include "tests/support/temp_dir.h"

namespace elanus::test {
namespace {

void Redirect(const std::string& path, int to) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(127);
}

}  // namespace

nlohmann::json Outcome::Json() const {
  const std::size_t end = out.find_last_not_of('\n');
  const std::size_t begin = out.rfind('\n', end);
  return nlohmann::json::parse(out.substr(begin == std::string::npos ? 0 : begin + 1), nullptr, false);
}

ToolProcess::ToolProcess(const std::vector<std::string>& words, const ToolSettings& settings) {
  folder_ = ::testing::TempDir() + "elanus-run-XXXXXX";
  ELANUS_CHECK(::mkdtemp(folder_.data()) != nullptr);
  std::vector<std::string> all = {ELANUS_TOOL};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& word : all) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string out = settings.stdout_path.empty() ? folder_ + "/out" : settings.stdout_path;
  const std::string err = folder_ + "/err";
  pid_ = ::fork();
  ELANUS_CHECK(pid_ >= 0);
  if (pid_ > 0) return;
  Redirect(out, STDOUT_FILENO);
  Redirect(err, STDERR_FILENO);
  if (settings.file_bytes_max > 0) {
    const rlimit limit{settings.file_bytes_max, settings.file_bytes_max};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(127);
  }
  if (settings.address_bytes_max > 0) {
    const rlimit limit{settings.address_bytes_max, settings.address_bytes_max};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(127);
  }
  if (settings.closed >= 0) ::close(settings.closed);
  ::execv(ELANUS_TOOL, argv.data());
  ::_exit(127);
}

ToolProcess::~ToolProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  std::filesystem::remove_all(folder_);
}

void ToolProcess::Signal(int signal) { ELANUS_CHECK(::kill(pid_, signal) == 0); }

Outcome ToolProcess::Wait() {
  int status = 0;
  ELANUS_CHECK(::waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  Outcome outcome;
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (std::filesystem::exists(folder_ + "/out")) outcome.out = ReadFile(folder_ + "/out");
  outcome.err = ReadFile(folder_ + "/err");
  return outcome;
}

Outcome RunTool(const std::vector<std::string>& words, const ToolSettings& settings) {
  return ToolProcess(words, settings).Wait();
}

FileWatch::FileWatch(const std::string& folder) : inotify_(::inotify_init1(IN_CLOEXEC)) {
  ELANUS_CHECK(inotify_ >= 0);
  ELANUS_CHECK(::inotify_add_watch(inotify_, folder.c_str(), IN_CREATE | IN_MOVED_TO) >= 0);
}

FileWatch::~FileWatch() { ::close(inotify_); }

bool FileWatch::WaitFor(const std::string& name) {
  constexpr int kMinute = 60'000;
  alignas(inotify_event) std::array<char, 16'384> buffer;
  pollfd waiting{inotify_, POLLIN, 0};
  while (::poll(&waiting, 1, kMinute) == 1) {
    const ssize_t got = ::read(inotify_, buffer.data(), buffer.size());
    ELANUS_CHECK(got > 0);
    for (ssize_t at = 0; at < got;) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* text = buffer.data() + at + offsetof(inotify_event, name);
      if (name.empty() || (event.len > 0 && name == text)) return true;
      at += static_cast<ssize_t>(sizeof(event)) + event.len;
    }
  }
  return false;
}

std::string Sample(const std::string& name) { return std::string(ELANUS_SOURCE_DIR) + "/tests/data/" + name; }

}  // namespace elanus::test
