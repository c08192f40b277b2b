// Search of bit rows that contain the query (Substructure) or are contained in it (Superstructure): BIN_FLAT and
// BIN_IVF_FLAT. A bit-sliced signature file (Faloutsos, Christodoulakis: Signature Files, TOIS 2(4), 1984, section 3):
// the rows that contain a query are the AND of the query's columns, the rows contained in it are those without a bit in
// the other columns. The most selective columns come first, so most blocks are ruled out by a few columns.
#ifndef ELANUS_INDEX_BINARY_CONTAINMENT_INDEX_H_
#define ELANUS_INDEX_BINARY_CONTAINMENT_INDEX_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "index/binary/bit_sections.h"
#include "index/index.h"

namespace elanus::index {

/// Exact with lists too: every list whose bounds leave room for a hit is scanned, whatever nprobe says, because a
/// missing hit would look like "not contained". A hit has distance 0, so the k best are the k smallest row numbers.
class BitContainmentIndex : public Index {
 public:
  /// `bounds`: words null, or one row a list, in slot l: the OR of the list's rows (Substructure), or their AND
  /// (Superstructure).
  BitContainmentIndex(Image image, const simd::Kernels& kernels, BitView view, const BitRows& bounds);

 protected:
  void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const override;

 private:
  struct Scratch;
  void ListColumns(const Query& query, std::vector<std::uint32_t>* columns) const;
  void ScanList(const BitList& list, const RowFilter* filter, Scratch& scratch) const;
  bool all_set() const { return spec().metric == Metric::kSubstructure; }

  BitView view_;
  BitRows bounds_;
  std::vector<std::uint32_t> column_order_;  // most selective first
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_CONTAINMENT_INDEX_H_
