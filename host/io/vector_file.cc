#include "host/io/vector_file.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/half.h"
#include "host/base/status_macros.h"

namespace elanus::io {
namespace {

/// The element type of an array's numbers, or why there is none.
absl::StatusOr<base::Element> ElementOf(const Array& array, const VectorOptions& options, const std::string& name) {
  const bool bytes = array.scalar == Scalar::kU8 || array.scalar == Scalar::kBool;
  if (options.as_bits) {
    if (bytes) return base::Element::kBit;
    return BadFile(name, absl::StrFormat("holds %s; bits are read from rows of uint8, eight to a byte, or of bool",
                                         ScalarName(array.scalar)));
  }
  switch (array.scalar) {
    case Scalar::kF32:
      return base::Element::kF32;
    case Scalar::kF16:
      return base::Element::kF16;
    case Scalar::kI8:
      return base::Element::kI8;
    case Scalar::kU8:
      return base::Element::kU8;
    case Scalar::kVoid2:
      if (options.as_bf16) return base::Element::kBf16;
      return BadFile(name, "holds 2-byte void numbers; say so if they are bfloat16");
    case Scalar::kBool:
      return BadFile(name, "holds bool; it can only be read as bits");
    default:
      return BadFile(name,
                     absl::StrFormat("holds %s; vectors are float32, float16, int8 or uint8: convert with .astype()",
                                     ScalarName(array.scalar)));
  }
}

/// Packs rows of one byte a bit, the least significant bit of a byte first.
absl::StatusOr<Buffer> PackBools(const Array& array, const std::string& name) {
  const std::size_t row_bytes = (array.columns + 7) / 8;
  ELANUS_ASSIGN_OR_RETURN(Buffer packed, Buffer::Allocate(array.rows * row_bytes, name));
  for (std::uint64_t row = 0; row < array.rows; ++row) {
    const std::byte* from = array.data + row * array.stride;
    std::byte* to = packed.bytes().data() + row * row_bytes;
    for (std::uint64_t i = 0; i < array.columns; ++i) {
      if (from[i] != std::byte{0}) to[i / 8] |= std::byte{1} << (i % 8);
    }
  }
  return packed;
}

float Component(const std::byte* row, base::Element element, std::uint32_t i) {
  if (element == base::Element::kF32) {
    float value = 0;
    std::memcpy(&value, row + std::size_t{4} * i, sizeof(value));
    return value;
  }
  std::uint16_t half = 0;
  std::memcpy(&half, row + std::size_t{2} * i, sizeof(half));
  return element == base::Element::kF16 ? base::FloatFromHalf(half) : base::FloatFromBf16(half);
}

/// True if some word has all of `exponent`'s bits set: NaN or infinity. No branch inside, so that it vectorises.
template <class Word>
bool HasNonFinite(const std::byte* row, std::uint32_t dim, Word exponent) {
  Word found = 0;
  for (std::uint32_t i = 0; i < dim; ++i) {
    Word word = 0;
    std::memcpy(&word, row + sizeof(Word) * i, sizeof(Word));
    found |= static_cast<Word>((word & exponent) == exponent);
  }
  return found != 0;
}

bool HasNonFinite(const std::byte* row, std::uint32_t dim, base::Element element) {
  if (element == base::Element::kF32) return HasNonFinite<std::uint32_t>(row, dim, 0x7F800000u);
  return HasNonFinite<std::uint16_t>(row, dim, element == base::Element::kF16 ? 0x7C00 : 0x7F80);
}

}  // namespace

absl::StatusOr<VectorFile> OpenVectors(const std::string& path, const VectorOptions& options) {
  ELANUS_ASSIGN_OR_RETURN(const Location location, Locate(path, options.dataset));
  if (IsText(location.format)) return BadFile(path, "text files hold ids; vectors are read from binary formats");
  ELANUS_ASSIGN_OR_RETURN(ArrayFile file, ArrayFile::Open(location));
  VectorFile vectors(std::move(file));
  const Array& array = vectors.file_.array();
  const std::string name = vectors.name();
  if (array.one_dimensional) {
    return BadFile(name,
                   absl::StrFormat("a one-dimensional array of %d numbers; rows of vectors are wanted", array.rows));
  }
  ELANUS_ASSIGN_OR_RETURN(const base::Element element, ElementOf(array, options, name));
  const bool packed_bits = element == base::Element::kBit && array.scalar == Scalar::kU8;
  ELANUS_RETURN_IF_ERROR(CheckDim(name, element, packed_bits ? 8 * array.columns : array.columns));
  if (array.rows > base::kRowsMax) {
    return BadFile(name, absl::StrFormat("%d rows; at most %d are possible", array.rows, base::kRowsMax));
  }
  const auto columns = static_cast<std::uint32_t>(array.columns);
  vectors.vectors_ = {array.data, array.rows, packed_bits ? 8 * columns : columns, element, array.stride};
  if (options.check_rows) {
    ELANUS_RETURN_IF_ERROR(vectors.CheckRows(0, array.rows));
  }
  if (array.scalar == Scalar::kBool) {
    ELANUS_ASSIGN_OR_RETURN(vectors.packed_, PackBools(array, name));
    vectors.vectors_.data = vectors.packed_.bytes().data();
    vectors.vectors_.stride = base::RowBytes(element, columns);
  }
  return vectors;
}

absl::Status CheckFinite(const base::Vectors& vectors, std::uint64_t first_row, absl::string_view name) {
  if (!base::IsFloat(vectors.element)) return absl::OkStatus();
  for (std::uint64_t row = 0; row < vectors.count; ++row) {
    if (!HasNonFinite(vectors.row(row), vectors.dim, vectors.element)) continue;
    for (std::uint32_t i = 0; i < vectors.dim; ++i) {
      const float value = Component(vectors.row(row), vectors.element, i);
      if (std::isfinite(value)) continue;
      return BadFile(name, absl::StrFormat("row %d, component %d is %s; all must be finite", first_row + row, i,
                                           std::isnan(value) ? "NaN" : "infinite"));
    }
  }
  return absl::OkStatus();
}

}  // namespace elanus::io
