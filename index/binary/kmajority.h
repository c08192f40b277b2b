// k-majority clustering of bit rows: k-means whose "mean" keeps the bits that enough rows of a cluster have; with
// Hamming distances the majority of each bit (Grana et al.: A Fast Approach for Integrating ORB Descriptors in the Bag
// of Words Model, SPIE 8667, 2013, section 3). Reproducible: the same rows, number of clusters and seed give the same
// centroids for any number of threads and any instruction level.
#ifndef ELANUS_INDEX_BINARY_KMAJORITY_H_
#define ELANUS_INDEX_BINARY_KMAJORITY_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "host/base/element.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/spec.h"

namespace elanus::index {

/// Rows to be clustered, and with what. Everything pointed to outlives the call.
struct BitClusterInput {
  base::Vectors rows;                // bits
  Metric metric = Metric::kHamming;  // kHamming or kJaccard: which centroid is nearest to a row, and what it is made of
  const simd::Kernels* kernels = nullptr;
  threads::Pool* pool = nullptr;
  base::Monitor monitor;
};

/// Rows in memory of their own, without padding.
struct BitCentroids {
  std::uint32_t dim = 0;
  std::vector<std::byte> bytes;

  base::Vectors view() const {
    const std::size_t row_bytes = base::RowBytes(base::Element::kBit, dim);
    return {bytes.data(), bytes.size() / row_bytes, dim, base::Element::kBit, row_bytes};
  }
};

/// `clusters` (1..rows) centroids, in the order of their popcounts. At most 256 rows a cluster are looked at, spread
/// evenly over all rows. Memory: 16 bytes a row looked at. Errors: kCancelled.
absl::StatusOr<BitCentroids> TrainKMajority(const BitClusterInput& input, std::uint32_t clusters, std::uint64_t seed);

/// The centroid nearest to each row, ties to the smaller number: [rows]. Errors: kCancelled.
absl::StatusOr<std::vector<std::uint32_t>> AssignBits(const BitClusterInput& input, const BitCentroids& centroids);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_KMAJORITY_H_
