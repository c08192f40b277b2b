// Rows of ids and distances into files, in a way that survives a kill.
#ifndef ELANUS_HOST_IO_RESULT_WRITER_H_
#define ELANUS_HOST_IO_RESULT_WRITER_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/io/row_sink.h"

namespace elanus::io {

/// What is to be written. Formats go by extension: ids into .ivecs .ibin .npy (int32) .hdf5 .jsonl .csv, distances into
/// .fvecs .fbin .npy (float32) .hdf5 .jsonl .csv. A line of .jsonl is {"ids":[...]}, {"distances":[...]}, or both where
/// ids go to .jsonl and `distances` is empty; an infinite distance is null there. A line of .csv is a row.
struct ResultPlan {
  std::string ids = {};        // path; empty: none are written
  std::string distances = {};  // path; empty: none are written, but see .jsonl
  std::uint64_t rows = 0;      // that will be appended, one or more
  /// Numbers a row. Shorter rows are filled up with id -1 and distance `padding`, in text left as they are. 0: rows of
  /// any length, which .ivecs, .fvecs and text can hold.
  std::uint32_t width = 0;
  float padding = std::numeric_limits<float>::infinity();
  /// Text that is equal for runs that write the same rows. Not empty: rows go to PATH.partial, and Create goes on after
  /// the last Checkpoint of a killed run of the same job. Empty, or an HDF5 path: every run starts anew.
  std::string job = {};
  bool restart = false;  // with a job: start anew whatever a killed run left
};

/// Writes rows in order. Nothing is under the final names before Finish. Destroyed earlier, a resumable writer leaves
/// PATH.partial and PATH.partial.job of the first path, another nothing. Move-only, one thread at a time.
/// After an error only destruction is allowed.
class ResultWriter {
 public:
  /// Errors: kInvalidArgument for a format that does not hold such rows, and for ids and distances in one file;
  /// kUnavailable while another process writes the same job; else as OutputFile::Create.
  static absl::StatusOr<ResultWriter> Create(const ResultPlan& plan);

  /// Rows that are there: those of a killed run at first.
  std::uint64_t rows() const { return rows_; }

  /// Appends one row of at most `width` numbers, unless that is 0; the spans are of equal length, or one is empty
  /// because it is not written (a CHECK). Errors: kResourceExhausted on a full disk; kInvalidArgument for an id above
  /// 2^31 - 1 in a binary format.
  absl::Status Append(absl::Span<const std::uint32_t> ids, absl::Span<const float> distances);

  /// Makes what is there survive a kill and a power cut. Costs some disk flushes: milliseconds. Without a job: nothing.
  absl::Status Checkpoint();

  /// True if a killed run can be gone on with.
  bool resumable() const { return !journal_.empty(); }
  /// Rows that a later run need not write again: those of the last checkpoint.
  std::uint64_t kept_rows() const { return kept_rows_; }
  /// Makes the destructor leave nothing. Allowed after an error.
  void Discard();

  /// Puts the files in place, all rows having been appended (a CHECK): both or, on an error, none. The last call, but
  /// for Discard after an error.
  absl::Status Finish();

 private:
  struct Output {
    Location location;
    RowSink sink;
  };
  explicit ResultWriter(const ResultPlan& plan) : plan_(plan) {}
  absl::Status OpenAll();
  absl::Status OpenFiles(const std::optional<Location>& ids, std::uint64_t ids_bytes,
                         const std::optional<Location>& distances, std::uint64_t distances_bytes);
  absl::StatusOr<Output> OpenOne(const Location& location, Scalar scalar, std::uint64_t bytes) const;
  absl::Status EncodeIds(absl::Span<const std::uint32_t> ids, absl::Span<const float> distances);
  void EncodeDistances(absl::Span<const float> distances);

  ResultPlan plan_;
  std::string journal_;  // path; empty when not resumable
  std::optional<Output> ids_;
  std::optional<Output> distances_;
  std::uint64_t rows_ = 0;
  std::uint64_t kept_rows_ = 0;
  bool open_ = false;  // the files are ours, and with them the journal
  std::string row_;    // the row being encoded; kept for its memory
};

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_RESULT_WRITER_H_
