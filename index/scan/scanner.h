// Scans coded rows for one query: lower bounds first, exact distances for what they do not rule out.
#ifndef ELANUS_INDEX_SCAN_SCANNER_H_
#define ELANUS_INDEX_SCAN_SCANNER_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "host/simd/kernels.h"
#include "index/collector.h"
#include "index/filter.h"
#include "index/measure.h"
#include "index/query.h"
#include "index/scan/codec.h"

namespace elanus::index {

/// Codes and what lies beside them, by slot. A view: everything outlives the scanner.
struct CodedRows {
  const std::uint8_t* codes = nullptr;     // 64-byte aligned; G32C16, or row-major where code_stride is set
  std::size_t code_stride = 0;             // bytes
  const std::uint32_t* row_ids = nullptr;  // row of each slot; nullptr: slot = row
  const float* bias = nullptr;             // float rows: ScanCodec::Side::bias
  const std::int32_t* int_bias = nullptr;  // integer rows: ScanCodec::Side::int_bias
  const float* inverse_norms = nullptr;    // integer rows, cosine: by slot
  const std::byte* rows = nullptr;         // float rows with Target::kRow: the originals, row-major, by row number
  std::size_t row_stride = 0;              // bytes
};

/// Immutable; Scan is safe from many threads, each with its own Scratch.
class Scanner {
 public:
  Scanner() = default;
  /// `codec` outlives it. `measure`: exact distances to `coded.rows` (unused where there are none).
  Scanner(const simd::Kernels& kernels, Metric metric, const ScanCodec* codec, const CodedRows& coded,
          const Measure& measure);

  struct Scratch {
    std::vector<std::int32_t> dots;
    std::vector<std::uint32_t> positions;
    std::vector<std::uint32_t> slots;  // to be measured, and their dots
    std::vector<std::int32_t> kept_dots;
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    std::vector<std::pair<float, std::uint32_t>> order;
    std::vector<std::uint8_t> codes;
    std::vector<float> decoded;
  };

  static constexpr std::uint64_t kNoGroup = ~std::uint64_t{0};

  /// Offers every row among `length` slots from group `first_group` on that the filter allows and that can enter.
  /// `next_group`: the group where the following scan will start, if this one reads its codes from memory: codes are
  /// then prefetched throughout, over the end into `next_group`. kNoGroup: the codes are in the cache.
  void Scan(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_group, std::uint64_t length,
            const RowFilter* filter, Collector& collector, Scratch& scratch, std::uint64_t next_group = kNoGroup) const;

  /// The same for scattered slots of row-major codes, `slots` ascending and all allowed.
  void ScanSlots(const Query& query, const ScanCodec::ScanQuery& scan_query, absl::Span<const std::uint32_t> slots,
                 Collector& collector, Scratch& scratch) const;

 private:
  struct Ahead {
    std::uint64_t end_group;   // after the last one of this scan
    std::uint64_t next_group;  // kNoGroup: nothing is prefetched
  };
  void Dots(const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot, std::size_t count, const Ahead& ahead,
            std::int32_t* dots) const;
  void PrefetchGroup(std::uint64_t group) const;
  std::size_t BlockRows(const Collector& collector, const RowFilter* filter, std::uint64_t left) const;
  bool AnyAllowed(const RowFilter& filter, std::uint64_t first_slot, std::size_t count) const;
  std::size_t SelectBelow(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot,
                          std::size_t count, float limit, Scratch& scratch) const;
  void SeedFromBlock(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t first_slot,
                     std::size_t count, const RowFilter* filter, Collector& collector, Scratch& scratch) const;
  float Bound(const Query& query, const ScanCodec::ScanQuery& scan_query, std::uint64_t slot, std::int32_t dot) const;
  void Keep(std::uint64_t first_slot, std::uint32_t position, Scratch& scratch) const;
  void OfferKept(const Query& query, const ScanCodec::ScanQuery& scan_query, Collector& collector,
                 Scratch& scratch) const;
  void MeasureDecoded(const Query& query, Scratch& scratch) const;
  std::uint32_t RowOf(std::uint64_t slot) const {
    return coded_.row_ids != nullptr ? coded_.row_ids[slot] : static_cast<std::uint32_t>(slot);
  }

  const simd::Kernels* kernels_ = nullptr;
  Metric metric_ = Metric::kL2;
  const ScanCodec* codec_ = nullptr;
  CodedRows coded_;
  Measure measure_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_SCAN_SCANNER_H_
