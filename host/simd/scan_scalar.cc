#include "host/base/layout.h"
#include "host/simd/rows.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

// a + b and a * b that wrap.
std::int32_t Add(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
}
std::int32_t Multiply(std::int32_t a, std::int32_t b) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(a) * static_cast<std::uint32_t>(b));
}

std::int32_t Dot(const std::uint8_t* code, const std::int8_t* query, std::uint32_t bytes) {
  std::int32_t sum = 0;
  for (std::uint32_t b = 0; b < bytes; ++b) sum += std::int32_t{code[b]} * query[b];
  return sum;
}

void DotGroups(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::int8_t* query,
               std::int32_t* dots) {
  for (std::size_t i = 0; i < groups * base::kGroupRows; ++i) {
    dots[i] = 0;
    for (std::uint32_t c = 0; c < chunks; ++c) {
      dots[i] += Dot(codes + base::ChunkOffset(i, c, chunks), query + c * base::kChunkBytes, base::kChunkBytes);
    }
  }
}

void DotRows(const std::int8_t* query, const RowList& rows, std::uint32_t bytes, std::int32_t* dots) {
  for (std::size_t i = 0; i < rows.count; ++i) {
    dots[i] = Dot(reinterpret_cast<const std::uint8_t*>(RowAt(rows, i)), query, bytes);
  }
}

std::size_t SelectFloat(const std::int32_t* dots, const float* bias, float scale, float limit, std::size_t count,
                        std::uint32_t* positions) {
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (bias[i] + scale * static_cast<float>(dots[i]) <= limit) positions[passed++] = static_cast<std::uint32_t>(i);
  }
  return passed;
}

std::size_t SelectInt(const std::int32_t* dots, const std::int32_t* bias, std::int32_t scale, std::int32_t limit,
                      std::size_t count, std::uint32_t* positions) {
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (Add(bias[i], Multiply(scale, dots[i])) <= limit) positions[passed++] = static_cast<std::uint32_t>(i);
  }
  return passed;
}

std::size_t SelectScaled(const std::int32_t* dots, const std::int32_t* bias, const float* row_scale, float scale,
                         float limit, std::size_t count, std::uint32_t* positions) {
  std::size_t passed = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float value = (scale * static_cast<float>(Add(dots[i], bias[i]))) * row_scale[i];
    if (value <= limit) positions[passed++] = static_cast<std::uint32_t>(i);
  }
  return passed;
}

}  // namespace

constinit const ScanKernels kScanScalar = {
    .dot_groups = DotGroups,
    .dot_rows = DotRows,
    .select_float = SelectFloat,
    .select_int = SelectInt,
    .select_scaled = SelectScaled,
};

}  // namespace elanus::simd
