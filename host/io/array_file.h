// A two-dimensional array of numbers in a file of any binary format. What vectors, ids and distances are read from.
#ifndef ELANUS_HOST_IO_ARRAY_FILE_H_
#define ELANUS_HOST_IO_ARRAY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/io/buffer.h"
#include "host/io/file.h"
#include "host/io/format.h"

namespace elanus::io {

/// Rows of numbers: row i starts at data + i * stride, its numbers are packed. No alignment is promised.
struct Array {
  const std::byte* data = nullptr;
  std::uint64_t rows = 0;     // >= 1
  std::uint64_t columns = 0;  // >= 1
  std::size_t stride = 0;     // bytes
  Scalar scalar = Scalar::kF32;
  bool one_dimensional = false;  // npy and HDF5: the file's array has a single dimension; columns is 1
};

/// Owns the mapping or memory behind an Array. Move-only. Const calls are safe from many threads.
class ArrayFile {
 public:
  /// Maps a TEXMEX, *bin or npy file, or a contiguous HDF5 dataset. Chunked or compressed HDF5 is read into memory. The
  /// file's length is checked against its header before anything is allocated; of a TEXMEX file only the first row's
  /// count is looked at, see CheckRows. Text formats are not arrays (a CHECK).
  /// Errors: as InputFile::Open; kInvalidArgument naming the file, value and limit for whatever is wrong inside it.
  static absl::StatusOr<ArrayFile> Open(const Location& location);

  const Array& array() const { return array_; }
  const Location& location() const { return location_; }

  /// TEXMEX: kInvalidArgument naming the row unless each of rows [begin, begin + count) has the first one's
  /// count. Touches every row. OK at once for other formats.
  absl::Status CheckRows(std::uint64_t begin, std::uint64_t count) const;

  /// As Mapping's, for rows; without effect on what is in memory.
  void Advise(Mapping::Access access) const { mapping_.Advise(access); }
  void Release(std::uint64_t begin, std::uint64_t count) const;

 private:
  absl::Status MapTexmex(const InputFile& file);
  absl::Status MapBin(const InputFile& file);
  absl::Status MapNpy(const InputFile& file);
  absl::Status MapHdf5(const InputFile& file);
  absl::Status MapPacked(const InputFile& file, std::uint64_t offset);

  Location location_;
  Mapping mapping_;
  Buffer buffer_;
  Array array_;
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_ARRAY_FILE_H_
