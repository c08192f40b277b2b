// elanus: the offline batch tool.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "host/base/progress.h"
#include "tools/elanus/cli.h"
#include "tools/elanus/console.h"
#include "tools/elanus/usage.h"

namespace {

// A signal handler reaches nothing but globals.
elanus::base::CancelFlag interrupted;

void Interrupt(int) { interrupted.Cancel(); }

/// A file opened later must not become the stream that the starter of this process closed: notes would go into it.
/// Opened for reading, so that writing fails as it does on a closed stream.
void FillClosedStreams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDONLY));  // takes the lowest free number
  }
}

/// For exceptions of the standard library that no caller can catch: thrown in a thread, or while threads are started.
void EndInOneLine() {
  std::set_terminate(std::abort);  // what follows may throw, too
  const std::string line = elanus::tools::ErrorLine("", elanus::tools::ExceptionError(std::current_exception())) + "\n";
  static_cast<void>(::write(STDERR_FILENO, line.data(), line.size()) < 0);
  ::_exit(elanus::tools::kExitFailed);
}

/// The first Ctrl-C asks work to stop, the second one ends the process.
void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = Interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  struct sigaction hangup {};
  // nohup wants the run to outlive its terminal.
  if (::sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
  // A closed pipe or a full disk is an error that writing returns, not a reason to die without a word.
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  FillClosedStreams();
  std::set_terminate(EndInOneLine);
  CatchInterrupts();
  const std::vector<std::string> words(argv + 1, argv + argc);
  elanus::tools::Console console(stdout, stderr);
  return elanus::tools::RunCommand(words, console, interrupted, ::isatty(STDERR_FILENO) == 1);
}
