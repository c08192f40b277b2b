#include "host/io/vector_writer.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_format.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"

namespace elanus::io {
namespace {

bool Holds(Format format, base::Element element) {
  if (format == Format::kNpy) return true;
  if (format == Format::kHdf5) return element != base::Element::kBf16;
  if (IsText(format)) return false;
  return ScalarOf(format) == ScalarOf(element);
}

}  // namespace

absl::StatusOr<VectorWriter> VectorWriter::Create(const std::string& path, base::Element element, std::uint32_t dim,
                                                  std::uint64_t rows) {
  ELANUS_CHECK(rows >= 1);
  ELANUS_ASSIGN_OR_RETURN(const Location location, Locate(path, "train"));
  ELANUS_RETURN_IF_ERROR(CheckDim(path, element, dim));
  if (!Holds(location.format, element)) {
    return BadFile(path,
                   absl::StrFormat("this format cannot hold vectors of %s; .npy can", base::ElementName(element)));
  }
  const std::uint64_t columns = base::RowBytes(element, dim) / ScalarBytes(ScalarOf(element));
  ELANUS_ASSIGN_OR_RETURN(RowSink sink, RowSink::Create(location, {ScalarOf(element), rows, columns}));
  return VectorWriter(std::move(sink), location.format, element, dim, rows);
}

absl::Status VectorWriter::Append(const base::Vectors& vectors) {
  ELANUS_CHECK(vectors.element == element_ && vectors.dim == dim_ && vectors.count <= rows_left_);
  rows_left_ -= vectors.count;
  const std::size_t row_bytes = base::RowBytes(element_, dim_);
  const auto columns = static_cast<std::int32_t>(row_bytes / ScalarBytes(ScalarOf(element_)));
  for (std::uint64_t row = 0; row < vectors.count; ++row) {
    if (IsTexmex(format_)) {
      ELANUS_RETURN_IF_ERROR(sink_.Append({reinterpret_cast<const char*>(&columns), sizeof(columns)}));
    }
    ELANUS_RETURN_IF_ERROR(sink_.Append({reinterpret_cast<const char*>(vectors.row(row)), row_bytes}));
  }
  return absl::OkStatus();
}

absl::Status VectorWriter::Finish() {
  ELANUS_CHECK(rows_left_ == 0);
  return sink_.Commit();
}

}  // namespace elanus::io
