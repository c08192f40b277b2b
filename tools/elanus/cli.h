// The tool without a process around it: words in, exit code out.
#ifndef ELANUS_TOOLS_ELANUS_CLI_H_
#define ELANUS_TOOLS_ELANUS_CLI_H_

#include <string>

#include "absl/types/span.h"
#include "host/base/progress.h"
#include "tools/elanus/console.h"

namespace elanus::tools {

/// Runs one command; `words` are those after the program's name. Results go to the console's stdout, one line for each
/// error to its stderr. `terminal`: stderr is one. Returns 0, 1 (failed) or 2 (not a valid command).
int RunCommand(absl::Span<const std::string> words, Console& console, const base::CancelFlag& cancel, bool terminal);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_CLI_H_
