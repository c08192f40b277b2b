#include "tests/support/vectors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "host/base/half.h"
#include "host/base/random.h"

namespace elanus::testing_support {
namespace {

using base::Element;
using index::Metric;

float Gaussian(base::Random& random) {
  float sum = 0;
  for (int i = 0; i < 12; ++i) sum += random.Unit();
  return sum - 6.0f;
}

double BinaryDistance(Metric metric, std::uint32_t both, std::uint32_t only_query, std::uint32_t only_row) {
  const double either = both + only_query + only_row;
  const double similarity = either > 0 ? both / either : 0.0;
  switch (metric) {
    case Metric::kHamming:
      return only_query + only_row;
    case Metric::kJaccard:
      return 1 - similarity;
    case Metric::kTanimoto:
      return -std::log2(similarity);
    case Metric::kSubstructure:
      return only_query == 0 ? 0 : std::numeric_limits<double>::infinity();
    default:
      return only_row == 0 ? 0 : std::numeric_limits<double>::infinity();
  }
}

}  // namespace

TestVectors::TestVectors(Element element, std::uint64_t count, std::uint32_t dim)
    : element_(element), count_(count), dim_(dim), stride_(RowBytes(element, dim)), storage_(stride_ * count) {}

base::Vectors TestVectors::view() const { return {storage_.data(), count_, dim_, element_, stride_}; }

float TestVectors::At(std::uint64_t i, std::uint32_t d) const {
  const std::byte* row = storage_.data() + i * stride_;
  switch (element_) {
    case Element::kF32: {
      float value;
      std::memcpy(&value, row + 4 * std::size_t{d}, 4);
      return value;
    }
    case Element::kF16:
    case Element::kBf16: {
      std::uint16_t bits;
      std::memcpy(&bits, row + 2 * std::size_t{d}, 2);
      return element_ == Element::kF16 ? base::FloatFromHalf(bits) : base::FloatFromBf16(bits);
    }
    case Element::kI8:
      return static_cast<float>(static_cast<std::int8_t>(row[d]));
    case Element::kU8:
      return static_cast<float>(static_cast<std::uint8_t>(row[d]));
    case Element::kBit:
      return static_cast<float>((static_cast<std::uint8_t>(row[d / 8]) >> (d % 8)) & 1);
  }
  return 0;
}

void TestVectors::Set(std::uint64_t i, std::uint32_t d, float value) {
  std::byte* row = storage_.data() + i * stride_;
  switch (element_) {
    case Element::kF32:
      std::memcpy(row + 4 * std::size_t{d}, &value, 4);
      break;
    case Element::kF16:
    case Element::kBf16: {
      const std::uint16_t bits = element_ == Element::kF16 ? base::HalfFromFloat(value) : base::Bf16FromFloat(value);
      std::memcpy(row + 2 * std::size_t{d}, &bits, 2);
      break;
    }
    case Element::kI8:
    case Element::kU8: {
      const float low = element_ == Element::kI8 ? -128.0f : 0.0f;
      row[d] = static_cast<std::byte>(static_cast<int>(std::clamp(std::nearbyint(value), low, low + 255)) & 0xFF);
      break;
    }
    case Element::kBit: {
      const auto mask = static_cast<std::byte>(1u << (d % 8));
      row[d / 8] = value != 0 ? row[d / 8] | mask : row[d / 8] & ~mask;
      break;
    }
  }
}

TestVectors ClusteredVectors(Element element, std::uint64_t count, std::uint32_t dim, std::uint64_t seed) {
  TestVectors vectors(element, count, dim);
  base::Random random(seed);
  constexpr std::uint64_t kCentres = 13;
  std::vector<float> centres(kCentres * dim);
  base::Random centre_random(977);  // the same for every seed: queries fall near rows
  for (float& value : centres) value = element == Element::kBit ? centre_random.Unit() : Gaussian(centre_random) / 3;
  for (std::uint64_t i = 0; i < count; ++i) {
    const float* centre = centres.data() + random.Below(kCentres) * dim;
    for (std::uint32_t d = 0; d < dim; ++d) {
      const float value = centre[d] + Gaussian(random) / 8;
      switch (element) {
        case Element::kI8:
          vectors.Set(i, d, value * 100);
          break;
        case Element::kU8:
          vectors.Set(i, d, value * 100 + 128);
          break;
        case Element::kBit:
          vectors.Set(i, d, value > 0.8f ? 1.0f : 0.0f);
          break;
        default:
          vectors.Set(i, d, value);
          break;
      }
    }
  }
  return vectors;
}

double PlainDistance(Metric metric, const TestVectors& queries, std::uint64_t q, const TestVectors& rows,
                     std::uint64_t x) {
  const std::uint32_t dim = rows.view().dim;
  double l2 = 0;
  double ip = 0;
  double qq = 0;
  double xx = 0;
  std::uint32_t both = 0;
  std::uint32_t only_query = 0;
  std::uint32_t only_row = 0;
  for (std::uint32_t d = 0; d < dim; ++d) {
    const double a = queries.At(q, d);
    const double b = rows.At(x, d);
    l2 += (a - b) * (a - b);
    ip += a * b;
    qq += a * a;
    xx += b * b;
    both += a != 0 && b != 0;
    only_query += a != 0 && b == 0;
    only_row += a == 0 && b != 0;
  }
  switch (metric) {
    case Metric::kL2:
      return l2;
    case Metric::kIp:
      return -ip;
    case Metric::kCosine:
      return qq > 0 && xx > 0 ? -ip / std::sqrt(qq * xx) : 0;
    default:
      return BinaryDistance(metric, both, only_query, only_row);
  }
}

}  // namespace elanus::testing_support
