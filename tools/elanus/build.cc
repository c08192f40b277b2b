#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/base/status_macros.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/output.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/results.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    kKindOption,     kMetricOption,
    kBaseOption,     {"out", OptionKind::kPath, "FILE", nullptr, "the index file to write", true},
    kBuildSetOption, kThreadsOption,
    kBitsOption,     kBf16Option,
    kSimdOption,
};

/// Refuses names that would make the index be taken for something else, or take the place of its own base.
absl::Status CheckIndexName(const std::string& out, const std::string& base) {
  ELANUS_RETURN_IF_ERROR(CheckOtherFile(out, FileOf(base), "base"));
  if (!io::Locate(out, "").ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--out ", out,
                   ": this extension says that the file holds vectors, ids or text, and info and other verbs go by "
                   "it; name the index without it"));
}

absl::Status RunBuild(const Options& options, Session& session) {
  const absl::Time started = absl::Now();
  ELANUS_ASSIGN_OR_RETURN(const Recipe recipe, RecipeOf(options));
  const std::string out = options.Text("out");
  ELANUS_RETURN_IF_ERROR(CheckIndexName(out, options.Text("base")));
  ELANUS_ASSIGN_OR_RETURN(const simd::Kernels* kernels, KernelsOf(options));
  ELANUS_ASSIGN_OR_RETURN(const io::VectorFile base, OpenBase(options, recipe));
  const index::Spec spec = recipe.SpecFor(base.vectors());
  const absl::StatusOr<index::IndexPlan> plan = index::PlanIndex(spec, recipe.params);
  if (!plan.ok()) return InContext(base.name(), plan.status());
  ELANUS_RETURN_IF_ERROR(CheckOutput(out, plan->file_bytes));
  threads::Pool pool(Threads(options));
  session.Note(absl::StrCat("building ", Describe(spec), " on ", pool.threads(), " threads; the file will have ",
                            HumanBytes(plan->file_bytes)));

  index::BuildRequest request;
  request.base = base.vectors();
  request.metric = recipe.metric;
  request.params = recipe.params;
  request.kernels = kernels;
  request.pool = &pool;
  request.monitor = session.monitor();
  const absl::Time build_started = absl::Now();
  absl::StatusOr<index::Image> image = index::BuildIndex(recipe.kind->kind, request);
  if (!image.ok()) return InContext(base.name(), image.status());
  const double build_seconds = absl::ToDoubleSeconds(absl::Now() - build_started);
  ELANUS_RETURN_IF_ERROR(session.monitor().Check());
  session.monitor().Stage("write", 0);
  ELANUS_RETURN_IF_ERROR(image->Save(out));

  const std::uint64_t peak = PeakBytes();
  session.Print(absl::StrCat(out, ": ", Describe(spec), ", ", HumanBytes(plan->file_bytes), ", built in ",
                             HumanSeconds(build_seconds), ", peak memory ", HumanBytes(peak), "\n"));
  Json json = {{"verb", "build"}, {"out", out}};
  json.update(SpecJson(spec));
  json["settings"] = SettingsJson(*recipe.kind, recipe.params);
  json["threads"] = pool.threads();
  json["simd"] = simd::LevelName(kernels->level);
  json["file_bytes"] = plan->file_bytes;
  json["build_seconds"] = build_seconds;
  json["total_seconds"] = absl::ToDoubleSeconds(absl::Now() - started);
  json["peak_bytes"] = peak;
  session.console().Report(json);
  return absl::OkStatus();
}

}  // namespace

const Verb kBuildVerb = {
    "build",
    "build an index file of a file of vectors",
    "The same vectors and parameters give the same bytes for any number of threads. The index is written under a\n"
    "temporary name and renamed: FILE is at every moment the old index or the whole new one.\n",
    "  elanus build --kind HNSW --metric L2 --base B.bvecs --out X --set M=16 --set efConstruction=200\n"
    "  elanus build --kind IVF_FLAT --metric COSINE --base B.fvecs --out X --set nlist=1024 --threads 8\n"
    "  elanus build --kind BIN_FLAT --metric JACCARD --base fingerprints.npy --out X\n",
    kOptions,
    {},
    RunBuild,
};

}  // namespace elanus::tools
