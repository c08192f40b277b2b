// Seeded test vectors with their storage, and the plain loop that defines a search.
#ifndef ELANUS_TESTS_SUPPORT_VECTORS_H_
#define ELANUS_TESTS_SUPPORT_VECTORS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "host/base/element.h"
#include "host/base/key.h"
#include "index/spec.h"

namespace elanus::testing_support {

/// Rows of one element type with the memory they live in.
class TestVectors {
 public:
  TestVectors(base::Element element, std::uint64_t count, std::uint32_t dim);

  base::Vectors view() const;
  /// Component d of row i as a float; bits as 0 or 1.
  float At(std::uint64_t i, std::uint32_t d) const;
  /// Stores `value`, rounded or clamped to the element type.
  void Set(std::uint64_t i, std::uint32_t d, float value);
  std::uint64_t count() const { return count_; }

 private:
  base::Element element_;
  std::uint64_t count_;
  std::uint32_t dim_;
  std::size_t stride_;
  std::vector<std::byte> storage_;
};

/// Rows around a few random centres, so that index kinds have something to find. Floats lie mostly in [-1, 1],
/// integers use most of their range, bits have a fifth of the bits set. Reproducible.
TestVectors ClusteredVectors(base::Element element, std::uint64_t count, std::uint32_t dim, std::uint64_t seed);

/// The minimised distance (similarities negated) between query q and row x, in double precision.
double PlainDistance(index::Metric metric, const TestVectors& queries, std::uint64_t q, const TestVectors& rows,
                     std::uint64_t x);

}  // namespace elanus::testing_support

#endif  // ELANUS_TESTS_SUPPORT_VECTORS_H_
