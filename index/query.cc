#include "index/query.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

using base::Element;

std::size_t Padded(std::size_t bytes) { return (bytes + base::kLineBytes - 1) / base::kLineBytes * base::kLineBytes; }

absl::Status CheckTypes(const base::Vectors& queries, const Spec& spec) {
  if (queries.dim != spec.dim) {
    return absl::InvalidArgumentError(
        absl::StrCat("queries have dimension ", queries.dim, ", the index has ", spec.dim));
  }
  if ((queries.element == Element::kBit) != (spec.element == Element::kBit)) {
    return absl::InvalidArgumentError(absl::StrCat("queries are ", ElementName(queries.element), ", the index holds ",
                                                   ElementName(spec.element), " rows"));
  }
  return absl::OkStatus();
}

absl::Status BadValue(std::uint64_t row, std::uint32_t component, float value, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("query ", row, ", component ", component, " is ", value, ": ", why));
}

/// Stores the integers of `values` as int8 or uint8.
absl::Status ToInteger(const float* values, std::uint32_t dim, Element element, std::uint64_t row, std::byte* out) {
  const float low = element == Element::kI8 ? -128.0f : 0.0f;
  const float high = element == Element::kI8 ? 127.0f : 255.0f;
  for (std::uint32_t d = 0; d < dim; ++d) {
    if (!(values[d] >= low && values[d] <= high) || values[d] != std::floor(values[d])) {
      return BadValue(row, d, values[d],
                      element == Element::kI8 ? "the index holds int8 rows, so it must be an integer in [-128, 127]"
                                              : "the index holds uint8 rows, so it must be an integer in [0, 255]");
    }
    out[d] = static_cast<std::byte>(static_cast<int>(values[d]) & 0xFF);
  }
  return absl::OkStatus();
}

}  // namespace

float InverseNorm(float squared_norm) { return squared_norm > 0 ? 1.0f / std::sqrt(squared_norm) : 0.0f; }

absl::Status CheckPadBits(const std::byte* row, std::uint32_t dim, absl::string_view what, std::uint64_t number) {
  const std::uint32_t used = dim % 8;
  if (used == 0 || (static_cast<std::uint8_t>(row[dim / 8]) >> used) == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, " ", number, " has bits set beyond its ", dim,
                                                 " bits: zero the rest of the last byte, or use a larger dimension"));
}

absl::Status QueryBlock::Prepare(const base::Vectors& queries, const Spec& spec, const simd::Kernels& kernels,
                                 std::uint64_t first_query) {
  ELANUS_RETURN_IF_ERROR(CheckTypes(queries, spec));
  const bool bits = spec.element == Element::kBit;
  const std::size_t float_bytes = bits ? 0 : Padded(sizeof(float) * spec.dim);
  const std::size_t native_bytes = IsFloat(spec.element) ? 0 : Padded(RowBytes(spec.element, spec.dim));
  const std::size_t query_bytes = float_bytes + native_bytes;
  storage_.Reset(query_bytes * queries.count);
  std::byte* next = storage_.data();
  queries_.assign(queries.count, Query());
  for (std::uint64_t i = 0; i < queries.count; ++i, next += query_bytes) {
    Query& query = queries_[i];
    if (bits) {
      const std::size_t row_bytes = RowBytes(Element::kBit, spec.dim);
      ELANUS_RETURN_IF_ERROR(CheckPadBits(queries.row(i), spec.dim, "query", first_query + i));
      std::memcpy(next, queries.row(i), row_bytes);
      query.native = next;
      query.popcount = kernels.bits.popcount(reinterpret_cast<const std::uint8_t*>(next), row_bytes);
      continue;
    }
    auto* values = reinterpret_cast<float*>(next);
    kernels.distance.to_float[static_cast<int>(queries.element)](queries.row(i), spec.dim, values);
    for (std::uint32_t d = 0; d < spec.dim; ++d) {
      if (!std::isfinite(values[d])) return BadValue(first_query + i, d, values[d], "it must be finite");
    }
    query.values = values;
    query.native = next;
    if (IsInteger(spec.element)) {
      query.native = next + float_bytes;
      ELANUS_RETURN_IF_ERROR(ToInteger(values, spec.dim, spec.element, first_query + i, next + float_bytes));
    }
    float squared_norm = 0;
    const simd::RowList self{query.native, 0, nullptr, 1};
    kernels.distance.ip[IsFloat(spec.element) ? static_cast<int>(Element::kF32) : static_cast<int>(spec.element)](
        query.native, self, spec.dim, &squared_norm);
    query.inverse_norm = InverseNorm(squared_norm);
  }
  return absl::OkStatus();
}

}  // namespace elanus::index
