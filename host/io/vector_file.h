// Vectors in files, and where their rows are. The formats are in docs/formats.md.
#ifndef ELANUS_HOST_IO_VECTOR_FILE_H_
#define ELANUS_HOST_IO_VECTOR_FILE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/base/element.h"
#include "host/io/array_file.h"

namespace elanus::io {

struct VectorOptions {
  std::string dataset = "train";  // of an HDF5 file, where the path names none ("x.hdf5:test" does)
  bool as_bits = false;    // rows of uint8 are packed bits: dim is 8 x columns; rows of bool are packed on opening
  bool as_bf16 = false;    // 2-byte void numbers (what NumPy makes of bfloat16) are bfloat16
  bool check_rows = true;  // TEXMEX: check every row's count when opening, which reads the file once
};

/// Rows of vectors, mapped (compressed HDF5 and packed bools: in memory). Move-only. Const calls are safe from many
/// threads; the vectors live as long as this.
class VectorFile {
 public:
  const base::Vectors& vectors() const { return vectors_; }
  /// The path as the user would write it: "x.fvecs", "x.hdf5:train".
  std::string name() const { return file_.location().Name(); }

  /// TEXMEX opened without check_rows: checks the counts of rows [begin, begin + count), to be called before they are
  /// used. OK at once for other formats. Errors: kInvalidArgument naming the row and both counts.
  absl::Status CheckRows(std::uint64_t begin, std::uint64_t count) const { return file_.CheckRows(begin, count); }
  /// How the rows will be met; a hint.
  void Advise(Mapping::Access access) const { file_.Advise(access); }
  /// Takes rows [begin, begin + count) out of this process' memory; they come back when touched. For passes over files
  /// larger than memory.
  void Release(std::uint64_t begin, std::uint64_t count) const { file_.Release(begin, count); }

 private:
  friend absl::StatusOr<VectorFile> OpenVectors(const std::string& path, const VectorOptions& options);
  explicit VectorFile(ArrayFile file) : file_(std::move(file)) {}

  ArrayFile file_;
  Buffer packed_;
  base::Vectors vectors_;
};

/// Opens vectors of .fvecs .bvecs .fbin .u8bin .i8bin .npy .hdf5 .h5: at least one row of 1..base::kDimMax components
/// (kBitsMax bits), of float32, float16, bfloat16, int8, uint8 or bits; values are not looked at.
/// Errors: kNotFound, kPermissionDenied; kInvalidArgument for whatever is wrong with the content or type. Each names
/// the path, the value and the limit. Cost: the time to touch each row's count for TEXMEX, else none that grows with
/// the file.
absl::StatusOr<VectorFile> OpenVectors(const std::string& path, const VectorOptions& options);

/// kInvalidArgument, naming row and component of the first NaN or infinity in `vectors`; integers and bits are always
/// finite. Rows are counted from `first_row`, so that slices can be checked in parallel. About memory speed.
absl::Status CheckFinite(const base::Vectors& vectors, std::uint64_t first_row, absl::string_view name);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_VECTOR_FILE_H_
