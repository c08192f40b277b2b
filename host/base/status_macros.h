// Early return on error. Abseil 20220623 (Debian 12) has no such macros of its own.
#ifndef ELANUS_HOST_BASE_STATUS_MACROS_H_
#define ELANUS_HOST_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

/// Returns from the enclosing function with the status of `expr` unless it is OK.
#define ELANUS_RETURN_IF_ERROR(expr)                 \
  do {                                               \
    absl::Status elanus_status_ = (expr);            \
    if (!elanus_status_.ok()) return elanus_status_; \
  } while (false)

#define ELANUS_STATUS_CONCAT_INNER_(a, b) a##b
#define ELANUS_STATUS_CONCAT_(a, b) ELANUS_STATUS_CONCAT_INNER_(a, b)
#define ELANUS_ASSIGN_OR_RETURN_IMPL_(var, lhs, expr) \
  auto var = (expr);                                  \
  if (!var.ok()) return std::move(var).status();      \
  lhs = std::move(var).value()

/// ELANUS_ASSIGN_OR_RETURN(auto x, MakeX()): assigns the value of a StatusOr, or returns its status.
#define ELANUS_ASSIGN_OR_RETURN(lhs, expr) \
  ELANUS_ASSIGN_OR_RETURN_IMPL_(ELANUS_STATUS_CONCAT_(elanus_statusor_, __LINE__), lhs, expr)

#endif  // ELANUS_HOST_BASE_STATUS_MACROS_H_
