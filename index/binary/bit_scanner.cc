#include "index/binary/bit_scanner.h"

#include <algorithm>

namespace elanus::index {
namespace {

/// Groups scanned at a time while there is no limit yet: the first few rows give one, so that the rest of a block is
/// not offered row by row.
constexpr std::uint64_t kFirstGroups = 8;
constexpr std::uint64_t kNextGroups = 16;

constexpr std::uint32_t kUnreachable = 0xFFFFFFFFu;

}  // namespace

void BitScanner::Scan(const BitList& list, const RowFilter* filter, BitSearch& search, Scratch& scratch) const {
  if (list.length == 0) return;
  ForOutwards(NearestBlock(list, search.popcount()), list.blocks(),
              [&](std::uint64_t block) { ScanBlock(list, block, filter, search, scratch); });
}

void BitScanner::ScanBlock(const BitList& list, std::uint64_t block, const RowFilter* filter, BitSearch& search,
                           Scratch& scratch) const {
  const BitBlockRef ref = BlockOf(list, block);
  const std::uint64_t begin = ref.first_group;
  const std::uint64_t end = begin + ref.groups;
  const BitDistance::Limit& limit = search.LimitNow(distance_);
  if (!limit.everything()) {
    if (limit.Reaches(search.popcount(), rows_.group_popcounts[begin], LargestPopcount(list, end - 1))) {
      ScanGroups(list, ref, begin, end, filter, search, scratch);
    }
    return;
  }
  const std::uint64_t middle = NearestGroup(begin, end, search.popcount());
  const std::uint64_t first = std::max(begin, middle - std::min(middle, kFirstGroups / 2));
  const std::uint64_t last = std::min(end, first + kFirstGroups);
  ScanGroups(list, ref, first, last, filter, search, scratch);
  const auto scan_rest = [&](std::uint64_t from, std::uint64_t to) {
    while (from < to) {
      const std::uint64_t step = search.LimitNow(distance_).everything() ? kNextGroups : to - from;
      ScanGroups(list, ref, from, std::min(to, from + step), filter, search, scratch);
      from += step;
    }
  };
  scan_rest(last, end);
  scan_rest(begin, first);
}

std::uint64_t BitScanner::NearestBlock(const BitList& list, std::uint32_t popcount) const {
  return (NearestGroup(list.first_group, list.end_group(), popcount) - list.first_group) / base::kBlockGroups;
}

/// The last group of [begin, end), not empty, whose first row has at most `popcount` set bits; else the first one.
std::uint64_t BitScanner::NearestGroup(std::uint64_t begin, std::uint64_t end, std::uint32_t popcount) const {
  const std::uint32_t* above = std::upper_bound(rows_.group_popcounts + begin, rows_.group_popcounts + end, popcount);
  const auto group = static_cast<std::uint64_t>(above - rows_.group_popcounts);
  return group > begin ? group - 1 : begin;
}

/// At least as large as the popcount of every row of the list's group `group`.
std::uint32_t BitScanner::LargestPopcount(const BitList& list, std::uint64_t group) const {
  return group + 1 < list.end_group() ? rows_.group_popcounts[group + 1] : rows_.popcounts[list.end_slot() - 1];
}

/// Groups [begin, end) of one block.
void BitScanner::ScanGroups(const BitList& list, const BitBlockRef& block, std::uint64_t begin, std::uint64_t end,
                            const RowFilter* filter, BitSearch& search, Scratch& scratch) const {
  scratch.at_least.resize(base::kBlockGroups);
  scratch.rows.resize(base::kBlockRows);
  scratch.counts.resize(base::kBlockRows);
  const BitDistance::Limit limit = search.LimitNow(distance_);
  const std::uint32_t q = search.popcount();
  std::uint64_t reachable_begin = end;
  std::uint64_t reachable_end = begin;
  std::uint32_t low = rows_.group_popcounts[begin], high = low;
  std::uint32_t at_least = limit.Reaches(q, low, high) ? limit.AtLeast(q + low) : kUnreachable;
  for (std::uint64_t group = begin; group < end; ++group) {
    const std::uint32_t group_low = rows_.group_popcounts[group];
    const std::uint32_t group_high = LargestPopcount(list, group);
    if (group_low != low || group_high != high) {  // most groups are as the one before
      low = group_low;
      high = group_high;
      at_least = limit.Reaches(q, low, high) ? limit.AtLeast(q + low) : kUnreachable;
    }
    scratch.at_least[group - begin] = at_least;
    if (at_least == kUnreachable) continue;
    reachable_begin = std::min(reachable_begin, group);
    reachable_end = group + 1;
  }
  if (reachable_begin >= reachable_end) return;
  const std::size_t found = kernels_->columns.select_counts(
      rows_.Block(block, reachable_begin, reachable_end), search.columns.data(), search.columns.size(),
      scratch.at_least.data() + (reachable_begin - begin), scratch.rows.data(), scratch.counts.data());
  Offer(list, reachable_begin, found, filter, search, scratch);
}

void BitScanner::Offer(const BitList& list, std::uint64_t first_group, std::size_t found, const RowFilter* filter,
                       BitSearch& search, const Scratch& scratch) const {
  Collector& collector = search.collector;
  for (std::size_t i = 0; i < found; ++i) {
    const std::uint64_t slot = first_group * base::kGroupRows + scratch.rows[i];
    if (slot >= list.end_slot()) break;
    const float distance = distance_(scratch.counts[i], search.popcount(), rows_.popcounts[slot]);
    if (base::MakeKey(distance, 0) > collector.bound()) continue;
    const std::uint32_t row = rows_.RowOf(slot);
    if (filter != nullptr && !filter->Allows(row)) continue;
    collector.Offer(base::MakeKey(distance, row));
  }
}

}  // namespace elanus::index
