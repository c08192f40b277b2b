// What the tests of IVF_FLAT and IVF_SQ8 share.
#ifndef ELANUS_TESTS_INDEX_IVF_SUPPORT_H_
#define ELANUS_TESTS_INDEX_IVF_SUPPORT_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "index/image.h"
#include "index/index.h"
#include "index/kinds.h"
#include "index/search.h"

namespace elanus::index {

inline BuildRequest MakeRequest(const base::Vectors& rows, Metric metric, std::int64_t nlist, threads::Pool& pool) {
  BuildRequest request;
  request.base = rows;
  request.metric = metric;
  request.params.nlist = nlist;
  request.kernels = &simd::KernelsFor(simd::BestLevel());
  request.pool = &pool;
  return request;
}

inline Image MakeImage(Kind kind, const BuildRequest& request) {
  absl::StatusOr<Image> image = BuildIndex(kind, request);
  EXPECT_TRUE(image.ok()) << image.status();
  return std::move(image).value();
}

inline std::unique_ptr<Index> MakeIndex(Kind kind, const BuildRequest& request) {
  absl::StatusOr<std::unique_ptr<Index>> index = OpenIndex(MakeImage(kind, request), *request.kernels);
  EXPECT_TRUE(index.ok()) << index.status();
  return std::move(index).value();
}

struct Answers {
  std::vector<std::uint32_t> rows;
  std::vector<float> distances;
  std::vector<std::uint32_t> counts;
  bool operator==(const Answers&) const = default;
};

/// The answers of one call, on a workspace of its own.
inline Answers Ask(const Index& index, const base::Vectors& queries, std::uint32_t k, std::int64_t nprobe,
                   const RowFilter* filter = nullptr) {
  Answers answers{std::vector<std::uint32_t>(queries.count * k), std::vector<float>(queries.count * k),
                  std::vector<std::uint32_t>(queries.count)};
  SearchRequest request{.queries = queries, .k = k, .params = {}, .filter = filter};
  request.params.nprobe = nprobe;
  Workspace workspace;
  const absl::Status status =
      index.Search(request, workspace,
                   {absl::MakeSpan(answers.rows), absl::MakeSpan(answers.distances), absl::MakeSpan(answers.counts)});
  EXPECT_TRUE(status.ok()) << status;
  return answers;
}

/// A filter with the words it views.
struct OwnedFilter {
  explicit OwnedFilter(std::uint64_t rows) : words((rows + 63) / 64) {}
  void Allow(std::uint32_t row) {
    filter.allowed += (words[row / 64] >> (row % 64) & 1u) == 0;
    words[row / 64] |= std::uint64_t{1} << (row % 64);
  }
  const RowFilter* get() {
    filter.bits = words;
    return &filter;
  }
  std::vector<std::uint64_t> words;
  RowFilter filter;
};

/// A section of an index as numbers.
template <class T>
absl::Span<const T> SectionOf(const Image& image, SectionId id) {
  const absl::Span<const std::byte> bytes = image.section(id);
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

/// The rows of each list.
inline std::vector<std::vector<std::uint32_t>> RowsOfLists(const Image& image) {
  const auto offsets = SectionOf<std::uint32_t>(image, SectionId::kListOffsets);
  const auto lengths = SectionOf<std::uint32_t>(image, SectionId::kListLengths);
  const auto ids = SectionOf<std::uint32_t>(image, SectionId::kRowIds);
  std::vector<std::vector<std::uint32_t>> lists;
  for (std::size_t list = 0; list < offsets.size(); ++list) {
    const auto* first = ids.data() + std::size_t{offsets[list]} * 32;
    lists.emplace_back(first, first + lengths[list]);
  }
  return lists;
}

/// Copies all sections but `changed`, which becomes `bytes` bytes, the old ones as far as they go; 0: it is left out.
inline Image WithSectionSize(const Image& image, SectionId changed, std::size_t bytes) {
  Image copy(image.spec());
  for (std::uint32_t i = 1; i < 64; ++i) {
    const auto id = static_cast<SectionId>(i);
    const auto old = image.section(id);
    const std::size_t size = id == changed ? bytes : old.size();
    if (size == 0) continue;
    const absl::Span<std::byte> added = copy.Add(id, size).value();
    std::copy_n(old.data(), std::min(size, old.size()), added.data());
  }
  return copy;
}

}  // namespace elanus::index

#endif  // ELANUS_TESTS_INDEX_IVF_SUPPORT_H_
