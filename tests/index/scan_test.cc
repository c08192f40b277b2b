// The bounded scan: bounds are bounds, and scans over any arrangement of the rows find the same exact answer.
#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <tuple>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "host/base/layout.h"
#include "host/base/random.h"
#include "index/scan/coded_sections.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::PlainDistance;
using testing_support::TestVectors;

constexpr std::uint64_t kRows = 300;
constexpr std::uint64_t kQueries = 12;

using Case = std::tuple<Metric, Element>;

class ScanTest : public testing::TestWithParam<Case> {
 protected:
  static Metric metric() { return std::get<0>(GetParam()); }
  static Element element() { return std::get<1>(GetParam()); }

  /// Clustered rows, one of them far out, so that the codec's steps are coarse for the rest.
  static TestVectors Rows(std::uint32_t dim, std::uint64_t seed, bool outlier) {
    TestVectors rows = ClusteredVectors(element(), kRows, dim, seed);
    for (std::uint32_t d = 0; outlier && d < dim; ++d) rows.Set(kRows / 2, d, d % 2 == 0 ? 90.0f : -70.0f);
    return rows;
  }
};

Image MakeImage(const TestVectors& rows, Metric metric, const CodedShape& shape,
                absl::Span<const std::uint32_t> row_of_slot) {
  threads::Pool pool(2);
  BuildRequest request;
  request.base = rows.view();
  request.metric = metric;
  request.kernels = &simd::KernelsFor(simd::BestLevel());
  request.pool = &pool;
  Image image(Spec{Kind::kFlat, metric, rows.view().element, rows.view().dim, rows.count()});
  const absl::Status status = WriteCoded(request, shape, row_of_slot, &image);
  EXPECT_TRUE(status.ok()) << status;
  return image;
}

Scanner MakeScanner(const Spec& spec, const CodedView& view) {
  const simd::Kernels& kernels = simd::KernelsFor(simd::BestLevel());
  const Measure measure = IsFloat(spec.element)
                              ? Measure(kernels, spec.metric, spec.element, spec.dim, view.inverse_norms_by_row)
                              : Measure();
  return Scanner(kernels, spec.metric, &view.codec, view.rows, measure);
}

// Goal: no row is ever ruled out wrongly. Method: the stored bias, the prepared query and plain integer dots give the
// bound; it must not exceed the true distance, and must not be so loose that it rules nothing out.
TEST_P(ScanTest, BoundsNeverExceedTheDistance) {
  if (!IsFloat(element())) return;  // integers are exact: the next test covers them
  for (const bool outlier : {false, true}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) {
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", outlier " << outlier);
      const TestVectors rows = Rows(45, seed, outlier);
      const TestVectors queries = ClusteredVectors(element(), kQueries, 45, seed + 100);
      const CodedShape shape{.slots = base::GroupsFor(kRows) * base::kGroupRows};
      const Image image = MakeImage(rows, metric(), shape, {});
      const absl::StatusOr<CodedView> view = ViewCoded(image, shape);
      ASSERT_TRUE(view.ok()) << view.status();
      QueryBlock block;
      ASSERT_TRUE(block.Prepare(queries.view(), image.spec(), simd::KernelsFor(simd::Level::kScalar)).ok());
      std::vector<std::int32_t> dots(shape.slots);
      std::size_t tight = 0;
      for (std::uint64_t q = 0; q < kQueries; ++q) {
        ScanCodec::ScanQuery scan_query;
        view->codec.PrepareQuery(block.queries()[q], &scan_query);
        simd::KernelsFor(simd::Level::kScalar)
            .scan.dot_groups(view->rows.codes, shape.slots / base::kGroupRows, view->codec.chunks(), scan_query.weights,
                             dots.data());
        const double spread = std::abs(PlainDistance(metric(), queries, q, rows, 0)) + 1;
        for (std::uint64_t x = 0; x < kRows; ++x) {
          const double bound =
              scan_query.offset + (view->rows.bias[x] + scan_query.scale * static_cast<float>(dots[x]));
          const double distance = PlainDistance(metric(), queries, q, rows, x);
          ASSERT_LE(bound, distance + 1e-7 * spread) << "query " << q << ", row " << x;
          tight += bound > distance - 0.2 * spread;
        }
      }
      if (!outlier) {
        EXPECT_GT(tight, kQueries * kRows * 9 / 10);
      }
    }
  }
}

TEST_P(ScanTest, AnyArrangementFindsTheExactTopK) {
  for (const std::uint32_t dim : {1u, 16u, 45u, 130u}) {
    SCOPED_TRACE(testing::Message() << "dim " << dim);
    const TestVectors rows = Rows(dim, 7, true);
    const TestVectors queries = ClusteredVectors(element(), kQueries, dim, 107);
    // Every row in a shuffled order with gaps between pieces, as lists have.
    std::vector<std::uint32_t> order(kRows);
    std::iota(order.begin(), order.end(), 0u);
    base::Random random(5);
    for (std::size_t i = kRows - 1; i > 0; --i) std::swap(order[i], order[random.Below(i + 1)]);
    std::vector<std::uint32_t> row_of_slot(kRows + 64, kNoRow);
    std::copy(order.begin(), order.begin() + 100, row_of_slot.begin());         // slots 0..99 of groups 0..3
    std::copy(order.begin() + 100, order.end(), row_of_slot.begin() + 4 * 32);  // the rest from group 4 on
    row_of_slot.resize(4 * 32 + base::GroupsFor(kRows - 100) * 32, kNoRow);
    const CodedShape shape{.slots = row_of_slot.size(), .row_ids = true};
    const Image image = MakeImage(rows, metric(), shape, row_of_slot);
    const absl::StatusOr<CodedView> view = ViewCoded(image, shape);
    ASSERT_TRUE(view.ok()) << view.status();
    const Scanner scanner = MakeScanner(image.spec(), *view);

    CodedShape by_row = shape;
    by_row.row_major = true;
    const Image row_image = MakeImage(rows, metric(), by_row, row_of_slot);
    const absl::StatusOr<CodedView> row_view = ViewCoded(row_image, by_row);
    ASSERT_TRUE(row_view.ok()) << row_view.status();
    const Scanner row_scanner = MakeScanner(row_image.spec(), *row_view);
    std::vector<std::uint32_t> used;
    for (std::uint32_t s = 0; s < row_of_slot.size(); ++s) {
      if (row_of_slot[s] != kNoRow) used.push_back(s);
    }

    QueryBlock block;
    ASSERT_TRUE(block.Prepare(queries.view(), image.spec(), simd::KernelsFor(simd::Level::kScalar)).ok());
    Scanner::Scratch scratch;
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      std::vector<double> plain;
      for (std::uint64_t x = 0; x < kRows; ++x) plain.push_back(PlainDistance(metric(), queries, q, rows, x));
      std::sort(plain.begin(), plain.end());
      ScanCodec::ScanQuery scan_query;
      view->codec.PrepareQuery(block.queries()[q], &scan_query);
      Collector collector;
      collector.Reset(17);
      scanner.Scan(block.queries()[q], scan_query, 0, 100, nullptr, collector, scratch);
      scanner.Scan(block.queries()[q], scan_query, 4, kRows - 100, nullptr, collector, scratch);
      Collector row_collector;
      row_collector.Reset(17);
      row_scanner.ScanSlots(block.queries()[q], scan_query, used, row_collector, scratch);
      const absl::Span<const base::Key> keys = collector.Sorted();
      ASSERT_EQ(keys.size(), 17u);
      for (std::size_t i = 0; i < keys.size(); ++i) {
        EXPECT_NEAR(base::KeyDistance(keys[i]), plain[i], 1e-5 * (1 + std::abs(plain[i]))) << "query " << q;
      }
      EXPECT_EQ(keys, row_collector.Sorted()) << "query " << q;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(MetricsAndElements, ScanTest,
                         testing::Combine(testing::Values(Metric::kL2, Metric::kIp, Metric::kCosine),
                                          testing::Values(Element::kF32, Element::kF16, Element::kBf16, Element::kI8,
                                                          Element::kU8)),
                         [](const auto& test_case) {
                           return std::string(MetricName(std::get<0>(test_case.param))) + "_" +
                                  ElementName(std::get<1>(test_case.param));
                         });

// Goal: the extremes of the integer types do not overflow at the largest dimension that is allowed.
TEST(ScanExtremes, IntegersAreExactAtTheLargestDimension) {
  for (const Element element : {Element::kI8, Element::kU8}) {
    const std::uint32_t dim = base::DimMax(element);
    TestVectors rows(element, 2, dim);
    TestVectors queries(element, 1, dim);
    const float low = element == Element::kI8 ? -128.0f : 0.0f;
    for (std::uint32_t d = 0; d < dim; ++d) {
      rows.Set(0, d, low);
      rows.Set(1, d, low + 255);
      queries.Set(0, d, low + 255);
    }
    for (const Metric metric : {Metric::kL2, Metric::kIp, Metric::kCosine}) {
      const CodedShape shape{.slots = base::kGroupRows};
      const Image image = MakeImage(rows, metric, shape, {});
      const absl::StatusOr<CodedView> view = ViewCoded(image, shape);
      ASSERT_TRUE(view.ok()) << view.status();
      QueryBlock block;
      ASSERT_TRUE(block.Prepare(queries.view(), image.spec(), simd::KernelsFor(simd::Level::kScalar)).ok());
      ScanCodec::ScanQuery scan_query;
      view->codec.PrepareQuery(block.queries()[0], &scan_query);
      Collector collector;
      Scanner::Scratch scratch;
      collector.Reset(2);
      MakeScanner(image.spec(), *view).Scan(block.queries()[0], scan_query, 0, 2, nullptr, collector, scratch);
      const absl::Span<const base::Key> keys = collector.Sorted();
      ASSERT_EQ(keys.size(), 2u);
      EXPECT_EQ(base::KeyRow(keys[0]), 1u);
      for (const base::Key key : keys) {
        const double plain = PlainDistance(metric, queries, 0, rows, base::KeyRow(key));
        EXPECT_NEAR(base::KeyDistance(key), plain, 1e-6 * std::abs(plain)) << MetricName(metric);
      }
    }
  }
}

}  // namespace
}  // namespace elanus::index
