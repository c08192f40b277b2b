// The one order of results: (distance, row), as one unsigned 64-bit key that is always minimised.
//
// key = orderable(distance) << 32 | row. Comparing keys compares distances first (numerically, -0 equal to +0,
// NaN after everything else) and rows second, so ties go to the smaller row whatever order rows were met in.
// Similarities (IP, cosine) are negated before they become a key.
#ifndef ELANUS_HOST_BASE_KEY_H_
#define ELANUS_HOST_BASE_KEY_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace elanus::base {

using Key = std::uint64_t;

/// Sorts after every real result. Its row part is not a valid row (an index holds fewer than 2^32 - 1 rows).
inline constexpr Key kNoResult = ~Key{0};

/// Maps a float to an unsigned integer with the same order; NaN becomes 0xFFFFFFFF, -0 becomes +0.
inline std::uint32_t OrderableFromFloat(float value) {
  if (std::isnan(value)) return ~std::uint32_t{0};
  const auto bits = std::bit_cast<std::uint32_t>(value + 0.0f);  // -0 + 0 is +0
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

/// Inverse of OrderableFromFloat; 0xFFFFFFFF gives a NaN.
inline float FloatFromOrderable(std::uint32_t orderable) {
  return std::bit_cast<float>((orderable & 0x80000000u) != 0 ? orderable & 0x7FFFFFFFu : ~orderable);
}

inline Key MakeKey(float distance, std::uint32_t row) {
  return (static_cast<Key>(OrderableFromFloat(distance)) << 32) | row;
}
inline float KeyDistance(Key key) { return FloatFromOrderable(static_cast<std::uint32_t>(key >> 32)); }
inline std::uint32_t KeyRow(Key key) { return static_cast<std::uint32_t>(key); }

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_KEY_H_
