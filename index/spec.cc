#include "index/spec.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace elanus::index {
namespace {

constexpr Kind kKinds[] = {Kind::kFlat, Kind::kIvfFlat, Kind::kIvfSq8,  Kind::kIvfPq,
                           Kind::kHnsw, Kind::kAnnoy,   Kind::kBinFlat, Kind::kBinIvfFlat};
constexpr Metric kMetrics[] = {Metric::kL2,      Metric::kIp,       Metric::kCosine,       Metric::kHamming,
                               Metric::kJaccard, Metric::kTanimoto, Metric::kSubstructure, Metric::kSuperstructure};

template <class T, std::size_t n>
absl::StatusOr<T> FromName(absl::string_view what, absl::string_view name, const T (&all)[n],
                           const char* (*name_of)(T)) {
  for (const T value : all) {
    if (absl::EqualsIgnoreCase(name, name_of(value))) return value;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown ", what, " '", name, "'; known: ", absl::StrJoin(all, ", ", [&](std::string* out, T value) {
                     absl::StrAppend(out, name_of(value));
                   })));
}

}  // namespace

const char* KindName(Kind kind) {
  switch (kind) {
    case Kind::kFlat:
      return "FLAT";
    case Kind::kIvfFlat:
      return "IVF_FLAT";
    case Kind::kIvfSq8:
      return "IVF_SQ8";
    case Kind::kIvfPq:
      return "IVF_PQ";
    case Kind::kHnsw:
      return "HNSW";
    case Kind::kAnnoy:
      return "ANNOY";
    case Kind::kBinFlat:
      return "BIN_FLAT";
    case Kind::kBinIvfFlat:
      return "BIN_IVF_FLAT";
  }
  return "?";
}

const char* MetricName(Metric metric) {
  switch (metric) {
    case Metric::kL2:
      return "L2";
    case Metric::kIp:
      return "IP";
    case Metric::kCosine:
      return "COSINE";
    case Metric::kHamming:
      return "HAMMING";
    case Metric::kJaccard:
      return "JACCARD";
    case Metric::kTanimoto:
      return "TANIMOTO";
    case Metric::kSubstructure:
      return "SUBSTRUCTURE";
    case Metric::kSuperstructure:
      return "SUPERSTRUCTURE";
  }
  return "?";
}

absl::StatusOr<Kind> KindFromName(absl::string_view name) { return FromName("index kind", name, kKinds, KindName); }

absl::StatusOr<Metric> MetricFromName(absl::string_view name) { return FromName("metric", name, kMetrics, MetricName); }

}  // namespace elanus::index
