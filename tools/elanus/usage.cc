#include "tools/elanus/usage.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace elanus::tools {
namespace {
constexpr char kUsagePayload[] = "elanus/usage";
}  // namespace

absl::Status UsageError(absl::string_view message) { return AsUsageError(absl::InvalidArgumentError(message)); }

absl::Status AsUsageError(const absl::Status& status) {
  absl::Status marked = status;
  marked.SetPayload(kUsagePayload, absl::Cord());
  return marked;
}

bool IsUsageError(const absl::Status& status) { return status.GetPayload(kUsagePayload).has_value(); }

absl::Status InContext(absl::string_view context, const absl::Status& status) {
  if (status.ok() || absl::StartsWith(status.message(), absl::StrCat(context, ":"))) return status;
  const absl::Status longer(status.code(), absl::StrCat(context, ": ", status.message()));
  return IsUsageError(status) ? AsUsageError(longer) : longer;
}

int ExitCode(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  return IsUsageError(status) ? kExitUsage : kExitFailed;
}

std::string ErrorLine(absl::string_view verb, const absl::Status& status) {
  std::string line = absl::StrCat("elanus", verb.empty() ? "" : " ", verb, ": ", status.message());
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

}  // namespace elanus::tools
