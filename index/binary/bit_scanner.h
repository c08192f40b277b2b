// Scans bit rows for one query by Hamming, Jaccard or Tanimoto distance, reading only the columns of the query's set
// bits, and only the rows whose number of set bits lets them be near enough.
//
// Rows lie in the order of their popcounts, so the k-th distance so far leaves a window of slots around the query's own
// popcount (Swamidass, Baldi: Bounds and Algorithms for Fast Exact Searches of Chemical Fingerprints in Linear and
// Sublinear Time, J. Chem. Inf. Model. 47(2), 2007), and says how many bits a row of each group must share.
// Answers are exact.
#ifndef ELANUS_INDEX_BINARY_BIT_SCANNER_H_
#define ELANUS_INDEX_BINARY_BIT_SCANNER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "host/base/key.h"
#include "host/simd/kernels.h"
#include "index/binary/bit_distance.h"
#include "index/binary/bit_rows.h"
#include "index/collector.h"
#include "index/filter.h"
#include "index/spec.h"

namespace elanus::index {

/// One query on its way through the lists. Reusable.
struct BitSearch {
  std::vector<std::uint32_t> columns;  // set bits of the query
  Collector collector;

  /// Begins a query of `bytes` bytes of bits that keeps the `capacity` nearest rows within `bound`.
  void Start(const std::byte* bits, std::size_t bytes, std::size_t capacity, base::Key bound) {
    ListSetBits(bits, bytes, &columns);
    collector.Reset(capacity, bound);
    limit_of_ = base::kNoResult;
  }

  std::uint32_t popcount() const { return static_cast<std::uint32_t>(columns.size()); }

  /// What the collector's bound says about shared bits, kept until the bound changes.
  const BitDistance::Limit& LimitNow(const BitDistance& distance) {
    if (collector.bound() != limit_of_) {
      limit_of_ = collector.bound();
      limit_ = distance.LimitFor(collector.limit());
    }
    return limit_;
  }

 private:
  base::Key limit_of_ = base::kNoResult;  // kNoResult, which is never a collector's bound: not computed
  BitDistance::Limit limit_;
};

/// Immutable; safe from many threads, each with its own BitSearch and Scratch.
class BitScanner {
 public:
  struct Scratch {
    std::vector<std::uint32_t> at_least, rows, counts;
  };

  /// `rows` has popcounts. metric: kHamming, kJaccard or kTanimoto.
  BitScanner(const simd::Kernels& kernels, Metric metric, const BitRows& rows)
      : kernels_(&kernels), distance_(metric), rows_(rows) {}

  /// Offers every row of the list that the filter allows and that can enter, nearest popcounts first.
  void Scan(const BitList& list, const RowFilter* filter, BitSearch& search, Scratch& scratch) const;

  /// The same for one block of the list.
  void ScanBlock(const BitList& list, std::uint64_t block, const RowFilter* filter, BitSearch& search,
                 Scratch& scratch) const;

  /// The block of a list, not empty, where rows with `popcount` set bits are or would be.
  std::uint64_t NearestBlock(const BitList& list, std::uint32_t popcount) const;

  const BitRows& rows() const { return rows_; }

 private:
  std::uint64_t NearestGroup(std::uint64_t begin, std::uint64_t end, std::uint32_t popcount) const;
  std::uint32_t LargestPopcount(const BitList& list, std::uint64_t group) const;
  void ScanGroups(const BitList& list, const BitBlockRef& block, std::uint64_t begin, std::uint64_t end,
                  const RowFilter* filter, BitSearch& search, Scratch& scratch) const;
  void Offer(const BitList& list, std::uint64_t first_group, std::size_t found, const RowFilter* filter,
             BitSearch& search, const Scratch& scratch) const;

  const simd::Kernels* kernels_;
  BitDistance distance_;
  BitRows rows_;
};

/// Calls visit(i) for every i < count, from `start` outwards: start, start + 1, start - 1, start + 2, ...
template <class Visit>
void ForOutwards(std::uint64_t start, std::uint64_t count, Visit visit) {
  for (std::uint64_t step = 0; step < count; ++step) {
    if (step < count - start) visit(start + step);
    if (step != 0 && step <= start) visit(start - step);
  }
}

}  // namespace elanus::index

#endif  // ELANUS_INDEX_BINARY_BIT_SCANNER_H_
