#include "index/pq/ivf_pq.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "host/base/random.h"
#include "index/pq/pq_sections.h"
#include "index/pq/quantiser.h"
#include "index/pq/rotation.h"
#include "index/search.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 7;

TEST(Rotation, KeepsDistancesAndComesBack) {
  constexpr std::uint32_t kDim = 33;
  std::vector<float> matrix(kDim * kDim);
  ASSERT_TRUE(MakeRotation(kDim, kSeed, {}, absl::MakeSpan(matrix)).ok());
  for (std::uint32_t a = 0; a < kDim; ++a) {
    for (std::uint32_t b = 0; b <= a; ++b) {
      double product = 0;
      for (std::uint32_t d = 0; d < kDim; ++d) {
        product += static_cast<double>(matrix[a * kDim + d]) * matrix[b * kDim + d];
      }
      EXPECT_NEAR(product, a == b ? 1.0 : 0.0, 1e-6);
    }
  }
  alignas(64) float in[64] = {};
  base::Random random(kSeed);
  for (std::uint32_t d = 0; d < kDim; ++d) in[d] = random.Unit() - 0.5f;
  std::vector<float> turned(kDim);
  std::vector<float> back(kDim);
  Rotate(simd::KernelsFor(simd::Level::kScalar), matrix.data(), kDim, in, turned.data());
  RotateBack(matrix.data(), kDim, turned.data(), back.data());
  for (std::uint32_t d = 0; d < kDim; ++d) EXPECT_NEAR(back[d], in[d], 1e-5);
}

TEST(Quantiser, CodesAreTheNearestCodewordsAndTablesAddUp) {
  for (const std::uint32_t nbits : {4u, 8u}) {
    const PqShape shape{.dim = 12, .m = 6, .nbits = nbits};
    base::Random random(kSeed);
    std::vector<float> vectors(900 * shape.dim);
    for (float& value : vectors) value = random.Unit() * 4 - 2;
    std::vector<float> books(shape.codebook_floats());
    threads::Pool pool(2);
    ASSERT_TRUE(TrainCodebooks(shape, vectors, kSeed, pool, {}, absl::MakeSpan(books)).ok());
    std::vector<float> again(shape.codebook_floats());
    threads::Pool one(1);
    ASSERT_TRUE(TrainCodebooks(shape, vectors, kSeed, one, {}, absl::MakeSpan(again)).ok());
    EXPECT_EQ(books, again);

    const PqCodebooks codebooks(shape, books.data());
    std::vector<std::uint8_t> codes(shape.m);
    std::vector<float> decoded(shape.dim);
    std::vector<float> products(shape.m * shape.codewords());
    const float* query = vectors.data();
    codebooks.Products(query, products.data());
    PqTable table;
    QuantiseTable(shape, -2.0f, products, &table);
    double error = 0;
    double spread = 0;
    for (std::size_t v = 0; v < 200; ++v) {
      const float* vector = vectors.data() + v * shape.dim;
      codebooks.Encode(vector, codes.data());
      codebooks.Decode(codes.data(), decoded.data());
      std::uint32_t sum = 0;
      double product = 0;
      for (std::uint32_t i = 0; i < shape.m; ++i) sum += table.entries[i * shape.codewords() + codes[i]];
      for (std::uint32_t d = 0; d < shape.dim; ++d) {
        product += static_cast<double>(query[d]) * decoded[d];
        error += (vector[d] - decoded[d]) * (vector[d] - decoded[d]);
        spread += vector[d] * vector[d];
      }
      // Half a unit of rounding a table entry.
      EXPECT_NEAR(table.offset + table.scale * static_cast<float>(sum), -2 * product,
                  static_cast<double>(table.scale) * shape.m * 0.51);
      for (std::uint32_t i = 0; i < shape.m; ++i) {  // no other codeword of the slice is nearer
        const auto distance = [&](std::uint32_t j) {
          double total = 0;
          for (std::uint32_t d = i * 2; d < i * 2 + 2; ++d) {
            const double difference = vector[d] - books[d * shape.codewords() + j];
            total += difference * difference;
          }
          return total;
        };
        for (std::uint32_t j = 0; j < shape.codewords(); ++j) ASSERT_LE(distance(codes[i]), distance(j) + 1e-6);
      }
    }
    EXPECT_LT(error, spread * (nbits == 4 ? 0.15 : 0.02));
  }
}

class IvfPqTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kRows = 3000;
  static constexpr std::uint64_t kQueries = 40;
  static constexpr std::uint32_t kDim = 24;

  IvfPqTest()
      : base_(ClusteredVectors(Element::kF32, kRows, kDim, kSeed)),
        queries_(ClusteredVectors(Element::kF32, kQueries, kDim, kSeed + 1)),
        pool_(2) {
    request_.base = base_.view();
    request_.kernels = &simd::KernelsFor(simd::BestLevel());
    request_.pool = &pool_;
    request_.params.nlist = 16;
    request_.params.nbits = 4;
    search_.nprobe = 16;
  }

  Image BuildImage() {
    absl::StatusOr<Image> image = BuildIndex(Kind::kIvfPq, request_);
    EXPECT_TRUE(image.ok()) << image.status();
    return std::move(image).value();
  }

  /// Share of the true 10 nearest found, counting by distance; and the largest relative error of a distance.
  std::pair<double, double> Measured() {
    const auto index = OpenIndex(BuildImage(), *request_.kernels);
    EXPECT_TRUE(index.ok()) << index.status();
    std::vector<std::uint32_t> rows(kQueries * 10);
    std::vector<float> distances(kQueries * 10);
    std::vector<std::uint32_t> counts(kQueries);
    Searcher searcher(**index, pool_, 8);
    SearchRequest request;
    request.queries = queries_.view();
    request.params = search_;
    const absl::Status status =
        searcher.Search(request, {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
    EXPECT_TRUE(status.ok()) << status;
    std::uint64_t right = 0;
    double worst = 0;
    const double sign = IsSimilarity(request_.metric) ? -1 : 1;
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      std::vector<double> plain;
      for (std::uint64_t x = 0; x < kRows; ++x) {
        plain.push_back(PlainDistance(request_.metric, queries_, q, base_, x));
      }
      std::vector<double> sorted = plain;
      std::nth_element(sorted.begin(), sorted.begin() + 9, sorted.end());
      for (std::size_t i = q * 10; i < q * 10 + 10; ++i) {
        right += plain[rows[i]] <= sorted[9] + 1e-6;
        worst = std::max(worst, std::abs(sign * distances[i] - plain[rows[i]]) / (1 + std::abs(plain[rows[i]])));
      }
    }
    return {static_cast<double>(right) / (kQueries * 10.0), worst};
  }

  TestVectors base_;
  TestVectors queries_;
  threads::Pool pool_;
  BuildRequest request_;
  SearchParams search_;
};

TEST_F(IvfPqTest, RefinedFindsNearlyAllWithExactDistances) {
  for (const Metric metric : {Metric::kL2, Metric::kIp, Metric::kCosine}) {
    for (const std::int64_t nbits : {4, 8}) {
      for (const std::int64_t rotate : {0, 1}) {
        SCOPED_TRACE(testing::Message() << MetricName(metric) << ", nbits " << nbits << ", rotate " << rotate);
        request_.metric = metric;
        request_.params.nbits = nbits;
        request_.params.rotate = rotate;
        const auto [recall, error] = Measured();
        EXPECT_GE(recall, 0.97);
        EXPECT_LT(error, 1e-5);
      }
    }
  }
}

TEST_F(IvfPqTest, UnrefinedMeasuresWhatTheCodesStandFor) {
  request_.params.refine = 0;
  for (const std::int64_t rotate : {0, 1}) {
    request_.params.rotate = rotate;
    request_.params.nbits = 4;
    const auto [recall_4, error_4] = Measured();
    request_.params.nbits = 8;
    const auto [recall_8, error_8] = Measured();
    EXPECT_GT(recall_4, 0.35) << "rotate " << rotate;
    EXPECT_GT(recall_8, recall_4) << "rotate " << rotate;
    EXPECT_LT(error_4, 0.2) << "rotate " << rotate;
    EXPECT_LT(error_8, error_4) << "rotate " << rotate;
  }
}

TEST_F(IvfPqTest, MoreCandidatesFindMore) {
  search_.refine_k = 10;
  const double few = Measured().first;
  search_.refine_k = 100;
  const double many = Measured().first;
  EXPECT_LT(few, many);
}

// refine_k bounds the work of a search for the best; a range is not cut by it.
TEST_F(IvfPqTest, FewCandidatesDoNotCutARange) {
  SCOPED_TRACE(testing::Message() << "seed " << kSeed);
  const auto index = OpenIndex(BuildImage(), *request_.kernels);
  ASSERT_TRUE(index.ok()) << index.status();
  Workspace workspace;
  RangeRequest everything;
  everything.queries = queries_.view();
  everything.radius = 1e30f;
  everything.params.refine_k = 10;
  const auto found = (*index)->RangeSearch(everything, workspace);
  ASSERT_TRUE(found.ok()) << found.status();
  for (const std::vector<Neighbour>& hits : *found) EXPECT_EQ(hits.size(), kRows);
}

TEST_F(IvfPqTest, ParametersThatDoNotFitAreRefusedWithTheNumbers) {
  const auto message = [&] { return std::string(BuildIndex(Kind::kIvfPq, request_).status().message()); };
  request_.params.nbits = 6;
  EXPECT_EQ(message(), "param 'nbits' (6) should be 4 or 8");
  request_.params.nbits = 4;
  request_.params.m = 7;
  EXPECT_EQ(message(), "param 'm' (7) should divide the dimension (24)");
  request_.params.m = 48;
  EXPECT_EQ(message(), "param 'm' (48) should divide the dimension (24)");
}

TEST_F(IvfPqTest, OpenRefusesDamagedSections) {
  request_.params.rotate = 1;
  request_.metric = Metric::kCosine;
  const Image whole = BuildImage();
  const auto copy_without = [&](SectionId dropped) {
    Image image(whole.spec());
    for (std::uint32_t id = 1; id < 64; ++id) {
      const auto bytes = whole.section(static_cast<SectionId>(id));
      if (bytes.empty() || static_cast<SectionId>(id) == dropped) continue;
      const auto copy = image.Add(static_cast<SectionId>(id), bytes.size());
      std::copy(bytes.begin(), bytes.end(), copy->begin());
    }
    return image;
  };
  for (const SectionId dropped :
       {SectionId::kCodebooks, SectionId::kRotation, SectionId::kCodes, SectionId::kBias, SectionId::kRowIds,
        SectionId::kRows, SectionId::kRowScale, SectionId::kCentroids, SectionId::kListOffsets}) {
    EXPECT_EQ(OpenIndex(copy_without(dropped), *request_.kernels).status().code(), absl::StatusCode::kDataLoss)
        << static_cast<std::uint32_t>(dropped);
  }
  for (std::size_t field = 0; field < 5; ++field) {  // m, nbits, rotated, refined, nlist
    Image image = copy_without(SectionId::kParams);
    const std::uint32_t bad = 5;
    std::memcpy(image.MutableSection(SectionId::kCodebooks).data() + field * 4, &bad, 4);
    EXPECT_EQ(OpenIndex(std::move(image), *request_.kernels).status().code(), absl::StatusCode::kDataLoss) << field;
  }
}

}  // namespace
}  // namespace elanus::index
