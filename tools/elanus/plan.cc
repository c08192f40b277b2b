#include <sys/stat.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "host/base/status_macros.h"
#include "host/io/file.h"
#include "tools/elanus/forecast.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/table.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    kKindOption,
    kMetricOption,
    kBaseOption,
    kBuildSetOption,
    {"check", OptionKind::kPath, "FILE", nullptr,
     "compare with what happened: FILE is an index, or the line that build --json printed; without FILE: build now",
     false, true},
    {"seconds", OptionKind::kNumber, "S", "2", "how long the larger sample build may take, roughly"},
    kThreadsOption,
    kBitsOption,
    kBf16Option,
    kSimdOption,
};

/// What is known before a build, or after it. Absent numbers are not known.
struct Account {
  std::optional<std::uint64_t> file_bytes;
  std::optional<double> build_seconds;
  std::optional<std::uint64_t> peak_bytes;
};

/// Builds samples and forgets them.
class Sampler {
 public:
  Sampler(const Recipe& recipe, const io::VectorFile& base, const simd::Kernels& kernels, threads::Pool& pool,
          const base::CancelFlag& cancel)
      : recipe_(recipe), base_(base.vectors()), name_(base.name()), kernels_(kernels), pool_(pool), cancel_(cancel) {}

  /// Builds `rows` rows spread evenly over the base; the image goes to `image` unless that is null.
  absl::StatusOr<SampleBuild> Build(std::uint64_t rows, std::optional<index::Image>* image = nullptr) {
    const std::uint64_t step = base_.count / rows;
    ELANUS_RETURN_IF_ERROR(CheckSample(rows, step));
    StageTimer timer;
    index::BuildRequest request;
    request.base = base::Vectors{base_.data, rows, base_.dim, base_.element, base_.stride * step};
    request.metric = recipe_.metric;
    request.params = recipe_.params;
    request.kernels = &kernels_;
    request.pool = &pool_;
    request.monitor = {&timer, &cancel_};
    timer.Stage("start", 0);
    ELANUS_ASSIGN_OR_RETURN(index::Image built, index::BuildIndex(recipe_.kind->kind, request));
    SampleBuild sample{rows, timer.Finish()};
    if (image != nullptr) *image = std::move(built);
    return sample;
  }

  /// Seconds that all rows will take, from samples of doubling size until one takes a quarter of `seconds`, so that
  /// the last one stays near it.
  absl::StatusOr<double> Forecast(double seconds) {
    std::uint64_t rows = std::min<std::uint64_t>(base_.count, 1000);
    while (rows < base_.count && !index::PlanIndex(SpecOf(rows), recipe_.params).ok()) rows = Double(rows);
    ELANUS_ASSIGN_OR_RETURN(SampleBuild larger, Build(rows));
    SampleBuild smaller;
    while (larger.rows < base_.count && (smaller.rows == 0 || larger.seconds() < seconds / 4)) {
      smaller = std::move(larger);
      ELANUS_ASSIGN_OR_RETURN(larger, Build(Double(smaller.rows)));
    }
    if (larger.rows == base_.count) return larger.seconds();
    return ForecastSeconds(smaller, larger, base_.count);
  }

 private:
  /// A build would count the sample's rows, not the file's.
  absl::Status CheckSample(std::uint64_t rows, std::uint64_t step) const {
    for (std::uint64_t i = 0; i < rows && step > 1; ++i) {
      ELANUS_RETURN_IF_ERROR(io::CheckFinite(base_.Slice(i * step, 1), i * step, name_));
    }
    return absl::OkStatus();
  }
  std::uint64_t Double(std::uint64_t rows) const { return rows < base_.count / 2 ? 2 * rows : base_.count; }
  index::Spec SpecOf(std::uint64_t rows) const {
    return {recipe_.kind->kind, recipe_.metric, base_.element, base_.dim, rows};
  }

  const Recipe& recipe_;
  const base::Vectors& base_;
  const std::string name_;
  const simd::Kernels& kernels_;
  threads::Pool& pool_;
  const base::CancelFlag& cancel_;
};

/// The numbers in the line that `build --json` printed.
absl::StatusOr<Account> AccountOfReport(const std::string& path, const index::Spec& spec) {
  constexpr std::uint64_t kTextMax = 1 << 20;
  ELANUS_ASSIGN_OR_RETURN(const io::InputFile file, io::InputFile::Open(path));
  std::string text(std::min(file.size(), kTextMax), '\0');
  ELANUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size())));
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) { return json.contains(key) && json[key].is_number(); };
  if (!json.is_object() || json.value("verb", Json()) != "build" || !number("file_bytes") || !number("build_seconds") ||
      !number("peak_bytes")) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": neither an index nor what build --json printed"));
  }
  const Json ours = SpecJson(spec);
  for (const auto& [key, value] : ours.items()) {
    const Json theirs = json.value(key, Json());
    if (theirs == value) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": was built with ", key, " ", theirs.dump(), ", planned is ", value.dump()));
  }
  return Account{json["file_bytes"].get<std::uint64_t>(), json["build_seconds"].get<double>(),
                 json["peak_bytes"].get<std::uint64_t>()};
}

absl::StatusOr<Account> AccountOfIndex(const std::string& path, const index::Image& image, const index::Spec& spec) {
  if (SpecJson(image.spec()) != SpecJson(spec)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is ", Describe(image.spec()), ", planned is ", Describe(spec)));
  }
  ELANUS_ASSIGN_OR_RETURN(const io::InputFile file, io::InputFile::Open(path));
  return Account{file.size(), std::nullopt, std::nullopt};
}

/// What happened: in a file, or now.
absl::StatusOr<Account> HappenedAccount(const std::string& path, const index::Spec& spec, Sampler& sampler) {
  if (!path.empty()) {
    const absl::StatusOr<index::Image> image = index::Image::Open(path, {.verify = false, .map = true});
    if (image.ok()) return AccountOfIndex(path, *image, spec);
    if (!absl::IsDataLoss(image.status())) return image.status();
    return AccountOfReport(path, spec);
  }
  std::optional<index::Image> image;
  ELANUS_ASSIGN_OR_RETURN(const SampleBuild build, sampler.Build(spec.rows, &image));
  std::vector<std::uint64_t> sizes;
  for (const index::SectionId id : image->sections()) sizes.push_back(image->section(id).size());
  return Account{index::Image::FileBytes(sizes), build.seconds(), PeakBytes()};
}

std::string BytesCell(const std::optional<std::uint64_t>& bytes) { return bytes ? Grouped(*bytes) : std::string("?"); }

Json AccountJson(const Account& account) {
  Json json = Json::object();
  json["file_bytes"] = account.file_bytes ? Json(*account.file_bytes) : Json();
  json["build_seconds"] = account.build_seconds ? Json(*account.build_seconds) : Json();
  json["peak_bytes"] = account.peak_bytes ? Json(*account.peak_bytes) : Json();
  return json;
}

void Print(const Account& planned, const std::optional<Account>& happened, Session& session) {
  const auto seconds = [](const std::optional<double>& s) { return s ? HumanSeconds(*s) : std::string("?"); };
  if (!happened) {
    session.Print(absl::StrCat("file         ", BytesCell(planned.file_bytes), " bytes\nbuild time   ",
                               seconds(planned.build_seconds), "\npeak memory  ", BytesCell(planned.peak_bytes),
                               " bytes at most, the base's pages included\n"));
    return;
  }
  const Table table({{"", 18, false}, {"planned", 18}, {"happened", 18}});
  session.Print(table.Head());
  session.Print(table.Row({"file bytes", BytesCell(planned.file_bytes), BytesCell(happened->file_bytes)}));
  session.Print(table.Row({"build time", seconds(planned.build_seconds), seconds(happened->build_seconds)}));
  session.Print(table.Row({"peak memory bytes", BytesCell(planned.peak_bytes), BytesCell(happened->peak_bytes)}));
}

absl::Status RunPlan(const Options& options, Session& session) {
  ELANUS_ASSIGN_OR_RETURN(const Recipe recipe, RecipeOf(options));
  ELANUS_ASSIGN_OR_RETURN(const simd::Kernels* kernels, KernelsOf(options));
  if (options.Number("seconds") <= 0) return UsageError("--seconds should be above 0");
  ELANUS_ASSIGN_OR_RETURN(const io::VectorFile base, OpenBase(options, recipe));
  const base::Vectors& rows = base.vectors();
  const index::Spec spec = recipe.SpecFor(rows);
  const absl::StatusOr<index::IndexPlan> plan = index::PlanIndex(spec, recipe.params);
  if (!plan.ok()) return InContext(base.name(), plan.status());
  threads::Pool pool(Threads(options));
  const std::uint64_t program = PeakBytes();
  session.monitor().Stage("sample", 0);
  Sampler sampler(recipe, base, *kernels, pool, session.cancel());
  const absl::StatusOr<double> forecast = sampler.Forecast(options.Number("seconds"));
  if (!forecast.ok()) return InContext(base.name(), forecast.status());
  const Account planned{plan->file_bytes, *forecast, program + rows.count * rows.stride + plan->build_peak_bytes};

  std::optional<Account> happened;
  if (options.Given("check")) {
    session.monitor().Stage("build", 0);
    absl::StatusOr<Account> account = HappenedAccount(options.Text("check"), spec, sampler);
    if (!account.ok()) return account.status();
    happened = *account;
  }
  session.Print(absl::StrCat(Describe(spec), " on ", pool.threads(), " threads\n"));
  Print(planned, happened, session);
  Json json = {{"verb", "plan"}};
  json.update(SpecJson(spec));
  json["settings"] = SettingsJson(*recipe.kind, recipe.params);
  json["threads"] = pool.threads();
  json.update(AccountJson(planned));
  if (happened) json["happened"] = AccountJson(*happened);
  session.console().Report(json);
  if (happened && happened->file_bytes != planned.file_bytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(options.Text("check").empty() ? base.name() : options.Text("check"), ": ", *happened->file_bytes,
                     " bytes, planned are ", *planned.file_bytes, ": built with other parameters, or another version"));
  }
  return absl::OkStatus();
}

}  // namespace

const Verb kPlanVerb = {
    "plan",
    "say what a build will take: bytes, time, memory",
    "The bytes of the file are exact; the memory is an upper bound; the time is that of two sample builds, stage by\n"
    "stage, carried on to all rows. With --check it fails unless the bytes are those planned.\n",
    "  elanus plan --kind HNSW --metric L2 --base B.bvecs --set M=16\n"
    "  elanus plan --kind IVF_PQ --metric IP --base B.fvecs --check\n"
    "  elanus build ... --json | tail -n 1 > report.json; elanus plan ... --check report.json\n",
    kOptions,
    {},
    RunPlan,
};

}  // namespace elanus::tools
