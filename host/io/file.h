// Files: reading at an offset, mapping, and writing that never leaves half a file under the final name.
// Every error names the path, what was tried and the system's reason.
#ifndef ELANUS_HOST_IO_FILE_H_
#define ELANUS_HOST_IO_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace elanus::io {

/// "PATH: cannot ACTION: REASON" with the code absl::ErrnoToStatus gives `error`, a value of errno.
absl::Status PathError(int error, absl::string_view path, absl::string_view action);

/// A file descriptor that closes itself. Move-only; -1 when empty.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return fd_; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_ = -1;
};

/// A regular file open for reading. Move-only. Const calls are safe from many threads.
class InputFile {
 public:
  /// Errors: kNotFound, kPermissionDenied; kInvalidArgument for a folder, pipe or device.
  static absl::StatusOr<InputFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  /// Bytes, as of Open.
  std::uint64_t size() const { return size_; }
  int fd() const { return descriptor_.get(); }

  /// Fills `to` with the bytes from `offset` on. Errors: kDataLoss where the file ends before; else the system's.
  absl::Status ReadAt(std::uint64_t offset, absl::Span<std::byte> to) const;

 private:
  InputFile(std::string path, Descriptor descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}
  std::string path_;
  Descriptor descriptor_;
  std::uint64_t size_ = 0;
};

/// A file mapped read-only and shared. Move-only; unmapped by the destructor. Const calls are safe from many threads.
/// Whoever shortens the file while it is mapped kills its readers (SIGBUS): replace files by renaming, as OutputFile
/// does.
class Mapping {
 public:
  enum class Access { kNormal, kSequential, kRandom };

  Mapping() = default;
  /// Maps all of `file`, which may be closed afterwards. Errors: kResourceExhausted when the address space is.
  static absl::StatusOr<Mapping> Create(const InputFile& file);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  /// Page-aligned; empty for an empty file.
  absl::Span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the kernel how the pages will be met, for read-ahead. Never changes what is read.
  void Advise(Access access) const;
  /// Takes the whole pages inside [offset, offset + length) out of this process' memory. They remain in the page cache
  /// and come back when touched: what a pass over a file larger than memory does behind itself.
  void Release(std::uint64_t offset, std::uint64_t length) const;

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Writes a file under a temporary name in the folder of `path`; Commit puts it in place of `path` in one step, so that
/// `path` is at every moment the old file or the whole new one. Move-only, one thread at a time. After an error only
/// destruction is allowed.
class OutputFile {
 public:
  /// The temporary name is new; destroyed without Commit, the object removes the file. Those of killed processes for
  /// the same `path` are removed now.
  /// Errors: kNotFound and kPermissionDenied for the folder; kInvalidArgument where `path` is a folder or a device.
  static absl::StatusOr<OutputFile> Create(const std::string& path);

  /// Goes on with the file `temporary`, made if absent, after its first `bytes` bytes: what follows them is cut off.
  /// Destroyed without Commit, the object leaves it there, to be gone on with. Errors: as Create; kUnavailable while
  /// another process writes it; kDataLoss if it is shorter than `bytes`.
  static absl::StatusOr<OutputFile> Continue(const std::string& path, const std::string& temporary,
                                             std::uint64_t bytes);

  OutputFile(OutputFile&& other) noexcept = default;
  OutputFile& operator=(OutputFile&& other) = delete;
  ~OutputFile();

  /// The final path, and the one until Commit.
  const std::string& path() const { return path_; }
  const std::string& temporary() const { return temporary_; }
  /// Bytes in the file and the buffer.
  std::uint64_t size() const { return flushed_ + buffer_.size(); }

  /// Appends. Buffered: an error may be that of an earlier call. Errors: kResourceExhausted on a full disk.
  absl::Status Append(const void* data, std::size_t bytes);
  absl::Status Append(absl::string_view text) { return Append(text.data(), text.size()); }
  /// Overwrites [offset, offset + bytes), all of it appended before: headers that are known last.
  absl::Status Overwrite(std::uint64_t offset, const void* data, std::size_t bytes);
  /// Gives the lock on temporary() up, so that a library that locks what it opens may write there; Adopt follows.
  void Lend();
  /// Takes the file's length anew, after somebody else wrote to temporary() and closed it. Nothing is buffered (a
  /// CHECK).
  absl::Status Adopt();
  /// Writes what is buffered and waits until all is on the disk.
  absl::Status Sync();
  /// Sync, then renames the file to path() and syncs the folder. The last call but for TakeBack. Errors: kAborted if
  /// temporary() is no longer the file that was written.
  absl::Status Commit();
  /// Undoes Commit: the file has its temporary name again. What stood under path() before does not come back.
  absl::Status TakeBack();
  /// Makes the destructor remove what is not committed, also after Continue.
  void Discard() { keep_ = false; }

 private:
  OutputFile(std::string path, std::string temporary, Descriptor descriptor, bool keep)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(std::move(descriptor)), keep_(keep) {}
  absl::Status Flush();

  std::string path_;
  std::string temporary_;
  Descriptor descriptor_;  // empty once moved from
  bool keep_;
  bool committed_ = false;
  std::vector<char> buffer_;
  std::uint64_t flushed_ = 0;
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_FILE_H_
