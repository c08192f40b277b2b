#include "host/io/array_file.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "host/io/hdf5.h"
#include "host/io/npy.h"

namespace elanus::io {
namespace {

std::int32_t LoadInt32(const std::byte* at) {
  std::int32_t value = 0;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

}  // namespace

absl::StatusOr<ArrayFile> ArrayFile::Open(const Location& location) {
  ELANUS_CHECK(!IsText(location.format));
  ELANUS_ASSIGN_OR_RETURN(const InputFile input, InputFile::Open(location.file));
  if (input.size() == 0) return BadFile(location.file, "is empty");
  ArrayFile file;
  file.location_ = location;
  absl::Status status;
  if (IsTexmex(location.format)) {
    status = file.MapTexmex(input);
  } else if (IsBin(location.format)) {
    status = file.MapBin(input);
  } else if (location.format == Format::kNpy) {
    status = file.MapNpy(input);
  } else {
    status = file.MapHdf5(input);
  }
  if (!status.ok()) return status;
  return file;
}

absl::Status ArrayFile::MapTexmex(const InputFile& file) {
  if (file.size() < sizeof(std::int32_t)) return BadFile(file.path(), absl::StrFormat("%d bytes: no row", file.size()));
  ELANUS_ASSIGN_OR_RETURN(mapping_, Mapping::Create(file));
  array_.scalar = ScalarOf(location_.format);
  const std::int32_t columns = LoadInt32(mapping_.bytes().data());
  if (columns < 1 || static_cast<std::uint32_t>(columns) > base::kBitsMax) {
    return BadFile(file.path(),
                   absl::StrFormat("the first row has %d components, 1 to %d are possible; is it of another "
                                   "format than its name says?",
                                   columns, base::kBitsMax));
  }
  array_.columns = static_cast<std::uint64_t>(columns);
  array_.stride = sizeof(std::int32_t) + array_.columns * ScalarBytes(array_.scalar);
  if (file.size() % array_.stride != 0) {
    ELANUS_RETURN_IF_ERROR(CheckRows(0, file.size() / array_.stride));
    return BadFile(file.path(), absl::StrFormat("%d bytes are no multiple of a row's %d (%d x %s after its count): "
                                                "truncated?",
                                                file.size(), array_.stride, columns, ScalarName(array_.scalar)));
  }
  array_.data = mapping_.bytes().data() + sizeof(std::int32_t);
  array_.rows = file.size() / array_.stride;
  return absl::OkStatus();
}

absl::Status ArrayFile::MapBin(const InputFile& file) {
  struct {
    std::uint32_t rows;
    std::uint32_t columns;
  } header{};
  if (file.size() < sizeof(header)) {
    return BadFile(file.path(), absl::StrFormat("%d bytes: shorter than its header of 8", file.size()));
  }
  ELANUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(&header), sizeof(header))));
  array_.scalar = ScalarOf(location_.format);
  array_.rows = header.rows;
  array_.columns = header.columns;
  return MapPacked(file, sizeof(header));
}

absl::Status ArrayFile::MapNpy(const InputFile& file) {
  std::string head(std::min<std::uint64_t>(file.size(), kNpyHeadMax), '\0');
  ELANUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(head.data()), head.size())));
  ELANUS_ASSIGN_OR_RETURN(const NpyHeader header, ParseNpyHeader(head, file.path()));
  array_.scalar = header.scalar;
  array_.rows = header.shape[0];
  array_.one_dimensional = header.shape.size() == 1;
  array_.columns = array_.one_dimensional ? 1 : header.shape[1];
  return MapPacked(file, header.data_offset);
}

absl::Status ArrayFile::MapHdf5(const InputFile& file) {
  ELANUS_ASSIGN_OR_RETURN(Hdf5Dataset dataset, Hdf5Dataset::Open(location_.file, location_.dataset));
  array_.scalar = dataset.scalar();
  array_.rows = dataset.rows();
  array_.columns = dataset.columns();
  array_.one_dimensional = dataset.one_dimensional();
  array_.stride = array_.columns * ScalarBytes(array_.scalar);
  const std::uint64_t bytes = array_.rows * array_.stride;
  if (const std::uint64_t offset = dataset.contiguous_offset(); offset != 0) {
    if (offset > file.size() || bytes > file.size() - offset) {
      return BadFile(location_.Name(),
                     absl::StrFormat("truncated: %d bytes at %d in a file of %d", bytes, offset, file.size()));
    }
    ELANUS_ASSIGN_OR_RETURN(mapping_, Mapping::Create(file));
    array_.data = mapping_.bytes().data() + offset;
    return absl::OkStatus();
  }
  ELANUS_ASSIGN_OR_RETURN(buffer_, Buffer::Allocate(bytes, location_.Name()));
  ELANUS_RETURN_IF_ERROR(dataset.Read(buffer_.bytes()));
  array_.data = buffer_.bytes().data();
  return absl::OkStatus();
}

/// Maps rows that lie one after another from `offset` to the end.
absl::Status ArrayFile::MapPacked(const InputFile& file, std::uint64_t offset) {
  if (array_.rows < 1 || array_.columns < 1) {
    return BadFile(file.path(), absl::StrFormat("holds no numbers: %d rows of %d", array_.rows, array_.columns));
  }
  const std::size_t item = ScalarBytes(array_.scalar);
  const std::uint64_t room = file.size() - offset;
  if (array_.columns > room / item || array_.rows > room / (array_.columns * item)) {
    return BadFile(file.path(), absl::StrFormat("truncated: the header says %d rows of %d x %s, after it come %d bytes",
                                                array_.rows, array_.columns, ScalarName(array_.scalar), room));
  }
  array_.stride = array_.columns * item;
  if (array_.rows * array_.stride != room) {
    return BadFile(file.path(), absl::StrFormat("%d bytes more than the %d rows of %d x %s that its header says",
                                                room - array_.rows * array_.stride, array_.rows, array_.columns,
                                                ScalarName(array_.scalar)));
  }
  ELANUS_ASSIGN_OR_RETURN(mapping_, Mapping::Create(file));
  array_.data = mapping_.bytes().data() + offset;
  return absl::OkStatus();
}

absl::Status ArrayFile::CheckRows(std::uint64_t begin, std::uint64_t count) const {
  if (!IsTexmex(location_.format)) return absl::OkStatus();
  const std::byte* first = mapping_.bytes().data();
  for (std::uint64_t row = begin; row < begin + count; ++row) {
    const std::int32_t columns = LoadInt32(first + row * array_.stride);
    if (static_cast<std::uint64_t>(columns) != array_.columns) {
      return BadFile(location_.file,
                     absl::StrFormat("row %d has %d components, row 0 has %d; all rows must have the same number", row,
                                     columns, array_.columns));
    }
  }
  return absl::OkStatus();
}

void ArrayFile::Release(std::uint64_t begin, std::uint64_t count) const {
  if (mapping_.bytes().empty()) return;
  const auto offset = static_cast<std::uint64_t>(array_.data - mapping_.bytes().data());
  mapping_.Release(offset + begin * array_.stride,
                   count * array_.stride - (array_.stride - array_.columns * ScalarBytes(array_.scalar)));
}

}  // namespace elanus::io
