#include "host/base/layout.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

void Lut4OneTable(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers, const std::uint8_t* lut,
                  std::uint16_t* sums) {
  for (std::size_t g = 0; g < groups; ++g) {
    const std::uint8_t* group = codes + g * base::Nibble4GroupBytes(subquantisers);
    for (std::uint32_t r = 0; r < base::kGroupRows; ++r) {
      std::uint32_t sum = 0;
      for (std::uint32_t m = 0; m < subquantisers; ++m) {
        const std::uint8_t pair = group[m * 16 + r % 16];
        sum += lut[m * 16 + (r < 16 ? pair & 15 : pair >> 4)];
      }
      sums[g * base::kGroupRows + r] = static_cast<std::uint16_t>(sum);
    }
  }
}

void Lut4Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers,
                const std::uint8_t* const* luts, std::size_t tables, std::uint16_t* sums) {
  for (std::size_t t = 0; t < tables; ++t) {
    Lut4OneTable(codes, groups, subquantisers, luts[t], sums + t * groups * base::kGroupRows);
  }
}

void Lut8Groups(const std::uint8_t* codes, std::size_t groups, std::uint32_t subquantisers, const std::uint8_t* lut,
                std::uint16_t* sums) {
  const std::uint32_t chunks = base::ChunksFor(subquantisers);
  for (std::size_t i = 0; i < groups * base::kGroupRows; ++i) {
    std::uint32_t sum = 0;
    for (std::uint32_t m = 0; m < subquantisers; ++m) {
      const std::uint8_t code = codes[base::ChunkOffset(i, m / base::kChunkBytes, chunks) + m % base::kChunkBytes];
      sum += lut[m * 256 + code];
    }
    sums[i] = static_cast<std::uint16_t>(sum);
  }
}

std::size_t Select(const std::uint16_t* sums, const float* bias, float scale, float limit, std::size_t count,
                   std::uint32_t* positions) {
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (bias[i] + scale * static_cast<float>(sums[i]) <= limit) positions[passed++] = static_cast<std::uint32_t>(i);
  }
  return passed;
}

}  // namespace

constinit const PqKernels kPqScalar = {.lut4_groups = Lut4Groups, .lut8_groups = Lut8Groups, .select = Select};

}  // namespace elanus::simd
