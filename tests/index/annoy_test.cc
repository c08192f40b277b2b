#include "index/annoy/annoy.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "gtest/gtest.h"
#include "index/annoy/forest.h"
#include "index/search.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::TestVectors;

TEST(ForestShape, LeavesPartitionTheRowsAndStaySmall) {
  for (const std::uint64_t rows : {1u, 2u, 31u, 32u, 33u, 64u, 65u, 1000u, 4097u}) {
    const ForestShape shape = ForestShape::For(rows, 3, 16);
    EXPECT_EQ(shape.LeafBegin(0), 0u);
    EXPECT_EQ(shape.LeafBegin(shape.nodes() + 1), rows);
    for (std::uint64_t leaf = 0; leaf <= shape.nodes(); ++leaf) {
      EXPECT_LE(shape.LeafBegin(leaf + 1) - shape.LeafBegin(leaf), ForestShape::kLeafRows) << rows;
      if (rows > 32) {
        EXPECT_GT(shape.LeafBegin(leaf + 1), shape.LeafBegin(leaf)) << rows;
      }
    }
  }
}

class AnnoyTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kRows = 3000;
  static constexpr std::uint32_t kDim = 24;

  AnnoyTest() : base_(ClusteredVectors(Element::kF32, kRows, kDim, 3)), pool_(2) {
    request_.base = base_.view();
    request_.kernels = &simd::KernelsFor(simd::BestLevel());
    request_.pool = &pool_;
    request_.params.n_trees = 4;
  }

  Image BuildImage() {
    absl::StatusOr<Image> image = BuildIndex(Kind::kAnnoy, request_);
    EXPECT_TRUE(image.ok()) << image.status();
    return std::move(image).value();
  }

  double RecallAt10(const Index& index, std::int64_t search_k) {
    const TestVectors queries = ClusteredVectors(Element::kF32, 50, kDim, 4);
    threads::Pool one(1);
    absl::StatusOr<Image> flat_image = BuildIndex(Kind::kFlat, request_);
    absl::StatusOr<std::unique_ptr<Index>> flat = OpenIndex(std::move(flat_image).value(), index.kernels());
    std::vector<std::uint32_t> rows[2] = {std::vector<std::uint32_t>(500), std::vector<std::uint32_t>(500)};
    std::vector<float> distances(500);
    std::vector<std::uint32_t> counts(50);
    SearchRequest request;
    request.queries = queries.view();
    request.k = 10;
    request.params.search_k = search_k;
    int which = 0;
    for (const Index* searched : {&index, static_cast<const Index*>(flat->get())}) {
      Searcher searcher(*searched, one, 50);
      EXPECT_TRUE(
          searcher.Search(request, {absl::MakeSpan(rows[which]), absl::MakeSpan(distances), absl::MakeSpan(counts)})
              .ok());
      ++which;
    }
    int found = 0;
    for (std::size_t i = 0; i < 500; ++i) {
      const auto first = rows[1].begin() + static_cast<std::ptrdiff_t>(i / 10 * 10);
      found += std::find(first, first + 10, rows[0][i]) != first + 10;
    }
    return found / 500.0;
  }

  TestVectors base_;
  threads::Pool pool_;
  BuildRequest request_;
};

TEST_F(AnnoyTest, EveryTreeHoldsEverySlotOnce) {
  const Image image = BuildImage();
  const auto items = image.Array<std::uint32_t>(SectionId::kTreeItems, 4 * kRows);
  ASSERT_TRUE(items.ok()) << items.status();
  for (int tree = 0; tree < 4; ++tree) {
    std::vector<std::uint32_t> slots(items->begin() + tree * kRows, items->begin() + (tree + 1) * kRows);
    std::sort(slots.begin(), slots.end());
    for (std::uint32_t i = 0; i < kRows; ++i) ASSERT_EQ(slots[i], i);
  }
}

TEST_F(AnnoyTest, RecallGrowsWithSearchKUpToExact) {
  const absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(BuildImage(), simd::KernelsFor(simd::BestLevel()));
  ASSERT_TRUE(index.ok()) << index.status();
  const double few = RecallAt10(**index, 100);
  const double more = RecallAt10(**index, 1000);
  EXPECT_GT(few, 0.3);
  EXPECT_LT(few, 0.95);
  EXPECT_GT(more, few);
  EXPECT_EQ(RecallAt10(**index, 4 * kRows), 1.0);
}

TEST_F(AnnoyTest, RefusesASearchKBelowK) {
  const absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(BuildImage(), simd::KernelsFor(simd::BestLevel()));
  ASSERT_TRUE(index.ok()) << index.status();
  Workspace workspace;
  SearchRequest request;
  request.queries = base_.view().Slice(0, 1);
  request.k = 10;
  request.params.search_k = 9;
  EXPECT_EQ((*index)->Search(request, workspace, {}).message(), "search_k(9) should be -1 or not smaller than k(10)");
}

TEST_F(AnnoyTest, OpenRefusesDamagedSections) {
  const simd::Kernels& kernels = simd::KernelsFor(simd::BestLevel());
  {
    Image image = BuildImage();
    const std::uint32_t bad = kRows;
    std::memcpy(image.MutableSection(SectionId::kTreeItems).data() + 40, &bad, 4);
    EXPECT_EQ(OpenIndex(std::move(image), kernels).status().code(), absl::StatusCode::kDataLoss);
  }
  {
    Image image = BuildImage();
    const std::uint32_t bad = kRows;
    std::memcpy(image.MutableSection(SectionId::kRowIds).data() + 40, &bad, 4);
    EXPECT_EQ(OpenIndex(std::move(image), kernels).status().code(), absl::StatusCode::kDataLoss);
  }
  // Sections of another number of rows, trees or dimensions.
  const Image whole = BuildImage();
  for (const SectionId dropped : {SectionId::kTrees, SectionId::kTreeCuts, SectionId::kTreeItems, SectionId::kCodes,
                                  SectionId::kBias, SectionId::kRows, SectionId::kRowIds, SectionId::kCodec}) {
    Image image(whole.spec());
    for (std::uint32_t id = 1; id < 64; ++id) {
      const auto bytes = whole.section(static_cast<SectionId>(id));
      if (bytes.empty() || static_cast<SectionId>(id) == dropped) continue;
      const auto copy = image.Add(static_cast<SectionId>(id), bytes.size());
      std::copy(bytes.begin(), bytes.end(), copy->begin());
    }
    EXPECT_EQ(OpenIndex(std::move(image), kernels).status().code(), absl::StatusCode::kDataLoss)
        << static_cast<std::uint32_t>(dropped);
  }
}

}  // namespace
}  // namespace elanus::index
