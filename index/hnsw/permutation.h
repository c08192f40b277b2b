// A seeded random order of 0 .. count - 1 that is computed, not stored.
#ifndef ELANUS_INDEX_HNSW_PERMUTATION_H_
#define ELANUS_INDEX_HNSW_PERMUTATION_H_

#include <cstdint>

#include "host/base/random.h"

namespace elanus::index {

/// A bijection: a Feistel network of four rounds on the smallest even number of bits that holds `count`, applied again
/// while its value is outside (Black, Rogaway: Ciphers with Arbitrary Finite Domains, CT-RSA 2002, section 3.2).
class Permutation {
 public:
  /// 1 <= count <= 2^32.
  Permutation(std::uint64_t count, std::uint64_t seed) : count_(count), seed_(seed) {
    while ((std::uint64_t{1} << (2 * half_bits_)) < count) ++half_bits_;
  }

  /// The image of i < count. Some ten nanoseconds.
  std::uint64_t operator()(std::uint64_t i) const {
    do {
      i = Rounds(i);
    } while (i >= count_);
    return i;
  }

 private:
  std::uint64_t Rounds(std::uint64_t value) const {
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = value >> half_bits_;
    std::uint64_t right = value & mask;
    for (std::uint64_t round = 1; round <= 4; ++round) {
      const std::uint64_t mixed = base::Random(seed_ + (round << 32) + right).Next();
      const std::uint64_t next = left ^ (mixed & mask);
      left = right;
      right = next;
    }
    return left << half_bits_ | right;
  }

  std::uint64_t count_;
  std::uint64_t seed_;
  unsigned half_bits_ = 1;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_PERMUTATION_H_
