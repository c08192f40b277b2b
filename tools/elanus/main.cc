// elanus: the offline batch tool.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "host/base/progress.h"
#include "tools/elanus/cli.h"
#include "tools/elanus/console.h"

namespace {

// A signal handler reaches nothing but globals.
elanus::base::CancelFlag interrupted;

void Interrupt(int) { interrupted.Cancel(); }

/// The first Ctrl-C asks work to stop, the second one ends the process.
void CatchInterrupts() {
  struct sigaction action {};
  action.sa_handler = Interrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  // A closed pipe or a full disk is an error that writing returns, not a reason to die without a word.
  action.sa_handler = SIG_IGN;
  action.sa_flags = 0;
  ::sigaction(SIGPIPE, &action, nullptr);
  ::sigaction(SIGXFSZ, &action, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  CatchInterrupts();
  const std::vector<std::string> words(argv + 1, argv + argc);
  elanus::tools::Console console(stdout, stderr);
  return elanus::tools::RunCommand(words, console, interrupted, ::isatty(STDERR_FILENO) == 1);
}
