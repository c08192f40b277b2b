// Errors of two sorts: a command that cannot be meant (exit 2), and one that failed (exit 1).
#ifndef ELANUS_TOOLS_ELANUS_USAGE_H_
#define ELANUS_TOOLS_ELANUS_USAGE_H_

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace elanus::tools {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

/// kInvalidArgument, marked as the command line's own fault.
absl::Status UsageError(absl::string_view message);
/// `status` marked so; OK stays OK.
absl::Status AsUsageError(const absl::Status& status);
bool IsUsageError(const absl::Status& status);

/// `status` with "CONTEXT: " before its message, unless the message starts with it already. OK and kCancelled stay as
/// they are.
absl::Status InContext(absl::string_view context, const absl::Status& status);

/// What the standard library threw, as a status: kResourceExhausted where memory or threads ran out, and for null.
absl::Status ExceptionError(const std::exception_ptr& exception);

int ExitCode(const absl::Status& status);
/// "elanus VERB: MESSAGE", in one line whatever the message holds. `verb` may be empty.
std::string ErrorLine(absl::string_view verb, const absl::Status& status);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_USAGE_H_
