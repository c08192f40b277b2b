#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/base/status_macros.h"
#include "index/search.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recall.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/search_inputs.h"
#include "tools/elanus/table.h"
#include "tools/elanus/timing.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    kIndexOption,
    kQueriesOption,
    {"truth", OptionKind::kPath, "FILE", nullptr, "ids of the exact neighbours; without it recall is not told"},
    {"truth-distances", OptionKind::kPath, "FILE", nullptr, "their distances; ties at the k-th one count as right"},
    kKOption,
    kSearchSetOption,
    {"sweep", OptionKind::kSweep, "NAME=V,V,...", nullptr,
     "values of a search parameter to try; of several parameters every combination"},
    {"threads", OptionKind::kUnsignedList, "N,N,...", "1", "numbers of threads to try", false, false, 1, kThreadsMax},
    {"batch", OptionKind::kUnsignedList, "N,N,...", "1,1000", "queries a call to try; 1: single queries", false, false,
     1, 1'000'000},
    {"seconds", OptionKind::kNumber, "S", "1", "how long each combination is measured"},
    kFilterOption,
    {"metric", OptionKind::kText, "METRIC", nullptr, "fail unless this is the index's metric"},
    kDeviceOption,
    kSimdOption,
    kHeapOption,
    kNoVerifyOption,
    kBf16Option,
};

/// Every combination of one value of each sweep, the first sweep slowest; one empty combination for no sweep.
std::vector<std::vector<Assignment>> Combinations(absl::Span<const Sweep> sweeps) {
  std::vector<std::vector<Assignment>> combinations = {{}};
  for (const auto& [name, values] : sweeps) {
    std::vector<std::vector<Assignment>> longer;
    for (const std::vector<Assignment>& combination : combinations) {
      for (const std::string& value : values) {
        longer.push_back(combination);
        longer.back().emplace_back(name, value);
      }
    }
    combinations = std::move(longer);
  }
  return combinations;
}

struct Setting {
  std::string text;  // "ef=16 nprobe=4", "-" for none
  Json json = Json::object();
  index::SearchParams params;
};

/// All settings of --set and --sweep, checked before anything is measured.
absl::StatusOr<std::vector<Setting>> SettingsOf(const Options& options, const SearchInputs& inputs) {
  const std::vector<Assignment> fixed = options.Assignments("set");
  for (const auto& [name, values] : options.Sweeps("sweep")) {
    for (const Assignment& assignment : fixed) {
      if (assignment.first == name) return UsageError(absl::StrCat("--set and --sweep both name ", name));
    }
  }
  std::vector<Setting> settings;
  for (const std::vector<Assignment>& swept : Combinations(options.Sweeps("sweep"))) {
    std::vector<Assignment> all = fixed;
    all.insert(all.end(), swept.begin(), swept.end());
    Setting setting;
    setting.text = all.empty() ? std::string("-") : absl::StrJoin(all, " ", absl::PairFormatter("="));
    ELANUS_ASSIGN_OR_RETURN(setting.params, inputs.Params(all));
    setting.json = SettingsJson(inputs.kind(), all, setting.params);
    settings.push_back(std::move(setting));
  }
  return settings;
}

class Bench {
 public:
  Bench(const Options& options, const SearchInputs& inputs, Session& session)
      : options_(options), inputs_(inputs), session_(session), k_(static_cast<std::uint32_t>(options.Unsigned("k"))) {}

  absl::StatusOr<Json> Run() {
    const std::uint64_t queries = inputs_.queries().vectors().count;
    ELANUS_RETURN_IF_ERROR(inputs_.CheckK(k_));
    ELANUS_RETURN_IF_ERROR(inputs_.CheckQueries(0, queries));
    if (options_.Number("seconds") <= 0) return UsageError("--seconds should be above 0");
    ELANUS_ASSIGN_OR_RETURN(const std::vector<Setting> settings, SettingsOf(options_, inputs_));
    ELANUS_RETURN_IF_ERROR(Try(settings));
    if (options_.Given("truth")) ELANUS_RETURN_IF_ERROR(OpenTruth(queries));
    for (const std::uint64_t batch : options_.Unsigneds("batch")) {
      if (batch <= queries) continue;
      session_.Note(absl::StrCat("--batch ", batch, ": there are ", Grouped(queries), " queries, so a call has ",
                                 Grouped(queries)));
    }
    std::size_t widest = 8;
    for (const Setting& setting : settings) widest = std::max(widest, setting.text.size());
    const Table table({{"settings", widest, false},
                       {absl::StrCat("recall@", k_), 9},
                       {"threads", 7},
                       {"batch", 6},
                       {"queries/s", 10},
                       {"p50 a call", 10},
                       {"p99 a call", 10}});
    session_.Print(table.Head());
    Json runs = Json::array();
    for (const Setting& setting : settings) {
      ELANUS_ASSIGN_OR_RETURN(const std::optional<double> recall, Recall(setting));
      for (const std::uint64_t threads : options_.Unsigneds("threads")) {
        for (const std::uint64_t batch : options_.Unsigneds("batch")) {
          ELANUS_ASSIGN_OR_RETURN(const Timing timing, Time(setting, threads, batch));
          session_.Print(table.Row(Cells(setting, recall, threads, batch, timing)));
          runs.push_back(RunJson(setting, recall, threads, batch, timing));
        }
      }
    }
    return runs;
  }

 private:
  /// Searches once with each of the settings: whether k and they go together, an index says when it searches. Nobody
  /// wants to hear that after minutes of measuring.
  absl::Status Try(const std::vector<Setting>& settings) const {
    index::Workspace workspace;
    std::vector<std::uint32_t> rows(k_);
    std::vector<float> distances(k_);
    std::uint32_t count = 0;
    for (const Setting& setting : settings) {
      const absl::Status tried = inputs_.index().Search(
          {.queries = inputs_.queries().vectors().Slice(0, 1),
           .k = k_,
           .params = setting.params,
           .filter = inputs_.filter()},
          workspace, {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(&count, 1)});
      if (!tried.ok()) return InContext(inputs_.queries().name(), tried);
    }
    return absl::OkStatus();
  }

  /// Reads the truth of `queries` queries. One that knows rows which may not be found would make any recall look bad.
  absl::Status OpenTruth(std::uint64_t queries) {
    const std::string name = options_.Text("truth");
    ELANUS_ASSIGN_OR_RETURN(truth_.emplace(), ReadTruth(name, options_.Text("truth-distances")));
    std::string note;
    ELANUS_RETURN_IF_ERROR(CheckTruthCovers(*truth_, name, queries, k_, &note));
    if (!note.empty()) session_.Note(note);
    if (inputs_.filter() == nullptr) return absl::OkStatus();
    for (std::uint64_t query = 0; query < queries; ++query) {
      for (const std::uint32_t id : truth_->ids.row(query)) {
        if (id < inputs_.index().spec().rows && inputs_.filter()->Allows(id)) continue;
        return absl::InvalidArgumentError(absl::StrCat(name, ": row ", query, " has id ", id, ", which --filter ",
                                                       options_.Text("filter"),
                                                       " excludes; make the truth with the same --filter"));
      }
    }
    return absl::OkStatus();
  }

  /// Answers every query once. Answers depend on the settings alone, so this is done once for all threads and batches.
  absl::StatusOr<std::optional<double>> Recall(const Setting& setting) {
    if (!truth_) return std::optional<double>();
    const base::Vectors queries = inputs_.queries().vectors();
    const std::vector<std::uint64_t> threads = options_.Unsigneds("threads");
    threads::Pool pool(static_cast<unsigned>(*std::max_element(threads.begin(), threads.end())));
    const std::uint32_t batch = BatchWithinMemory(1000, queries.dim, k_, pool.threads());
    index::Searcher searcher(inputs_.index(), pool, batch);
    const std::uint64_t block = std::uint64_t{batch} * pool.threads();
    std::vector<std::uint32_t> rows(block * k_);
    std::vector<float> distances(block * k_);
    std::vector<std::uint32_t> counts(block);
    RecallSum sum;
    RecallJudge judge;
    for (std::uint64_t begin = 0; begin < queries.count; begin += block) {
      ELANUS_RETURN_IF_ERROR(session_.monitor().Check());
      const std::uint64_t count = std::min(block, queries.count - begin);
      const absl::Status found =
          searcher.Search({.queries = queries.Slice(begin, count),
                           .k = k_,
                           .params = setting.params,
                           .filter = inputs_.filter(),
                           .first_query = begin},
                          {absl::MakeSpan(rows), absl::MakeSpan(distances), absl::MakeSpan(counts)});
      if (!found.ok()) return InContext(inputs_.queries().name(), found);
      for (std::uint64_t q = 0; q < count; ++q) {
        sum += judge.Judge(*truth_, begin + q, absl::MakeConstSpan(rows).subspan(q * k_, counts[q]), k_);
      }
    }
    return std::optional<double>(sum.recall());
  }

  absl::StatusOr<Timing> Time(const Setting& setting, std::uint64_t threads, std::uint64_t batch) {
    TimedSearch search;
    search.index = &inputs_.index();
    search.queries = inputs_.queries().vectors();
    search.k = k_;
    search.params = setting.params;
    search.filter = inputs_.filter();
    search.threads = static_cast<unsigned>(threads);
    search.batch = static_cast<std::uint32_t>(batch);
    search.shared = BatchWithinMemory(batch, search.queries.dim, k_, search.threads);
    absl::StatusOr<Timing> timing = TimeSearch(search, absl::Seconds(options_.Number("seconds")), session_.cancel());
    // What ran out is the machine's, not the file's.
    if (timing.ok() || absl::IsResourceExhausted(timing.status())) return timing;
    return InContext(inputs_.queries().name(), timing.status());
  }

  static std::vector<std::string> Cells(const Setting& setting, const std::optional<double>& recall,
                                        std::uint64_t threads, std::uint64_t batch, const Timing& timing) {
    return {setting.text,
            recall ? absl::StrFormat("%.4f", *recall) : "-",
            absl::StrCat(threads),
            absl::StrCat(batch),
            Grouped(static_cast<std::uint64_t>(std::llround(timing.qps()))),
            HumanSeconds(timing.p50),
            HumanSeconds(timing.p99)};
  }

  Json RunJson(const Setting& setting, const std::optional<double>& recall, std::uint64_t threads, std::uint64_t batch,
               const Timing& timing) const {
    Json run = {{"settings", setting.json}};
    run["recall"] = recall ? Json(*recall) : Json();
    run["qps"] = timing.qps();
    run["batch"] = batch;
    run["queries_per_call"] = std::min(batch, inputs_.queries().vectors().count);
    run["threads"] = threads;
    run["p50_seconds"] = timing.p50;
    run["p99_seconds"] = timing.p99;
    run["queries"] = timing.queries;
    run["seconds"] = timing.seconds;
    return run;
  }

  const Options& options_;
  const SearchInputs& inputs_;
  Session& session_;
  std::uint32_t k_;
  std::optional<Truth> truth_;
};

absl::Status RunBench(const Options& options, Session& session) {
  ELANUS_RETURN_IF_ERROR(CheckDevice(options, session));
  ELANUS_ASSIGN_OR_RETURN(const simd::Kernels* kernels, KernelsOf(options));
  ELANUS_ASSIGN_OR_RETURN(const SearchInputs inputs, SearchInputs::Open(options, *kernels));
  session.Note(absl::StrCat(inputs.index_path(), ": ", Describe(inputs.index().spec()), "; ",
                            Grouped(inputs.queries().vectors().count), " queries; ", simd::LevelName(kernels->level)));
  Bench bench(options, inputs, session);
  absl::StatusOr<Json> runs = bench.Run();
  if (!runs.ok()) return runs.status();
  Json json = {{"verb", "bench"}, {"index", inputs.index_path()}};
  json.update(SpecJson(inputs.index().spec()));
  json["k"] = options.Unsigned("k");
  json["queries"] = inputs.queries().vectors().count;
  json["device"] = "cpu";
  json["simd"] = simd::LevelName(kernels->level);
  json["peak_bytes"] = PeakBytes();
  json["runs"] = *std::move(runs);
  session.console().Report(json);
  return absl::OkStatus();
}

}  // namespace

const Verb kBenchVerb = {
    "bench",
    "measure recall and queries a second of an index",
    "Each combination of settings, threads and batch runs for --seconds after a warm-up, whole calls only. With\n"
    "--batch 1, each of N threads is a client that sends one query at a time; larger batches are sent one after\n"
    "another, and N threads share the queries of each.\n",
    "  elanus bench --index X --queries Q.bvecs --truth ids.ivecs --sweep ef=16,32,64 --threads 1,2 --batch 1,1000\n"
    "  elanus bench --index X --queries Q.fvecs --truth ids.ivecs --truth-distances d.fvecs --k 100 --json\n",
    kOptions,
    {},
    RunBench,
};

}  // namespace elanus::tools
