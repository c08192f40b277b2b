// Index files of every kind as each version of the format wrote them (tests/golden/README.md): they open for good, and
// answer as they did.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"
#include "index/image.h"
#include "index/kinds.h"
#include "index/search.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kQueries = 10;
constexpr std::uint32_t kResults = 5;

struct Golden {
  const char* name;     // of the files
  const char* queries;  // the first ten
  Kind kind;
  Metric metric;
};
const Golden kGolden[] = {
    {"v1/flat", "data/text_query.fvecs", Kind::kFlat, Metric::kCosine},
    {"v1/ivf_flat", "data/text_query.fvecs", Kind::kIvfFlat, Metric::kL2},
    {"v1/ivf_sq8", "data/text_query.fvecs", Kind::kIvfSq8, Metric::kL2},
    {"v1/ivf_pq", "data/image_query.bvecs", Kind::kIvfPq, Metric::kL2},
    {"v1/hnsw", "data/image_query.bvecs", Kind::kHnsw, Metric::kIp},
    {"v1/annoy", "data/image_query.bvecs", Kind::kAnnoy, Metric::kL2},
    {"v1/bin_flat", "data/molecule_query.npy", Kind::kBinFlat, Metric::kJaccard},
    {"v1/bin_ivf_flat", "data/molecule_query.npy", Kind::kBinIvfFlat, Metric::kHamming},
    {"v1/bin_ivf_flat_substructure", "golden/v1/fragment_query.npy", Kind::kBinIvfFlat, Metric::kSubstructure},
};

std::string Path(const std::string& name) { return ELANUS_SOURCE_DIR "/tests/" + name; }

class GoldenTest : public testing::TestWithParam<Golden> {};

TEST_P(GoldenTest, OpensAndAnswersAsItDid) {
  const std::string stem = Path("golden/" + std::string(GetParam().name));
  for (const simd::Level level : simd::SupportedLevels()) {
    SCOPED_TRACE(simd::LevelName(level));
    absl::StatusOr<Image> image = Image::Open(stem + ".elanus", {});
    ASSERT_TRUE(image.ok()) << image.status();
    const auto index = OpenIndex(std::move(image).value(), simd::KernelsFor(level));
    ASSERT_TRUE(index.ok()) << index.status();
    EXPECT_EQ((*index)->spec().kind, GetParam().kind);
    EXPECT_EQ((*index)->spec().metric, GetParam().metric);

    io::VectorOptions options;
    options.as_bits = IsBinaryMetric(GetParam().metric);
    const auto queries = io::OpenVectors(Path(GetParam().queries), options);
    ASSERT_TRUE(queries.ok()) << queries.status();
    SearchParams params;
    params.nprobe = 2;
    params.ef = 16;
    params.search_k = 40;
    std::vector<std::uint32_t> rows(kQueries * kResults), counts(kQueries);
    std::vector<float> distances(kQueries * kResults);
    Workspace workspace;
    const absl::Status status =
        (*index)->Search({.queries = queries->vectors().Slice(0, kQueries), .k = kResults, .params = params}, workspace,
                         {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
    ASSERT_TRUE(status.ok()) << status;

    const auto ids = io::ReadIds(stem + ".ids.ivecs");
    const auto expected = io::ReadDistances(stem + ".distances.fvecs");
    ASSERT_TRUE(ids.ok() && expected.ok()) << ids.status() << expected.status();
    ASSERT_EQ(ids->rows(), kQueries);
    EXPECT_EQ(distances, expected->values);  // to the last bit
    for (std::uint64_t q = 0; q < kQueries; ++q) {
      const std::vector<std::uint32_t> found(rows.begin() + q * kResults, rows.begin() + q * kResults + counts[q]);
      EXPECT_EQ(absl::MakeConstSpan(found), ids->row(q)) << "query " << q;
    }
  }
}

TEST(Golden, HasEveryKind) {
  for (const KindRow& row : Kinds()) {
    EXPECT_TRUE(
        std::any_of(std::begin(kGolden), std::end(kGolden), [&](const Golden& g) { return g.kind == row.kind; }))
        << KindName(row.kind) << ": tests/golden/README.md says how to add a file";
  }
}

INSTANTIATE_TEST_SUITE_P(AllVersions, GoldenTest, testing::ValuesIn(kGolden), [](const auto& golden) {
  std::string name = golden.param.name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
});

}  // namespace
}  // namespace elanus::index
