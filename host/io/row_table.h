// Rows of ids or distances in memory: neighbour lists, ground truth, results.
#ifndef ELANUS_HOST_IO_ROW_TABLE_H_
#define ELANUS_HOST_IO_ROW_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace elanus::io {

/// Rows of different lengths.
template <class T>
struct RowTable {
  std::vector<T> values;                 // row after row
  std::vector<std::uint64_t> ends = {};  // where each row ends in `values`
  std::uint64_t width = 0;               // numbers of the longest row in the file, padding included

  std::uint64_t rows() const { return ends.size(); }
  absl::Span<const T> row(std::uint64_t i) const {
    const std::uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return absl::MakeSpan(values).subspan(begin, ends[i] - begin);
  }
};

/// Reads rows of ids: .ivecs (rows may differ in length), .ibin, integer .npy and .hdf5, .jsonl (per line an array, an
/// object with an array "ids", or one number), .csv and .txt (numbers separated by commas, a row a line; a first
/// line that begins with a letter is a heading). HDF5 reads `dataset` where the path names none.
/// Ids are 0..base::kRowsMax; -1 stands for "none" and may only fill the end of a row, which it shortens.
/// Errors: kNotFound, kPermissionDenied; kInvalidArgument naming the file, row, place and value.
absl::StatusOr<RowTable<std::uint32_t>> ReadIds(const std::string& path, const std::string& dataset = "neighbors");

/// Reads rows of distances likewise: .fvecs, .ivecs, .fbin, .ibin, .npy and .hdf5 of any number type, .jsonl
/// ("distances"; null is infinity), .csv, .txt. Rows keep their length: one that belongs to a shortened row of ids is
/// longer than that.
absl::StatusOr<RowTable<float>> ReadDistances(const std::string& path, const std::string& dataset = "distances");

/// A set of rows of an index of `rows` rows.
struct RowSet {
  std::vector<std::uint64_t> bits;  // [ceil(rows / 64)]; row r is in it when bit r % 64 of word r / 64 is set
  std::uint64_t count = 0;          // set bits
};

/// Reads a list of row numbers, in any format and order of ReadIds, or a mask: a one-dimensional bool array (.npy,
/// .hdf5) of length `rows`. Errors: as ReadIds; kInvalidArgument naming the value and `rows` for a row that does not
/// exist, for a mask of another length, and for what looks like a mask of integers: 1-byte ones, and `rows` ones that
/// are all 0 or 1.
absl::StatusOr<RowSet> ReadRowSet(const std::string& path, std::uint64_t rows);

}  // namespace elanus::io

#endif  // ELANUS_HOST_IO_ROW_TABLE_H_
