#include "index/binary/containment_index.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "index/collector.h"
#include "index/ivf/lists.h"

namespace elanus::index {

struct BitContainmentIndex::Scratch {
  std::vector<std::uint32_t> columns, rows, lists;
  Collector collector;
};

BitContainmentIndex::BitContainmentIndex(Image image, const simd::Kernels& kernels, BitView view, const BitRows& bounds)
    : Index(std::move(image), kernels), view_(std::move(view)), bounds_(bounds), column_order_(spec().dim) {
  std::iota(column_order_.begin(), column_order_.end(), 0u);
  std::stable_sort(column_order_.begin(), column_order_.end(), [&](std::uint32_t a, std::uint32_t b) {
    const std::uint32_t count_a = view_.column_counts[a], count_b = view_.column_counts[b];
    return all_set() ? count_a < count_b : count_a > count_b;
  });
}

void BitContainmentIndex::SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const {
  Scratch& scratch = workspace.Get<Scratch>();
  scratch.rows.resize(base::kBlockRows);
  for (std::size_t q = 0; q < batch.queries.size(); ++q) {
    scratch.collector.Reset(batch.k);
    ListColumns(batch.queries[q], &scratch.columns);
    if (bounds_.words == nullptr) {
      ScanList(view_.lists.front(), batch.filter, scratch);
    } else {
      const BitList all = {0, view_.lists.size()};
      for (std::uint64_t b = 0; b < all.blocks(); ++b) {
        const BitBlockRef block = BlockOf(all, b);
        scratch.lists.resize(base::kBlockRows);
        scratch.lists.resize(kernels().columns.select_all(
            bounds_.Block(block, block.first_group, block.first_group + block.groups), scratch.columns.data(),
            scratch.columns.size(), all_set(), scratch.lists.data()));
        for (const std::uint32_t list : scratch.lists) {
          const std::uint64_t number = block.first_group * base::kGroupRows + list;
          if (number < view_.lists.size()) ScanList(view_.lists[number], batch.filter, scratch);
        }
      }
    }
    sink.Emit(q, scratch.collector.Sorted());
  }
}

/// The columns that decide: the query's, or all others.
void BitContainmentIndex::ListColumns(const Query& query, std::vector<std::uint32_t>* columns) const {
  columns->clear();
  for (const std::uint32_t column : column_order_) {
    const bool set = (static_cast<std::uint8_t>(query.native[column / 8]) >> (column % 8) & 1) != 0;
    if (set == all_set()) columns->push_back(column);
  }
}

void BitContainmentIndex::ScanList(const BitList& list, const RowFilter* filter, Scratch& scratch) const {
  Collector& collector = scratch.collector;
  for (std::uint64_t b = 0; b < list.blocks(); ++b) {
    const BitBlockRef block = BlockOf(list, b);
    const std::uint64_t first_slot = block.first_group * base::kGroupRows;
    // Rows ascend within a list, so nothing further on can be among the first k.
    if (base::MakeKey(0.0f, view_.rows.RowOf(first_slot)) > collector.bound()) return;
    const std::size_t found =
        kernels().columns.select_all(view_.rows.Block(block, block.first_group, block.first_group + block.groups),
                                     scratch.columns.data(), scratch.columns.size(), all_set(), scratch.rows.data());
    for (std::size_t i = 0; i < found; ++i) {
      const std::uint64_t slot = first_slot + scratch.rows[i];
      if (slot >= list.end_slot()) break;
      const std::uint32_t row = view_.rows.RowOf(slot);
      if (filter == nullptr || filter->Allows(row)) collector.Offer(base::MakeKey(0.0f, row));
    }
  }
}

}  // namespace elanus::index
