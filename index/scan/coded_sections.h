// Writes and reads the sections that a coded scan needs. Shared by FLAT and the IVF kinds.
#ifndef ELANUS_INDEX_SCAN_CODED_SECTIONS_H_
#define ELANUS_INDEX_SCAN_CODED_SECTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "index/index.h"
#include "index/scan/codec.h"
#include "index/scan/scanner.h"

namespace elanus::index {

/// Which sections there are, and how long.
struct CodedShape {
  std::uint64_t slots = 0;  // a multiple of 32
  bool row_ids = false;     // slots hold rows in another order than their own (lists): kRowIds is written
  bool row_major = false;   // codes lie row by row, CodeStride bytes apart, instead of in G32C16
  bool keep_rows = true;    // float rows: kRows is written, distances are to the rows; else to the decoded codes
};

/// Bytes of each section that WriteCoded adds.
std::vector<std::uint64_t> CodedSectionBytes(const Spec& spec, const CodedShape& shape);

/// Trains the codec on `request.base` and adds kCodes, kBias and, as they apply, kCodec, kRows, kRowIds, kRowScale.
/// `row_of_slot`: [slots], kNoRow for empty slots; empty when shape.row_ids is false (slot = row).
/// Errors: kCancelled, kResourceExhausted.
absl::Status WriteCoded(const BuildRequest& request, const CodedShape& shape,
                        absl::Span<const std::uint32_t> row_of_slot, Image* image);

/// What a search needs of these sections.
struct CodedView {
  ScanCodec codec;
  CodedRows rows;
  const float* inverse_norms_by_row = nullptr;  // float rows, cosine
};
/// Errors: kDataLoss for a missing or wrongly sized section, or a row id that is neither a row nor kNoRow.
absl::StatusOr<CodedView> ViewCoded(const Image& image, const CodedShape& shape);

/// Errors: kDataLoss naming the slot unless every id is a row or kNoRow.
absl::Status CheckIdRange(absl::Span<const std::uint32_t> ids, std::uint64_t rows);

/// Bytes from one row of kRows to the next.
std::size_t RowStride(const Spec& spec);
/// Bytes from one row of row-major kCodes to the next: whole cache lines.
std::size_t CodeStride(const Spec& spec);

/// Adds kRows: the base rows as they are, row-major, RowStride bytes apart. Errors: kCancelled, kResourceExhausted.
absl::Status CopyRows(const BuildRequest& request, Image* image);

/// Inverse norms of all rows (cosine), or an empty vector.
std::vector<float> BaseInverseNorms(const BuildRequest& request);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_SCAN_CODED_SECTIONS_H_
