#include "index/cluster/centroids.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/check.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

/// Where the parts lie in the coded bytes.
struct Parts {
  Parts(std::uint64_t count, std::uint32_t dim)
      : slots(base::GroupsFor(count) * base::kGroupRows),
        bias(base::GroupsFor(count) * base::GroupBytes(base::ChunksFor(dim))),
        codec(bias + slots * sizeof(float)),
        end(codec + ScanCodec::SectionBytes(base::Element::kF32, dim)) {}
  std::uint64_t slots;
  std::size_t bias;
  std::size_t codec;
  std::size_t end;
};

/// Centroids scanned between two looks at the limit.
constexpr std::uint32_t kBlock = 128;

/// A query of an integer index in the form the fp32 centroids want.
Query AsFloats(const Query& query) {
  Query floats = query;
  floats.native = reinterpret_cast<const std::byte*>(query.values);
  return floats;
}

}  // namespace

std::size_t CentroidTable::CodedBytes(std::uint64_t count, std::uint32_t dim) { return Parts(count, dim).end; }

void CentroidTable::Encode(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids,
                           threads::Pool& pool, absl::Span<std::byte> out) {
  const Parts parts(centroids.count, centroids.dim);
  ELANUS_CHECK(out.size() == parts.end && (metric == Metric::kL2 || metric == Metric::kIp));
  ScanCodec codec =
      *ScanCodec::Train(kernels, metric, ScanCodec::Target::kRow, centroids, nullptr, pool, base::Monitor());
  std::vector<std::uint8_t> code(std::size_t{codec.chunks()} * base::kChunkBytes);
  for (std::uint64_t i = 0; i < centroids.count; ++i) {
    const ScanCodec::Side side = codec.Encode(kernels, centroids.row(i), 1.0f, code.data());
    for (std::uint32_t c = 0; c < codec.chunks(); ++c) {
      std::memcpy(out.data() + base::ChunkOffset(i, c, codec.chunks()),
                  code.data() + std::size_t{c} * base::kChunkBytes, base::kChunkBytes);
    }
    std::memcpy(out.data() + parts.bias + i * sizeof(float), &side.bias, sizeof(float));
  }
  codec.Save(out.subspan(parts.codec));
}

absl::StatusOr<CentroidTable> CentroidTable::View(const simd::Kernels& kernels, Metric metric,
                                                  const base::Vectors& centroids, absl::Span<const std::byte> coded) {
  const Parts parts(centroids.count, centroids.dim);
  ELANUS_CHECK(coded.size() == parts.end && centroids.count >= 1 && centroids.element == base::Element::kF32);
  for (std::uint64_t i = 0; i < centroids.count; ++i) {
    for (std::uint32_t d = 0; d < centroids.dim; ++d) {
      float value = 0;
      std::memcpy(&value, centroids.row(i) + d * sizeof(float), sizeof(float));
      if (!std::isfinite(value)) {
        return absl::DataLossError(absl::StrCat("component ", d, " of centroid ", i, " is ", value));
      }
    }
  }
  for (std::uint64_t i = 0; i < centroids.count; ++i) {
    float bias = 0;
    std::memcpy(&bias, coded.data() + parts.bias + i * sizeof(float), sizeof(float));
    if (!std::isfinite(bias)) return absl::DataLossError(absl::StrCat("the bias of centroid ", i, " is ", bias));
  }
  ELANUS_ASSIGN_OR_RETURN(ScanCodec codec, ScanCodec::Load(metric, ScanCodec::Target::kRow, base::Element::kF32,
                                                           centroids.dim, coded.subspan(parts.codec)));
  return CentroidTable(kernels, metric, centroids, std::move(codec), coded);
}

CentroidTable::CentroidTable(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids,
                             ScanCodec codec, absl::Span<const std::byte> coded)
    : kernels_(&kernels),
      measure_(kernels, metric, base::Element::kF32, centroids.dim, nullptr),
      centroids_(centroids),
      codec_(std::move(codec)),
      codes_(reinterpret_cast<const std::uint8_t*>(coded.data())),
      bias_(reinterpret_cast<const float*>(coded.data() + Parts(centroids.count, centroids.dim).bias)) {}

/// Scores the block of centroids that starts with `first`; positions of those with a score <= limit.
std::size_t CentroidTable::Dots(const ScanCodec::ScanQuery& query, std::uint32_t first, float limit,
                                Scratch& scratch) const {
  const std::uint32_t rows = std::min(kBlock, count() - first);
  scratch.dots.resize(kBlock);
  scratch.positions.resize(kBlock);
  kernels_->scan.dot_groups(codes_ + (first / base::kGroupRows) * base::GroupBytes(codec_.chunks()),
                            base::GroupsFor(rows), codec_.chunks(), query.weights, scratch.dots.data());
  return kernels_->scan.select_float(scratch.dots.data(), bias_ + first, query.scale, limit, rows,
                                     scratch.positions.data());
}

/// A score that about n centroids lie below, guessed from a sample; +infinity where a guess would save nothing.
float CentroidTable::GuessLimit(const ScanCodec::ScanQuery& query, std::uint32_t n, Scratch& scratch) const {
  constexpr std::uint32_t kSample = 128;
  if (std::uint64_t{n} * 4 >= count() || count() < 4 * kSample) return std::numeric_limits<float>::infinity();
  const std::uint32_t step = count() / kSample;
  std::vector<Candidate>& sample = scratch.candidates;
  sample.clear();
  for (std::uint32_t i = 0; i < kSample; ++i) sample.push_back({Score(query, i * step, scratch), i * step});
  // A quarter and two more than the sample's share: one guess in some tens is too low, and is seen to be.
  const std::uint32_t rank = std::uint32_t{5} * n * kSample / (4 * count()) + 2;
  std::nth_element(sample.begin(), sample.begin() + rank, sample.end());
  return sample[rank].score;
}

/// Collects all candidates that can be among the n nearest: no n others are nearer by more than the width. Those with
/// the n best scores come first.
void CentroidTable::Gather(const ScanCodec::ScanQuery& query, std::uint32_t n, Scratch& scratch) const {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::uint32_t groups = static_cast<std::uint32_t>(base::GroupsFor(count()));
  scratch.dots.resize(std::size_t{groups} * base::kGroupRows);
  scratch.positions.resize(count());
  kernels_->scan.dot_groups(codes_, groups, codec_.chunks(), query.weights, scratch.dots.data());
  std::vector<Candidate>& candidates = scratch.candidates;
  const auto take = [&](float limit) {
    const std::size_t selected =
        kernels_->scan.select_float(scratch.dots.data(), bias_, query.scale, limit, count(), scratch.positions.data());
    candidates.clear();
    for (std::size_t i = 0; i < selected; ++i) {
      candidates.push_back({Score(query, scratch.positions[i], scratch), scratch.positions[i]});
    }
    return selected;
  };
  float limit = GuessLimit(query, n, scratch);
  if (take(limit) < n) ELANUS_CHECK(take(limit = kInfinity) == count());  // all scores are finite
  std::nth_element(candidates.begin(), candidates.begin() + (n - 1), candidates.end());
  const float nth = candidates[n - 1].score;
  const float farthest = std::nextafter(nth + query.width, kInfinity);
  if (farthest > limit) {
    take(farthest);
    std::partition(candidates.begin(), candidates.end(), [&](const Candidate& c) { return c.score <= nth; });
  } else {
    candidates.erase(std::remove_if(candidates.begin() + n, candidates.end(),
                                    [&](const Candidate& c) { return c.score > farthest; }),
                     candidates.end());
  }
}

/// Appends the keys of `candidates`.
void CentroidTable::Measured(const Query& query, absl::Span<const Candidate> candidates, Scratch& scratch) const {
  scratch.ids.clear();
  for (const Candidate& candidate : candidates) scratch.ids.push_back(candidate.centroid);
  scratch.distances.resize(candidates.size());
  measure_(query, {centroids_.data, centroids_.stride, scratch.ids.data(), scratch.ids.size()},
           scratch.distances.data());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    scratch.keys.push_back(base::MakeKey(scratch.distances[i], scratch.ids[i]));
  }
}

absl::Span<const base::Key> CentroidTable::Nearest(const Query& native_query, std::uint32_t n, Scratch& scratch) const {
  const Query query = AsFloats(native_query);
  n = std::min(n, count());
  scratch.queries.resize(std::max<std::size_t>(1, scratch.queries.size()));
  ScanCodec::ScanQuery& coded = scratch.queries.front();
  codec_.PrepareQuery(query, &coded);
  Gather(coded, n, scratch);
  scratch.keys.clear();
  const auto candidates = absl::MakeSpan(scratch.candidates);
  Measured(query, candidates.subspan(0, n), scratch);
  // The n best scores are measured: only what may be nearer than the farthest of them is measured as well.
  const float farthest = base::KeyDistance(*std::max_element(scratch.keys.begin(), scratch.keys.end()));
  const auto end = std::remove_if(scratch.candidates.begin() + n, scratch.candidates.end(),
                                  [&](const Candidate& c) { return coded.offset + c.score > farthest; });
  Measured(
      query,
      absl::MakeSpan(scratch.candidates.data() + n, static_cast<std::size_t>(end - scratch.candidates.begin()) - n),
      scratch);
  std::sort(scratch.keys.begin(), scratch.keys.end());
  return absl::MakeConstSpan(scratch.keys).subspan(0, n);
}

void CentroidTable::NearestOfEach(absl::Span<const Query> queries, Scratch& scratch, std::uint32_t* out) const {
  if (scratch.queries.size() < queries.size()) scratch.queries.resize(queries.size());
  scratch.keys.resize(queries.size());
  const auto measure = [&](std::size_t q, std::uint32_t centroid) {
    float distance = 0;
    measure_(AsFloats(queries[q]), {centroids_.data, centroids_.stride, &centroid, 1}, &distance);
    return base::MakeKey(distance, centroid);
  };
  for (std::size_t q = 0; q < queries.size(); ++q) {
    codec_.PrepareQuery(queries[q], &scratch.queries[q]);
    scratch.keys[q] = measure(q, out[q]);
  }
  for (std::uint32_t first = 0; first < count(); first += kBlock) {
    for (std::size_t q = 0; q < queries.size(); ++q) {
      const ScanCodec::ScanQuery& query = scratch.queries[q];
      base::Key& best = scratch.keys[q];
      const std::size_t selected = Dots(query, first, query.ScoreLimit(base::KeyDistance(best)), scratch);
      for (std::size_t i = 0; i < selected; ++i) {
        const std::uint32_t p = scratch.positions[i];
        const float score = bias_[first + p] + query.scale * static_cast<float>(scratch.dots[p]);
        if (score <= query.ScoreLimit(base::KeyDistance(best))) best = std::min(best, measure(q, first + p));
      }
    }
  }
  for (std::size_t q = 0; q < queries.size(); ++q) out[q] = base::KeyRow(scratch.keys[q]);
}

}  // namespace elanus::index
