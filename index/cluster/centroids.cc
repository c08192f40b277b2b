#include "index/cluster/centroids.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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
constexpr std::uint32_t kBlock = 256;

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
  ELANUS_ASSIGN_OR_RETURN(ScanCodec codec, ScanCodec::Load(metric, ScanCodec::Target::kRow, base::Element::kF32,
                                                           centroids.dim, coded.subspan(parts.codec)));
  return CentroidTable(kernels, metric, centroids, std::move(codec), coded);
}

CentroidTable::CentroidTable(const simd::Kernels& kernels, Metric metric, const base::Vectors& centroids,
                             ScanCodec codec, absl::Span<const std::byte> coded)
    : kernels_(&kernels),
      measure_(kernels, metric, base::Element::kF32, centroids.dim, nullptr),
      centroids_(centroids),
      codec_(std::make_unique<const ScanCodec>(std::move(codec))) {
  const Parts parts(centroids.count, centroids.dim);
  coded_.codes = reinterpret_cast<const std::uint8_t*>(coded.data());
  coded_.bias = reinterpret_cast<const float*>(coded.data() + parts.bias);
  coded_.rows = centroids.data;
  coded_.row_stride = centroids.stride;
  scanner_ = Scanner(kernels, metric, codec_.get(), coded_, measure_);
}

absl::Span<const base::Key> CentroidTable::Nearest(const Query& native_query, std::uint32_t n, Scratch& scratch) const {
  const Query query = AsFloats(native_query);
  codec_->PrepareQuery(query, &scratch.query);
  scratch.collector.Reset(std::min(n, count()));
  scanner_.Scan(query, scratch.query, 0, count(), nullptr, scratch.collector, scratch.scan);
  return scratch.collector.Sorted();
}

base::Key CentroidTable::NearestOne(const Query& native_query, std::uint32_t hint, Scratch& scratch) const {
  const Query query = AsFloats(native_query);
  codec_->PrepareQuery(query, &scratch.query);
  scratch.dots.resize(kBlock);
  scratch.positions.resize(kBlock);
  std::uint32_t* const found = scratch.positions.data();
  float distance = 0;
  const auto measure = [&](std::uint32_t centroid) {
    measure_(query, {centroids_.data, centroids_.stride, &centroid, 1}, &distance);
    return base::MakeKey(distance, centroid);
  };
  base::Key best = measure(hint);
  for (std::uint32_t first = 0; first < count(); first += kBlock) {
    const std::uint32_t rows = std::min(kBlock, count() - first);
    kernels_->scan.dot_groups(coded_.codes + (first / base::kGroupRows) * base::GroupBytes(codec_->chunks()),
                              base::GroupsFor(rows), codec_->chunks(), scratch.query.weights, scratch.dots.data());
    const std::size_t selected =
        kernels_->scan.select_float(scratch.dots.data(), coded_.bias + first, scratch.query.scale,
                                    base::KeyDistance(best) - scratch.query.offset, rows, found);
    for (std::size_t i = 0; i < selected; ++i) best = std::min(best, measure(first + found[i]));
  }
  return best;
}

}  // namespace elanus::index
