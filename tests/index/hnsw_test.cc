#include "index/hnsw/hnsw.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "index/hnsw/frontier.h"
#include "index/hnsw/permutation.h"
#include "index/hnsw/sections.h"
#include "index/hnsw/select.h"
#include "index/search.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing::HasSubstr;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 20261123;
constexpr std::uint64_t kRows = 3000;  // more than 20 ef: searches walk the graph instead of scanning
constexpr std::uint64_t kQueries = 40;
constexpr std::uint32_t kDim = 20;

TEST(Permutation, IsABijectionThatDependsOnTheSeed) {
  for (const std::uint64_t count : {1u, 2u, 3u, 17u, 1000u, 4097u}) {
    const Permutation a(count, 1);
    const Permutation b(count, 2);
    std::set<std::uint64_t> images;
    std::uint64_t same = 0;
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_LT(a(i), count);
      images.insert(a(i));
      same += a(i) == b(i);
    }
    EXPECT_EQ(images.size(), count);
    if (count > 100) {
      EXPECT_LT(same, count / 20);
    }
  }
}

TEST(GraphShape, LevelsShrinkByMAndOffsetsAddUp) {
  const GraphShape shape(1000, 8);
  ASSERT_EQ(shape.levels(), 4u);
  EXPECT_EQ(shape.nodes(0), 1000u);
  EXPECT_EQ(shape.nodes(1), 125u);
  EXPECT_EQ(shape.nodes(2), 15u);
  EXPECT_EQ(shape.nodes(3), 1u);
  EXPECT_EQ(shape.nodes(4), 0u);
  EXPECT_EQ(shape.offset(2), 125u * 8);
  EXPECT_EQ(shape.offset(4), (125u + 15 + 1) * 8);
  EXPECT_EQ(GraphShape(1, 2).levels(), 1u);
  EXPECT_EQ(GraphShape(1, 2).stride(0), 16u);  // a cache line
}

/// Both forms of frontier keep the same nodes and expand them in the same order.
TEST(Frontier, SortedArrayAndHeapsAgree) {
  base::Random random(kSeed);
  SortedFrontier sorted;
  HeapFrontier heaps;
  for (int round = 0; round < 50; ++round) {
    const std::size_t capacity = 1 + random.Below(40);
    sorted.Reset(capacity);
    heaps.Reset(capacity, {});
    std::uint32_t node = 0;
    for (int step = 0; step < 60; ++step) {
      for (std::uint64_t pushed = random.Below(9); pushed > 0; --pushed, ++node) {
        const auto score = static_cast<Score>(random.Below(100));  // many ties
        sorted.Push(score, node);
        heaps.Push(score, node);
      }
      ASSERT_EQ(sorted.limit(), heaps.limit());
      ASSERT_EQ(sorted.Peek(), heaps.Peek());
      ASSERT_EQ(sorted.Next(), heaps.Next());
    }
    const auto a = sorted.Results();
    const auto b = heaps.Results();
    ASSERT_EQ(std::vector<ScoredNode>(a.begin(), a.end()), std::vector<ScoredNode>(b.begin(), b.end()));
  }
}

struct Answers {
  std::vector<std::uint32_t> rows;
  std::vector<float> distances;
  std::vector<std::uint32_t> counts;
  bool operator==(const Answers&) const = default;
};

class HnswTest : public testing::Test {
 protected:
  HnswTest() { Fill(Element::kF32, Metric::kL2); }

  void Fill(Element element, Metric metric) {
    base_ = std::make_unique<TestVectors>(ClusteredVectors(element, kRows, kDim, kSeed));
    queries_ = std::make_unique<TestVectors>(ClusteredVectors(element, kQueries, kDim, kSeed + 1));
    metric_ = metric;
  }

  Image BuildImage(unsigned threads = 2, simd::Level level = simd::BestLevel()) const {
    threads::Pool pool(threads);
    BuildRequest request;
    request.base = base_->view();
    request.metric = metric_;
    request.params.M = 8;
    request.params.ef_construction = 60;
    request.kernels = &simd::KernelsFor(level);
    request.pool = &pool;
    absl::StatusOr<Image> image = BuildIndex(Kind::kHnsw, request);
    EXPECT_TRUE(image.ok()) << image.status();
    return std::move(image).value();
  }

  static std::unique_ptr<Index> Open(Image image, simd::Level level = simd::BestLevel()) {
    absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(std::move(image), simd::KernelsFor(level));
    EXPECT_TRUE(index.ok()) << index.status();
    return std::move(index).value();
  }

  Answers Search(const Index& index, std::uint32_t k, std::int64_t ef, const RowFilter* filter = nullptr,
                 std::uint32_t batch = 1000) const {
    Answers answers{std::vector<std::uint32_t>(kQueries * k), std::vector<float>(kQueries * k),
                    std::vector<std::uint32_t>(kQueries)};
    threads::Pool pool(1);
    Searcher searcher(index, pool, batch);
    const absl::Status status = searcher.Search(
        {.queries = queries_->view(), .k = k, .params = {.ef = ef}, .filter = filter},
        {absl::MakeSpan(answers.rows), absl::MakeSpan(answers.distances), absl::MakeSpan(answers.counts)});
    EXPECT_TRUE(status.ok()) << status;
    return answers;
  }

  /// Part of the answers that are no worse than the true k-th of the allowed rows.
  double Recall(const Answers& answers, std::uint32_t k, const std::vector<bool>& allowed) const {
    std::size_t right = 0;
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      std::vector<double> plain;
      for (std::uint64_t x = 0; x < kRows; ++x) {
        if (allowed[x]) plain.push_back(PlainDistance(metric_, *queries_, q, *base_, x));
      }
      std::nth_element(plain.begin(), plain.begin() + k - 1, plain.end());
      for (std::uint32_t i = 0; i < k; ++i) {
        const std::uint32_t row = answers.rows[q * k + i];
        EXPECT_LT(row, kRows);
        if (row >= kRows) return 0;
        EXPECT_TRUE(allowed[row]);
        const double distance = PlainDistance(metric_, *queries_, q, *base_, row);
        right += distance <= plain[k - 1] + 1e-5 * (1 + std::abs(distance));
      }
    }
    return static_cast<double>(right) / static_cast<double>(kQueries * k);
  }
  double Recall(const Answers& answers, std::uint32_t k) const {
    return Recall(answers, k, std::vector<bool>(kRows, true));
  }

  std::unique_ptr<TestVectors> base_;
  std::unique_ptr<TestVectors> queries_;
  Metric metric_ = Metric::kL2;
};

TEST_F(HnswTest, WalksFindNearlyAllAndMoreWithLargerEf) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::tuple<Element, Metric> cases[] = {{Element::kF32, Metric::kL2},    {Element::kF16, Metric::kCosine},
                                               {Element::kBf16, Metric::kL2},   {Element::kU8, Metric::kL2},
                                               {Element::kU8, Metric::kCosine}, {Element::kI8, Metric::kL2},
                                               {Element::kI8, Metric::kIp},     {Element::kU8, Metric::kIp},
                                               {Element::kF32, Metric::kIp},    {Element::kF32, Metric::kCosine}};
  for (const auto& [element, metric] : cases) {
    SCOPED_TRACE(testing::Message() << ElementName(element) << " " << MetricName(metric));
    Fill(element, metric);
    const std::unique_ptr<Index> index = Open(BuildImage());
    const double narrow = Recall(Search(*index, 10, 10), 10);
    const double wide = Recall(Search(*index, 10, 100), 10);
    EXPECT_GE(narrow, metric == Metric::kIp ? 0.4 : 0.7);
    EXPECT_GE(wide, metric == Metric::kIp ? 0.9 : 0.98);
    EXPECT_GE(wide, narrow);
  }
}

TEST_F(HnswTest, WalkGivesTheSameAnswersForAnyBatchLevelAndStorage) {
  for (const Element element : {Element::kF32, Element::kU8}) {
    SCOPED_TRACE(ElementName(element));
    Fill(element, Metric::kL2);
    const Answers expected = Search(*Open(BuildImage(1, simd::Level::kScalar), simd::Level::kScalar), 10, 40);
    for (const simd::Level level : simd::SupportedLevels()) {
      const std::unique_ptr<Index> index = Open(BuildImage(3, level), level);
      for (const std::uint32_t batch : {1u, 2u, 9u, 1000u}) {
        EXPECT_EQ(Search(*index, 10, 40, nullptr, batch), expected) << simd::LevelName(level) << ", batch " << batch;
      }
    }
  }
}

TEST_F(HnswTest, TheFirstOfManyAreTheFew) {
  const std::unique_ptr<Index> index = Open(BuildImage());
  for (const auto& [few, many, ef] : {std::tuple{3u, 30u, 0}, std::tuple{10u, 40u, 50}}) {
    const Answers small = Search(*index, few, ef);
    const Answers large = Search(*index, many, ef);
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      for (std::uint32_t i = 0; i < few; ++i) EXPECT_EQ(small.rows[q * few + i], large.rows[q * many + i]);
    }
  }
}

TEST_F(HnswTest, FiltersAreWalkedThroughOrScanned) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = Open(BuildImage());
  for (const std::uint64_t step : {1u, 2u, 3u, 50u}) {  // ef 12: walks for the first three, a scan for the last
    std::vector<bool> allowed(kRows, false);
    std::vector<std::uint64_t> bits((kRows + 63) / 64, 0);
    RowFilter filter{bits, 0};
    for (std::uint64_t row = 0; row < kRows; row += step, ++filter.allowed) {
      allowed[row] = true;
      bits[row / 64] |= std::uint64_t{1} << (row % 64);
    }
    const Answers answers = Search(*index, 10, 12, &filter);
    EXPECT_GE(Recall(answers, 10, allowed), step == 50 ? 1.0 : 0.7) << step;
  }
}

TEST_F(HnswTest, LargeEfWalksWithHeaps) {
  Fill(Element::kU8, Metric::kL2);
  const std::unique_ptr<Index> index = Open(BuildImage());
  const Answers sorted = Search(*index, 5, 100);
  std::vector<std::uint64_t> bits((kRows + 63) / 64, ~std::uint64_t{0});
  bits.back() >>= 64 - kRows % 64;
  const RowFilter everything{bits, kRows};
  EXPECT_EQ(Search(*index, 5, 100, &everything), sorted);  // filters walk with heaps, too
}

TEST_F(HnswTest, RefusesAnEfBelowK) {
  const std::unique_ptr<Index> index = Open(BuildImage());
  Workspace workspace;
  std::vector<std::uint32_t> rows(kQueries * 10);
  std::vector<float> distances(kQueries * 10);
  std::vector<std::uint32_t> counts(kQueries);
  const absl::Status status = index->Search({.queries = queries_->view(), .k = 10, .params = {.ef = 1}}, workspace,
                                            {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("ef(1) should be 0 or not smaller than k(10): raise ef or lower k"));
}

TEST_F(HnswTest, PlanRefusesParametersOutOfRange) {
  const Spec spec{Kind::kHnsw, Metric::kL2, Element::kF32, kDim, kRows};
  const auto message = [&](const Spec& s, std::int64_t M, std::int64_t ef) {
    BuildParams params;
    params.M = M;
    params.ef_construction = ef;
    return std::string(PlanIndex(s, params).status().message());
  };
  EXPECT_EQ(message(spec, 2, 1), "");
  EXPECT_EQ(message(spec, 2048, 0x7FFFFFFF), "");
  EXPECT_THAT(message(spec, 1, 100), HasSubstr("param 'M' (1) should be in range [2, 2048]"));
  EXPECT_THAT(message(spec, 2049, 100), HasSubstr("param 'M' (2049)"));
  EXPECT_THAT(message(spec, 8, 0), HasSubstr("param 'efConstruction' (0) should be in range [1, 2147483647]"));
  EXPECT_THAT(message({Kind::kHnsw, Metric::kL2, Element::kF32, kDim, std::uint64_t{1} << 31}, 8, 9),
              HasSubstr("2147483648"));
}

/// A copy of an image with one section changed.
template <class T>
Image WithChanged(const Image& image, SectionId id, std::size_t at, std::vector<T> values) {
  Image copy(image.spec());
  for (std::uint32_t i = 1; i < 64; ++i) {
    const auto section = image.section(static_cast<SectionId>(i));
    if (section.empty()) continue;
    const absl::StatusOr<absl::Span<std::byte>> bytes = copy.Add(static_cast<SectionId>(i), section.size());
    EXPECT_TRUE(bytes.ok());
    std::memcpy(bytes->data(), section.data(), section.size());
    if (static_cast<SectionId>(i) == id) {
      EXPECT_LE((at + values.size()) * sizeof(T), section.size());
      std::memcpy(bytes->data() + at * sizeof(T), values.data(), values.size() * sizeof(T));
    }
  }
  return copy;
}

TEST_F(HnswTest, AGraphWithoutLinksStillGivesEveryResult) {
  for (const Element element : {Element::kF32, Element::kI8}) {
    Fill(element, Metric::kL2);
    const Image image = BuildImage();
    const std::size_t links = image.section(SectionId::kGraph).size() / 4;
    const std::unique_ptr<Index> index =
        Open(WithChanged(image, SectionId::kGraph, 0, std::vector<std::uint32_t>(links, kNoNode)));
    const Answers answers = Search(*index, 10, 10);
    for (const std::uint32_t count : answers.counts) EXPECT_EQ(count, 10u);
    EXPECT_EQ(Recall(answers, 10), 1.0);
  }
}

TEST_F(HnswTest, RefusesDamagedSections) {
  Fill(Element::kF16, Metric::kCosine);
  const Image image = BuildImage(1);
  const auto message = [&](SectionId id, std::size_t at, std::uint32_t value) {
    const auto index =
        OpenIndex(WithChanged(image, id, at, std::vector<std::uint32_t>{value}), simd::KernelsFor(simd::BestLevel()));
    EXPECT_EQ(index.status().code(), absl::StatusCode::kDataLoss) << index.status();
    return std::string(index.status().message());
  };
  EXPECT_THAT(message(SectionId::kGraph, 17, kRows), HasSubstr("a link on level 0 leads to node 3000"));
  EXPECT_THAT(message(SectionId::kGraph, kRows * 16 - 1, 0xFFFFFFFE), HasSubstr("a link on level 0"));
  EXPECT_THAT(message(SectionId::kGraphUpper, 3, kRows / 8), HasSubstr("a link on level 1 leads to node 375"));
  const std::size_t upper = image.section(SectionId::kGraphUpper).size() / 4;
  EXPECT_THAT(message(SectionId::kGraphUpper, upper - 1, 5), HasSubstr("a link on level 3 leads to node 5"));
  EXPECT_THAT(message(SectionId::kGraphLevels, 0, 1), HasSubstr("M 1, outside 2..2048"));
  EXPECT_THAT(message(SectionId::kGraphLevels, 0, 9), HasSubstr("instead of"));  // other sizes follow
  EXPECT_THAT(message(SectionId::kGraphLevels, 1, 7), HasSubstr("7 levels"));
  EXPECT_THAT(message(SectionId::kRowIds, 5, kRows), HasSubstr("holds row 3000"));
  std::uint32_t other = 0;
  std::memcpy(&other, image.section(SectionId::kRowIds).data(), sizeof(other));
  EXPECT_THAT(message(SectionId::kRowIds, 5, other), HasSubstr("another node's too"));
  EXPECT_THAT(message(SectionId::kEqualNodes, 7, 7), HasSubstr("chain of equal nodes leads from node 7 to node 7"));
  EXPECT_THAT(message(SectionId::kEqualNodes, 7, kRows), HasSubstr("from node 7 to node 3000"));
  EXPECT_THAT(message(SectionId::kCodec, 0, 0x7FC00000), HasSubstr("codec"));  // NaN
  EXPECT_THAT(message(SectionId::kCodec, 0, 0), HasSubstr("codec"));
  Image empty(image.spec());
  EXPECT_EQ(OpenIndex(std::move(empty), simd::KernelsFor(simd::BestLevel())).status().code(),
            absl::StatusCode::kDataLoss);
}

/// Each row sixty times. As nodes of their own they would fill each other's lists and cut groups off.
TEST_F(HnswTest, GroupsOfEqualRowsAreFoundWhole) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  for (const auto& [element, metric] : {std::pair{Element::kU8, Metric::kL2}, std::pair{Element::kF32, Metric::kIp}}) {
    Fill(element, metric);
    for (std::uint64_t row = 0; row < kRows; ++row) {
      for (std::uint32_t d = 0; d < kDim; ++d) base_->Set(row, d, base_->At(row % 50, d));
    }
    const std::unique_ptr<Index> index = Open(BuildImage());
    EXPECT_GE(Recall(Search(*index, 100, 100), 100), 0.99) << ElementName(element);
  }
}

TEST_F(HnswTest, ZeroVectorsAreFound) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine}) {
    SCOPED_TRACE(MetricName(metric));
    Fill(Element::kF32, metric);
    for (std::uint64_t row = 0; row < kRows; ++row) {
      for (std::uint32_t d = 0; d < kDim; ++d) base_->Set(row, d, row % 2 == 0 ? 0.0f : queries_->At(row % 8, d));
    }
    const std::unique_ptr<Index> index = Open(BuildImage());
    const Answers answers = Search(*index, 10, 100);
    for (std::uint64_t q = 1; q < 8; q += 2) {
      for (std::uint32_t i = 0; i < 10; ++i) EXPECT_EQ(answers.rows[q * 10 + i] % 8, q) << i;
    }
  }
}

}  // namespace
}  // namespace elanus::index
