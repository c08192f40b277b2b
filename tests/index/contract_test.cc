// What every index kind promises, on every element type and metric it takes: run over the kinds table, so that a new
// row is tested by being there.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/progress.h"
#include "host/base/random.h"
#include "index/kinds.h"
#include "index/search.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 20240607;
constexpr std::uint64_t kRows = 700;
constexpr std::uint64_t kQueries = 9;

using Case = std::tuple<Kind, Metric, Element>;

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const KindRow& kind : Kinds()) {
    for (const Metric metric : kind.metrics) {
      for (const Element element : kind.elements) cases.emplace_back(kind.kind, metric, element);
    }
  }
  return cases;
}

struct Answers {
  std::vector<std::uint32_t> rows;
  std::vector<float> distances;
  std::vector<std::uint32_t> counts;
  bool operator==(const Answers&) const = default;
};

class ContractTest : public testing::TestWithParam<Case> {
 protected:
  ContractTest()
      : dim_(element() == Element::kBit ? 150 : 37),
        base_(ClusteredVectors(element(), kRows, dim_, kSeed)),
        queries_(ClusteredVectors(element(), kQueries, dim_, kSeed + 1)) {
    params_.nlist = 9;
    params_.M = 8;
    params_.ef_construction = 40;
    params_.n_trees = 5;
    search_.nprobe = 3;
    // Containment needs related rows and queries: let some queries be parts or supersets of rows.
    if (element() == Element::kBit) {
      for (std::uint64_t q = 0; q < kQueries; ++q) {
        for (std::uint32_t d = 0; d < dim_; ++d) {
          const float bit = base_.At(q * 70, d);
          queries_.Set(q, d, q % 2 == 0 ? (d % 3 != 0 ? bit : 0.0f) : (d % 5 == 0 ? 1.0f : bit));
        }
      }
    }
  }

  static Kind kind() { return std::get<0>(GetParam()); }
  static Metric metric() { return std::get<1>(GetParam()); }
  static Element element() { return std::get<2>(GetParam()); }

  BuildRequest Request(threads::Pool& pool, simd::Level level) const {
    BuildRequest request;
    request.base = base_.view();
    request.metric = metric();
    request.params = params_;
    request.kernels = &simd::KernelsFor(level);
    request.pool = &pool;
    return request;
  }

  std::unique_ptr<Index> Build(unsigned threads = 1, simd::Level level = simd::Level::kScalar) const {
    threads::Pool pool(threads);
    absl::StatusOr<Image> image = BuildIndex(kind(), Request(pool, level));
    EXPECT_TRUE(image.ok()) << image.status();
    absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(std::move(image).value(), simd::KernelsFor(level));
    EXPECT_TRUE(index.ok()) << index.status();
    return std::move(index).value();
  }

  Answers Search(const Index& index, std::uint32_t k, const RowFilter* filter = nullptr, unsigned threads = 1,
                 std::uint32_t batch = 1000) const {
    Answers answers;
    answers.rows.resize(kQueries * k);
    answers.distances.resize(kQueries * k);
    answers.counts.resize(kQueries);
    threads::Pool pool(threads);
    Searcher searcher(index, pool, batch);
    const absl::Status status = searcher.Search(
        {.queries = queries_.view(), .k = k, .params = search_, .filter = filter},
        {absl::MakeSpan(answers.rows), absl::MakeSpan(answers.distances), absl::MakeSpan(answers.counts)});
    EXPECT_TRUE(status.ok()) << status;
    return answers;
  }

  double Natural(double distance) const { return IsSimilarity(metric()) ? -distance : distance; }
  bool containment() const { return metric() == Metric::kSubstructure || metric() == Metric::kSuperstructure; }

  std::uint64_t Matches(std::uint64_t q, const std::vector<bool>& allowed) const {
    std::uint64_t matches = 0;
    for (std::uint64_t x = 0; x < kRows; ++x) {
      matches += allowed[x] && (!containment() || PlainDistance(metric(), queries_, q, base_, x) == 0);
    }
    return matches;
  }

  /// Everything about one answer that holds for exact and approximate kinds alike.
  void CheckAnswers(const Answers& answers, std::uint32_t k, const std::vector<bool>& allowed) const {
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      SCOPED_TRACE(testing::Message() << "query " << q << ", k " << k);
      const std::uint32_t count = answers.counts[q];
      ASSERT_EQ(count, std::min<std::uint64_t>(k, Matches(q, allowed)));
      std::set<std::uint32_t> seen;
      for (std::uint32_t i = 0; i < count; ++i) {
        const std::uint32_t row = answers.rows[q * k + i];
        ASSERT_LT(row, kRows);
        EXPECT_TRUE(allowed[row]) << row;
        EXPECT_TRUE(seen.insert(row).second) << row;
        CheckDistance(answers.distances[q * k + i], q, row);
        if (i > 0) CheckOrder(answers, q * k + i);
      }
      for (std::uint32_t i = count; i < k; ++i) {
        ASSERT_EQ(answers.rows[q * k + i], kNoRow);
        ASSERT_TRUE(std::isinf(answers.distances[q * k + i]));
      }
    }
  }

  void CheckDistance(float distance, std::uint64_t q, std::uint32_t row) const {
    const double plain = Natural(PlainDistance(metric(), queries_, q, base_, row));
    if (std::isinf(plain)) {
      EXPECT_EQ(distance, plain);
      return;
    }
    // IVF_SQ8 measures what its codes stand for; everything else the rows themselves.
    const double tolerance =
        kind() == Kind::kIvfSq8 && IsFloat(element()) ? 0.05 * (1 + std::abs(plain)) : 1e-5 * (1 + std::abs(plain));
    EXPECT_NEAR(distance, plain, tolerance) << "row " << row;
  }

  void CheckOrder(const Answers& answers, std::size_t i) const {
    const float before = answers.distances[i - 1];
    const float here = answers.distances[i];
    EXPECT_TRUE(IsSimilarity(metric()) ? before >= here : before <= here) << before << " " << here;
    if (before == here) {
      EXPECT_LT(answers.rows[i - 1], answers.rows[i]);
    }
  }

  std::uint32_t dim_;
  TestVectors base_;
  TestVectors queries_;
  BuildParams params_;
  SearchParams search_;
};

TEST_P(ContractTest, ReturnsMinOfKAndMatchesBestFirstWithTrueDistances) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = Build();
  const std::vector<bool> all(kRows, true);
  for (const std::uint32_t k :
       {1u, 10u, 100u, static_cast<std::uint32_t>(kRows), static_cast<std::uint32_t>(kRows) + 50u}) {
    CheckAnswers(Search(*index, k), k, all);
  }
}

TEST_P(ContractTest, ExactKindsFindTheNearestAndApproximateOnesMostOfThem) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = Build();
  const bool exact = kind() == Kind::kFlat || kind() == Kind::kBinFlat || containment();
  constexpr std::uint32_t kWanted = 20;
  const Answers answers = Search(*index, kWanted);
  std::uint64_t right = 0;
  std::uint64_t wanted = 0;
  for (std::uint64_t q = 0; q < kQueries; ++q) {
    std::vector<double> plain;
    for (std::uint64_t x = 0; x < kRows; ++x) plain.push_back(Natural(PlainDistance(metric(), queries_, q, base_, x)));
    std::sort(plain.begin(), plain.end());
    if (IsSimilarity(metric())) std::reverse(plain.begin(), plain.end());
    for (std::uint32_t i = 0; i < answers.counts[q]; ++i) {
      const double worst = plain[kWanted - 1];
      const double got = Natural(PlainDistance(metric(), queries_, q, base_, answers.rows[q * kWanted + i]));
      const double slack = 1e-5 * (1 + std::abs(got));
      right += std::isinf(worst) || (IsSimilarity(metric()) ? got >= worst - slack : got <= worst + slack);
    }
    wanted += answers.counts[q];
  }
  EXPECT_GE(static_cast<double>(right), (exact ? 1.0 : 0.5) * static_cast<double>(wanted));
}

TEST_P(ContractTest, FiltersNeverCostResults) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = Build();
  for (const std::uint64_t step : {1u, 2u, 9u, 140u, 701u}) {  // every row, half, ..., five, row 0 alone
    std::vector<bool> allowed(kRows, false);
    std::vector<std::uint64_t> bits((kRows + 63) / 64, 0);
    RowFilter filter{bits, 0};
    for (std::uint64_t row = 0; row < kRows; row += step) {
      allowed[row] = true;
      bits[row / 64] |= std::uint64_t{1} << (row % 64);
      ++filter.allowed;
    }
    CheckAnswers(Search(*index, 10, &filter), 10, allowed);
  }
  std::vector<std::uint64_t> none((kRows + 63) / 64, 0);
  const RowFilter nothing{none, 0};
  CheckAnswers(Search(*index, 10, &nothing), 10, std::vector<bool>(kRows, false));
}

TEST_P(ContractTest, SameAnswersForAnyBatchThreadsAndLevel) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const Answers expected = Search(*Build(), 25);
  for (const simd::Level level : simd::SupportedLevels()) {
    const std::unique_ptr<Index> index = Build(2, level);
    for (const std::uint32_t batch : {1u, 2u, 7u, 1000u}) {
      EXPECT_EQ(Search(*index, 25, nullptr, 2, batch), expected) << simd::LevelName(level) << ", batch " << batch;
    }
  }
}

TEST_P(ContractTest, SameBytesForAnyThreadsAndLevelAndThePlannedSize) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> expected = Build();
  std::vector<std::uint64_t> sizes;
  for (const SectionId id : expected->image().sections()) sizes.push_back(expected->image().section(id).size());
  const absl::StatusOr<IndexPlan> plan = PlanIndex(expected->spec(), params_);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->file_bytes, Image::FileBytes(sizes));
  for (const simd::Level level : simd::SupportedLevels()) {
    for (const unsigned threads : {2u, 5u}) {
      const std::unique_ptr<Index> index = Build(threads, level);
      ASSERT_EQ(index->image().sections(), expected->image().sections());
      for (const SectionId id : expected->image().sections()) {
        const auto a = expected->image().section(id);
        const auto b = index->image().section(id);
        ASSERT_EQ(a.size(), b.size()) << SectionName(id);
        ASSERT_EQ(std::memcmp(a.data(), b.data(), a.size()), 0)
            << SectionName(id) << ", " << threads << " threads, " << simd::LevelName(level);
      }
    }
  }
}

TEST_P(ContractTest, RangeSearchReturnsRowsStrictlyInside) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> index = Build();
  Workspace workspace;
  search_.nprobe = params_.nlist;  // with all lists and all rows re-scored the inverted files are exact, too
  search_.refine_k = kRows;
  const Answers top = Search(*index, 60);
  RangeRequest request{.queries = queries_.view(), .radius = top.distances[40], .params = search_};
  if (containment()) {
    EXPECT_EQ(index->RangeSearch(request, workspace).status().code(), absl::StatusCode::kInvalidArgument);
    return;
  }
  const bool exact = kind() == Kind::kFlat || kind() == Kind::kBinFlat || kind() == Kind::kIvfFlat ||
                     kind() == Kind::kBinIvfFlat || kind() == Kind::kIvfPq;
  const auto found = index->RangeSearch(request, workspace);
  ASSERT_TRUE(found.ok()) << found.status();
  for (std::uint64_t q = 0; q < kQueries; ++q) {
    std::uint64_t inside = 0;
    for (std::uint64_t x = 0; x < kRows; ++x) {
      const double d = Natural(PlainDistance(metric(), queries_, q, base_, x));
      inside += IsSimilarity(metric()) ? d > request.radius * (1 + 1e-5) : d < request.radius * (1 - 1e-5);
    }
    if (exact) {
      EXPECT_GE((*found)[q].size(), inside);
    }
    for (std::size_t i = 0; i < (*found)[q].size(); ++i) {
      const Neighbour& hit = (*found)[q][i];
      EXPECT_TRUE(IsSimilarity(metric()) ? hit.distance > request.radius : hit.distance < request.radius);
      CheckDistance(hit.distance, q, hit.row);
    }
  }
  // The first query's own radius leaves out the row at that distance and, with a filter below, the nearest ones.
  if (exact) {
    EXPECT_LE((*found)[0].size(), 40u);
  }
  if (top.distances[10] == top.distances[40]) return;
  request.has_range_filter = true;
  request.range_filter = top.distances[10];
  const auto ring = index->RangeSearch(request, workspace);
  ASSERT_TRUE(ring.ok()) << ring.status();
  for (const Neighbour& hit : (*ring)[0]) {
    EXPECT_TRUE(IsSimilarity(metric()) ? hit.distance <= request.range_filter : hit.distance >= request.range_filter);
  }
  EXPECT_LT((*ring)[0].size(), (*found)[0].size());
}

TEST_P(ContractTest, RefusesWhatDoesNotFit) {
  const std::unique_ptr<Index> index = Build();
  Workspace workspace;
  std::vector<std::uint32_t> rows(100);
  std::vector<float> distances(100);
  std::vector<std::uint32_t> counts(100);
  const Hits hits{absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)};
  const auto code = [&](const SearchRequest& request) { return index->Search(request, workspace, hits).code(); };
  EXPECT_EQ(code({.queries = queries_.view(), .k = 0, .params = search_}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.queries = queries_.view(), .k = kTopKMax + 1, .params = search_}),
            absl::StatusCode::kInvalidArgument);
  const std::vector<std::uint64_t> beyond_last((kRows + 63) / 64, ~std::uint64_t{0});
  const RowFilter too_long{beyond_last, kRows};
  EXPECT_EQ(code({.queries = queries_.view(), .k = 1, .params = search_, .filter = &too_long}),
            absl::StatusCode::kInvalidArgument);
  const TestVectors narrow(element(), 1, dim_ - 1);
  EXPECT_EQ(code({.queries = narrow.view(), .k = 1, .params = search_}), absl::StatusCode::kInvalidArgument);
  const TestVectors other(element() == Element::kBit ? Element::kF32 : Element::kBit, 1, dim_);
  EXPECT_EQ(code({.queries = other.view(), .k = 1, .params = search_}), absl::StatusCode::kInvalidArgument);
  if (element() == Element::kBit) {  // the last two of 152 bits are beyond the dimension
    const std::size_t row_bytes = base::RowBytes(Element::kBit, dim_);
    std::vector<std::byte> bits(2 * row_bytes, std::byte{0});
    bits.back() = std::byte{0x80};
    const base::Vectors set_beyond{bits.data(), 2, dim_, Element::kBit, row_bytes};
    const absl::Status beyond =
        index->Search({.queries = set_beyond, .k = 1, .params = search_, .first_query = 70}, workspace, hits);
    EXPECT_EQ(beyond.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(beyond.message()), testing::HasSubstr("query 71 has bits set"));
    return;
  }
  SearchParams none = search_;
  none.nprobe = 0;
  if (kind() == Kind::kIvfFlat || kind() == Kind::kIvfSq8 || kind() == Kind::kIvfPq) {
    EXPECT_EQ(code({.queries = queries_.view(), .k = 1, .params = none}), absl::StatusCode::kInvalidArgument);
  }
  TestVectors bad(Element::kF32, 2, dim_);
  bad.Set(1, 3, std::numeric_limits<float>::quiet_NaN());
  const absl::Status nan = index->Search({.queries = bad.view(), .k = 1, .params = search_}, workspace, hits);
  EXPECT_EQ(nan.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(nan.message()), testing::HasSubstr("query 1, component 3"));
  const absl::Status later =
      index->Search({.queries = bad.view(), .k = 1, .params = search_, .first_query = 70}, workspace, hits);
  EXPECT_THAT(std::string(later.message()), testing::HasSubstr("query 71, component 3"));
}

// Distances overflow to infinity, or to differences of infinities: what is nearest is lost, results are not.
TEST_P(ContractTest, HugeValuesCostNoResults) {
  if (!IsFloat(element())) return;
  const float huge = element() == Element::kF16 ? 60'000.0f : 2e38f;
  for (std::uint32_t d = 0; d < dim_; ++d) {
    queries_.Set(0, d, huge);
    queries_.Set(1, d, d % 2 == 0 ? huge : -huge);
    for (std::uint64_t row = 0; row < kRows; row += 7) base_.Set(row, d, (row + d) % 3 == 0 ? -huge : huge);
  }
  const std::unique_ptr<Index> index = Build();
  const Answers answers = Search(*index, 30);
  for (std::uint64_t q = 0; q < kQueries; ++q) EXPECT_EQ(answers.counts[q], 30u) << "query " << q;
}

TEST_P(ContractTest, BuildStopsWhenCancelled) {
  threads::Pool pool(2);
  base::CancelFlag cancel;
  cancel.Cancel();
  BuildRequest request = Request(pool, simd::Level::kScalar);
  request.monitor.cancel = &cancel;
  EXPECT_EQ(BuildIndex(kind(), request).status().code(), absl::StatusCode::kCancelled);
}

// Goal: whatever numbers a file holds, a search reads nothing outside its sections and ends (the sanitizers watch).
// Method: bytes changed at random, mostly in the small sections, where the offsets are.
TEST_P(ContractTest, DamagedNumbersAreRefusedOrHarmless) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const std::unique_ptr<Index> whole = Build();
  base::Random random(kSeed);
  Workspace workspace;
  std::vector<std::uint32_t> rows(10 * kQueries);
  std::vector<float> distances(10 * kQueries);
  std::vector<std::uint32_t> counts(kQueries);
  const std::vector<SectionId> ids = whole->image().sections();
  std::vector<std::uint64_t> half((kRows + 63) / 64, 0x5555555555555555u);
  half.back() &= (std::uint64_t{1} << kRows % 64) - 1;
  const RowFilter filter{half, kRows / 2};
  for (int round = 0; round < 40; ++round) {
    Image image(whole->spec());
    for (const SectionId id : ids) {
      const auto bytes = whole->image().section(id);
      const auto copy = image.Add(id, bytes.size());
      ASSERT_TRUE(copy.ok());
      std::copy(bytes.begin(), bytes.end(), copy->begin());
    }
    const absl::Span<std::byte> victim = image.MutableSection(ids[random.Below(ids.size())]);
    for (std::uint64_t changes = 1 + random.Below(4); changes > 0; --changes) {
      victim[random.Below(victim.size())] = static_cast<std::byte>(random.Below(256));
    }
    const absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(std::move(image), whole->kernels());
    if (!index.ok()) {
      EXPECT_EQ(index.status().code(), absl::StatusCode::kDataLoss) << index.status();
      continue;
    }
    for (const RowFilter* allowed : {static_cast<const RowFilter*>(nullptr), &filter}) {
      const absl::Status searched =
          (*index)->Search({.queries = queries_.view(), .k = 10, .params = search_, .filter = allowed}, workspace,
                           {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
      EXPECT_TRUE(searched.ok()) << searched;
    }
  }
}

TEST_P(ContractTest, SurvivesDegenerateData) {
  for (const std::uint64_t rows : {1u, 2u, 70u}) {  // all rows equal
    base_ = TestVectors(element(), rows, dim_);
    for (std::uint64_t i = 0; i < rows; ++i) {
      for (std::uint32_t d = 0; d < dim_; ++d) base_.Set(i, d, d % 3 == 0 ? 1.0f : 0.0f);
    }
    params_.nlist = 1;
    const std::unique_ptr<Index> index = Build(2);
    const Answers answers = Search(*index, 5);
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      if (containment() && answers.counts[q] == 0) continue;
      ASSERT_EQ(answers.counts[q], std::min<std::uint64_t>(5, rows));
      for (std::uint32_t i = 0; i < answers.counts[q]; ++i) EXPECT_EQ(answers.rows[q * 5 + i], i);  // ties: smaller row
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllKinds, ContractTest, testing::ValuesIn(AllCases()), [](const auto& test_case) {
  return std::string(KindName(std::get<0>(test_case.param))) + "_" + MetricName(std::get<1>(test_case.param)) + "_" +
         ElementName(std::get<2>(test_case.param));
});

}  // namespace
}  // namespace elanus::index
