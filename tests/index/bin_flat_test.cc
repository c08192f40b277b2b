// BIN_FLAT against the plain loop. The promises of every kind: contract_test.cc.
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/base/layout.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"
#include "index/binary/bit_distance.h"
#include "tests/index/bit_support.h"
#include "tests/index/ivf_support.h"

namespace elanus::index {
namespace {

using base::Element;
using testing::HasSubstr;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 11;

using Case = std::tuple<Metric, std::uint32_t>;

class BinFlatTest : public testing::TestWithParam<Case> {
 protected:
  static Metric metric() { return std::get<0>(GetParam()); }
  static std::uint32_t dim() { return std::get<1>(GetParam()); }
};

std::string NameOfCase(const testing::TestParamInfo<Case>& info) {
  return std::string(MetricName(std::get<0>(info.param))) + std::to_string(std::get<1>(info.param));
}

/// Equal to the plain loop in rows, distances and counts, to the bit.
void ExpectPlain(const Answers& answers, std::uint32_t k, std::uint64_t q,
                 const std::vector<std::pair<float, std::uint32_t>>& expected) {
  SCOPED_TRACE(testing::Message() << "query " << q << ", k " << k);
  ASSERT_EQ(answers.counts[q], std::min<std::size_t>(k, expected.size()));
  for (std::uint32_t i = 0; i < answers.counts[q]; ++i) {
    ASSERT_EQ(answers.rows[q * k + i], expected[i].second) << i;
    ASSERT_EQ(answers.distances[q * k + i], expected[i].first) << i;
  }
}

TEST_P(BinFlatTest, AgreesWithThePlainLoopAtEveryLevel) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t kRows = 300, kQueries = 52;
  const TestVectors rows = MixedBits(kRows, dim(), kSeed), queries = MixedBits(kQueries, dim(), kSeed + 1);
  OwnedFilter filter(kRows);
  for (std::uint32_t row = 3; row < kRows; row += 4) filter.Allow(row);
  std::vector<std::vector<std::pair<float, std::uint32_t>>> all, allowed;
  for (std::uint64_t q = 0; q < kQueries; ++q) {
    all.push_back(PlainSearch(metric(), queries, q, rows));
    allowed.push_back(PlainSearch(metric(), queries, q, rows, filter.get()));
  }
  threads::Pool pool(2);
  for (const simd::Level level : simd::SupportedLevels()) {
    SCOPED_TRACE(simd::LevelName(level));
    BuildRequest request = MakeRequest(rows.view(), metric(), 1, pool);
    request.kernels = &simd::KernelsFor(level);
    const std::unique_ptr<Index> index = MakeIndex(Kind::kBinFlat, request);
    for (const std::uint32_t k : {1u, 10u, kRows + 9}) {
      const Answers answers = Ask(*index, queries.view(), k, 8);
      const Answers filtered = Ask(*index, queries.view(), k, 8, filter.get());
      for (std::uint64_t q = 0; q < kQueries; ++q) {
        ExpectPlain(answers, k, q, all[q]);
        ExpectPlain(filtered, k, q, allowed[q]);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, BinFlatTest,
                         testing::Combine(testing::Values(Metric::kHamming, Metric::kJaccard, Metric::kTanimoto,
                                                          Metric::kSubstructure, Metric::kSuperstructure),
                                          testing::Values(1u, 7u, 8u, 127u, 128u, 129u, 1000u)),
                         NameOfCase);

class BinFlatRangeTest : public BinFlatTest {};

TEST_P(BinFlatRangeTest, AgreesWithThePlainLoop) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const TestVectors rows = MixedBits(200, dim(), kSeed), queries = MixedBits(12, dim(), kSeed + 1);
  threads::Pool pool(1);
  const std::unique_ptr<Index> index = MakeIndex(Kind::kBinFlat, MakeRequest(rows.view(), metric(), 1, pool));
  Workspace workspace;
  for (const float radius : {-1.0f, 0.0f, 0.3f, 0.75f, 1.0f, 1.5f, 3.0f, 40.0f, 1e9f}) {
    const auto found = index->RangeSearch({.queries = queries.view(), .radius = radius, .params = {}}, workspace);
    ASSERT_TRUE(found.ok()) << found.status();
    for (std::uint64_t q = 0; q < queries.count(); ++q) {
      std::vector<std::pair<float, std::uint32_t>> expected = PlainSearch(metric(), queries, q, rows);
      std::erase_if(expected, [&](const auto& hit) { return !(hit.first < radius); });
      std::vector<std::pair<float, std::uint32_t>> got;
      for (const Neighbour& hit : (*found)[q]) got.emplace_back(hit.distance, hit.row);
      EXPECT_EQ(got, expected) << "query " << q << ", radius " << radius;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, BinFlatRangeTest,
                         testing::Combine(testing::Values(Metric::kHamming, Metric::kJaccard, Metric::kTanimoto),
                                          testing::Values(1u, 127u, 200u)),
                         NameOfCase);

// Several blocks, a last one that is not whole, and windows of popcounts that leave most of them out.
TEST(BinFlat, AgreesWithThePlainLoopOverManyBlocks) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  constexpr std::uint32_t kRows = 3 * base::kBlockRows + 77, kDim = 96;
  const TestVectors rows = MixedBits(kRows, kDim, kSeed), queries = MixedBits(9, kDim, kSeed + 1);
  threads::Pool pool(2);
  for (const Metric metric :
       {Metric::kHamming, Metric::kJaccard, Metric::kTanimoto, Metric::kSubstructure, Metric::kSuperstructure}) {
    SCOPED_TRACE(MetricName(metric));
    const std::unique_ptr<Index> index = MakeIndex(Kind::kBinFlat, MakeRequest(rows.view(), metric, 1, pool));
    std::vector<std::vector<std::pair<float, std::uint32_t>>> expected;
    for (std::uint64_t q = 0; q < queries.count(); ++q) expected.push_back(PlainSearch(metric, queries, q, rows));
    for (const std::uint32_t k : {1u, 10u, 3000u}) {
      const Answers answers = Ask(*index, queries.view(), k, 8);
      for (std::uint64_t q = 0; q < queries.count(); ++q) {
        ExpectPlain(answers, k, q, expected[q]);
        const Answers alone = Ask(*index, queries.view().Slice(q, 1), k, 8);
        ASSERT_EQ(alone.counts[0], answers.counts[q]);
        ASSERT_TRUE(std::equal(alone.rows.begin(), alone.rows.end(), answers.rows.begin() + q * k)) << "query " << q;
      }
    }
  }
}

TEST(BinFlat, FindsTheTruthOfMolecules) {
  const io::VectorOptions bits{.as_bits = true};
  const auto base = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/molecule_base.npy", bits);
  const auto queries = io::OpenVectors(ELANUS_SOURCE_DIR "/tests/data/molecule_query.npy", bits);
  const auto ids = io::ReadIds(ELANUS_SOURCE_DIR "/tests/data/molecule_truth_jaccard_ids.ivecs");
  const auto distances = io::ReadDistances(ELANUS_SOURCE_DIR "/tests/data/molecule_truth_jaccard_distances.fvecs");
  ASSERT_TRUE(base.ok() && queries.ok() && ids.ok() && distances.ok());
  threads::Pool pool(2);
  const std::unique_ptr<Index> index =
      MakeIndex(Kind::kBinFlat, MakeRequest(base->vectors(), Metric::kJaccard, 1, pool));
  const auto k = static_cast<std::uint32_t>(ids->row(0).size());
  const Answers answers = Ask(*index, queries->vectors(), k, 8);
  EXPECT_EQ(answers.rows, ids->values);
  EXPECT_EQ(answers.distances, distances->values);
}

TEST(BinFlat, RefusesBitsBeyondTheDimension) {
  TestVectors rows(Element::kBit, 5, 16);
  rows.Set(3, 13, 1.0f);
  base::Vectors narrow = rows.view();
  narrow.dim = 13;  // bit 13 is the first one beyond
  threads::Pool pool(1);
  const absl::Status built = BuildIndex(Kind::kBinFlat, MakeRequest(narrow, Metric::kHamming, 1, pool)).status();
  EXPECT_EQ(built.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(built.message()), HasSubstr("base row 3 has bits set beyond its 13 bits"));

  const TestVectors clean(Element::kBit, 5, 13);
  const std::unique_ptr<Index> index = MakeIndex(Kind::kBinFlat, MakeRequest(clean.view(), Metric::kHamming, 1, pool));
  std::vector<std::uint32_t> hits(5), counts(5);
  std::vector<float> distances(5);
  Workspace workspace;
  const absl::Status searched =
      index->Search({.queries = narrow, .k = 1, .params = {}}, workspace,
                    {absl::MakeSpan(hits), absl::MakeSpan(distances), absl::MakeSpan(counts)});
  EXPECT_EQ(searched.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(searched.message()), HasSubstr("query 3 has bits set beyond its 13 bits"));
}

TEST(BinFlat, RefusesDamagedSections) {
  const TestVectors rows = MixedBits(100, 40, kSeed);
  threads::Pool pool(1);
  for (const Metric metric : {Metric::kJaccard, Metric::kSuperstructure}) {
    SCOPED_TRACE(MetricName(metric));
    const Image intact = MakeImage(Kind::kBinFlat, MakeRequest(rows.view(), metric, 1, pool));
    const auto refused = [&](Image image) {
      return OpenIndex(std::move(image), simd::KernelsFor(simd::Level::kScalar)).status().code() ==
             absl::StatusCode::kDataLoss;
    };
    const auto with_number = [&](SectionId id, std::size_t at, std::uint32_t value) {
      Image image = WithSectionSize(intact, id, intact.section(id).size());
      std::memcpy(image.MutableSection(id).data() + at * 4, &value, 4);
      return image;
    };
    for (const SectionId id :
         {SectionId::kCodes, SectionId::kRowIds, SectionId::kPopcounts, SectionId::kColumnCounts}) {
      if (intact.section(id).empty()) continue;
      EXPECT_TRUE(refused(WithSectionSize(intact, id, 0))) << static_cast<int>(id);
      EXPECT_TRUE(refused(WithSectionSize(intact, id, intact.section(id).size() - 4))) << static_cast<int>(id);
      EXPECT_TRUE(refused(WithSectionSize(intact, id, intact.section(id).size() + 4))) << static_cast<int>(id);
    }
    if (Contains(metric)) continue;
    EXPECT_TRUE(refused(with_number(SectionId::kRowIds, 99, 100))) << "a row that does not exist";
    EXPECT_TRUE(refused(with_number(SectionId::kRowIds, 0, kNoRow))) << "an empty slot in use";
    EXPECT_TRUE(refused(with_number(SectionId::kPopcounts, 0, 41))) << "more set bits than bits";
    EXPECT_TRUE(refused(with_number(SectionId::kPopcounts, 99, 0))) << "popcounts that do not ascend";
    EXPECT_FALSE(refused(with_number(SectionId::kPopcounts, 99, 40)));
  }
}

TEST(BitDistance, LimitsLeaveNothingWithinThemOutAndLittleElseIn) {
  for (const Metric metric : {Metric::kHamming, Metric::kJaccard, Metric::kTanimoto}) {
    const BitDistance distance(metric);
    std::vector<float> limits = {-5.0f, -0.0f, 0.0f, 1e30f, std::numeric_limits<float>::infinity()};
    for (std::uint32_t i = 0; i <= 12; ++i) limits.push_back(distance(i, 12, 13 + i));
    for (const float most : limits) {
      const BitDistance::Limit limit = distance.LimitFor(most);
      for (std::uint32_t q = 0; q <= 30; ++q) {
        for (std::uint32_t x = 0; x <= 30; ++x) {
          for (std::uint32_t both = 0; both <= std::min(q, x); ++both) {
            const bool selected = both >= limit.AtLeast(q + x);
            if (distance(both, q, x) <= most) {
              ASSERT_TRUE(selected && limit.Reaches(q, x, x)) << MetricName(metric) << most << " " << both << q << x;
            } else if (most > 0 && most < 20 && q + x > 0) {
              ASSERT_FALSE(selected) << MetricName(metric) << " " << most << " " << both << " " << q << " " << x;
            }
          }
        }
      }
    }
    EXPECT_TRUE(distance.LimitFor(std::numeric_limits<float>::infinity()).everything());
  }
}

TEST(BitDistance, ReachesLooksAtTheWholeRangeOfPopcounts) {
  const BitDistance distance(Metric::kJaccard);
  const BitDistance::Limit half = distance.LimitFor(0.5f);  // similarity >= 1/2: popcounts within a factor of 2
  EXPECT_FALSE(half.Reaches(20, 0, 9));
  EXPECT_TRUE(half.Reaches(20, 0, 10));
  EXPECT_TRUE(half.Reaches(20, 15, 25));
  EXPECT_TRUE(half.Reaches(20, 40, 99));
  EXPECT_FALSE(half.Reaches(20, 41, 99));
}

TEST(BitDistance, TanimotoIsTheRoundedLogarithmAndNeverRisesWithSharedBits) {
  const BitDistance distance(Metric::kTanimoto);
  for (std::uint32_t either = 1; either <= 300; ++either) {
    float before = std::numeric_limits<float>::infinity();
    for (std::uint32_t both = 0; both <= either; ++both) {
      const float got = distance(both, either, both);
      const double exact = -std::log2(static_cast<double>(both) / either);
      if (both > 0) {
        ASSERT_NEAR(got, exact, 1e-7 * (1 + exact));
      }
      ASSERT_LE(got, before);
      before = got;
    }
    EXPECT_EQ(before, 0.0f);
    EXPECT_FALSE(std::signbit(before));
  }
  EXPECT_EQ(distance(0, 0, 0), std::numeric_limits<float>::infinity());
}

}  // namespace
}  // namespace elanus::index
