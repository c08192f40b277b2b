#include "host/io/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace elanus::io {

std::uint32_t Crc32c(std::uint32_t crc, const void* data, std::size_t bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 30;              // ISA-L takes the length as an int
  auto* at = static_cast<unsigned char*>(const_cast<void*>(data));  // and does not write to the buffer
  crc = ~crc;
  while (bytes > 0) {
    const std::size_t piece = std::min(bytes, kPiece);
    crc = crc32_iscsi(at, static_cast<int>(piece), crc);
    at += piece;
    bytes -= piece;
  }
  return ~crc;
}

}  // namespace elanus::io
