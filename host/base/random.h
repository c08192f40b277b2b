// Seeded random numbers whose sequence is ours to keep: the standard distributions may differ between
// libraries, and a build must give the same bytes everywhere.
#ifndef ELANUS_HOST_BASE_RANDOM_H_
#define ELANUS_HOST_BASE_RANDOM_H_

#include <cstdint>

namespace elanus::base {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014, figure 16).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  /// Uniform in [0, n), n >= 1. Bias is below n / 2^64.
  std::uint64_t Below(std::uint64_t n) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(Next()) * n) >> 64);
  }
  /// Uniform in [0, 1), 24 bits.
  float Unit() { return static_cast<float>(Next() >> 40) * 0x1p-24f; }

 private:
  std::uint64_t state_;
};

/// A seed for stream `stream` of `seed`: independent work items draw from streams of their own, so that
/// the result does not depend on which thread ran which item.
inline std::uint64_t StreamSeed(std::uint64_t seed, std::uint64_t stream) {
  Random random(seed ^ (stream * 0xD1342543DE82EF95u + 0x2545F4914F6CDD1Du));
  random.Next();
  return random.Next();
}

}  // namespace elanus::base

#endif  // ELANUS_HOST_BASE_RANDOM_H_
