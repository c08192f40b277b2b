// Component types of vectors, and a view of rows of one of them.
#ifndef ELANUS_HOST_BASE_ELEMENT_H_
#define ELANUS_HOST_BASE_ELEMENT_H_

#include <cstddef>
#include <cstdint>

namespace elanus::base {

/// Values are on disk: never reused.
enum class Element : std::uint8_t {
  kF32 = 1,   // IEEE binary32
  kF16 = 2,   // IEEE binary16
  kBf16 = 3,  // upper half of a binary32
  kI8 = 4,    // -128..127
  kU8 = 5,    // 0..255
  kBit = 6,   // packed: bit i is bit i % 8, least significant first, of byte i / 8
};

inline constexpr std::uint32_t kDimMax = 32'768;        // components of a vector
inline constexpr std::uint32_t kBitsMax = 262'144;      // bits of a binary vector
inline constexpr std::uint64_t kRowsMax = 0xFFFFFFFEu;  // rows of one index: row numbers are 32 bits, one is "none"

/// True for the types whose distances are computed in fp32; false for the integers and bits, which are exact.
constexpr bool IsFloat(Element e) { return e == Element::kF32 || e == Element::kF16 || e == Element::kBf16; }
constexpr bool IsInteger(Element e) { return e == Element::kI8 || e == Element::kU8; }

/// Largest dimension an index takes. Integers: so that every intermediate of an exact distance fits 32 bits.
constexpr std::uint32_t DimMax(Element e) {
  if (e == Element::kBit) return kBitsMax;
  return IsInteger(e) ? kDimMax / 2 : kDimMax;
}

/// Bytes of one row of `dim` components without padding.
constexpr std::size_t RowBytes(Element e, std::uint32_t dim) {
  switch (e) {
    case Element::kF32:
      return std::size_t{4} * dim;
    case Element::kF16:
    case Element::kBf16:
      return std::size_t{2} * dim;
    case Element::kI8:
    case Element::kU8:
      return dim;
    case Element::kBit:
      return (std::size_t{dim} + 7) / 8;
  }
  return 0;
}

/// "float32", "float16", "bfloat16", "int8", "uint8", "bit".
constexpr const char* ElementName(Element e) {
  switch (e) {
    case Element::kF32:
      return "float32";
    case Element::kF16:
      return "float16";
    case Element::kBf16:
      return "bfloat16";
    case Element::kI8:
      return "int8";
    case Element::kU8:
      return "uint8";
    case Element::kBit:
      return "bit";
  }
  return "?";
}

/// Rows in somebody else's memory: row i starts at data + i * stride. No alignment is promised (a TEXMEX file
/// puts four bytes before each row), so read components with memcpy or unaligned loads.
struct Vectors {
  const std::byte* data = nullptr;
  std::uint64_t count = 0;
  std::uint32_t dim = 0;
  Element element = Element::kF32;
  std::size_t stride = 0;  // bytes from one row to the next, >= RowBytes(element, dim)

  const std::byte* row(std::uint64_t i) const { return data + i * stride; }
  Vectors Slice(std::uint64_t begin, std::uint64_t rows) const { return {row(begin), rows, dim, element, stride}; }
};

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_ELEMENT_H_
