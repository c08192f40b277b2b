#include "index/annoy/forest.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "host/base/aligned.h"
#include "host/base/random.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kSampleRows = 48;
constexpr int kRounds = 3;

/// Builds one tree; holds what its splits share.
class TreeBuilder {
 public:
  TreeBuilder(const simd::Kernels& kernels, const ForestRows& rows, const ForestShape& shape, std::uint64_t seed)
      : kernels_(kernels),
        rows_(rows),
        shape_(shape),
        random_(seed),
        sample_(kSampleRows * shape.code_bytes),
        normal_storage_(shape.code_bytes),
        normal_(normal_storage_.data()) {}

  /// Chooses the node's hyperplane, orders `items` so that the first `left` lie on its left, and writes the node.
  void Split(absl::Span<std::uint32_t> items, std::size_t left, std::uint8_t* normal, TreeCut* cut) {
    ChooseNormal(items);
    dots_.resize(items.size());
    kernels_.scan.dot_rows(normal_, {rows_.codes, rows_.stride, items.data(), items.size()}, shape_.code_bytes,
                           dots_.data());
    order_.clear();
    order_.reserve(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) order_.emplace_back(dots_[i], items[i]);
    std::nth_element(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(left), order_.end());
    const std::int32_t threshold = order_[left].first;
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = order_[i].second;

    std::int32_t sum = 0;
    std::int32_t squares = 0;
    for (std::uint32_t d = 0; d < shape_.code_bytes; ++d) {
      normal[d] = static_cast<std::uint8_t>(normal_[d] + 128);
      sum += normal_[d];
      squares += normal_[d] * normal_[d];
    }
    cut->cut = threshold - 128 * sum;
    cut->inverse_norm = squares > 0 ? 1.0f / std::sqrt(static_cast<float>(squares)) : 0.0f;
  }

 private:
  /// The difference of two centres of a sample, scaled to int8. Zero when all sampled rows are equal.
  void ChooseNormal(absl::Span<const std::uint32_t> items) {
    const std::uint32_t dim = shape_.code_bytes;
    const std::uint64_t count = std::min<std::uint64_t>(kSampleRows, items.size());
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::byte* code = rows_.codes + items[random_.Below(items.size())] * rows_.stride;
      for (std::uint32_t d = 0; d < dim; ++d) sample_[i * dim + d] = static_cast<float>(std::to_integer<int>(code[d]));
    }
    const auto sample = [&](std::uint64_t i) { return sample_.begin() + static_cast<std::ptrdiff_t>(i * dim); };
    std::vector<float> centres[2];
    centres[0].assign(sample(0), sample(1));
    centres[1] = centres[0];
    for (std::uint64_t i = 1; i < count && centres[0] == centres[1]; ++i) centres[1].assign(sample(i), sample(i + 1));
    for (int round = 0; round < kRounds && MoveCentres(count, centres); ++round) {
    }
    float largest = 0;
    for (std::uint32_t d = 0; d < dim; ++d) largest = std::max(largest, std::abs(centres[1][d] - centres[0][d]));
    for (std::uint32_t d = 0; d < dim; ++d) {
      const float scaled = largest > 0 ? (centres[1][d] - centres[0][d]) / largest * 127.0f : 0.0f;
      normal_[d] = static_cast<std::int8_t>(std::nearbyint(scaled));
    }
  }

  /// One round of Lloyd's algorithm. False when a centre lost all its rows; the centres stay as they were then.
  bool MoveCentres(std::uint64_t count, std::vector<float> (&centres)[2]) {
    const std::uint32_t dim = shape_.code_bytes;
    std::vector<float> sums[2] = {std::vector<float>(dim, 0.0f), std::vector<float>(dim, 0.0f)};
    std::uint64_t members[2] = {0, 0};
    for (std::uint64_t i = 0; i < count; ++i) {
      const float* row = sample_.data() + i * dim;
      // Eight partial sums, so that the compiler may use vectors without changing the order of addition.
      float nearer[8] = {};
      for (std::uint32_t d = 0; d < dim; d += 8) {
        for (std::uint32_t j = 0; j < 8; ++j) {
          const float to_0 = row[d + j] - centres[0][d + j];
          const float to_1 = row[d + j] - centres[1][d + j];
          nearer[j] += to_0 * to_0 - to_1 * to_1;
        }
      }
      float difference = 0;
      for (const float part : nearer) difference += part;
      const int side = difference <= 0 ? 0 : 1;
      ++members[side];
      for (std::uint32_t d = 0; d < dim; ++d) sums[side][d] += row[d];
    }
    if (members[0] == 0 || members[1] == 0) return false;
    for (int side = 0; side < 2; ++side) {
      const auto size = static_cast<float>(members[side]);
      for (std::uint32_t d = 0; d < dim; ++d) centres[side][d] = sums[side][d] / size;
    }
    return true;
  }

  const simd::Kernels& kernels_;
  ForestRows rows_;
  ForestShape shape_;
  base::Random random_;
  std::vector<float> sample_;
  base::AlignedArray<std::int8_t> normal_storage_;
  std::int8_t* normal_;
  std::vector<std::int32_t> dots_;
  std::vector<std::pair<std::int32_t, std::uint32_t>> order_;
};

}  // namespace

ForestShape ForestShape::For(std::uint64_t rows, std::uint32_t trees, std::uint32_t code_bytes) {
  ForestShape shape{.trees = trees, .depth = 0, .rows = rows, .code_bytes = code_bytes};
  while (((rows - 1) >> shape.depth) + 1 > kLeafRows) ++shape.depth;
  return shape;
}

void BuildTree(const simd::Kernels& kernels, const ForestRows& rows, const ForestShape& shape, std::uint64_t seed,
               std::uint32_t tree, const base::Monitor& monitor, const MutableForest& out) {
  std::uint32_t* const items = out.items + tree * shape.rows;
  for (std::uint64_t i = 0; i < shape.rows; ++i) items[i] = static_cast<std::uint32_t>(i);
  TreeBuilder builder(kernels, rows, shape, base::StreamSeed(seed, tree));
  for (std::uint32_t level = 0; level < shape.depth; ++level) {
    const std::uint64_t width = std::uint64_t{1} << level;
    for (std::uint64_t j = 0; j < width; ++j) {
      if (monitor.cancelled()) return;
      const std::uint64_t begin = (j * shape.rows) >> level;
      const std::uint64_t middle = ((2 * j + 1) * shape.rows) >> (level + 1);
      const std::uint64_t end = ((j + 1) * shape.rows) >> level;
      const std::uint64_t node = tree * shape.nodes() + width - 1 + j;
      builder.Split(absl::MakeSpan(items + begin, end - begin), middle - begin, out.normals + node * shape.code_bytes,
                    out.cuts + node);
    }
    monitor.Advance(shape.rows);
  }
  for (std::uint64_t leaf = 0; leaf < std::uint64_t{1} << shape.depth; ++leaf) {
    std::sort(items + shape.LeafBegin(leaf), items + shape.LeafBegin(leaf + 1));
  }
}

}  // namespace elanus::index
