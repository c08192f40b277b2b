#include "index/index.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "index/kinds.h"

namespace elanus::index {
namespace {

/// Queries prepared at a time: bounds the memory of one call whatever its size.
constexpr std::uint64_t kBlockQueries = 1024;

float Natural(Metric metric, base::Key key) {
  const float distance = base::KeyDistance(key);
  return IsSimilarity(metric) ? 0.0f - distance : distance;
}

}  // namespace

absl::Status Index::CheckQueries(const base::Vectors& queries, const RowFilter* filter) const {
  if (filter != nullptr && filter->bits.size() != (spec().rows + 63) / 64) {
    return absl::InvalidArgumentError(absl::StrCat("the filter has ", filter->bits.size(), " words, ", spec().rows,
                                                   " rows need ", (spec().rows + 63) / 64));
  }
  const std::uint64_t used = spec().rows % 64;
  if (filter != nullptr && used != 0 && (filter->bits.back() >> used) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the filter allows rows beyond the ", spec().rows, " of the index: clear the bits that follow"));
  }
  if (queries.dim != spec().dim) {
    return absl::InvalidArgumentError(
        absl::StrCat("queries have dimension ", queries.dim, ", the index has ", spec().dim));
  }
  return absl::OkStatus();
}

absl::Status Index::Search(const SearchRequest& request, Workspace& workspace, const Hits& hits) const {
  ELANUS_RETURN_IF_ERROR(CheckQueries(request.queries, request.filter));
  if (request.k < 1 || request.k > kTopKMax) {
    return absl::InvalidArgumentError(absl::StrCat("k (", request.k, ") should be in range [1, ", kTopKMax, "]"));
  }
  ELANUS_RETURN_IF_ERROR(CheckParams(KindRowFor(spec().kind).search_params, request.params));
  ELANUS_RETURN_IF_ERROR(CheckSearch(request.params, request.k));
  const std::uint64_t results = request.queries.count * request.k;
  if (hits.rows.size() < results || hits.distances.size() < results || hits.counts.size() < request.queries.count) {
    return absl::InvalidArgumentError(absl::StrCat("the result arrays hold fewer than ", results, " results"));
  }

  class HitSink : public KeySink {
   public:
    HitSink(const Hits& hits, std::uint32_t k, Metric metric) : hits_(hits), k_(k), metric_(metric) {}
    void SetFirst(std::uint64_t first) { first_ = first; }
    void Emit(std::size_t query, absl::Span<const base::Key> keys) override {
      const std::size_t begin = (first_ + query) * k_;
      for (std::size_t i = 0; i < keys.size(); ++i) {
        hits_.rows[begin + i] = base::KeyRow(keys[i]);
        hits_.distances[begin + i] = Natural(metric_, keys[i]);
      }
      const float worst = std::numeric_limits<float>::infinity();
      std::fill(hits_.rows.begin() + begin + keys.size(), hits_.rows.begin() + begin + k_, kNoRow);
      std::fill(hits_.distances.begin() + begin + keys.size(), hits_.distances.begin() + begin + k_,
                IsSimilarity(metric_) ? -worst : worst);
      hits_.counts[first_ + query] = static_cast<std::uint32_t>(keys.size());
    }

   private:
    const Hits& hits_;
    std::uint32_t k_;
    Metric metric_;
    std::uint64_t first_ = 0;
  } sink(hits, request.k, spec().metric);

  QueryBlock& block = workspace.Get<QueryBlock>();
  for (std::uint64_t begin = 0; begin < request.queries.count; begin += kBlockQueries) {
    const std::uint64_t count = std::min(kBlockQueries, request.queries.count - begin);
    ELANUS_RETURN_IF_ERROR(
        block.Prepare(request.queries.Slice(begin, count), spec(), kernels(), request.first_query + begin));
    sink.SetFirst(begin);
    SearchBatch({block.queries(), request.k, request.params, request.filter}, workspace, sink);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<Neighbour>>> Index::RangeSearch(const RangeRequest& request,
                                                                       Workspace& workspace) const {
  ELANUS_RETURN_IF_ERROR(CheckQueries(request.queries, request.filter));
  ELANUS_RETURN_IF_ERROR(CheckParams(KindRowFor(spec().kind).search_params, request.params));
  ELANUS_RETURN_IF_ERROR(CheckSearch(request.params, 1));
  const Metric metric = spec().metric;
  if (metric == Metric::kSubstructure || metric == Metric::kSuperstructure) {
    return absl::InvalidArgumentError(absl::StrCat(MetricName(metric), " has no distances to search a range of"));
  }
  if (!std::isfinite(request.radius) || (request.has_range_filter && !std::isfinite(request.range_filter))) {
    return absl::InvalidArgumentError("radius and range_filter should be finite");
  }
  const float radius = IsSimilarity(metric) ? 0.0f - request.radius : request.radius;
  const float nearest = IsSimilarity(metric) ? 0.0f - request.range_filter : request.range_filter;
  if (request.has_range_filter && !(nearest < radius)) {
    return absl::InvalidArgumentError(absl::StrCat("range_filter (", request.range_filter, ") should be ",
                                                   IsSimilarity(metric) ? "above" : "below", " radius (",
                                                   request.radius, ") for metric ", MetricName(metric)));
  }

  std::vector<std::vector<Neighbour>> results(request.queries.count);
  class RangeSink : public KeySink {
   public:
    RangeSink(std::vector<std::vector<Neighbour>>& results, Metric metric, base::Key first)
        : results_(results), metric_(metric), first_key_(first) {}
    void SetFirst(std::uint64_t first) { first_ = first; }
    void Emit(std::size_t query, absl::Span<const base::Key> keys) override {
      std::vector<Neighbour>& out = results_[first_ + query];
      for (const base::Key key : keys) {
        if (key >= first_key_) out.push_back({base::KeyRow(key), Natural(metric_, key)});
      }
    }

   private:
    std::vector<std::vector<Neighbour>>& results_;
    Metric metric_;
    base::Key first_key_;
    std::uint64_t first_ = 0;
  } sink(results, metric, request.has_range_filter ? base::MakeKey(nearest, 0) : 0);

  // Strictly within the radius: every row of the largest float below it.
  const base::Key bound = base::MakeKey(std::nextafter(radius, -std::numeric_limits<float>::infinity()), 0xFFFFFFFFu);
  QueryBlock& block = workspace.Get<QueryBlock>();
  for (std::uint64_t begin = 0; begin < request.queries.count; begin += kBlockQueries) {
    const std::uint64_t count = std::min(kBlockQueries, request.queries.count - begin);
    ELANUS_RETURN_IF_ERROR(
        block.Prepare(request.queries.Slice(begin, count), spec(), kernels(), request.first_query + begin));
    sink.SetFirst(begin);
    RangeBatch({block.queries(), 0, request.params, request.filter}, bound, workspace, sink);
  }
  return results;
}

void Index::RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const {
  class Keep : public KeySink {
   public:
    std::vector<base::Key> keys;
    void Emit(std::size_t, absl::Span<const base::Key> found) override { keys.assign(found.begin(), found.end()); }
  } keep;
  const std::uint64_t matches = batch.filter != nullptr ? batch.filter->allowed : spec().rows;
  for (std::size_t q = 0; q < batch.queries.size(); ++q) {
    keep.keys.clear();
    // Until the last result lies outside, or there is nothing more to find.
    for (std::uint64_t k = 128; matches > 0; k *= 4) {
      const auto wanted = static_cast<std::uint32_t>(std::min(k, matches));
      SearchBatch({batch.queries.subspan(q, 1), wanted, batch.params, batch.filter}, workspace, keep);
      if (wanted == matches || keep.keys.empty() || keep.keys.back() > bound) break;
    }
    const auto end = std::upper_bound(keep.keys.begin(), keep.keys.end(), bound);
    sink.Emit(q, absl::MakeConstSpan(keep.keys.data(), static_cast<std::size_t>(end - keep.keys.begin())));
  }
}

}  // namespace elanus::index
