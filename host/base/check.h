// ELANUS_CHECK: for what only a bug of ours can do. What the world can do is an absl::Status.
#ifndef ELANUS_HOST_BASE_CHECK_H_
#define ELANUS_HOST_BASE_CHECK_H_

namespace elanus::base {
/// Prints `file:line: check failed: condition` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);
}  // namespace elanus::base

/// Aborts the process when `condition` is false, in every build type.
#define ELANUS_CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::elanus::base::CheckFailed(__FILE__, __LINE__, #condition))

#endif  // ELANUS_HOST_BASE_CHECK_H_
