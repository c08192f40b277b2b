// Where encoded rows of any output format go. Shared by the writers of vectors and of results.
#ifndef ELANUS_HOST_IO_ROW_SINK_H_
#define ELANUS_HOST_IO_ROW_SINK_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/io/file.h"
#include "host/io/format.h"

namespace elanus::io {

/// What is said of an array before its rows: written first, hence known first.
struct ArrayHead {
  Scalar scalar;
  std::uint64_t rows;
  std::uint64_t columns;
};

/// An output file with its head written, taking rows as bytes in order. Move-only.
class RowSink {
 public:
  /// Begins `location.file` anew; a dataset is added to an HDF5 file that exists, by writing the whole file anew.
  /// Errors: as OutputFile::Create and AddHdf5Dataset; kInvalidArgument for head values that the format cannot hold.
  static absl::StatusOr<RowSink> Create(const Location& location, const ArrayHead& head);

  /// As Create, under the name `temporary`, which outlives a kill (OutputFile::Continue). `bytes` is 0 to begin, else
  /// where to go on. Not for HDF5 (a CHECK).
  static absl::StatusOr<RowSink> Continue(const Location& location, const ArrayHead& head, const std::string& temporary,
                                          std::uint64_t bytes);

  /// Rows as the format stores them: TEXMEX with their counts, text with its line feed.
  absl::Status Append(absl::string_view rows);
  /// Bytes so far; what Continue goes on after, once Sync has returned.
  std::uint64_t size() const { return file_.size(); }
  absl::Status Sync() { return file_.Sync(); }
  absl::Status Commit() { return file_.Commit(); }
  absl::Status TakeBack() { return file_.TakeBack(); }
  void Discard() { file_.Discard(); }

 private:
  RowSink(OutputFile file, std::optional<std::uint64_t> at) : file_(std::move(file)), at_(at) {}

  OutputFile file_;
  std::optional<std::uint64_t> at_;  // HDF5: where in the file the next row goes
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_ROW_SINK_H_
