#include "host/simd/self_check.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "host/base/half.h"
#include "host/base/layout.h"
#include "host/base/random.h"

namespace elanus::simd {
namespace {

using base::Element;

constexpr std::uint32_t kDims[] = {3, 149};  // a tail alone; a tail after whole registers of every kind
constexpr std::size_t kRows = 6;             // four side by side, and a rest
constexpr std::uint32_t kRowIds[kRows] = {5, 0, 3, 3, 1, 4};
constexpr std::size_t kStride = 149 * 4 + 3;

constexpr std::size_t kGroups = 3;  // a pair of groups, and a rest
constexpr std::size_t kGroupRows = kGroups * base::kGroupRows;
constexpr std::uint32_t kChunks = 9;
constexpr std::uint32_t kTables4 = 12;
constexpr std::uint32_t kTables8 = 21;
constexpr std::size_t kSelected = kGroupRows - 7;  // whole blocks of 64, 32 and 16, and a rest

struct Inputs {
  alignas(64) std::byte rows[7][kRows * kStride];  // [Element]
  alignas(64) float float_query[192];
  alignas(64) std::uint8_t byte_query[192];
  alignas(64) std::uint8_t codes[kGroups * kChunks * 512];
  alignas(64) std::uint8_t lut[kTables8 * 256];
  alignas(64) std::int32_t dots[kGroupRows];
  alignas(64) std::int32_t int_bias[kGroupRows];
  alignas(64) float float_bias[kGroupRows];
  alignas(64) std::uint16_t sums[kGroupRows];
};

/// Magnitudes 2^-13 to 2^13, so that every sum rounds.
float MakeFloat(base::Random& random) {
  return (random.Unit() - 0.5f) * std::exp2(static_cast<float>(random.Below(27)) - 12.0f);
}

void FillRow(base::Random& random, Element element, std::byte* row) {
  for (std::uint32_t d = 0; d < 149; ++d) {
    const float value = MakeFloat(random);
    const std::uint16_t half = element == Element::kF16 ? base::HalfFromFloat(value) : base::Bf16FromFloat(value);
    const std::size_t bytes = base::RowBytes(element, 1);
    const std::uint64_t integer = random.Next();
    const void* component = &integer;
    if (element == Element::kF32) component = &value;
    if (bytes == 2) component = &half;
    std::memcpy(row + d * bytes, component, bytes);
  }
}

std::unique_ptr<Inputs> MakeInputs() {
  auto in = std::make_unique<Inputs>();
  base::Random random(0x5EED);
  for (std::size_t e = 1; e < 6; ++e) {
    for (std::size_t r = 0; r < kRows; ++r) FillRow(random, static_cast<Element>(e), in->rows[e] + r * kStride);
  }
  for (std::size_t d = 0; d < 149; ++d) in->float_query[d] = MakeFloat(random);
  for (std::size_t d = 0; d < 149; ++d) in->byte_query[d] = static_cast<std::uint8_t>(random.Next());
  for (std::uint8_t& code : in->codes) code = static_cast<std::uint8_t>(random.Next());
  for (std::uint8_t& entry : in->lut) entry = static_cast<std::uint8_t>(random.Next());
  for (std::size_t i = 0; i < kGroupRows; ++i) {
    in->dots[i] = static_cast<std::int32_t>(random.Next());
    in->int_bias[i] = static_cast<std::int32_t>(random.Next());
    in->float_bias[i] = MakeFloat(random);
    in->sums[i] = static_cast<std::uint16_t>(random.Next());
  }
  in->dots[kSelected - 1] = 0;  // the last row passes every selection
  in->int_bias[kSelected - 1] = 0;
  in->float_bias[kSelected - 1] = 0;
  in->sums[kSelected - 1] = 40'000;
  return in;
}

/// What a kernel gave, as words to compare.
using Words = std::vector<std::uint32_t>;

void RunDistance(const RowDistances (&kernels)[7], const Inputs& in, Words& out) {
  for (std::size_t e = 1; e < 6; ++e) {
    const bool is_float = base::IsFloat(static_cast<Element>(e));
    for (const std::uint32_t dim : kDims) {
      alignas(64) std::byte query[sizeof in.float_query] = {};
      if (is_float) {
        std::memcpy(query, in.float_query, dim * sizeof(float));
      } else {
        std::memcpy(query, in.byte_query, dim);
      }
      for (const std::uint32_t* ids : {static_cast<const std::uint32_t*>(nullptr), &kRowIds[0]}) {
        float distances[kRows];
        kernels[e](query, {in.rows[e], kStride, ids, kRows}, dim, distances);
        for (const float distance : distances) out.push_back(std::bit_cast<std::uint32_t>(distance));
      }
    }
  }
}

void RunL2(const Kernels& k, const Inputs& in, Words& out) { RunDistance(k.distance.l2, in, out); }
void RunIp(const Kernels& k, const Inputs& in, Words& out) { RunDistance(k.distance.ip, in, out); }

void RunToFloat(const Kernels& k, const Inputs& in, Words& out) {
  for (std::size_t e = 1; e < 6; ++e) {
    for (const std::uint32_t dim : kDims) {
      float row[149];
      k.distance.to_float[e](in.rows[e], dim, row);
      for (std::uint32_t d = 0; d < dim; ++d) out.push_back(std::bit_cast<std::uint32_t>(row[d]));
    }
  }
}

void RunDotGroups(const Kernels& k, const Inputs& in, Words& out) {
  std::int32_t dots[kGroupRows];
  k.scan.dot_groups(in.codes, kGroups, kChunks, reinterpret_cast<const std::int8_t*>(in.byte_query), dots);
  out.assign(dots, dots + kGroupRows);
}

void RunDotRows(const Kernels& k, const Inputs& in, Words& out) {
  std::int32_t dots[kRows];
  const RowList rows = {reinterpret_cast<const std::byte*>(in.codes), 145, kRowIds, kRows};
  k.scan.dot_rows(reinterpret_cast<const std::int8_t*>(in.byte_query), rows, kChunks * base::kChunkBytes, dots);
  out.assign(dots, dots + kRows);
}

void RunSelectFloat(const Kernels& k, const Inputs& in, Words& out) {
  out.resize(kSelected);
  out.resize(k.scan.select_float(in.dots, in.float_bias, 1e-7f, 3.0f, kSelected, out.data()));
}

void RunSelectInt(const Kernels& k, const Inputs& in, Words& out) {
  out.resize(kSelected);
  out.resize(k.scan.select_int(in.dots, in.int_bias, -2, 12'345, kSelected, out.data()));
}

void RunSelectScaled(const Kernels& k, const Inputs& in, Words& out) {
  out.resize(kSelected);
  out.resize(k.scan.select_scaled(in.dots, in.int_bias, in.float_bias, 1e-7f, 3.0f, kSelected, out.data()));
}

void RunSelectSums(const Kernels& k, const Inputs& in, Words& out) {
  out.resize(kSelected);
  out.resize(k.pq.select(in.sums, in.float_bias, -0.01f, -300.0f, kSelected, out.data()));
}

void RunLut4(const Kernels& k, const Inputs& in, Words& out) {
  std::uint16_t sums[kLutsMax * kGroupRows];
  for (std::size_t tables = 1; tables <= kLutsMax; ++tables) {
    const std::uint8_t* luts[kLutsMax];
    for (std::size_t t = 0; t < tables; ++t) luts[t] = in.lut + t * 64;
    k.pq.lut4_groups(in.codes, kGroups, kTables4, luts, tables, sums);
    out.insert(out.end(), sums, sums + tables * kGroupRows);
  }
}

void RunLut8(const Kernels& k, const Inputs& in, Words& out) {
  std::uint16_t sums[kGroupRows];
  k.pq.lut8_groups(in.codes, kGroups, kTables8, in.lut, sums);
  out.assign(sums, sums + kGroupRows);
}

void RunPopcount(const Kernels& k, const Inputs& in, Words& out) {
  for (const std::size_t bytes : {5, 143}) out.push_back(k.bits.popcount(in.codes + 1, bytes));
}
void RunAndPopcount(const Kernels& k, const Inputs& in, Words& out) {
  for (const std::size_t bytes : {5, 143}) out.push_back(k.bits.and_popcount(in.codes + 1, in.codes + 777, bytes));
}

void RunIsSubset(const Kernels& k, const Inputs& in, Words& out) {
  std::uint8_t part[143];
  for (std::size_t i = 0; i < sizeof part; ++i) part[i] = in.codes[1 + i] & in.codes[1'000 + i];
  for (const std::size_t bytes : {5, 143}) {
    out.push_back(k.bits.is_subset(part, in.codes + 1, bytes));
    part[bytes - 1] = static_cast<std::uint8_t>(~in.codes[bytes]);
    out.push_back(k.bits.is_subset(part, in.codes + 1, bytes));
  }
}

constexpr std::size_t kColumnWords = 27;  // whole registers, and a rest

void RunSelectCounts(const Kernels& k, const Inputs& in, Words& out) {
  std::uint32_t words[kColumnWords * 30];
  std::memcpy(words, in.codes, sizeof words);
  std::uint32_t columns[29], at_least[kColumnWords], rows[kColumnWords * 32], counts[kColumnWords * 32];
  for (std::uint32_t i = 0; i < 29; ++i) columns[i] = (i * 7 + 3) % 30;
  for (std::size_t w = 0; w < kColumnWords; ++w) at_least[w] = w % 5 == 0 ? 0 : 12 + w % 8;
  const std::size_t found =
      k.columns.select_counts({words, kColumnWords, kColumnWords}, columns, 29, at_least, rows, counts);
  out.assign(rows, rows + found);
  out.insert(out.end(), counts, counts + found);
}

void RunSelectAll(const Kernels& k, const Inputs& in, Words& out) {
  std::uint32_t words[kColumnWords * 9];
  std::memcpy(words, in.codes, sizeof words);
  const std::uint32_t columns[] = {8, 0, 5, 3, 7, 1};
  for (const bool set : {true, false}) {
    std::uint32_t rows[kColumnWords * 32];
    const std::size_t found = k.columns.select_all({words, kColumnWords, kColumnWords}, columns, 6, set, rows);
    out.insert(out.end(), rows, rows + found);
  }
}

struct Check {
  const char* name;
  void (*run)(const Kernels& kernels, const Inputs& inputs, Words& out);
};

constexpr Check kChecks[] = {
    {"distance.l2", RunL2},
    {"distance.ip", RunIp},
    {"distance.to_float", RunToFloat},
    {"scan.dot_groups", RunDotGroups},
    {"scan.dot_rows", RunDotRows},
    {"scan.select_float", RunSelectFloat},
    {"scan.select_int", RunSelectInt},
    {"scan.select_scaled", RunSelectScaled},
    {"pq.lut4_groups", RunLut4},
    {"pq.lut8_groups", RunLut8},
    {"pq.select", RunSelectSums},
    {"bits.popcount", RunPopcount},
    {"bits.and_popcount", RunAndPopcount},
    {"bits.is_subset", RunIsSubset},
    {"columns.select_counts", RunSelectCounts},
    {"columns.select_all", RunSelectAll},
};

}  // namespace

const char* FirstDifference(const Kernels& tested, const Kernels& reference) {
  const std::unique_ptr<Inputs> inputs = MakeInputs();
  for (const Check& check : kChecks) {
    Words words, expected;
    check.run(tested, *inputs, words);
    check.run(reference, *inputs, expected);
    if (words != expected) return check.name;
  }
  return nullptr;
}

}  // namespace elanus::simd
