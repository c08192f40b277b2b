#include "tools/elanus/usage.h"

#include <new>
#include <system_error>

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
  if (status.ok() || absl::IsCancelled(status)) return status;  // the user's wish is about no file
  if (absl::StartsWith(status.message(), absl::StrCat(context, ":"))) return status;
  const absl::Status longer(status.code(), absl::StrCat(context, ": ", status.message()));
  return IsUsageError(status) ? AsUsageError(longer) : longer;
}

absl::Status ExceptionError(const std::exception_ptr& exception) {
  // While threads are started one may fail beside others that run; the exception is lost then.
  if (exception == nullptr) {
    return absl::ResourceExhaustedError(
        "memory or threads ran out; give fewer --threads, or raise the limits (ulimit)");
  }
  try {
    std::rethrow_exception(exception);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(
        "memory ran out; give fewer --threads or less data, or raise the limit (ulimit)");
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("a thread cannot be started: ", error.what(),
                                                     "; give fewer --threads, or raise the limit (ulimit)"));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("a fault of the program: ", error.what()));
  } catch (...) {
    return absl::InternalError("a fault of the program");
  }
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
