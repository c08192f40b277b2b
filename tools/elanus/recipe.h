// What `build` and `plan` are told: kind, metric, parameters and base vectors.
#ifndef ELANUS_TOOLS_ELANUS_RECIPE_H_
#define ELANUS_TOOLS_ELANUS_RECIPE_H_

#include <string>

#include "absl/status/statusor.h"
#include "host/io/vector_file.h"
#include "index/kinds.h"
#include "index/params.h"
#include "index/spec.h"
#include "tools/elanus/console.h"
#include "tools/elanus/options.h"

namespace elanus::tools {

inline constexpr OptionSpec kKindOption = {
    "kind", OptionKind::kText, "KIND", nullptr, "index kind: see `elanus help kinds`", true};
inline constexpr OptionSpec kMetricOption = {
    "metric", OptionKind::kText, "METRIC", nullptr, "what near means: see `elanus help metrics`", true};
inline constexpr OptionSpec kBaseOption = {
    "base", OptionKind::kPath, "FILE", nullptr, "vectors to search in: see `elanus help formats`", true};
inline constexpr OptionSpec kBuildSetOption = {"set", OptionKind::kAssignment, "NAME=VALUE", nullptr,
                                               "build parameter; `elanus help KIND` lists them"};
inline constexpr OptionSpec kBitsOption = {
    "bits", OptionKind::kFlag, nullptr, nullptr,
    "uint8 rows are packed bits, least significant first; implied by binary kinds and metrics"};
inline constexpr OptionSpec kBf16Option = {"bf16", OptionKind::kFlag, nullptr, nullptr,
                                           "2-byte void numbers of an npy are bfloat16"};

struct Recipe {
  const index::KindRow* kind = nullptr;
  index::Metric metric = index::Metric::kL2;
  index::BuildParams params;
  bool bits = false;
  bool bf16 = false;

  index::Spec SpecFor(const base::Vectors& rows) const {
    return {kind->kind, metric, rows.element, rows.dim, rows.count};
  }
};

/// From --kind, --metric, --set, --bits, --bf16. Errors: usage errors.
absl::StatusOr<Recipe> RecipeOf(const Options& options);

/// Opens --base as the recipe needs it. Errors: as io::OpenVectors.
absl::StatusOr<io::VectorFile> OpenBase(const Options& options, const Recipe& recipe);

/// The row of the kind called `name`. Errors: a usage error listing the kinds.
absl::StatusOr<const index::KindRow*> KindNamed(absl::string_view name);

/// Every build parameter of the kind with its value.
Json SettingsJson(const index::KindRow& kind, const index::BuildParams& params);
/// The search parameters that `given` names, with their values in `params`.
Json SettingsJson(const index::KindRow& kind, absl::Span<const Assignment> given, const index::SearchParams& params);
/// "HNSW L2, 6,000 x 128 uint8".
std::string Describe(const index::Spec& spec);
/// Kind, metric, rows, dimension and element type.
Json SpecJson(const index::Spec& spec);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_RECIPE_H_
