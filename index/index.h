// What every index kind offers: search and range search on an immutable set of rows.
#ifndef ELANUS_INDEX_INDEX_H_
#define ELANUS_INDEX_INDEX_H_

#include <cstdint>
#include <memory>
#include <typeindex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/element.h"
#include "host/base/key.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/filter.h"
#include "index/image.h"
#include "index/params.h"
#include "index/query.h"
#include "index/spec.h"

namespace elanus::index {

inline constexpr std::uint32_t kTopKMax = 16'384;
inline constexpr std::uint32_t kNoRow = 0xFFFFFFFFu;  // "no result"

/// The smallest of {32, 128, 512, 2048, 16384} that is >= k, or k itself beyond: what search effort depending on k is
/// chosen by, so that a smaller k of the same bucket gets a prefix of the same answer.
constexpr std::uint32_t ResultBucket(std::uint32_t k) {
  for (const std::uint32_t bucket : {32u, 128u, 512u, 2048u, 16384u}) {
    if (k <= bucket) return bucket;
  }
  return k;
}

/// Memory that searches reuse. One per thread; any index may use it, also several in turn. Not thread-safe.
class Workspace {
 public:
  /// The scratch object of type T, default-constructed on first use and kept. A T that depends on the index
  /// (a visited table, say) compares and re-sizes itself.
  template <class T>
  T& Get() {
    std::unique_ptr<Holder>& slot = slots_[std::type_index(typeid(T))];
    if (slot == nullptr) slot = std::make_unique<Typed<T>>();
    return static_cast<Typed<T>*>(slot.get())->value;
  }

 private:
  struct Holder {
    virtual ~Holder() = default;
  };
  template <class T>
  struct Typed : Holder {
    T value;
  };
  absl::flat_hash_map<std::type_index, std::unique_ptr<Holder>> slots_;
};

struct SearchRequest {
  base::Vectors queries;  // any element type that converts without loss to the index's (see query.h)
  std::uint32_t k = 10;   // 1..kTopKMax
  SearchParams params;
  const RowFilter* filter = nullptr;  // nullptr: every row
  std::uint64_t first_query = 0;      // what errors call the first one; the others count on from it
};

/// Where results go. Row q holds counts[q] = min(k, matching rows) results, best first, ties by smaller row; the rest
/// of the row is kNoRow and the worst distance (+inf, or -inf for similarities). Distances carry their natural sign.
struct Hits {
  absl::Span<std::uint32_t> rows;    // [queries][k]
  absl::Span<float> distances;       // [queries][k]
  absl::Span<std::uint32_t> counts;  // [queries]
};

/// Rows strictly within a radius, with Milvus' meaning: L2 and binary distances: range_filter <= d < radius;
/// similarities: radius < s <= range_filter.
struct RangeRequest {
  base::Vectors queries;
  float radius = 0;  // finite
  bool has_range_filter = false;
  float range_filter = 0;  // finite
  SearchParams params;
  const RowFilter* filter = nullptr;
  std::uint64_t first_query = 0;  // as in SearchRequest
};

struct Neighbour {
  std::uint32_t row;
  float distance;
};

/// An immutable, searchable set of rows. Const calls are safe from many threads, each with its own Workspace.
/// Search runs on the calling thread; split queries over threads with a Searcher (search.h).
class Index {
 public:
  virtual ~Index() = default;

  const Spec& spec() const { return image_.spec(); }
  const Image& image() const { return image_; }
  const simd::Kernels& kernels() const { return kernels_; }

  /// Answers every query. The answer to a query does not depend on the others in the call.
  /// Errors: kInvalidArgument for a dimension, element type, k, parameter or value (NaN, infinity) that does not fit,
  /// naming it; `hits` is unspecified then.
  absl::Status Search(const SearchRequest& request, Workspace& workspace, const Hits& hits) const;

  /// Every matching row of each query, best first. The exact kinds, IVF_FLAT, IVF_SQ8 and BIN_IVF_FLAT visit what
  /// Search would visit; IVF_PQ, graph and tree kinds search with growing k until the last result lies outside. Errors:
  /// as Search; kInvalidArgument for Substructure and Superstructure, which have no radius.
  absl::StatusOr<std::vector<std::vector<Neighbour>>> RangeSearch(const RangeRequest& request,
                                                                  Workspace& workspace) const;

 protected:
  /// What a kind is given: queries already checked and prepared, and where the keys go.
  struct Batch {
    absl::Span<const Query> queries;
    std::uint32_t k;
    const SearchParams& params;
    const RowFilter* filter;  // nullptr: every row
  };
  /// Called once for each query of a batch, in any order: keys ascending, distances in minimised form
  /// (similarities negated). At most k of them; all of a range.
  class KeySink {
   public:
    virtual ~KeySink() = default;
    virtual void Emit(std::size_t query, absl::Span<const base::Key> keys) = 0;
  };

  Index(Image image, const simd::Kernels& kernels) : image_(std::move(image)), kernels_(kernels) {}

  /// Checks what only the kind can (ef >= k, ...); ranges are checked already. Called before each search.
  virtual absl::Status CheckSearch(const SearchParams&, std::uint32_t /*k*/) const { return absl::OkStatus(); }
  /// Emits min(k, matches) keys a query.
  virtual void SearchBatch(const Batch& batch, Workspace& workspace, KeySink& sink) const = 0;
  /// Emits all keys <= bound. The default calls SearchBatch with growing k up to all rows.
  virtual void RangeBatch(const Batch& batch, base::Key bound, Workspace& workspace, KeySink& sink) const;

 private:
  absl::Status CheckQueries(const base::Vectors& queries, const RowFilter* filter) const;

  Image image_;
  const simd::Kernels& kernels_;
};

/// What a build is given. Everything pointed to outlives the build.
struct BuildRequest {
  base::Vectors base;  // finite values (checked by BuildIndex); 1..kRowsMax rows
  Metric metric = Metric::kL2;
  BuildParams params;
  const simd::Kernels* kernels = nullptr;
  threads::Pool* pool = nullptr;
  base::Monitor monitor;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_INDEX_H_
