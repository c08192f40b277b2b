// The header of NumPy's .npy files, versions 1 to 3 (numpy/lib/format.py documents it).
#ifndef ELANUS_HOST_IO_NPY_H_
#define ELANUS_HOST_IO_NPY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/io/format.h"

namespace elanus::io {

struct NpyHeader {
  Scalar scalar;
  std::vector<std::uint64_t> shape;  // one or two dimensions
  std::uint64_t data_offset;         // bytes before the first number
};

/// Reads a header. `head` is the beginning of the file: at least kNpyHeadMax bytes of it, or all. Only what is in
/// `head` is believed: shapes are not compared with any file's size here. Errors: kInvalidArgument "NAME: ..." for
/// anything but a C-ordered array of one or two dimensions of a known, little-endian type; each says what was met.
absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view head, absl::string_view name);
inline constexpr std::size_t kNpyHeadMax = 65'536;

/// A version 1 header of a [rows, columns] array: 128 bytes, as NumPy writes it.
std::string MakeNpyHeader(Scalar scalar, std::uint64_t rows, std::uint64_t columns);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_NPY_H_
