#include "index/binary/bit_table.h"

#include <numeric>

namespace elanus::index {

BitTable::BitTable(const simd::Kernels& kernels, const base::Vectors& rows, threads::Pool& pool)
    : dim_(rows.dim), list_{0, rows.count} {
  const std::vector<std::uint32_t> popcounts = CountBits(kernels, rows, pool, {});
  row_ids_.resize(rows.count);
  std::iota(row_ids_.begin(), row_ids_.end(), 0u);
  SortByPopcount({&list_, 1}, popcounts, pool, absl::MakeSpan(row_ids_));
  words_.resize(list_.groups() * dim_);
  WriteColumns(rows, {&list_, 1}, row_ids_, pool, {}, words_.data());
  for (const std::uint32_t row : row_ids_) popcounts_.push_back(popcounts[row]);
  group_popcounts_ = GroupPopcounts(popcounts_.data(), list_.groups());
}

BitRows BitTable::view() const {
  return {words_.data(), dim_, row_ids_.data(), popcounts_.data(), group_popcounts_.data()};
}

std::vector<std::uint32_t> GroupPopcounts(const std::uint32_t* popcounts, std::uint64_t groups) {
  std::vector<std::uint32_t> firsts(groups);
  for (std::uint64_t g = 0; g < groups; ++g) firsts[g] = popcounts[g * base::kGroupRows];
  return firsts;
}

}  // namespace elanus::index
