// IVF_FLAT: what it visits, against FLAT restricted to the same rows. The promises of every kind: contract_test.cc.
#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/vector_file.h"
#include "index/ivf/lists.h"
#include "tests/index/ivf_support.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 5;
constexpr std::uint64_t kRows = 2500;
constexpr std::int64_t kLists = 20;

using Case = std::tuple<Metric, Element>;

class IvfFlatTest : public testing::TestWithParam<Case> {
 protected:
  // 500 components: the codes of 256 rows fill a tile, so that lists are cut into several.
  IvfFlatTest()
      : dim_(std::get<1>(GetParam()) == Element::kU8 ? 500 : 40),
        rows_(ClusteredVectors(std::get<1>(GetParam()), kRows, dim_, kSeed)),
        queries_(ClusteredVectors(std::get<1>(GetParam()), 30, dim_, kSeed + 1)),
        pool_(2),
        request_(MakeRequest(rows_.view(), std::get<0>(GetParam()), kLists, pool_)),
        ivf_(MakeIndex(Kind::kIvfFlat, request_)),
        flat_(MakeIndex(Kind::kFlat, request_)) {}

  base::Vectors Query(std::uint64_t q) const { return queries_.view().Slice(q, 1); }

  /// Lists by distance of their centroid: by the distance itself, not by what the index does.
  std::vector<std::uint32_t> ListOrder(std::uint64_t q) const {
    const auto centroids = SectionOf<float>(ivf_->image(), SectionId::kCentroids);
    const std::size_t stride = centroids.size() / kLists;
    std::vector<std::pair<double, std::uint32_t>> order;
    for (std::uint32_t list = 0; list < kLists; ++list) {
      double l2 = 0;
      double ip = 0;
      for (std::uint32_t d = 0; d < dim_; ++d) {
        const double x = queries_.At(q, d);
        const double c = centroids[list * stride + d];
        l2 += (x - c) * (x - c);
        ip += x * c;
      }
      order.emplace_back(std::get<0>(GetParam()) == Metric::kL2 ? l2 : -ip, list);
    }
    std::sort(order.begin(), order.end());
    std::vector<std::uint32_t> lists;
    for (const auto& [distance, list] : order) lists.push_back(list);
    return lists;
  }

  /// The rows of the first `count` lists of query q, of those that `allowed` lets through.
  OwnedFilter RowsOf(std::uint64_t q, std::size_t count, const std::function<bool(std::uint32_t)>& allowed) const {
    const std::vector<std::vector<std::uint32_t>> lists = RowsOfLists(ivf_->image());
    const std::vector<std::uint32_t> order = ListOrder(q);
    OwnedFilter filter(kRows);
    for (std::size_t i = 0; i < count; ++i) {
      for (const std::uint32_t row : lists[order[i]]) {
        if (allowed(row)) filter.Allow(row);
      }
    }
    return filter;
  }

  std::uint32_t dim_;
  TestVectors rows_;
  TestVectors queries_;
  threads::Pool pool_;
  BuildRequest request_;
  std::unique_ptr<Index> ivf_;
  std::unique_ptr<Index> flat_;
};

TEST_P(IvfFlatTest, AllListsAnswerAsFlatBitForBit) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  OwnedFilter third(kRows);
  for (std::uint32_t row = 0; row < kRows; row += 3) third.Allow(row);
  OwnedFilter few(kRows);
  for (std::uint32_t row = 7; row < kRows; row += 311) few.Allow(row);
  for (const RowFilter* filter : {static_cast<const RowFilter*>(nullptr), third.get(), few.get()}) {
    for (const std::uint32_t k : {1u, 10u, 2600u}) {
      const Answers expected = Ask(*flat_, queries_.view(), k, 1, filter);
      EXPECT_EQ(Ask(*ivf_, queries_.view(), k, kLists, filter), expected) << "k " << k;
      EXPECT_EQ(Ask(*ivf_, queries_.view(), k, 65536, filter), expected) << "k " << k;
    }
  }
}

// Goal: exactly the nprobe nearest lists, in both orders of scanning: query by query (one query), list by list (many).
TEST_P(IvfFlatTest, VisitsTheNearestLists) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const auto even = [](std::uint32_t row) { return row % 2 == 0; };
  OwnedFilter evens(kRows);
  for (std::uint32_t row = 0; row < kRows; row += 2) evens.Allow(row);
  constexpr std::uint32_t kWanted = 3;
  for (const std::int64_t nprobe : {1, 2, 7}) {
    const Answers all = Ask(*ivf_, queries_.view(), kWanted, nprobe);
    const Answers all_even = Ask(*ivf_, queries_.view(), kWanted, nprobe, evens.get());
    std::uint32_t compared = 0;
    for (std::uint64_t q = 0; q < queries_.count(); ++q) {
      SCOPED_TRACE(testing::Message() << "query " << q << ", nprobe " << nprobe);
      OwnedFilter visited = RowsOf(q, static_cast<std::size_t>(nprobe), [](std::uint32_t) { return true; });
      OwnedFilter visited_even = RowsOf(q, static_cast<std::size_t>(nprobe), even);
      if (visited_even.filter.allowed < kWanted) continue;  // would visit more lists: the next test
      ++compared;
      const Answers expected = Ask(*flat_, Query(q), kWanted, 1, visited.get());
      EXPECT_EQ(Ask(*ivf_, Query(q), kWanted, nprobe), expected);
      EXPECT_TRUE(std::equal(expected.rows.begin(), expected.rows.end(), all.rows.begin() + q * kWanted));
      const Answers expected_even = Ask(*flat_, Query(q), kWanted, 1, visited_even.get());
      EXPECT_EQ(Ask(*ivf_, Query(q), kWanted, nprobe, evens.get()), expected_even);
      EXPECT_TRUE(
          std::equal(expected_even.rows.begin(), expected_even.rows.end(), all_even.rows.begin() + q * kWanted));
    }
    EXPECT_GE(compared, 20u) << nprobe;
  }
}

TEST_P(IvfFlatTest, VisitsFurtherListsInOrderUntilThereAreEnoughRows) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t kWanted = 600;
  const Answers all = Ask(*ivf_, queries_.view(), kWanted, 2);
  for (std::uint64_t q = 0; q < queries_.count(); ++q) {
    SCOPED_TRACE(testing::Message() << "query " << q);
    std::size_t lists = 2;
    while (RowsOf(q, lists, [](std::uint32_t) { return true; }).filter.allowed < kWanted) ++lists;
    OwnedFilter visited = RowsOf(q, lists, [](std::uint32_t) { return true; });
    const Answers expected = Ask(*flat_, Query(q), kWanted, 1, visited.get());
    EXPECT_EQ(Ask(*ivf_, Query(q), kWanted, 2), expected);
    EXPECT_TRUE(std::equal(expected.rows.begin(), expected.rows.end(), all.rows.begin() + q * kWanted));
  }
}

TEST_P(IvfFlatTest, RangeSearchIsExactWithinTheListsItVisits) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  Workspace workspace;
  for (const std::int64_t nprobe : {std::int64_t{3}, kLists}) {
    RangeRequest request;
    request.queries = queries_.view();
    request.radius = Ask(*flat_, Query(0), 60, 1).distances[59];
    request.params.nprobe = nprobe;
    const auto found = ivf_->RangeSearch(request, workspace);
    ASSERT_TRUE(found.ok()) << found.status();
    for (std::uint64_t q = 0; q < queries_.count(); ++q) {
      OwnedFilter visited = RowsOf(q, static_cast<std::size_t>(nprobe), [](std::uint32_t) { return true; });
      RangeRequest one = request;
      one.queries = Query(q);
      one.filter = visited.get();
      const auto expected = flat_->RangeSearch(one, workspace);
      ASSERT_TRUE(expected.ok()) << expected.status();
      ASSERT_EQ((*found)[q].size(), (*expected)[0].size()) << "query " << q << ", nprobe " << nprobe;
      for (std::size_t i = 0; i < (*found)[q].size(); ++i) {
        EXPECT_EQ((*found)[q][i].row, (*expected)[0][i].row);
        EXPECT_EQ((*found)[q][i].distance, (*expected)[0][i].distance);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(MetricsAndTypes, IvfFlatTest,
                         testing::Combine(testing::Values(Metric::kL2, Metric::kIp, Metric::kCosine),
                                          testing::Values(Element::kF32, Element::kBf16, Element::kI8, Element::kU8)),
                         [](const auto& test_case) {
                           return std::string(MetricName(std::get<0>(test_case.param))) + "_" +
                                  ElementName(std::get<1>(test_case.param));
                         });

TEST(IvfFlat, RefusesListsAndProbesThatDoNotFit) {
  const TestVectors rows = ClusteredVectors(Element::kF32, 10, 4, kSeed);
  threads::Pool pool(1);
  const auto more = BuildIndex(Kind::kIvfFlat, MakeRequest(rows.view(), Metric::kL2, 11, pool));
  EXPECT_EQ(more.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(more.status().message()),
              testing::AllOf(testing::HasSubstr("'nlist' (11)"), testing::HasSubstr("rows (10)")));
  const Spec huge{Kind::kIvfFlat, Metric::kL2, Element::kF32, 4, base::kRowsMax};
  EXPECT_EQ(PlanIndex(huge, {}).status().code(), absl::StatusCode::kInvalidArgument);

  const std::unique_ptr<Index> index = MakeIndex(Kind::kIvfFlat, MakeRequest(rows.view(), Metric::kL2, 10, pool));
  std::uint32_t row = 0;
  float distance = 0;
  std::uint32_t count = 0;
  Workspace workspace;
  for (const std::int64_t nprobe : {0, 65537}) {
    SearchRequest request{.queries = rows.view().Slice(0, 1), .k = 1, .params = {}};
    request.params.nprobe = nprobe;
    EXPECT_EQ(index->Search(request, workspace, {{&row, 1}, {&distance, 1}, {&count, 1}}).code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST(IvfFlat, ListsFillTheirGroupsInOrder) {
  const TestVectors rows = ClusteredVectors(Element::kU8, 700, 8, kSeed);
  threads::Pool pool(2);
  const Image image = MakeImage(Kind::kIvfFlat, MakeRequest(rows.view(), Metric::kL2, 9, pool));
  EXPECT_EQ(SectionOf<std::uint32_t>(image, SectionId::kRowIds).size(), 32 * ListGroups(700, 9));
  std::vector<bool> seen(700, false);
  for (const std::vector<std::uint32_t>& list : RowsOfLists(image)) {
    EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
    for (const std::uint32_t row : list) {
      EXPECT_FALSE(seen[row]);
      seen[row] = true;
    }
  }
  EXPECT_EQ(std::count(seen.begin(), seen.end(), true), 700);
}

// Goal: no number of a damaged file is used as a position. Method: one change each; Open must name it.
TEST(IvfFlat, OpenRefusesDamagedSections) {
  const TestVectors rows = ClusteredVectors(Element::kF32, 300, 8, kSeed);
  threads::Pool pool(1);
  const BuildRequest request = MakeRequest(rows.view(), Metric::kCosine, 5, pool);
  const auto refused = [&](Image image) {
    return OpenIndex(std::move(image), *request.kernels).status().code() == absl::StatusCode::kDataLoss;
  };
  const auto with_number = [&](SectionId id, std::size_t at, std::uint32_t value) {
    Image image = MakeImage(Kind::kIvfFlat, request);
    std::memcpy(image.MutableSection(id).data() + at * sizeof(value), &value, sizeof(value));
    return image;
  };
  const Image intact = MakeImage(Kind::kIvfFlat, request);
  const auto offsets = SectionOf<std::uint32_t>(intact, SectionId::kListOffsets);
  const auto lengths = SectionOf<std::uint32_t>(intact, SectionId::kListLengths);
  constexpr std::uint32_t kNan = 0x7FC00000;
  EXPECT_FALSE(refused(WithSectionSize(intact, SectionId::kParams, 4)));
  EXPECT_TRUE(refused(with_number(SectionId::kListOffsets, 1, 0))) << "overlap";
  EXPECT_TRUE(refused(with_number(SectionId::kListOffsets, 4, offsets[4] + 100))) << "past the groups";
  EXPECT_TRUE(refused(with_number(SectionId::kListOffsets, 4, 0xFFFFFFFFu))) << "past the groups";
  EXPECT_TRUE(refused(with_number(SectionId::kListLengths, 4, lengths[4] + 1))) << "one row too many";
  EXPECT_TRUE(refused(with_number(SectionId::kListLengths, 4, 0xFFFFFFFFu))) << "past the groups";
  EXPECT_TRUE(refused(with_number(SectionId::kRowIds, std::size_t{offsets[2]} * 32, kNoRow))) << "a hole";
  EXPECT_TRUE(refused(with_number(SectionId::kRowIds, 0, 300))) << "no such row";
  EXPECT_TRUE(refused(with_number(SectionId::kCentroids, 17, kNan)));
  EXPECT_TRUE(refused(with_number(SectionId::kCentroidCodes, 512 / 4, kNan))) << "bias of centroid 0";
  EXPECT_TRUE(refused(with_number(SectionId::kCodec, 3, kNan)));
  for (const SectionId id : {SectionId::kRows, SectionId::kCodes, SectionId::kRowIds, SectionId::kBias,
                             SectionId::kCodec, SectionId::kCentroids, SectionId::kListOffsets, SectionId::kListLengths,
                             SectionId::kRowScale, SectionId::kCentroidCodes}) {
    EXPECT_TRUE(refused(WithSectionSize(intact, id, 0))) << "no section " << static_cast<int>(id);
    EXPECT_TRUE(refused(WithSectionSize(intact, id, intact.section(id).size() - 4))) << static_cast<int>(id);
    EXPECT_TRUE(refused(WithSectionSize(intact, id, intact.section(id).size() + 4))) << static_cast<int>(id);
  }
}

TEST(IvfFlat, RecallOnPicturesGrowsWithNprobe) {
  const auto base = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/image_base.bvecs", {});
  const auto queries = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/image_query.bvecs", {});
  ASSERT_TRUE(base.ok() && queries.ok());
  threads::Pool pool(2);
  const BuildRequest request = MakeRequest(base->vectors(), Metric::kL2, 64, pool);
  const std::unique_ptr<Index> ivf = MakeIndex(Kind::kIvfFlat, request);
  const Answers truth = Ask(*MakeIndex(Kind::kFlat, request), queries->vectors(), 10, 1);
  const auto recall = [&](std::int64_t nprobe) {
    const Answers answers = Ask(*ivf, queries->vectors(), 10, nprobe);
    double right = 0;
    for (std::size_t i = 0; i < answers.rows.size(); ++i) {
      right += answers.distances[i] <= truth.distances[i / 10 * 10 + 9];
    }
    return right / static_cast<double>(answers.rows.size());
  };
  EXPECT_GT(recall(1), 0.4);
  EXPECT_LT(recall(1), 0.8);
  EXPECT_GT(recall(8), 0.95);
  EXPECT_EQ(recall(64), 1.0);
}

}  // namespace
}  // namespace elanus::index
