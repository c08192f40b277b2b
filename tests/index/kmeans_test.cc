// k-means and the table of centroids, against plain loops.
#include "index/cluster/kmeans.h"
#include "host/base/aligned.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "host/base/random.h"
#include "index/cluster/centroids.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 11;

/// A table of fp32 centroids with the memory of its codes.
class Table {
 public:
  Table(const base::Vectors& centroids, Metric metric, simd::Level level) {
    const std::size_t bytes = CentroidTable::CodedBytes(centroids.count, centroids.dim);
    storage_.Reset(bytes);
    const absl::Span<std::byte> coded(storage_.data(), bytes);
    threads::Pool pool(1);
    CentroidTable::Encode(simd::KernelsFor(level), metric, centroids, pool, coded);
    table_ = std::make_unique<CentroidTable>(*CentroidTable::View(simd::KernelsFor(level), metric, centroids, coded));
  }
  const CentroidTable* operator->() const { return table_.get(); }

 private:
  base::AlignedArray<std::byte> storage_;
  std::unique_ptr<CentroidTable> table_;
};

QueryBlock Prepared(const TestVectors& queries, Metric metric) {
  const base::Vectors view = queries.view();
  QueryBlock block;
  EXPECT_TRUE(block
                  .Prepare(view, Spec{Kind::kIvfFlat, metric, view.element, view.dim, 1},
                           simd::KernelsFor(simd::Level::kScalar))
                  .ok());
  return block;
}

/// All centroids by canonical distance, ties by number.
std::vector<base::Key> PlainOrder(const Query& query, Metric metric, const base::Vectors& centroids) {
  const simd::DistanceKernels& distance = simd::KernelsFor(simd::Level::kScalar).distance;
  std::vector<float> values(centroids.count);
  (metric == Metric::kL2 ? distance.l2 : distance.ip)[static_cast<int>(Element::kF32)](
      query.values, {centroids.data, centroids.stride, nullptr, centroids.count}, centroids.dim, values.data());
  std::vector<base::Key> keys;
  for (std::uint32_t i = 0; i < centroids.count; ++i) {
    keys.push_back(base::MakeKey(metric == Metric::kL2 ? values[i] : -values[i], i));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

// Goal: the exact order, whatever the codes rule out. Method: every shape has an edge (part groups, several blocks), an
// outlier that makes the codes coarse, and centroids that repeat.
TEST(CentroidTable, NearestAreThoseOfThePlainLoop) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  for (const Metric metric : {Metric::kL2, Metric::kIp}) {
    for (const std::uint32_t dim : {1u, 17u, 130u}) {
      for (const std::uint64_t count : {1u, 31u, 33u, 300u, 700u}) {
        TestVectors centroids = ClusteredVectors(Element::kF32, count, dim, kSeed);
        for (std::uint32_t d = 0; d < dim; ++d) {
          centroids.Set(count / 2, d, 50.0f);
          if (count > 30) centroids.Set(29, d, centroids.At(3, d));
        }
        const TestVectors queries = ClusteredVectors(Element::kF32, 20, dim, kSeed + 1);
        const QueryBlock block = Prepared(queries, metric);
        for (const simd::Level level : simd::SupportedLevels()) {
          const Table table(centroids.view(), metric, level);
          CentroidTable::Scratch scratch;
          std::vector<std::uint32_t> nearest(queries.count(), static_cast<std::uint32_t>(count / 2));
          table->NearestOfEach(block.queries(), scratch, nearest.data());
          for (std::uint64_t q = 0; q < queries.count(); ++q) {
            const std::vector<base::Key> plain = PlainOrder(block.queries()[q], metric, centroids.view());
            EXPECT_EQ(nearest[q], base::KeyRow(plain[0]));
            for (const std::uint32_t n : {1u, 7u, 150u, 5000u}) {
              const auto keys = table->Nearest(block.queries()[q], n, scratch);
              const std::vector<base::Key> wanted(
                  plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(n, count)));
              ASSERT_EQ(std::vector<base::Key>(keys.begin(), keys.end()), wanted)
                  << MetricName(metric) << ", dim " << dim << ", " << count << " centroids, n " << n;
            }
          }
        }
      }
    }
  }
}

TEST(CentroidTable, AQueryNearTheLargestFloatStillGetsAllItAskedFor) {
  const TestVectors centroids = ClusteredVectors(Element::kF32, 100, 8, kSeed);
  TestVectors query(Element::kF32, 1, 8);
  for (std::uint32_t d = 0; d < 8; ++d) query.Set(0, d, d % 2 == 0 ? 3e38f : -3e38f);
  for (const Metric metric : {Metric::kL2, Metric::kIp}) {
    const QueryBlock block = Prepared(query, metric);
    const Table table(centroids.view(), metric, simd::BestLevel());
    CentroidTable::Scratch scratch;
    const auto keys = table->Nearest(block.queries()[0], 40, scratch);
    const std::vector<base::Key> plain = PlainOrder(block.queries()[0], metric, centroids.view());
    EXPECT_EQ(std::vector<base::Key>(keys.begin(), keys.end()),
              std::vector<base::Key>(plain.begin(), plain.begin() + 40));
  }
}

TEST(CentroidTable, RefusesNumbersThatAreNotFinite) {
  TestVectors centroids = ClusteredVectors(Element::kF32, 3, 4, kSeed);
  centroids.Set(2, 1, std::numeric_limits<float>::infinity());
  alignas(64) static std::byte coded[4096] = {};
  const auto table = CentroidTable::View(simd::KernelsFor(simd::Level::kScalar), Metric::kL2, centroids.view(),
                                         {coded, CentroidTable::CodedBytes(3, 4)});
  EXPECT_EQ(table.status().code(), absl::StatusCode::kDataLoss);
}

using Case = std::tuple<Metric, Element>;

class KMeansTest : public testing::TestWithParam<Case> {
 protected:
  static Metric metric() { return std::get<0>(GetParam()); }
  static Element element() { return std::get<1>(GetParam()); }

  ClusterInput Input(const TestVectors& rows, threads::Pool& pool, simd::Level level) const {
    return {rows.view(), metric(), &simd::KernelsFor(level), &pool, {}};
  }

  /// Row i as doubles, normalised for cosine.
  static std::vector<double> Row(const TestVectors& rows, std::uint64_t i) {
    std::vector<double> row;
    double squares = 0;
    for (std::uint32_t d = 0; d < rows.view().dim; ++d) {
      row.push_back(rows.At(i, d));
      squares += row.back() * row.back();
    }
    if (metric() == Metric::kCosine && squares > 0) {
      for (double& value : row) value /= std::sqrt(squares);
    }
    return row;
  }

  static double Squared(const std::vector<double>& row, const float* centroid) {
    double sum = 0;
    for (std::size_t d = 0; d < row.size(); ++d) sum += (row[d] - centroid[d]) * (row[d] - centroid[d]);
    return sum;
  }

  /// Sum of squared distances of all rows to their nearest centroid.
  static double Loss(const TestVectors& rows, const std::vector<float>& centroids) {
    const std::uint32_t dim = rows.view().dim;
    double loss = 0;
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
      const std::vector<double> row = Row(rows, i);
      double best = std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < centroids.size(); c += dim) best = std::min(best, Squared(row, &centroids[c]));
      loss += best;
    }
    return loss;
  }

  /// Textbook k-means from rows spread over the data.
  static std::vector<float> PlainKMeans(const TestVectors& rows, std::uint32_t clusters) {
    const std::uint32_t dim = rows.view().dim;
    std::vector<float> centroids;
    for (std::uint32_t c = 0; c < clusters; ++c) {
      for (const double value : Row(rows, c * rows.count() / clusters)) centroids.push_back(static_cast<float>(value));
    }
    for (int iteration = 0; iteration < 10; ++iteration) {
      std::vector<double> sums(centroids.size());
      std::vector<double> counts(clusters);
      for (std::uint64_t i = 0; i < rows.count(); ++i) {
        const std::vector<double> row = Row(rows, i);
        std::uint32_t best = 0;
        for (std::uint32_t c = 1; c < clusters; ++c) {
          if (Squared(row, &centroids[c * dim]) < Squared(row, &centroids[best * dim])) best = c;
        }
        for (std::uint32_t d = 0; d < dim; ++d) sums[best * dim + d] += row[d];
        counts[best] += 1;
      }
      for (std::size_t i = 0; i < sums.size(); ++i) {
        if (counts[i / dim] > 0) centroids[i] = static_cast<float>(sums[i] / counts[i / dim]);
      }
    }
    return centroids;
  }
};

TEST_P(KMeansTest, SameBytesForAnyThreadsAndLevel) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const TestVectors rows = ClusteredVectors(element(), 3000, 21, kSeed);
  std::vector<float> expected;
  std::vector<std::uint32_t> expected_labels;
  for (const simd::Level level : simd::SupportedLevels()) {
    for (const unsigned threads : {1u, 2u, 5u}) {
      threads::Pool pool(threads);
      const ClusterInput input = Input(rows, pool, level);
      const auto centroids = TrainKMeans(input, {.clusters = 40, .rows_per_cluster = 60, .seed = kSeed});
      ASSERT_TRUE(centroids.ok()) << centroids.status();
      const auto labels = AssignRows(input, *centroids);
      ASSERT_TRUE(labels.ok()) << labels.status();
      if (expected.empty()) {
        expected = *centroids;
        expected_labels = *labels;
      }
      EXPECT_EQ(std::memcmp(centroids->data(), expected.data(), expected.size() * sizeof(float)), 0)
          << threads << " threads, " << simd::LevelName(level);
      EXPECT_EQ(*labels, expected_labels) << threads << " threads, " << simd::LevelName(level);
    }
  }
}

TEST_P(KMeansTest, ClustersAsWellAsTheTextbookAndAssignsTheNearest) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t kClusters = 12;
  const TestVectors rows = ClusteredVectors(element(), 900, 10, kSeed);
  threads::Pool pool(2);
  const ClusterInput input = Input(rows, pool, simd::BestLevel());
  const auto centroids = TrainKMeans(input, {.clusters = kClusters, .seed = kSeed});
  ASSERT_TRUE(centroids.ok()) << centroids.status();
  EXPECT_LT(Loss(rows, *centroids), 1.15 * Loss(rows, PlainKMeans(rows, kClusters)));
  const auto labels = AssignRows(input, *centroids);
  ASSERT_TRUE(labels.ok()) << labels.status();
  for (std::uint64_t i = 0; i < rows.count(); ++i) {
    const std::vector<double> row = Row(rows, i);
    const double got = Squared(row, centroids->data() + std::size_t{(*labels)[i]} * 10);
    for (std::uint32_t c = 0; c < kClusters; ++c) {
      ASSERT_LE(got, Squared(row, centroids->data() + std::size_t{c} * 10) * (1 + 1e-4) + 1e-4) << i << " " << c;
    }
  }
  if (metric() != Metric::kCosine) return;
  for (std::uint32_t c = 0; c < kClusters; ++c) {
    EXPECT_NEAR(Squared(std::vector<double>(10, 0.0), centroids->data() + std::size_t{c} * 10), 1.0, 1e-5);
  }
}

TEST_P(KMeansTest, AsManyClustersAsRowsAndRowsThatRepeat) {
  threads::Pool pool(2);
  TestVectors rows = ClusteredVectors(element(), 50, 6, kSeed);
  const auto each = TrainKMeans(Input(rows, pool, simd::BestLevel()), {.clusters = 50, .seed = kSeed});
  ASSERT_TRUE(each.ok()) << each.status();
  EXPECT_NEAR(Loss(rows, *each), 0.0, 1e-6 * Loss(rows, std::vector<float>(6)));
  for (std::uint64_t i = 0; i < rows.count(); ++i) {
    for (std::uint32_t d = 0; d < 6; ++d) rows.Set(i, d, static_cast<float>(i % 2 + d));
  }
  const auto two = TrainKMeans(Input(rows, pool, simd::BestLevel()), {.clusters = 9, .seed = kSeed});
  ASSERT_TRUE(two.ok()) << two.status();
  for (const float value : *two) EXPECT_TRUE(std::isfinite(value));
}

TEST_P(KMeansTest, StopsWhenCancelled) {
  const TestVectors rows = ClusteredVectors(element(), 500, 6, kSeed);
  threads::Pool pool(2);
  base::CancelFlag cancel;
  cancel.Cancel();
  ClusterInput input = Input(rows, pool, simd::BestLevel());
  input.monitor.cancel = &cancel;
  EXPECT_EQ(TrainKMeans(input, {.clusters = 5}).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(AssignRows(input, std::vector<float>(6)).status().code(), absl::StatusCode::kCancelled);
}

INSTANTIATE_TEST_SUITE_P(MetricsAndTypes, KMeansTest,
                         testing::Combine(testing::Values(Metric::kL2, Metric::kIp, Metric::kCosine),
                                          testing::Values(Element::kF32, Element::kF16, Element::kU8)),
                         [](const auto& test_case) {
                           return std::string(MetricName(std::get<0>(test_case.param))) + "_" +
                                  ElementName(std::get<1>(test_case.param));
                         });

// Goal: no list without rows while others are overfull. Method: nine tenths of the rows in a tight bunch, so that most
// clusters start there, and many far groups that need clusters of their own.
TEST(KMeans, MovesClustersToWhereTheRowsAre) {
  constexpr std::uint32_t kClusters = 32;
  TestVectors rows(Element::kF32, 6400, 4);
  base::Random random(kSeed);
  for (std::uint64_t i = 0; i < rows.count(); ++i) {
    const float group = i % 10 == 0 ? static_cast<float>(10 * (i / 10 % 40)) : 0.0f;
    for (std::uint32_t d = 0; d < 4; ++d) rows.Set(i, d, group * static_cast<float>(d + 1) + random.Unit());
  }
  threads::Pool pool(2);
  const ClusterInput input{rows.view(), Metric::kL2, &simd::KernelsFor(simd::BestLevel()), &pool, {}};
  const auto centroids = TrainKMeans(input, {.clusters = kClusters, .seed = kSeed});
  ASSERT_TRUE(centroids.ok()) << centroids.status();
  const auto labels = AssignRows(input, *centroids);
  ASSERT_TRUE(labels.ok()) << labels.status();
  for (std::uint32_t c = 0; c < kClusters; ++c) EXPECT_GT(std::count(labels->begin(), labels->end(), c), 0) << c;
}

}  // namespace
}  // namespace elanus::index
