// What an index is: its kind, metric, element type and shape.
#ifndef ELANUS_INDEX_SPEC_H_
#define ELANUS_INDEX_SPEC_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "host/base/element.h"

namespace elanus::index {

/// Values are on disk: never reused.
enum class Kind : std::uint8_t {
  kFlat = 1,
  kIvfFlat = 2,
  kIvfSq8 = 3,
  kIvfPq = 4,
  kHnsw = 5,
  kAnnoy = 6,
  kBinFlat = 7,
  kBinIvfFlat = 8,
};

/// Values are on disk: never reused.
enum class Metric : std::uint8_t {
  kL2 = 1,      // squared Euclidean distance, smaller is closer
  kIp = 2,      // inner product, larger is closer
  kCosine = 3,  // cosine similarity in [-1, 1], larger is closer; 0 with a zero vector
  kHamming = 16,
  kJaccard = 17,         // 1 - |a & b| / |a | b|; 1 when both are empty
  kTanimoto = 18,        // -log2(|a & b| / |a | b|)
  kSubstructure = 19,    // rows that contain the query; every hit has distance 0, hits in row order
  kSuperstructure = 20,  // rows contained in the query; likewise
};

/// Spelled as in Milvus: "IVF_SQ8", "HNSW"; "L2", "COSINE", "SUBSTRUCTURE".
const char* KindName(Kind kind);
const char* MetricName(Metric metric);
/// Case-insensitive. Errors: kInvalidArgument naming the text and what is known.
absl::StatusOr<Kind> KindFromName(absl::string_view name);
absl::StatusOr<Metric> MetricFromName(absl::string_view name);

/// True where a larger value is closer. Internally such values are negated, so that smaller is always closer.
constexpr bool IsSimilarity(Metric m) { return m == Metric::kIp || m == Metric::kCosine; }
constexpr bool IsBinaryMetric(Metric m) { return static_cast<std::uint8_t>(m) >= 16; }

struct Spec {
  Kind kind;
  Metric metric;
  base::Element element;
  std::uint32_t dim;   // components, or bits
  std::uint64_t rows;  // 1..base::kRowsMax
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_SPEC_H_
