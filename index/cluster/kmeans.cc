#include "index/cluster/kmeans.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <numeric>
#include <queue>
#include <utility>

#include "host/base/aligned.h"
#include "host/base/check.h"
#include "host/base/random.h"
#include "host/base/status_macros.h"
#include "index/cluster/centroids.h"
#include "index/measure.h"
#include "index/query.h"

namespace elanus::index {
namespace {

/// Every `step`-th row of the sample is used in an iteration; one entry an iteration.
constexpr std::uint32_t kSchedule[] = {8, 8, 8, 4, 4, 2, 2, 1, 1};

/// Rows a cluster that an iteration has at least, as long as the sample has them.
constexpr std::uint64_t kRowsLeft = 32;

/// A cluster of less than this part of the mean size is moved into one of at least twice the mean.
constexpr std::uint64_t kSmallPart = 16;

/// Nearest centroids are found by distance, but for normalised centroids by inner product: the row's length does not
/// matter then.
Metric AssignMetric(Metric metric) { return metric == Metric::kCosine ? Metric::kIp : Metric::kL2; }

/// Centroids with their codes, ready to be searched.
struct CodedCentroids {
  base::AlignedArray<std::byte> storage;
  CentroidTable table;
};

/// A view of `centroids`, which outlive it.
absl::StatusOr<CodedCentroids> Code(const ClusterInput& input, const std::vector<float>& centroids) {
  const std::uint64_t count = centroids.size() / input.rows.dim;
  const std::size_t bytes = CentroidTable::CodedBytes(count, input.rows.dim);
  const base::Vectors rows{reinterpret_cast<const std::byte*>(centroids.data()), count, input.rows.dim,
                           base::Element::kF32, sizeof(float) * input.rows.dim};
  base::AlignedArray<std::byte> storage(bytes);
  const absl::Span<std::byte> coded(storage.data(), bytes);
  CentroidTable::Encode(*input.kernels, AssignMetric(input.metric), rows, *input.pool, coded);
  ELANUS_ASSIGN_OR_RETURN(CentroidTable table,
                          CentroidTable::View(*input.kernels, AssignMetric(input.metric), rows, coded));
  return CodedCentroids{std::move(storage), std::move(table)};
}

/// labels[i] becomes the nearest centroid of row row_of(i), for i < count; its old value is the hint.
template <class RowOf>
absl::Status Assign(const ClusterInput& input, const CentroidTable& table, std::uint64_t count, const RowOf& row_of,
                    std::uint32_t* labels) {
  constexpr std::uint64_t kTogether = 32;
  const simd::RowToFloat to_float = input.kernels->distance.to_float[static_cast<int>(input.rows.element)];
  const std::size_t stride = (std::size_t{input.rows.dim} + 15) / 16 * 16;  // whole lines
  input.pool->ParallelFor(count, 32 * kTogether, [&](std::uint64_t begin, std::uint64_t end) {
    CentroidTable::Scratch scratch;
    base::AlignedArray<float> values(kTogether * stride);
    std::vector<Query> queries(kTogether);
    for (std::uint64_t i = begin; i < end; i += kTogether) {
      if (input.monitor.cancelled()) return;
      const std::uint64_t rows = std::min(kTogether, end - i);
      for (std::uint64_t r = 0; r < rows; ++r) {
        float* const row = values.data() + r * stride;
        to_float(input.rows.row(row_of(i + r)), input.rows.dim, row);
        queries[r].values = row;
      }
      table.NearestOfEach(absl::MakeConstSpan(queries).subspan(0, rows), scratch, labels + i);
    }
    input.monitor.Advance(end - begin);
  });
  return input.monitor.Check();
}

/// The state of one training run.
class Trainer {
 public:
  Trainer(const ClusterInput& input, const KMeansParams& params)
      : input_(input), clusters_(params.clusters), dim_(input.rows.dim), random_(params.seed) {
    TakeSample(params.rows_per_cluster);
    labels_.assign(sample_.size(), 0);
    inverse_norms_.resize(input.metric == Metric::kCosine ? sample_.size() : 0);
    for (std::size_t i = 0; i < inverse_norms_.size(); ++i) {
      ComputeInverseNorms(*input.kernels, input.rows.Slice(sample_[i], 1), &inverse_norms_[i]);
    }
    StartFromRows();
  }

  absl::Status Run() {
    std::uint64_t work = 0;
    for (const std::uint32_t step : kSchedule) work += Used(StepFor(step));
    input_.monitor.Stage("k-means", work);
    for (std::size_t i = 0; i < std::size(kSchedule); ++i) {
      ELANUS_RETURN_IF_ERROR(Iterate(StepFor(kSchedule[i]), i + 1 == std::size(kSchedule)));
    }
    return absl::OkStatus();
  }

  std::vector<float> Take() { return std::move(centroids_); }

 private:
  /// Members of each cluster: sample positions, ascending within a cluster.
  struct Members {
    std::vector<std::uint32_t> begin;  // [clusters + 1]
    std::vector<std::uint32_t> positions;
  };

  /// `step`, or less where it would leave too few rows a cluster.
  std::uint64_t StepFor(std::uint32_t step) const {
    const std::uint64_t most = sample_.size() / (std::uint64_t{clusters_} * kRowsLeft);
    return std::max<std::uint64_t>(1, std::min<std::uint64_t>(step, most));
  }
  std::uint64_t Used(std::uint64_t step) const { return (sample_.size() + step - 1) / step; }

  /// One row from each of as many equal stretches, so that ordered data are covered evenly; ascending.
  void TakeSample(std::uint32_t rows_per_cluster) {
    const std::uint64_t rows = input_.rows.count;
    const std::uint64_t count = std::min(rows, std::uint64_t{clusters_} * rows_per_cluster);
    sample_.resize(count);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t begin = rows * i / count;
      const std::uint64_t end = rows * (i + 1) / count;
      sample_[i] = static_cast<std::uint32_t>(begin + random_.Below(end - begin));
    }
  }

  /// Centroids start as rows of the sample, drawn without repetition.
  void StartFromRows() {
    centroids_.resize(std::size_t{clusters_} * dim_);
    std::vector<std::uint32_t> positions(sample_.size());
    std::iota(positions.begin(), positions.end(), 0);
    for (std::uint32_t c = 0; c < clusters_; ++c) {
      std::swap(positions[c], positions[c + random_.Below(positions.size() - c)]);
      Read(positions[c], centroid(c));
    }
  }

  absl::Status Iterate(std::uint64_t step, bool last) {
    ELANUS_ASSIGN_OR_RETURN(const CodedCentroids coded, Code(input_, centroids_));
    std::vector<std::uint32_t> labels(Used(step));
    for (std::uint64_t i = 0; i < labels.size(); ++i) labels[i] = labels_[i * step];
    ELANUS_RETURN_IF_ERROR(Assign(
        input_, coded.table, labels.size(), [&](std::uint64_t i) { return sample_[i * step]; }, labels.data()));
    // Rows that were not looked at start the next iteration from a neighbour's label: any hint is right.
    for (std::uint64_t i = 0; i < labels_.size(); ++i) labels_[i] = labels[i / step];
    const Members members = Gather(labels, step);
    MoveToMeans(members);
    if (!last) MoveSmallClusters(members);
    return absl::OkStatus();
  }

  /// Counting sort by label.
  Members Gather(const std::vector<std::uint32_t>& labels, std::uint64_t step) const {
    Members members{std::vector<std::uint32_t>(clusters_ + 1), std::vector<std::uint32_t>(labels.size())};
    for (const std::uint32_t label : labels) ++members.begin[label + 1];
    std::partial_sum(members.begin.begin(), members.begin.end(), members.begin.begin());
    std::vector<std::uint32_t> next(members.begin.begin(), members.begin.end() - 1);
    for (std::uint64_t i = 0; i < labels.size(); ++i) {
      members.positions[next[labels[i]]++] = static_cast<std::uint32_t>(i * step);
    }
    return members;
  }

  void MoveToMeans(const Members& members) {
    input_.pool->ParallelFor(clusters_, 8, [&](std::uint64_t begin, std::uint64_t end) {
      std::vector<double> sum(dim_);
      std::vector<float> row(dim_);
      for (std::uint64_t c = begin; c < end && !input_.monitor.cancelled(); ++c) {
        const std::uint32_t count = members.begin[c + 1] - members.begin[c];
        if (count == 0) continue;
        std::fill(sum.begin(), sum.end(), 0.0);
        for (std::uint32_t i = members.begin[c]; i < members.begin[c + 1]; ++i) {
          Read(members.positions[i], row.data());
          for (std::uint32_t d = 0; d < dim_; ++d) sum[d] += row[d];
        }
        double squares = 0;
        for (const double value : sum) squares += value * value;
        const double divisor = input_.metric == Metric::kCosine ? std::sqrt(squares) : count;
        if (divisor == 0) continue;
        for (std::uint32_t d = 0; d < dim_; ++d) centroid(c)[d] = static_cast<float>(sum[d] / divisor);
      }
    });
  }

  /// Puts centroids that attract next to nothing onto rows of the largest clusters, which they then share.
  void MoveSmallClusters(const Members& members) {
    std::priority_queue<std::pair<std::uint64_t, std::uint32_t>> largest;  // size, cluster
    const auto size = [&](std::uint32_t c) { return members.begin[c + 1] - members.begin[c]; };
    for (std::uint32_t c = 0; c < clusters_; ++c) largest.emplace(size(c), c);
    const std::uint64_t mean = members.positions.size() / clusters_;
    for (std::uint32_t c = 0; c < clusters_; ++c) {
      if (std::uint64_t{size(c)} * kSmallPart > mean || largest.top().first < 2 * mean) continue;
      const auto [shared, from] = largest.top();
      largest.pop();
      largest.emplace(shared / 2, from);
      Read(members.positions[members.begin[from] + random_.Below(size(from))], centroid(c));
    }
  }

  /// The row at a sample position, normalised for cosine.
  void Read(std::uint32_t position, float* out) const {
    const std::byte* row = input_.rows.row(sample_[position]);
    input_.kernels->distance.to_float[static_cast<int>(input_.rows.element)](row, dim_, out);
    if (inverse_norms_.empty()) return;
    for (std::uint32_t d = 0; d < dim_; ++d) out[d] *= inverse_norms_[position];
  }

  float* centroid(std::uint64_t c) { return centroids_.data() + c * dim_; }

  const ClusterInput& input_;
  std::uint32_t clusters_;
  std::uint32_t dim_;
  base::Random random_;
  std::vector<std::uint32_t> sample_;  // rows
  std::vector<std::uint32_t> labels_;  // of the sample
  std::vector<float> inverse_norms_;   // of the sample, cosine
  std::vector<float> centroids_;
};

}  // namespace

absl::StatusOr<std::vector<float>> TrainKMeans(const ClusterInput& input, const KMeansParams& params) {
  ELANUS_CHECK(params.clusters >= 1 && params.clusters <= input.rows.count && params.rows_per_cluster >= 1);
  Trainer trainer(input, params);
  ELANUS_RETURN_IF_ERROR(trainer.Run());
  return trainer.Take();
}

absl::StatusOr<std::vector<std::uint32_t>> AssignRows(const ClusterInput& input, const std::vector<float>& centroids) {
  input.monitor.Stage("assign rows", input.rows.count);
  ELANUS_ASSIGN_OR_RETURN(const CodedCentroids coded, Code(input, centroids));
  std::vector<std::uint32_t> labels(input.rows.count);
  ELANUS_RETURN_IF_ERROR(Assign(
      input, coded.table, input.rows.count, [](std::uint64_t i) { return i; }, labels.data()));
  return labels;
}

}  // namespace elanus::index
