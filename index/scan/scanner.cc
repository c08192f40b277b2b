#include "index/scan/scanner.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "host/base/key.h"
#include "host/base/layout.h"

namespace elanus::index {
namespace {

/// Rows between two looks at the limit: 8 groups keep dots, bias and positions in the first-level cache.
constexpr std::uint64_t kBlockRows = 8 * base::kGroupRows;

/// How far ahead of the scan codes are fetched: covers the latency of memory without crowding the first-level cache.
constexpr std::size_t kPrefetchBytes = 8192;

/// Filters that leave fewer rows than one in this many are looked at before the codes: most groups need not be read.
constexpr std::uint64_t kSelective = base::kGroupRows;

/// An integer at or above every one that rounds to `limit` or below: integer scans compare before rounding.
std::int32_t IntegerLimit(float limit, std::int32_t offset) {
  const double above = std::nextafter(limit, std::numeric_limits<float>::infinity());
  const double shifted = std::floor(above) - static_cast<double>(offset);
  return static_cast<std::int32_t>(std::clamp(shifted, -2147483648.0, 2147483647.0));
}

}  // namespace

Scanner::Scanner(const simd::Kernels& kernels, Metric metric, const ScanCodec* codec, const CodedRows& coded,
                 const Measure& measure)
    : kernels_(&kernels), metric_(metric), codec_(codec), coded_(coded), measure_(measure) {}

void Scanner::Scan(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_group,
                   std::uint64_t length, const RowFilter* filter, Collector& collector, Scratch& scratch,
                   std::uint64_t next_group) const {
  scratch.dots.resize(kBlockRows);
  scratch.positions.resize(kBlockRows);
  const bool selective = filter != nullptr && filter->allowed < filter->bits.size() * 64 / kSelective;
  const Ahead ahead{first_group + base::GroupsFor(length), selective ? kNoGroup : next_group};
  for (std::uint64_t begin = 0; begin < length;) {
    const std::size_t count = BlockRows(collector, selective ? filter : nullptr, length - begin);
    const std::uint64_t first_slot = first_group * base::kGroupRows + begin;
    begin += count;
    if (selective && !AnyAllowed(*filter, first_slot, count)) continue;
    Dots(scan_query, first_slot, count, ahead, scratch.dots.data());
    if (!collector.full()) {
      SeedFromBlock(query, scan_query, first_slot, count, filter, collector, scratch);
      continue;
    }
    const std::size_t selected = SelectBelow(query, scan_query, first_slot, count, collector.limit(), scratch);
    if (selected == 0) continue;
    for (std::size_t i = 0; i < selected; ++i) {
      const std::uint32_t position = scratch.positions[i];
      if (filter != nullptr && !filter->Allows(RowOf(first_slot + position))) continue;
      Keep(first_slot, position, scratch);
    }
    OfferKept(query, scan_query, collector, scratch);
  }
}

/// Small blocks until there is a limit: what the first block costs a row is many times the rest.
std::size_t Scanner::BlockRows(const Collector& collector, const RowFilter* selective, std::uint64_t left) const {
  std::uint64_t rows = kBlockRows;
  if (!collector.full()) {
    const std::uint64_t groups = base::GroupsFor(4 * std::uint64_t{collector.missing()});
    rows = std::min(rows, groups * base::kGroupRows);
  }
  if (selective != nullptr) rows = base::kGroupRows;
  return static_cast<std::size_t>(std::min(rows, left));
}

bool Scanner::AnyAllowed(const RowFilter& filter, std::uint64_t first_slot, std::size_t count) const {
  for (std::size_t i = 0; i < count; ++i) {
    if (filter.Allows(RowOf(first_slot + i))) return true;
  }
  return false;
}

void Scanner::PrefetchGroup(std::uint64_t group) const {
  const std::size_t bytes = base::GroupBytes(codec_->chunks());
  const std::uint8_t* codes = coded_.codes + group * bytes;
  for (std::size_t line = 0; line < bytes; line += 64) __builtin_prefetch(codes + line, 0, 2);
}

void Scanner::Dots(const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot, std::size_t count,
                   const Ahead& ahead, std::int32_t* dots) const {
  const std::uint32_t chunks = codec_->chunks();
  const std::size_t bytes = base::GroupBytes(chunks);
  const std::uint64_t first = first_slot / base::kGroupRows;
  const std::uint64_t groups = base::GroupsFor(count);
  if (ahead.next_group == kNoGroup) {
    return kernels_->scan.dot_groups(coded_.codes + first * bytes, groups, chunks, scan_query.weights, dots);
  }
  const std::uint64_t distance = std::max<std::uint64_t>(1, kPrefetchBytes / bytes);
  for (std::uint64_t group = first; group < first + groups; ++group, dots += base::kGroupRows) {
    const std::uint64_t wanted = group + distance;
    PrefetchGroup(wanted < ahead.end_group ? wanted : wanted - ahead.end_group + ahead.next_group);
    kernels_->scan.dot_groups(coded_.codes + group * bytes, 1, chunks, scan_query.weights, dots);
  }
}

void Scanner::ScanSlots(const Query& query, const ScanCodec::ScanQuery& scan_query,
                        absl::Span<const std::uint32_t> slots, Collector& collector, Scratch& scratch) const {
  constexpr std::size_t kPieceSlots = 32;  // prefetched a piece ahead: 32 rows fit the first-level cache
  scratch.dots.resize(kPieceSlots);
  const auto* base = reinterpret_cast<const std::byte*>(coded_.codes);
  const std::uint32_t bytes = codec_->chunks() * base::kChunkBytes;
  const auto prefetch = [&](std::size_t begin) {
    for (const std::uint32_t slot : slots.subspan(std::min(begin, slots.size()), kPieceSlots)) {
      const std::byte* row = base + slot * coded_.code_stride;
      for (std::size_t line = 0; line < coded_.code_stride; line += 64) __builtin_prefetch(row + line);
      __builtin_prefetch(codec_->lossless() ? static_cast<const void*>(coded_.int_bias + slot) : coded_.bias + slot);
    }
  };
  prefetch(0);
  for (std::size_t begin = 0; begin < slots.size(); begin += kPieceSlots) {
    const absl::Span<const std::uint32_t> piece = slots.subspan(begin, kPieceSlots);
    prefetch(begin + kPieceSlots);
    kernels_->scan.dot_rows(scan_query.weights, {base, coded_.code_stride, piece.data(), piece.size()}, bytes,
                            scratch.dots.data());
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (Bound(query, scan_query, piece[i], scratch.dots[i]) > collector.limit()) continue;
      scratch.slots.push_back(piece[i]);
      scratch.kept_dots.push_back(scratch.dots[i]);
    }
    OfferKept(query, scan_query, collector, scratch);
  }
}

std::size_t Scanner::SelectBelow(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot,
                                 std::size_t count, float limit, Scratch& scratch) const {
  const simd::ScanKernels& scan = kernels_->scan;
  std::uint32_t* positions = scratch.positions.data();
  if (!codec_->lossless()) {
    return scan.select_float(scratch.dots.data(), coded_.bias + first_slot, scan_query.scale,
                             scan_query.ScoreLimit(limit), count, positions);
  }
  const std::int32_t* bias = coded_.int_bias + first_slot;
  if (metric_ != Metric::kCosine) {
    return scan.select_int(scratch.dots.data(), bias, scan_query.int_scale, IntegerLimit(limit, scan_query.int_offset),
                           count, positions);
  }
  // -cosine, up to three roundings of 2^-24 each, which the widened limit covers.
  if (scan_query.int_offset != 0) {
    for (std::size_t i = 0; i < count; ++i) scratch.dots[i] += scan_query.int_offset;
  }
  const std::size_t selected = scan.select_scaled(scratch.dots.data(), bias, coded_.inverse_norms + first_slot,
                                                  -query.inverse_norm, limit + 0x1p-20f, count, positions);
  if (scan_query.int_offset != 0) {
    for (std::size_t i = 0; i < count; ++i) scratch.dots[i] -= scan_query.int_offset;
  }
  return selected;
}

float Scanner::Bound(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t slot,
                     std::int32_t dot) const {
  if (!codec_->lossless()) return scan_query.offset + (coded_.bias[slot] + scan_query.scale * static_cast<float>(dot));
  if (metric_ == Metric::kCosine) {
    const auto ip = static_cast<float>(dot + coded_.int_bias[slot] + scan_query.int_offset);
    return Measure::FromInnerProduct(metric_, ip, query, coded_.inverse_norms[slot]);
  }
  return static_cast<float>(coded_.int_bias[slot] + scan_query.int_scale * dot + scan_query.int_offset);
}

/// While anything can enter there is no limit to select by. Measuring the rows with the smallest bounds first gives one
/// at once, so that the rest of the block need not be measured.
void Scanner::SeedFromBlock(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot,
                            std::size_t count, const RowFilter* filter, Collector& collector, Scratch& scratch) const {
  scratch.order.clear();
  for (std::size_t i = 0; i < count; ++i) {
    if (filter != nullptr && !filter->Allows(RowOf(first_slot + i))) continue;
    const float bound = Bound(query, scan_query, first_slot + i, scratch.dots[i]);
    if (bound <= collector.limit()) scratch.order.emplace_back(bound, static_cast<std::uint32_t>(i));
  }
  const std::size_t missing = collector.missing();
  const std::size_t first = std::min(missing, scratch.order.size());
  if (first < scratch.order.size()) {
    std::nth_element(scratch.order.begin(), scratch.order.begin() + static_cast<std::ptrdiff_t>(first),
                     scratch.order.end());
  }
  for (std::size_t i = 0; i < first; ++i) Keep(first_slot, scratch.order[i].second, scratch);
  OfferKept(query, scan_query, collector, scratch);
  for (std::size_t i = first; i < scratch.order.size(); ++i) {
    if (scratch.order[i].first <= collector.limit()) Keep(first_slot, scratch.order[i].second, scratch);
  }
  OfferKept(query, scan_query, collector, scratch);
}

/// Marks a slot of the block to be measured.
void Scanner::Keep(std::uint64_t first_slot, std::uint32_t position, Scratch& scratch) const {
  const std::uint64_t slot = first_slot + position;
  scratch.slots.push_back(static_cast<std::uint32_t>(slot));
  scratch.kept_dots.push_back(scratch.dots[position]);
  if (coded_.rows == nullptr) return;
  const std::byte* row = coded_.rows + RowOf(slot) * coded_.row_stride;
  for (std::size_t line = 0; line < coded_.row_stride; line += 64) __builtin_prefetch(row + line);
}

/// Measures the kept slots exactly, offers them and forgets them.
void Scanner::OfferKept(const Query& query, const ScanCodec::ScanQuery& scan_query, Collector& collector,
                        Scratch& scratch) const {
  const std::size_t count = scratch.slots.size();
  if (count == 0) return;
  if (codec_->lossless()) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t slot = scratch.slots[i];
      collector.Offer(base::MakeKey(Bound(query, scan_query, slot, scratch.kept_dots[i]), RowOf(slot)));
    }
  } else {
    scratch.distances.resize(count);
    scratch.ids.clear();
    for (const std::uint32_t slot : scratch.slots) scratch.ids.push_back(RowOf(slot));
    if (coded_.rows != nullptr) {
      measure_(query, {coded_.rows, coded_.row_stride, scratch.ids.data(), count}, scratch.distances.data());
    } else {
      MeasureDecoded(query, scratch);
    }
    for (std::size_t i = 0; i < count; ++i) collector.Offer(base::MakeKey(scratch.distances[i], scratch.ids[i]));
  }
  scratch.slots.clear();
  scratch.kept_dots.clear();
}

/// Canonical distances to the vectors that the codes stand for. For cosine these are the (nearly) normalised rows, so
/// the inner product with the normalised query is the similarity.
void Scanner::MeasureDecoded(const Query& query, Scratch& scratch) const {
  const std::uint32_t chunks = codec_->chunks();
  scratch.codes.resize(std::size_t{chunks} * base::kChunkBytes);
  scratch.decoded.resize(codec_->dim());
  const simd::RowDistances distance =
      (metric_ == Metric::kL2 ? kernels_->distance.l2 : kernels_->distance.ip)[static_cast<int>(base::Element::kF32)];
  for (std::size_t i = 0; i < scratch.slots.size(); ++i) {
    const std::uint32_t slot = scratch.slots[i];
    for (std::uint32_t c = 0; c < chunks; ++c) {
      std::copy_n(coded_.codes + base::ChunkOffset(slot, c, chunks), base::kChunkBytes,
                  scratch.codes.data() + std::size_t{c} * base::kChunkBytes);
    }
    codec_->Decode(scratch.codes.data(), scratch.decoded.data());
    float value = 0;
    distance(query.values, {reinterpret_cast<const std::byte*>(scratch.decoded.data()), 0, nullptr, 1}, codec_->dim(),
             &value);
    scratch.distances[i] = metric_ == Metric::kL2 ? value : Measure::FromInnerProduct(metric_, value, query, 1.0f);
  }
}

}  // namespace elanus::index
