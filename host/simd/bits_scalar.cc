#include <bit>

#include "host/base/layout.h"
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

std::uint32_t XorPopcount(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint32_t ones = 0;
  for (std::size_t i = 0; i < bytes; ++i) ones += Ones(a[i] ^ b[i]);
  return ones;
}

bool IsSubset(const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
  std::uint32_t extra = 0;
  for (std::size_t i = 0; i < bytes && extra == 0; ++i) extra = a[i] & ~std::uint32_t{b[i]};
  return extra == 0;
}

void AndPopcountGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       std::int32_t* counts) {
  for (std::size_t i = 0; i < groups * base::kGroupRows; ++i) {
    std::uint32_t ones = 0;
    for (std::uint32_t c = 0; c < chunks; ++c) {
      ones += AndPopcount(codes + base::ChunkOffset(i, c, chunks), query + c * base::kChunkBytes, base::kChunkBytes);
    }
    counts[i] = static_cast<std::int32_t>(ones);
  }
}

void ContainmentGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::uint8_t* query,
                       bool superset_of_query, std::uint32_t* masks) {
  for (std::size_t g = 0; g < groups; ++g) {
    masks[g] = 0;
    for (std::uint32_t r = 0; r < base::kGroupRows; ++r) {
      bool contained = true;
      for (std::uint32_t c = 0; c < chunks && contained; ++c) {
        const std::uint8_t* row = codes + base::ChunkOffset(g * base::kGroupRows + r, c, chunks);
        const std::uint8_t* q = query + c * base::kChunkBytes;
        contained = superset_of_query ? IsSubset(q, row, base::kChunkBytes) : IsSubset(row, q, base::kChunkBytes);
      }
      if (contained) masks[g] |= 1u << r;
    }
  }
}

}  // namespace

constinit const BitKernels kBitsScalar = {
    .popcount = Popcount,
    .and_popcount = AndPopcount,
    .xor_popcount = XorPopcount,
    .is_subset = IsSubset,
    .and_popcount_groups = AndPopcountGroups,
    .containment_groups = ContainmentGroups,
};

}  // namespace elanus::simd
