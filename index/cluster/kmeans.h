// k-means clustering of rows (Lloyd 1982), reproducible: the same rows, parameters and seed give the same centroids
// for any number of threads and any instruction level.
//
// Rows are assigned by exact nearest centroid (centroids.h). Early iterations see a part of the sample, the last ones
// all of it: centroids need few rows while they still move far (nested samples: Newling, Fleuret: Nested Mini-Batch
// K-Means, NIPS 2016). Clusters that hold next to nothing are moved into the largest ones.
#ifndef ELANUS_INDEX_CLUSTER_KMEANS_H_
#define ELANUS_INDEX_CLUSTER_KMEANS_H_

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
struct ClusterInput {
  base::Vectors rows;  // any type but bits, finite values
  /// kL2 and kIp: clusters of small squared distance to their mean. kCosine: rows count as normalised, centroids have
  /// length 1 (Dhillon, Modha: Concept Decompositions ..., Machine Learning 42, 2001).
  Metric metric = Metric::kL2;
  const simd::Kernels* kernels = nullptr;
  threads::Pool* pool = nullptr;
  base::Monitor monitor;
};

struct KMeansParams {
  std::uint32_t clusters = 1;            // 1..rows
  std::uint32_t rows_per_cluster = 256;  // at most clusters * this many rows are looked at, spread evenly
  std::uint64_t seed = 42;
};

/// Centroids, row-major: [clusters][dim], finite. Where rows repeat there may be fewer distinct ones than asked for,
/// and then some equal ones. Time: about five passes over the sample, each clusters * dim byte products a row. Memory:
/// 12 bytes a sampled row, 9 bytes a centroid component. Errors: kCancelled; kDataLoss for values so large that squared
/// distances overflow.
absl::StatusOr<std::vector<float>> TrainKMeans(const ClusterInput& input, const KMeansParams& params);

/// The nearest centroid of each row, ties to the smaller one: [rows]. kL2, kIp: by distance; kCosine: by angle.
/// `centroids`: [clusters][dim]. Errors: as TrainKMeans.
absl::StatusOr<std::vector<std::uint32_t>> AssignRows(const ClusterInput& input, const std::vector<float>& centroids);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_CLUSTER_KMEANS_H_
