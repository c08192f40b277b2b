// The plain loop that defines a search of bits, to the bit, for the tests of BIN_FLAT and BIN_IVF_FLAT.
#ifndef ELANUS_TESTS_INDEX_BIT_SUPPORT_H_
#define ELANUS_TESTS_INDEX_BIT_SUPPORT_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "host/base/random.h"
#include "index/filter.h"
#include "index/spec.h"
#include "tests/support/vectors.h"

namespace elanus::index {

inline bool Contains(Metric metric) { return metric == Metric::kSubstructure || metric == Metric::kSuperstructure; }

/// Rows of every kind: none of the bits set, all of them, few, many; every seventh row repeats the one before.
inline testing_support::TestVectors MixedBits(std::uint64_t count, std::uint32_t dim, std::uint64_t seed) {
  testing_support::TestVectors rows(base::Element::kBit, count, dim);
  base::Random random(seed);
  for (std::uint64_t i = 0; i < count; ++i) {
    const float part = i % 5 == 0 ? random.Unit() : random.Unit() * 0.2f;
    for (std::uint32_t d = 0; d < dim; ++d) {
      const bool set = i % 7 == 6 ? rows.At(i - 1, d) != 0 : random.Unit() < part;
      rows.Set(i, d, (set && i % 50 != 1) || i % 50 == 2 ? 1.0f : 0.0f);
    }
  }
  return rows;
}

/// Every row that `filter` allows and the metric matches, as (distance, row), in the one order.
inline std::vector<std::pair<float, std::uint32_t>> PlainSearch(Metric metric,
                                                                const testing_support::TestVectors& queries,
                                                                std::uint64_t q,
                                                                const testing_support::TestVectors& rows,
                                                                const RowFilter* filter = nullptr) {
  std::vector<std::pair<float, std::uint32_t>> found;
  for (std::uint32_t x = 0; x < rows.count(); ++x) {
    if (filter != nullptr && !filter->Allows(x)) continue;
    const double distance = testing_support::PlainDistance(metric, queries, q, rows, x);
    if (Contains(metric) && distance != 0) continue;
    found.emplace_back(static_cast<float>(distance) + 0.0f, x);  // never -0
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace elanus::index

#endif  // ELANUS_TESTS_INDEX_BIT_SUPPORT_H_
