// Zeroed memory that costs nothing until it is written.
#ifndef ELANUS_HOST_IO_BUFFER_H_
#define ELANUS_HOST_IO_BUFFER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace elanus::io {

/// Zero-filled bytes, 64-byte aligned. From 1 MiB on they come straight from the kernel: pages never touched take no
/// memory; from 4 MiB on in huge pages where the kernel has them. Move-only; empty when default-made.
class Buffer {
 public:
  Buffer() = default;
  /// Errors: kResourceExhausted "no memory for N bytes of WHAT".
  static absl::StatusOr<Buffer> Allocate(std::size_t bytes, absl::string_view what);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  absl::Span<std::byte> bytes() const { return {data_, size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_BUFFER_H_
