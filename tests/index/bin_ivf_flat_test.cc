// BIN_IVF_FLAT against BIN_FLAT and the plain loop, and its clustering. The promises of every kind: contract_test.cc.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/vector_file.h"
#include "index/binary/kmajority.h"
#include "index/ivf/lists.h"
#include "tests/index/bit_support.h"
#include "tests/index/ivf_support.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 21;
constexpr std::uint64_t kRows = 1500;
constexpr std::uint32_t kDim = 150;
constexpr std::int64_t kLists = 24;

constexpr Metric kAllMetrics[] = {Metric::kHamming, Metric::kJaccard, Metric::kTanimoto, Metric::kSubstructure,
                                  Metric::kSuperstructure};

class BinIvfFlatTest : public testing::TestWithParam<Metric> {
 protected:
  BinIvfFlatTest()
      : rows_(MixedBits(kRows, kDim, kSeed)),
        queries_(MixedBits(60, kDim, kSeed + 1)),
        pool_(2),
        request_(MakeRequest(rows_.view(), GetParam(), kLists, pool_)),
        ivf_(MakeIndex(Kind::kBinIvfFlat, request_)) {}

  TestVectors rows_;
  TestVectors queries_;
  threads::Pool pool_;
  BuildRequest request_;
  std::unique_ptr<Index> ivf_;
};

TEST_P(BinIvfFlatTest, WithAllListsEqualsBinFlat) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> flat = MakeIndex(Kind::kBinFlat, request_);
  OwnedFilter filter(kRows);
  for (std::uint32_t row = 1; row < kRows; row += 3) filter.Allow(row);
  for (const std::uint32_t k : {1u, 10u, 200u}) {
    EXPECT_EQ(Ask(*ivf_, queries_.view(), k, kLists), Ask(*flat, queries_.view(), k, 1));
    EXPECT_EQ(Ask(*ivf_, queries_.view(), k, kListsMax), Ask(*flat, queries_.view(), k, 1));
    EXPECT_EQ(Ask(*ivf_, queries_.view(), k, kLists, filter.get()), Ask(*flat, queries_.view(), k, 1, filter.get()));
  }
}

// nprobe lists are those whose centroids are nearest by the index's own distance; containment looks at all.
TEST_P(BinIvfFlatTest, SearchesTheNearestLists) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t k = 5;
  constexpr std::int64_t kProbes = 4;
  const std::vector<std::vector<std::uint32_t>> lists = RowsOfLists(ivf_->image());
  TestVectors centroids(Element::kBit, kLists, kDim);
  const auto words = SectionOf<std::uint32_t>(ivf_->image(), SectionId::kCentroids);
  for (std::uint32_t l = 0; l < kLists; ++l) {  // fewer than 32 lists: column d is word d
    for (std::uint32_t d = 0; d < kDim; ++d) centroids.Set(l, d, static_cast<float>(words[d] >> l & 1));
  }
  const Metric rank = GetParam() == Metric::kHamming ? Metric::kHamming : Metric::kJaccard;
  const Answers answers = Ask(*ivf_, queries_.view(), k, kProbes);
  for (std::uint64_t q = 0; q < queries_.count(); ++q) {
    SCOPED_TRACE(testing::Message() << "query " << q);
    const auto order = PlainSearch(rank, queries_, q, centroids);
    OwnedFilter visited(kRows);
    std::size_t probes = Contains(GetParam()) ? kLists : kProbes;
    for (std::size_t i = 0; i < order.size() && (i < probes || visited.get()->allowed < k); ++i) {
      for (const std::uint32_t row : lists[order[i].second]) visited.Allow(row);
    }
    const auto expected = PlainSearch(GetParam(), queries_, q, rows_, visited.get());
    ASSERT_EQ(answers.counts[q], std::min<std::size_t>(k, expected.size()));
    for (std::uint32_t i = 0; i < answers.counts[q]; ++i) {
      ASSERT_EQ(answers.rows[q * k + i], expected[i].second);
      ASSERT_EQ(answers.distances[q * k + i], expected[i].first);
    }
  }
}

TEST_P(BinIvfFlatTest, RefusesWhatDoesNotFit) {
  BuildRequest many = request_;
  many.params.nlist = static_cast<std::int64_t>(kRows) + 1;
  EXPECT_EQ(BuildIndex(Kind::kBinIvfFlat, many).status().code(), absl::StatusCode::kInvalidArgument);
  std::vector<std::uint32_t> rows(60), counts(60);
  std::vector<float> distances(60);
  Workspace workspace;
  SearchRequest request{.queries = queries_.view(), .k = 1, .params = {}};
  for (const std::int64_t nprobe : {std::int64_t{0}, kListsMax + 1}) {
    request.params.nprobe = nprobe;
    const absl::Status status =
        ivf_->Search(request, workspace, {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("nprobe"));
  }
}

TEST_P(BinIvfFlatTest, RefusesDamagedSections) {
  const Image& intact = ivf_->image();
  const auto refused = [&](Image image) {
    return OpenIndex(std::move(image), simd::KernelsFor(simd::Level::kScalar)).status().code() ==
           absl::StatusCode::kDataLoss;
  };
  for (const SectionId id :
       {SectionId::kCodes, SectionId::kRowIds, SectionId::kPopcounts, SectionId::kColumnCounts, SectionId::kCentroids,
        SectionId::kCentroidPopcounts, SectionId::kListOffsets, SectionId::kListLengths}) {
    if (intact.section(id).empty()) continue;
    EXPECT_TRUE(refused(WithSectionSize(intact, id, 0))) << static_cast<int>(id);
    EXPECT_TRUE(refused(WithSectionSize(intact, id, intact.section(id).size() - 4))) << static_cast<int>(id);
  }
  Image no_row = WithSectionSize(intact, SectionId::kRowIds, intact.section(SectionId::kRowIds).size());
  std::memset(no_row.MutableSection(SectionId::kRowIds).data(), 255, 4);
  EXPECT_TRUE(refused(std::move(no_row)));
  if (Contains(GetParam())) return;
  const std::size_t bytes = intact.section(SectionId::kCentroidPopcounts).size();
  Image popcount = WithSectionSize(intact, SectionId::kCentroidPopcounts, bytes);
  std::memset(popcount.MutableSection(SectionId::kCentroidPopcounts).data(), 1, 4);
  EXPECT_TRUE(refused(std::move(popcount)));
}

INSTANTIATE_TEST_SUITE_P(, BinIvfFlatTest, testing::ValuesIn(kAllMetrics),
                         [](const auto& test_case) { return std::string(MetricName(test_case.param)); });

TEST(BinIvfFlat, RecallOnMoleculesGrowsWithNprobe) {
  const io::VectorOptions bits{.as_bits = true};
  const auto base = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/molecule_base.npy", bits);
  const auto queries = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/molecule_query.npy", bits);
  ASSERT_TRUE(base.ok() && queries.ok());
  threads::Pool pool(2);
  for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
    SCOPED_TRACE(MetricName(metric));
    const BuildRequest request = MakeRequest(base->vectors(), metric, 48, pool);
    const std::unique_ptr<Index> ivf = MakeIndex(Kind::kBinIvfFlat, request);
    const Answers truth = Ask(*MakeIndex(Kind::kBinFlat, request), queries->vectors(), 10, 1);
    const auto recall = [&](std::int64_t nprobe) {
      const Answers answers = Ask(*ivf, queries->vectors(), 10, nprobe);
      double right = 0;
      for (std::size_t i = 0; i < answers.rows.size(); ++i) {
        right += answers.distances[i] <= truth.distances[i / 10 * 10 + 9];
      }
      return right / static_cast<double>(answers.rows.size());
    };
    EXPECT_GT(recall(1), 0.35);
    EXPECT_LT(recall(1), 0.85);
    EXPECT_GT(recall(12), 0.85);
    EXPECT_EQ(recall(48), 1.0);
  }
}

/// Rows of `clusters` groups: each group's own 40 bits, some of them missing, and a few others.
TestVectors PlantedRows(std::uint64_t count, std::uint32_t clusters) {
  TestVectors rows(Element::kBit, count, clusters * 40);
  base::Random random(kSeed);
  for (std::uint64_t i = 0; i < count; ++i) {
    for (std::uint32_t d = 0; d < clusters * 40; ++d) {
      const float part = d / 40 == i % clusters ? 0.8f : 0.02f;
      rows.Set(i, d, random.Unit() < part ? 1.0f : 0.0f);
    }
  }
  return rows;
}

TEST(KMajority, KeepsPlantedClustersApartAndMakesMajorities) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t kClusters = 6;
  const TestVectors rows = PlantedRows(900, kClusters);
  threads::Pool pool(3);
  for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
    SCOPED_TRACE(MetricName(metric));
    const BitClusterInput input{rows.view(), metric, &simd::KernelsFor(simd::BestLevel()), &pool, {}};
    const auto centroids = TrainKMajority(input, 10 * kClusters, kSeed);
    ASSERT_TRUE(centroids.ok());
    const auto labels = AssignBits(input, *centroids);
    ASSERT_TRUE(labels.ok());
    std::vector<std::int64_t> planted(10 * kClusters, -1);
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
      std::int64_t& of_label = planted[(*labels)[i]];
      if (of_label < 0) of_label = static_cast<std::int64_t>(i % kClusters);
      ASSERT_EQ(of_label, static_cast<std::int64_t>(i % kClusters))
          << "row " << i << " shares a cluster with rows of another group";
    }
    threads::Pool one(1);
    const BitClusterInput again{rows.view(), metric, &simd::KernelsFor(simd::Level::kScalar), &one, {}};
    EXPECT_EQ(TrainKMajority(again, 10 * kClusters, kSeed)->bytes, centroids->bytes);
    EXPECT_NE(TrainKMajority(again, 10 * kClusters, kSeed + 1)->bytes, centroids->bytes);
  }
}

TEST(KMajority, AssignsToTheNearestCentroidTiesToTheSmaller) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const TestVectors rows = MixedBits(300, 77, kSeed);
  threads::Pool pool(2);
  for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
    const BitClusterInput input{rows.view(), metric, &simd::KernelsFor(simd::BestLevel()), &pool, {}};
    const auto centroids = TrainKMajority(input, 40, kSeed);
    ASSERT_TRUE(centroids.ok());
    TestVectors plain(Element::kBit, 40, 77);
    for (std::uint32_t c = 0; c < 40; ++c) {
      for (std::uint32_t d = 0; d < 77; ++d) {
        const auto byte = static_cast<std::uint8_t>(centroids->view().row(c)[d / 8]);
        plain.Set(c, d, static_cast<float>(byte >> (d % 8) & 1));
      }
    }
    const auto labels = AssignBits(input, *centroids);
    ASSERT_TRUE(labels.ok());
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
      ASSERT_EQ((*labels)[i], PlainSearch(metric, rows, i, plain).front().second) << "row " << i;
    }
  }
}

TEST(KMajority, TakesAsManyClustersAsRowsAndRowsThatAreAllTheSame) {
  const TestVectors rows = MixedBits(64, 30, kSeed);
  const TestVectors same(Element::kBit, 64, 30);
  threads::Pool pool(2);
  for (const TestVectors* data : {&rows, &same}) {
    const BitClusterInput input{data->view(), Metric::kHamming, &simd::KernelsFor(simd::BestLevel()), &pool, {}};
    const auto centroids = TrainKMajority(input, 64, kSeed);
    ASSERT_TRUE(centroids.ok());
    EXPECT_EQ(centroids->view().count, 64u);
    const auto labels = AssignBits(input, *centroids);
    ASSERT_TRUE(labels.ok());
    EXPECT_LT(*std::max_element(labels->begin(), labels->end()), 64u);
  }
}

}  // namespace
}  // namespace elanus::index
