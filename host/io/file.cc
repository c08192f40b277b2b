#include "host/io/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"

namespace elanus::io {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 18;
constexpr std::size_t kCallBytes = std::size_t{1} << 30;  // Linux moves at most 2 GiB - 4096 a call

std::string FolderOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// pwrite of all of `data`.
absl::Status WriteFully(int fd, std::uint64_t offset, const void* data, std::size_t bytes, const std::string& path) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(fd, at, std::min(bytes, kCallBytes), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EFBIG) {
      return absl::ResourceExhaustedError(absl::StrCat(path, ": cannot write: the limit of a file's size is reached"));
    }
    if (put < 0) return PathError(errno, path, "write");
    at += put;
    bytes -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
  return absl::OkStatus();
}

/// What is written is renamed into place: that must not put a file where /dev/null was.
absl::Status CheckReplaceable(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, cannot be written"));
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is a pipe or device; the output is renamed into place and needs a regular file's name"));
}

constexpr absl::string_view kTemporaryMark = ".tmp-";

/// True for the temporary name "NAME.tmp-PID-N" of a process that is no more.
bool IsOrphan(absl::string_view entry, absl::string_view name) {
  if (!absl::ConsumePrefix(&entry, name) || !absl::ConsumePrefix(&entry, kTemporaryMark)) return false;
  const std::vector<absl::string_view> numbers = absl::StrSplit(entry, '-');
  pid_t pid = 0;
  unsigned serial = 0;
  if (numbers.size() != 2 || !absl::SimpleAtoi(numbers[0], &pid) || !absl::SimpleAtoi(numbers[1], &serial))
    return false;
  return pid > 0 && ::kill(pid, 0) != 0 && errno == ESRCH;
}

/// Removes what killed writers of `path` left. Where that does not work out it stays: it costs nothing but room.
void RemoveOrphans(const std::string& path) {
  const std::string folder = FolderOf(path);
  const std::string name = path.substr(path.rfind('/') + 1);
  std::vector<std::string> orphans;
  {
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
    if (entries == nullptr) return;
    while (const dirent* entry = ::readdir(entries.get())) {
      if (IsOrphan(entry->d_name, name)) orphans.push_back(absl::StrCat(folder, "/", entry->d_name));
    }
  }
  for (const std::string& orphan : orphans) {
    // A process of another machine or container is not seen by its number, but holds the lock.
    const Descriptor descriptor(::open(orphan.c_str(), O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
    if (descriptor.get() < 0 || ::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) continue;
    ::unlink(orphan.c_str());
  }
}

/// True if `fd` is open on the file that `path` names now.
bool IsOpenOn(int fd, const std::string& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

/// Renames within one folder and syncs the folder.
absl::Status RenameDurably(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return PathError(errno, to, "rename the finished file to it");
  const std::string folder = FolderOf(to);
  Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return PathError(errno, folder, "open the folder to sync it");
  // EINVAL: a file system without folder sync, such as some network ones.
  if (::fsync(descriptor.get()) != 0 && errno != EINVAL) return PathError(errno, folder, "sync the folder");
  return absl::OkStatus();
}

}  // namespace

absl::Status PathError(int error, absl::string_view path, absl::string_view action) {
  return absl::ErrnoToStatus(error, absl::StrCat(path, ": cannot ", action));
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  Descriptor old(std::exchange(fd_, other.Release()));
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<InputFile> InputFile::Open(const std::string& path) {
  // Without O_NONBLOCK the open of a pipe that nobody writes to would hang.
  Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (descriptor.get() < 0) return PathError(errno, path, "open");
  struct stat info {};
  if (::fstat(descriptor.get(), &info) != 0) return PathError(errno, path, "stat");
  if (S_ISDIR(info.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, not a file"));
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": is a pipe or device; give a regular file"));
  }
  return InputFile(path, std::move(descriptor), static_cast<std::uint64_t>(info.st_size));
}

absl::Status InputFile::ReadAt(std::uint64_t offset, absl::Span<std::byte> to) const {
  while (!to.empty()) {
    const ssize_t got = ::pread(fd(), to.data(), std::min(to.size(), kCallBytes), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathError(errno, path_, "read");
    if (got == 0) {
      return absl::DataLossError(
          absl::StrFormat("%s: ends at byte %d, %d bytes before what was to be read", path_, offset, to.size()));
    }
    to.remove_prefix(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return absl::OkStatus();
}

absl::StatusOr<Mapping> Mapping::Create(const InputFile& file) {
  Mapping mapping;
  if (file.size() == 0) return mapping;
  void* data = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (data == MAP_FAILED) return PathError(errno, file.path(), absl::StrFormat("map %d bytes of it", file.size()));
  mapping.data_ = static_cast<const std::byte*>(data);
  mapping.size_ = file.size();
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void Mapping::Advise(Access access) const {
  if (data_ == nullptr) return;
  const int advice = access == Access::kSequential ? MADV_SEQUENTIAL
                     : access == Access::kRandom   ? MADV_RANDOM
                                                   : MADV_NORMAL;
  // Only a hint: a kernel that refuses it changes nothing but speed.
  static_cast<void>(::madvise(const_cast<std::byte*>(data_), size_, advice));
}

void Mapping::Release(std::uint64_t offset, std::uint64_t length) const {
  ELANUS_CHECK(offset <= size_ && length <= size_ - offset);
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const std::uint64_t begin = (offset + page - 1) / page * page;
  const std::uint64_t end = (offset + length) / page * page;
  if (end > begin) static_cast<void>(::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED));
}

absl::StatusOr<OutputFile> OutputFile::Create(const std::string& path) {
  ELANUS_RETURN_IF_ERROR(CheckReplaceable(path));
  RemoveOrphans(path);
  for (unsigned serial = 0;; ++serial) {
    std::string temporary = absl::StrFormat("%s%s%d-%d", path, kTemporaryMark, ::getpid(), serial);
    Descriptor descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (descriptor.get() >= 0) {
      // Says that somebody writes it; file systems without locks do without.
      static_cast<void>(::flock(descriptor.get(), LOCK_EX | LOCK_NB));
      return OutputFile(path, std::move(temporary), std::move(descriptor), false);
    }
    if (errno != EEXIST) return PathError(errno, path, "create");  // EEXIST: another writer of ours, or a killed one
  }
}

absl::StatusOr<OutputFile> OutputFile::Continue(const std::string& path, const std::string& temporary,
                                                std::uint64_t bytes) {
  ELANUS_RETURN_IF_ERROR(CheckReplaceable(path));
  ELANUS_RETURN_IF_ERROR(CheckReplaceable(temporary));
  Descriptor descriptor;
  do {
    descriptor = Descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666));
    if (descriptor.get() < 0) return PathError(errno, temporary, "create");
    if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
      return absl::UnavailableError(absl::StrCat(temporary, ": another process is writing it"));
    }
    // Between open and lock its writer may have put it in place: what is locked then is a finished file.
  } while (!IsOpenOn(descriptor.get(), temporary));
  OutputFile file(path, temporary, std::move(descriptor), true);
  ELANUS_RETURN_IF_ERROR(file.Adopt());
  if (file.flushed_ < bytes) {
    return absl::DataLossError(absl::StrFormat("%s: %d bytes, to be gone on with after %d; delete it to start anew",
                                               temporary, file.flushed_, bytes));
  }
  if (::ftruncate(file.descriptor_.get(), static_cast<off_t>(bytes)) != 0) return PathError(errno, temporary, "cut");
  file.flushed_ = bytes;
  return file;
}

OutputFile::~OutputFile() {
  if (descriptor_.get() < 0 || keep_ || committed_) return;
  if (IsOpenOn(descriptor_.get(), temporary_)) ::unlink(temporary_.c_str());
}

absl::Status OutputFile::Flush() {
  if (buffer_.empty()) return absl::OkStatus();
  ELANUS_RETURN_IF_ERROR(WriteFully(descriptor_.get(), flushed_, buffer_.data(), buffer_.size(), path_));
  flushed_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status OutputFile::Append(const void* data, std::size_t bytes) {
  const char* at = static_cast<const char*>(data);
  if (buffer_.size() + bytes > kBufferBytes) ELANUS_RETURN_IF_ERROR(Flush());
  if (bytes < kBufferBytes) {
    buffer_.insert(buffer_.end(), at, at + bytes);
    return absl::OkStatus();
  }
  ELANUS_RETURN_IF_ERROR(WriteFully(descriptor_.get(), flushed_, data, bytes, path_));
  flushed_ += bytes;
  return absl::OkStatus();
}

absl::Status OutputFile::Overwrite(std::uint64_t offset, const void* data, std::size_t bytes) {
  ELANUS_CHECK(offset <= size() && bytes <= size() - offset);
  ELANUS_RETURN_IF_ERROR(Flush());
  return WriteFully(descriptor_.get(), offset, data, bytes, path_);
}

void OutputFile::Lend() { static_cast<void>(::flock(descriptor_.get(), LOCK_UN)); }

absl::Status OutputFile::Adopt() {
  ELANUS_CHECK(buffer_.empty());
  static_cast<void>(::flock(descriptor_.get(), LOCK_EX | LOCK_NB));
  struct stat info {};
  if (::fstat(descriptor_.get(), &info) != 0) return PathError(errno, temporary_, "stat");
  flushed_ = static_cast<std::uint64_t>(info.st_size);
  return absl::OkStatus();
}

absl::Status OutputFile::Sync() {
  ELANUS_RETURN_IF_ERROR(Flush());
  return ::fsync(descriptor_.get()) == 0 ? absl::OkStatus() : PathError(errno, path_, "sync");
}

absl::Status OutputFile::Commit() {
  ELANUS_RETURN_IF_ERROR(Sync());
  if (!IsOpenOn(descriptor_.get(), temporary_)) {
    return absl::AbortedError(absl::StrCat(temporary_, ": was removed or replaced while it was written; ", path_,
                                           " is left as it was; run again"));
  }
  ELANUS_RETURN_IF_ERROR(RenameDurably(temporary_, path_));
  committed_ = true;
  return absl::OkStatus();
}

absl::Status OutputFile::TakeBack() {
  ELANUS_CHECK(committed_);
  ELANUS_RETURN_IF_ERROR(RenameDurably(path_, temporary_));
  committed_ = false;
  return absl::OkStatus();
}

}  // namespace elanus::io
