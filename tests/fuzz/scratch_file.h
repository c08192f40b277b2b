// How a fuzz target gives its bytes to readers that take paths.
#ifndef ELANUS_TESTS_FUZZ_SCRATCH_FILE_H_
#define ELANUS_TESTS_FUZZ_SCRATCH_FILE_H_

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "host/base/check.h"

namespace elanus::fuzz {

/// A file in memory that can be opened under one name for each extension. One for the process' life.
class ScratchFile {
 public:
  explicit ScratchFile(const std::vector<std::string>& extensions) : fd_(::memfd_create("fuzz", 0)) {
    std::string folder = std::filesystem::temp_directory_path() / "elanus-fuzz-XXXXXX";
    ELANUS_CHECK(fd_ >= 0 && ::mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    for (const std::string& extension : extensions) {
      paths_.push_back(folder_ + "/x" + extension);
      std::filesystem::create_symlink("/proc/self/fd/" + std::to_string(fd_), paths_.back());
    }
  }
  ~ScratchFile() {
    std::filesystem::remove_all(folder_);
    ::close(fd_);
  }
  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  void Write(const void* data, std::size_t bytes) {
    ELANUS_CHECK(::ftruncate(fd_, 0) == 0);
    ELANUS_CHECK(::pwrite(fd_, data, bytes, 0) == static_cast<ssize_t>(bytes));
  }
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  int fd_;
  std::string folder_;
  std::vector<std::string> paths_;
};

/// Keeps the reads that made `value` from being optimised away.
inline void Keep(unsigned value) { asm volatile("" : : "r"(value)); }

}  // namespace elanus::fuzz

#endif  // ELANUS_TESTS_FUZZ_SCRATCH_FILE_H_
