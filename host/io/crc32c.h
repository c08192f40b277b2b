// CRC32C (Castagnoli), the checksum of every file of ours. Instructions are chosen at run time by ISA-L.
#ifndef ELANUS_HOST_IO_CRC32C_H_
#define ELANUS_HOST_IO_CRC32C_H_

#include <cstddef>
#include <cstdint>

namespace elanus::io {

/// CRC32C as in RFC 3720 appendix B.4 (iSCSI): reflected polynomial 0x82F63B78, initial value and final XOR of all
/// ones. `crc` is the CRC32C of the bytes before these, 0 at the start: Crc32c(Crc32c(0, a), b) is that of a then b.
/// About 20 GB/s.
std::uint32_t Crc32c(std::uint32_t crc, const void* data, std::size_t bytes);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_CRC32C_H_
