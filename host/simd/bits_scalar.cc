#include <bit>

#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

std::uint32_t Ones(std::uint8_t byte) { return static_cast<std::uint32_t>(std::popcount(byte)); }

std::uint32_t Popcount(const std::uint8_t* a, std::size_t bytes) {
  std::uint32_t ones = 0;
  for (std::size_t i = 0; i < bytes; ++i) ones += Ones(a[i]);
  return ones;
}

std::uint32_t AndPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint32_t ones = 0;
  for (std::size_t i = 0; i < bytes; ++i) ones += Ones(a[i] & b[i]);
  return ones;
}

bool IsSubset(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint32_t extra = 0;
  for (std::size_t i = 0; i < bytes && extra == 0; ++i) extra = a[i] & ~std::uint32_t{b[i]};
  return extra == 0;
}

}  // namespace

constinit const BitKernels kBitsScalar = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .is_subset = IsSubset,
};

}  // namespace elanus::simd
