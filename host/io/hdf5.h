// Datasets of numbers in HDF5 files, by libhdf5. One thread at a time inside the library: it has one lock for all.
#ifndef ELANUS_HOST_IO_HDF5_H_
#define ELANUS_HOST_IO_HDF5_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/io/format.h"

namespace elanus::io {

/// A one- or two-dimensional dataset open for reading. Move-only.
class Hdf5Dataset {
 public:
  /// Everything that Open and Read ask of libhdf5 is first tried in a child process, because the library crashes on
  /// some damaged files: a compressed dataset is read twice. Not to be called while another thread opens a dataset.
  /// Errors: kInvalidArgument for a file that is not HDF5, a dataset that it lacks (listing those at its root), of
  /// another number of dimensions, of a type that is not a little-endian number, or that claims far more than it
  /// stores, and for one that the library crashes on; kUnavailable where no process can be started.
  static absl::StatusOr<Hdf5Dataset> Open(const std::string& path, const std::string& dataset);
  Hdf5Dataset(Hdf5Dataset&&) noexcept;
  Hdf5Dataset& operator=(Hdf5Dataset&&) noexcept;
  ~Hdf5Dataset();

  Scalar scalar() const;
  std::uint64_t rows() const;     // >= 1
  std::uint64_t columns() const;  // >= 1; 1 if one-dimensional
  bool one_dimensional() const;
  /// Where in the file all rows lie one after another; 0 if they do not (chunks, compression).
  std::uint64_t contiguous_offset() const;

  /// Reads everything, in pieces of some megabytes. `to` holds exactly rows * columns numbers.
  absl::Status Read(absl::Span<std::byte> to) const;

 private:
  class Impl;
  explicit Hdf5Dataset(std::unique_ptr<Impl> impl);
  static absl::StatusOr<Hdf5Dataset> OpenUntried(const std::string& path, const std::string& dataset);
  std::unique_ptr<Impl> impl_;
};

/// Adds a contiguous two-dimensional dataset to the HDF5 file `path`, which is made where it is absent or empty, and
/// returns the offset in the file where its rows * columns numbers are to be written: the file is that long already.
/// Missing groups in `dataset` are made. The file is closed again, not synced.
/// Errors: kAlreadyExists for a dataset that is there; kInvalidArgument for a file that is not HDF5.
absl::StatusOr<std::uint64_t> AddHdf5Dataset(const std::string& path, const std::string& dataset, Scalar scalar,
                                             std::uint64_t rows, std::uint64_t columns);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_HDF5_H_
