#include "host/io/buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"

namespace elanus::io {
namespace {

constexpr std::size_t kMapFrom = std::size_t{1} << 20;
constexpr std::size_t kHugeFrom = std::size_t{1} << 22;

}  // namespace

absl::StatusOr<Buffer> Buffer::Allocate(std::size_t bytes, absl::string_view what) {
  Buffer buffer;
  if (bytes == 0) return buffer;
  void* data = nullptr;
  if (bytes < kMapFrom) {
    data = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (data != nullptr) std::memset(data, 0, bytes);
  } else {
    data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) data = nullptr;
    // Only a hint: without huge pages the memory is the same, its use slower.
    if (data != nullptr && bytes >= kHugeFrom) static_cast<void>(::madvise(data, bytes, MADV_HUGEPAGE));
  }
  if (data == nullptr)
    return absl::ResourceExhaustedError(absl::StrFormat("no memory for %d bytes of %s", bytes, what));
  buffer.data_ = static_cast<std::byte*>(data);
  buffer.size_ = bytes;
  return buffer;
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() {
  if (data_ == nullptr) return;
  if (size_ < kMapFrom) {
    std::free(data_);
  } else {
    ::munmap(data_, size_);
  }
}

}  // namespace elanus::io
