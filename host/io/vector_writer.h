// Vectors into files of any binary format.
#ifndef ELANUS_HOST_IO_VECTOR_WRITER_H_
#define ELANUS_HOST_IO_VECTOR_WRITER_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/base/element.h"
#include "host/io/row_sink.h"

namespace elanus::io {

/// Writes `rows` vectors, one or more, in order, under a temporary name until Finish; destroyed before that it leaves
/// nothing behind. Move-only, one thread at a time. After an error only destruction is allowed.
class VectorWriter {
 public:
  /// The extension of `path` chooses the format: .fvecs and .fbin hold float32, .bvecs and .u8bin uint8 or bits, .i8bin
  /// int8, .npy all, .hdf5 and .h5 all but bfloat16 (dataset "train" unless the path names one, "x.hdf5:test").
  /// Errors: kInvalidArgument for another element type, naming both, and for a dimension that readers refuse;
  /// kNotFound, kPermissionDenied for the folder; kAlreadyExists for an HDF5 dataset that is there.
  static absl::StatusOr<VectorWriter> Create(const std::string& path, base::Element element, std::uint32_t dim,
                                             std::uint64_t rows);

  /// Appends rows of the same element and dim (a CHECK). Errors: kResourceExhausted on a full disk.
  absl::Status Append(const base::Vectors& vectors);
  /// Puts the file in place. All rows have been appended (a CHECK). The last call.
  absl::Status Finish();

 private:
  VectorWriter(RowSink sink, Format format, base::Element element, std::uint32_t dim, std::uint64_t rows)
      : sink_(std::move(sink)), format_(format), element_(element), dim_(dim), rows_left_(rows) {}

  RowSink sink_;
  Format format_;
  base::Element element_;
  std::uint32_t dim_;
  std::uint64_t rows_left_;
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_VECTOR_WRITER_H_
