// What the steps of a search cost, and a whole search of each kind, on seeded clusters that fit the caches.
//   index_bench --benchmark_filter='Search/.*'
// items_per_second: keys offered, centroids ranked, look-up table entries, queries.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "host/base/check.h"
#include "host/base/random.h"
#include "host/simd/kernels.h"
#include "index/cluster/centroids.h"
#include "index/collector.h"
#include "index/kinds.h"
#include "index/pq/quantiser.h"
#include "index/query.h"
#include "index/reservoir.h"
#include "tests/support/vectors.h"

namespace elanus::index {
namespace {

using base::Element;
using testing_support::ClusteredVectors;
using testing_support::TestVectors;

constexpr std::uint64_t kSeed = 1;
constexpr std::uint32_t kDim = 128;

std::vector<base::Key> RandomKeys(std::size_t count) {
  base::Random random(kSeed);
  std::vector<base::Key> keys(count);
  for (std::uint32_t i = 0; i < count; ++i) keys[i] = base::MakeKey(static_cast<float>(random.Below(1 << 24)), i);
  return keys;
}

absl::Span<const base::Key> Take(Collector& collector) { return collector.Sorted(); }
absl::Span<const base::Key> Take(Reservoir& reservoir) { return reservoir.Best(); }

/// The k best of 10,000 keys in random order, all of which are offered.
template <class Keeper>
void Offer(benchmark::State& state) {
  const std::vector<base::Key> keys = RandomKeys(10'000);
  Keeper keeper;
  for (auto _ : state) {
    keeper.Reset(static_cast<std::size_t>(state.range(0)));
    for (const base::Key key : keys) keeper.Offer(key);
    benchmark::DoNotOptimize(Take(keeper).data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(keys.size()));
}
BENCHMARK(Offer<Collector>)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(Offer<Reservoir>)->Arg(10)->Arg(100)->Arg(1000);

/// The n nearest of 2,048 centroids.
void NearestCentroids(benchmark::State& state) {
  constexpr std::uint64_t kCentroids = 2'048;
  const simd::Kernels& kernels = simd::KernelsFor(simd::BestLevel());
  threads::Pool pool(1);
  const TestVectors centroids = ClusteredVectors(Element::kF32, kCentroids, kDim, kSeed);
  const TestVectors queries = ClusteredVectors(Element::kF32, 64, kDim, kSeed + 1);
  Image image(Spec{Kind::kIvfFlat, Metric::kL2, Element::kF32, kDim, kCentroids});
  const auto coded = image.Add(SectionId::kCentroidCodes, CentroidTable::CodedBytes(kCentroids, kDim));
  ELANUS_CHECK(coded.ok());
  CentroidTable::Encode(kernels, Metric::kL2, centroids.view(), pool, *coded);
  const auto table = CentroidTable::View(kernels, Metric::kL2, centroids.view(), *coded);
  QueryBlock block;
  ELANUS_CHECK(table.ok() && block.Prepare(queries.view(), image.spec(), kernels).ok());
  CentroidTable::Scratch scratch;
  std::size_t q = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        table->Nearest(block.queries()[q++ % 64], static_cast<std::uint32_t>(state.range(0)), scratch).data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCentroids));
}
BENCHMARK(NearestCentroids)->Arg(1)->Arg(16)->Arg(128);

/// A query's table of products with the codewords of m slices, and its 8-bit form.
void PrepareLookUpTable(benchmark::State& state) {
  const PqShape shape{kDim, static_cast<std::uint32_t>(state.range(0)), static_cast<std::uint32_t>(state.range(1))};
  base::Random random(kSeed);
  std::vector<float> components(shape.codebook_floats()), query(kDim);
  for (float& c : components) c = static_cast<float>(random.Below(1000)) - 500.0f;
  for (float& c : query) c = static_cast<float>(random.Below(1000)) - 500.0f;
  const PqCodebooks codebooks(shape, components.data());
  std::vector<float> products(std::size_t{shape.m} * shape.codewords());
  PqTable table;
  for (auto _ : state) {
    codebooks.Products(query.data(), products.data());
    QuantiseTable(shape, -2.0f, products, &table);
    benchmark::DoNotOptimize(table.entries);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(products.size()));
}
BENCHMARK(PrepareLookUpTable)->ArgNames({"m", "bits"})->Args({64, 4})->Args({32, 8});

/// One query after another, or in batches of 256, against 20,000 rows.
void Search(benchmark::State& state, Kind kind, std::uint64_t batch) {
  const bool bits = KindRowFor(kind).elements.front() == Element::kBit;
  const Element element = bits ? Element::kBit : Element::kF32;
  const std::uint32_t dim = bits ? 1'024 : kDim;
  const TestVectors rows = ClusteredVectors(element, 20'000, dim, kSeed);
  const TestVectors queries = ClusteredVectors(element, 256, dim, kSeed + 1);
  threads::Pool pool(1);
  BuildRequest request;
  request.base = rows.view();
  request.metric = bits ? Metric::kJaccard : Metric::kL2;
  request.params.nbits = 4;
  request.params.M = 16;
  request.params.ef_construction = 100;
  request.params.n_trees = 16;
  request.kernels = &simd::KernelsFor(simd::BestLevel());
  request.pool = &pool;
  absl::StatusOr<Image> image = BuildIndex(kind, request);
  ELANUS_CHECK(image.ok());
  const auto index = OpenIndex(std::move(image).value(), *request.kernels);
  ELANUS_CHECK(index.ok());
  constexpr std::uint32_t kResults = 10;
  std::vector<std::uint32_t> ids(batch * kResults), counts(batch);
  std::vector<float> distances(batch * kResults);
  Workspace workspace;
  std::uint64_t at = 0;
  for (auto _ : state) {
    ELANUS_CHECK((*index)
                     ->Search({.queries = queries.view().Slice(at, batch), .k = kResults, .params = {}}, workspace,
                              {absl::MakeSpan(ids), absl::MakeSpan(distances), absl::MakeSpan(counts)})
                     .ok());
    at = (at + batch) % 256;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(batch));
}

}  // namespace
}  // namespace elanus::index

int main(int argc, char** argv) {
  for (const elanus::index::KindRow& kind : elanus::index::Kinds()) {
    for (const std::uint64_t batch : {1u, 256u}) {
      benchmark::RegisterBenchmark(absl::StrCat("Search/", KindName(kind.kind), "/batch:", batch).c_str(),
                                   elanus::index::Search, kind.kind, batch);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
