// The distances of bit vectors, from three exact counts, and what a distance limit says about those counts.
#ifndef ELANUS_INDEX_BINARY_BIT_DISTANCE_H_
#define ELANUS_INDEX_BINARY_BIT_DISTANCE_H_

#include <algorithm>
#include <cstdint>

#include "index/spec.h"

namespace elanus::index {

/// Distances by kHamming, kJaccard or kTanimoto between a query with q set bits and a row with x, `both` of them
/// shared: Hamming q + x - 2 both; Jaccard (union - both) / union (1 for two empty vectors); Tanimoto -log2(both /
/// union), +infinity when nothing is shared. Each is a function of the counts with a fixed order of roundings, so it
/// has the same bits on every machine; it never grows with `both`. Immutable, cheap to copy.
class BitDistance {
 public:
  explicit BitDistance(Metric metric) : metric_(metric) {}

  float operator()(std::uint32_t both, std::uint32_t q, std::uint32_t x) const;

  /// A distance limit, seen from the counts: a row within it shares at least AtLeast(q + x) bits with the query (some
  /// rows just outside may do so too). For all three metrics this is linear in q + x. AtLeast never falls as its
  /// argument grows, and grows at most by one for each two.
  struct Limit {
    std::int64_t scale = 0;  // both in 2^-32 bits; zero: every row is within
    std::int64_t offset = 0;

    std::uint32_t AtLeast(std::uint32_t sum) const {
      return static_cast<std::uint32_t>(std::max<std::int64_t>(0, (scale * std::int64_t{sum} + offset) >> 32));
    }
    bool everything() const { return scale == 0; }
    /// False when no row with low..high set bits can be within the limit of a query with q.
    bool Reaches(std::uint32_t q, std::uint32_t low, std::uint32_t high) const {
      const std::uint32_t x = std::clamp(q, low, high);  // of these, the number of bits most alike
      return AtLeast(q + x) <= std::min(q, x);
    }
  };
  /// `distance`: any but NaN.
  Limit LimitFor(float distance) const;

 private:
  Metric metric_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BIT_DISTANCE_H_
