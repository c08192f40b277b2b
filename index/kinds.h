// The table of index kinds: one row each, all verbs in it.
#ifndef ELANUS_INDEX_KINDS_H_
#define ELANUS_INDEX_KINDS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "index/image.h"
#include "index/index.h"
#include "index/params.h"
#include "index/spec.h"

namespace elanus::index {

/// Sizes known before a build starts.
struct IndexPlan {
  std::uint64_t file_bytes = 0;        // exactly what Save will write
  std::uint64_t build_peak_bytes = 0;  // heap of the build beyond the base rows, image included, on two threads; an
                                       // estimate that leaves room
};

struct KindRow {
  Kind kind;
  const char* summary;                       // one line for --help
  absl::Span<const Metric> metrics;          // allowed metrics
  absl::Span<const base::Element> elements;  // allowed row types
  absl::Span<const ParamSpec<BuildParams>> build_params;
  absl::Span<const ParamSpec<SearchParams>> search_params;
  /// Errors: kInvalidArgument for parameters that do not fit the data, naming both.
  absl::StatusOr<IndexPlan> (*plan)(const Spec& spec, const BuildParams& params);
  /// Reproducible: the same request gives the same bytes for any number of threads. Errors: as plan; kCancelled;
  /// kResourceExhausted. The caller has checked spec and values.
  absl::StatusOr<Image> (*build)(const BuildRequest& request);
  /// Takes the image over. Errors: kDataLoss for sections that are missing, of a wrong size or with numbers out of
  /// range: whatever passes, no search can read outside its sections.
  absl::StatusOr<std::unique_ptr<Index>> (*open)(Image image, const simd::Kernels& kernels);
};

/// All kinds, in order of Kind.
absl::Span<const KindRow> Kinds();
const KindRow& KindRowFor(Kind kind);

/// Checks that kind, metric, element type, dimension and row count go together, and plans the build.
absl::StatusOr<IndexPlan> PlanIndex(const Spec& spec, const BuildParams& params);

/// Checks as PlanIndex, checks that all values are finite, and builds.
absl::StatusOr<Image> BuildIndex(Kind kind, const BuildRequest& request);

/// Makes an index of an image just built or opened. Errors: see KindRow::open.
absl::StatusOr<std::unique_ptr<Index>> OpenIndex(Image image, const simd::Kernels& kernels);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_KINDS_H_
