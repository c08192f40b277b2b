#include "tools/elanus/recipe.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/status_macros.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {

absl::StatusOr<const index::KindRow*> KindNamed(absl::string_view name) {
  const absl::StatusOr<index::Kind> kind = index::KindFromName(name);
  for (const index::KindRow& row : index::Kinds()) {
    if (kind.ok() && row.kind == *kind) return &row;
  }
  const auto append_name = [](std::string* out, const index::KindRow& row) {
    absl::StrAppend(out, index::KindName(row.kind));
  };
  return UsageError(
      absl::StrCat("unknown index kind '", name, "'; known: ", absl::StrJoin(index::Kinds(), ", ", append_name)));
}

absl::StatusOr<Recipe> RecipeOf(const Options& options) {
  Recipe recipe;
  ELANUS_ASSIGN_OR_RETURN(recipe.kind, KindNamed(options.Text("kind")));
  const absl::StatusOr<index::Metric> metric = index::MetricFromName(options.Text("metric"));
  if (!metric.ok()) return AsUsageError(metric.status());
  recipe.metric = *metric;
  const absl::Status set = index::SetParams(recipe.kind->build_params, options.Assignments("set"), &recipe.params);
  if (!set.ok()) return AsUsageError(InContext(index::KindName(recipe.kind->kind), set));
  // A binary metric has no other meaning than on bits.
  recipe.bits = options.Flag("bits") || index::IsBinaryMetric(recipe.metric);
  recipe.bf16 = options.Flag("bf16");
  return recipe;
}

absl::StatusOr<io::VectorFile> OpenBase(const Options& options, const Recipe& recipe) {
  return io::OpenVectors(options.Text("base"), {.dataset = "train", .as_bits = recipe.bits, .as_bf16 = recipe.bf16});
}

Json SettingsJson(const index::KindRow& kind, const index::BuildParams& params) {
  Json json = Json::object();
  for (const index::ParamSpec<index::BuildParams>& spec : kind.build_params) json[spec.name] = params.*(spec.field);
  return json;
}

Json SettingsJson(const index::KindRow& kind, absl::Span<const Assignment> given, const index::SearchParams& params) {
  Json json = Json::object();
  for (const index::ParamSpec<index::SearchParams>& spec : kind.search_params) {
    const auto names_it = [&](const Assignment& assignment) { return assignment.first == spec.name; };
    if (std::any_of(given.begin(), given.end(), names_it)) json[spec.name] = params.*(spec.field);
  }
  return json;
}

std::string Describe(const index::Spec& spec) {
  return absl::StrCat(index::KindName(spec.kind), " ", index::MetricName(spec.metric), ", ", Grouped(spec.rows), " x ",
                      spec.dim, " ", base::ElementName(spec.element));
}

Json SpecJson(const index::Spec& spec) {
  return {{"kind", index::KindName(spec.kind)},
          {"metric", index::MetricName(spec.metric)},
          {"rows", spec.rows},
          {"dim", spec.dim},
          {"element", base::ElementName(spec.element)}};
}

}  // namespace elanus::tools
