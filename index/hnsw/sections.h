// The sections of an HNSW index (index/FORMAT.md).
#ifndef ELANUS_INDEX_HNSW_SECTIONS_H_
#define ELANUS_INDEX_HNSW_SECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "index/hnsw/codec.h"
#include "index/hnsw/graph.h"
#include "index/image.h"
#include "index/spec.h"

namespace elanus::index {

/// kGraphLevels.
struct GraphHeader {
  std::uint32_t M;
  std::uint32_t levels;  // follows from M and the rows; kept to be checked
};

/// Id and bytes of every section an index of `spec` has; the sizes are known before the build.
std::vector<std::pair<SectionId, std::uint64_t>> HnswSections(const Spec& spec, std::uint32_t M);

/// What a search needs of an image. Views into it, but for `shape`, `codec` and `node_of_row`.
struct HnswView {
  GraphShape shape;
  GraphCodec codec;
  Graph graph;                             // graph.shape is not set: the view may move
  const std::uint32_t* row_ids = nullptr;  // [rows]: the row of each node
  std::vector<std::uint32_t> node_of_row;  // lossless codes: the inverse
  const std::byte* rows = nullptr;         // lossy codes: the original rows, by row
  std::size_t row_stride = 0;
  const float* inverse_norms = nullptr;  // cosine: by row
};

/// Reads and checks every section. Errors: kDataLoss naming what is wrong: sizes, M, links to nodes that are not on the
/// level, row ids that are no permutation of the rows.
absl::StatusOr<HnswView> ViewHnsw(const Image& image);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_SECTIONS_H_
