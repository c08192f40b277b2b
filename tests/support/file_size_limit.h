// A disk that fills up, for one test.
#ifndef ELANUS_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_
#define ELANUS_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_

#include <sys/resource.h>

#include <csignal>

#include "host/base/check.h"

namespace elanus::test {

/// While it lives, no file of this process can grow beyond `bytes`: the write fails, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ELANUS_CHECK(::getrlimit(RLIMIT_FSIZE, &old_) == 0);
    const struct rlimit limit = {bytes, old_.rlim_max};
    ELANUS_CHECK(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ELANUS_CHECK(::setrlimit(RLIMIT_FSIZE, &old_) == 0);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  struct rlimit old_ {};
  void (*handler_)(int);
};

}  // namespace elanus::test

#endif  // ELANUS_TESTS_SUPPORT_FILE_SIZE_LIMIT_H_
