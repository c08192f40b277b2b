#include "index/binary/bit_distance.h"

#include <cmath>
#include <limits>

namespace elanus::index {
namespace {

/// Farther than any Hamming distance, and small enough for the arithmetic of Limit.
constexpr double kHammingMax = 1 << 20;

/// More than all roundings between counts and a distance, relative to a similarity.
constexpr double kSlack = 0x1p-20;

/// log2 of x in (0, 1], by arithmetic that IEEE 754 defines to the bit; the last bit of a library's log2 is its own
/// affair. With x = m 2^e, log2(m) = 2 / ln 2 * artanh((m - 1) / (m + 1)), |artanh's argument| <= 0.172.
double Log2(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // [0.5, 1)
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double z = (mantissa - 1) / (mantissa + 1);
  const double square = z * z;
  double series = 0;
  for (int k = 23; k >= 1; k -= 2) series = series * square + 1.0 / k;
  constexpr double kTwoOverLn2 = 2.8853900817779268;
  return exponent + kTwoOverLn2 * (z * series);
}

}  // namespace

float BitDistance::operator()(std::uint32_t both, std::uint32_t q, std::uint32_t x) const {
  const std::uint32_t either = q + x - both;
  if (metric_ == Metric::kHamming) return static_cast<float>(either - both);
  if (metric_ == Metric::kJaccard) {
    return either == 0 ? 1.0f : static_cast<float>(either - both) / static_cast<float>(either);
  }
  if (both == 0) return std::numeric_limits<float>::infinity();
  return static_cast<float>(0.0 - Log2(static_cast<double>(both) / static_cast<double>(either)));
}

BitDistance::Limit BitDistance::LimitFor(float distance) const {
  constexpr std::int64_t kOne = std::int64_t{1} << 32;
  constexpr std::int64_t kRoundUp = kOne - 1;
  if (metric_ == Metric::kHamming) {  // both >= (q + x - distance) / 2
    const auto most = static_cast<std::int64_t>(std::clamp(std::floor(double{distance}), -1.0, kHammingMax));
    return most == static_cast<std::int64_t>(kHammingMax) ? Limit{} : Limit{kOne / 2, kRoundUp - most * (kOne / 2)};
  }
  // both / (q + x - both) >= s is both >= s / (1 + s) * (q + x).
  double similarity = metric_ == Metric::kJaccard ? 1.0 - double{distance} : std::exp2(-double{distance});
  similarity = std::min(similarity, 1.0) - kSlack;
  if (!(similarity > kSlack)) return {};
  return {static_cast<std::int64_t>(similarity / (1 + similarity) * static_cast<double>(kOne)), kRoundUp};
}

}  // namespace elanus::index
