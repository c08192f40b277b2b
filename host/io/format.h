// File formats by extension, and the types of numbers in them. docs/formats.md shows each to the user.
#ifndef ELANUS_HOST_IO_FORMAT_H_
#define ELANUS_HOST_IO_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/base/element.h"

namespace elanus::io {

enum class Format {
  kFvecs,  // TEXMEX: per row an int32 count, then that many float32
  kBvecs,  //         ... uint8
  kIvecs,  //         ... int32
  kFbin,   // big-ann-benchmarks: uint32 rows, uint32 columns, then float32
  kU8bin,  //         ... uint8
  kI8bin,  //         ... int8
  kIbin,   //         ... int32
  kNpy,    // NumPy
  kHdf5,   // HDF5 as of ann-benchmarks: .hdf5, .h5
  kJsonl,  // a JSON value a line: .jsonl, .ndjson
  kCsv,    // numbers separated by commas, a row a line
  kTxt,    // a number a line
};

/// The type of one number in a file.
enum class Scalar { kF32, kF64, kF16, kVoid2, kI8, kU8, kI16, kU16, kI32, kU32, kI64, kU64, kBool };

std::size_t ScalarBytes(Scalar scalar);
/// "float32", "bool", "2-byte void".
const char* ScalarName(Scalar scalar);
/// The type that holds components of `element` in a file: bits are uint8, bfloat16 is a 2-byte void.
Scalar ScalarOf(base::Element element);

/// The number type of TEXMEX and *bin files; not for the others (a CHECK).
Scalar ScalarOf(Format format);
constexpr bool IsTexmex(Format f) { return f == Format::kFvecs || f == Format::kBvecs || f == Format::kIvecs; }
constexpr bool IsBin(Format f) {
  return f == Format::kFbin || f == Format::kU8bin || f == Format::kI8bin || f == Format::kIbin;
}
constexpr bool IsText(Format f) { return f == Format::kJsonl || f == Format::kCsv || f == Format::kTxt; }

/// Where an array is: a file and, in HDF5, a dataset of it.
struct Location {
  std::string file;
  Format format;
  std::string dataset;  // HDF5 only

  /// What the user wrote: "x.hdf5:train", "x.npy".
  std::string Name() const { return format == Format::kHdf5 ? file + ":" + dataset : file; }
};

/// Takes "FILE" or, for HDF5, "FILE:DATASET" apart; DATASET is `default_dataset` where not given. The file need not
/// exist. Errors: kInvalidArgument for an extension that is none of the above, listing them.
absl::StatusOr<Location> Locate(const std::string& path, absl::string_view default_dataset);

/// kInvalidArgument "NAME: WHAT".
absl::Status BadFile(absl::string_view name, absl::string_view what);

/// kInvalidArgument, naming `name`, the value and the limit, unless vectors of `element` may have `dim` components.
absl::Status CheckDim(absl::string_view name, base::Element element, std::uint64_t dim);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_FORMAT_H_
