#include "host/io/row_sink.h"

#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "host/io/hdf5.h"
#include "host/io/npy.h"

namespace elanus::io {
namespace {

/// The bytes before the first row; nothing for TEXMEX and text.
absl::StatusOr<std::string> HeadBytes(const Location& location, const ArrayHead& head) {
  if (location.format == Format::kNpy) return MakeNpyHeader(head.scalar, head.rows, head.columns);
  if (!IsBin(location.format)) return std::string();
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint32_t>::max();
  if (head.rows > kMax || head.columns > kMax) {
    return BadFile(location.file,
                   absl::StrFormat("%d rows of %d do not fit its 32-bit header", head.rows, head.columns));
  }
  const std::uint32_t counts[2] = {static_cast<std::uint32_t>(head.rows), static_cast<std::uint32_t>(head.columns)};
  return std::string(reinterpret_cast<const char*>(counts), sizeof(counts));
}

/// Copies the file that is to be replaced, if there is one.
absl::Status CopyOld(const std::string& path, OutputFile& file) {
  const absl::StatusOr<InputFile> old = InputFile::Open(path);
  if (absl::IsNotFound(old.status())) return absl::OkStatus();
  if (!old.ok()) return old.status();
  ELANUS_ASSIGN_OR_RETURN(const Mapping mapping, Mapping::Create(*old));
  ELANUS_RETURN_IF_ERROR(file.Append(mapping.bytes().data(), mapping.bytes().size()));
  return file.Sync();
}

}  // namespace

absl::StatusOr<RowSink> RowSink::Create(const Location& location, const ArrayHead& head) {
  ELANUS_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(location.file));
  if (location.format == Format::kHdf5) {
    ELANUS_RETURN_IF_ERROR(CopyOld(location.file, file));
    file.Lend();
    const absl::StatusOr<std::uint64_t> offset =
        AddHdf5Dataset(file.temporary(), location.dataset, head.scalar, head.rows, head.columns);
    if (!offset.ok()) {
      const std::string message = absl::StrReplaceAll(offset.status().message(), {{file.temporary(), location.file}});
      return absl::Status(offset.status().code(), absl::StrCat(message, "; delete the file or name another dataset"));
    }
    ELANUS_RETURN_IF_ERROR(file.Adopt());
    return RowSink(std::move(file), *offset);
  }
  ELANUS_ASSIGN_OR_RETURN(const std::string bytes, HeadBytes(location, head));
  ELANUS_RETURN_IF_ERROR(file.Append(bytes));
  return RowSink(std::move(file), std::nullopt);
}

absl::StatusOr<RowSink> RowSink::Continue(const Location& location, const ArrayHead& head, const std::string& temporary,
                                          std::uint64_t bytes) {
  ELANUS_CHECK(location.format != Format::kHdf5);
  ELANUS_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Continue(location.file, temporary, bytes));
  if (bytes == 0) {
    ELANUS_ASSIGN_OR_RETURN(const std::string head_bytes, HeadBytes(location, head));
    ELANUS_RETURN_IF_ERROR(file.Append(head_bytes));
  }
  return RowSink(std::move(file), std::nullopt);
}

absl::Status RowSink::Append(absl::string_view rows) {
  if (!at_) return file_.Append(rows);
  ELANUS_RETURN_IF_ERROR(file_.Overwrite(*at_, rows.data(), rows.size()));
  *at_ += rows.size();
  return absl::OkStatus();
}

}  // namespace elanus::io
