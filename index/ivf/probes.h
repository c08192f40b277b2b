// Which lists the queries of a batch visit, put in the order of the lists.
#ifndef ELANUS_INDEX_IVF_PROBES_H_
#define ELANUS_INDEX_IVF_PROBES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "host/base/key.h"

namespace elanus::index {

/// A query that visits a list.
struct Probe {
  std::uint32_t list;
  std::uint32_t query;
  float distance;  // of the query to the list, as the coarse quantiser ranks it
};

/// Probes of a batch, in rounds: a round holds each query's lists of some ranks. What is learnt in the first rounds,
/// which hold the nearest lists, limits what the later ones have to look at. Reusable: keeps its memory.
class Probes {
 public:
  /// Ranks at which a new round begins: the nearest list, the next three, all others.
  static constexpr std::size_t kRounds = 3;
  static constexpr std::size_t kRoundBegin[kRounds] = {0, 1, 4};

  void Clear() {
    for (std::vector<Probe>& round : rounds_) round.clear();
  }

  /// `lists`: the query's lists, nearest first: (distance, list).
  void Add(std::uint32_t query, absl::Span<const base::Key> lists) {
    std::size_t round = 0;
    for (std::size_t rank = 0; rank < lists.size(); ++rank) {
      while (round + 1 < kRounds && rank >= kRoundBegin[round + 1]) ++round;
      rounds_[round].push_back({base::KeyRow(lists[rank]), query, base::KeyDistance(lists[rank])});
    }
  }

  /// Calls visit(probes, next_list) for each list of each round that is visited: `probes` are all of the round that
  /// visit it, by query; next_list is the list of the following call of the round, or the same one at its end.
  template <class Visit>
  void ForEachList(std::uint32_t nlist, Visit visit) {
    for (const std::vector<Probe>& round : rounds_) {
      SortByList(round, nlist);
      for (std::size_t first = 0; first < sorted_.size();) {
        std::size_t end = first;
        while (end < sorted_.size() && sorted_[end].list == sorted_[first].list) ++end;
        const std::uint32_t next = end < sorted_.size() ? sorted_[end].list : sorted_[first].list;
        visit(absl::MakeConstSpan(sorted_.data() + first, end - first), next);
        first = end;
      }
    }
  }

 private:
  /// Counting sort.
  void SortByList(const std::vector<Probe>& probes, std::uint32_t nlist) {
    begin_.assign(std::size_t{nlist} + 1, 0);
    for (const Probe& probe : probes) ++begin_[probe.list + 1];
    for (std::uint32_t list = 0; list < nlist; ++list) begin_[list + 1] += begin_[list];
    sorted_.resize(probes.size());
    for (const Probe& probe : probes) sorted_[begin_[probe.list]++] = probe;
  }

  std::vector<Probe> rounds_[kRounds];
  std::vector<Probe> sorted_;
  std::vector<std::uint32_t> begin_;  // of each list's probes
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_IVF_PROBES_H_
