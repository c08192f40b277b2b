#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "host/base/status_macros.h"
#include "index/search.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/results.h"
#include "tools/elanus/search_inputs.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    kIndexOption,
    kQueriesOption,
    kKOption,
    kSearchSetOption,
    kOutOption,
    kOutDistancesOption,
    {"radius", OptionKind::kNumber, "R", nullptr,
     "range search: all rows nearer than R (similarities: above R) instead of k"},
    {"range-filter", OptionKind::kNumber, "R", nullptr,
     "with --radius: only rows at R or farther (similarities: R or below)"},
    kFilterOption,
    {"metric", OptionKind::kText, "METRIC", nullptr, "fail unless this is the index's metric"},
    kThreadsOption,
    {"batch", OptionKind::kUnsigned, "N", "1000", "queries that share a scan", false, false, 1, 1'000'000},
    kDeviceOption,
    kSimdOption,
    kHeapOption,
    kNoVerifyOption,
    kBf16Option,
    kRestartOption,
    kCheckpointOption,
};

/// How many queries to answer between looks at the clock, the cancel flag and the disk.
class BlockSize {
 public:
  BlockSize(std::uint64_t first, std::uint64_t largest) : size_(std::min(first, largest)), largest_(largest) {}
  std::uint64_t next() const { return size_; }
  /// Grows quickly where blocks are cheap, and shrinks where one took long enough to keep a user waiting.
  void Took(double seconds) {
    if (seconds < 0.25) size_ = std::min(size_ * 4, largest_);
    if (seconds > 1.0) size_ = std::max<std::uint64_t>(size_ / 2, 1);
  }

 private:
  std::uint64_t size_;
  std::uint64_t largest_;
};

/// One search command: what it was asked, and where results go.
struct SearchRun {
  SearchInputs inputs;
  index::SearchParams params;
  std::uint32_t k;
  bool ranged;
  float radius;
  bool has_range_filter;
  float range_filter;
  std::uint32_t batch;
};

absl::StatusOr<float> FloatOption(const Options& options, absl::string_view name) {
  const double value = options.Number(name);
  if (std::abs(value) <= std::numeric_limits<float>::max()) return static_cast<float>(value);
  return UsageError(absl::StrCat("--", name, " ", value, ": should be a float32, at most 3.4e38"));
}

absl::StatusOr<SearchRun> RunOf(const Options& options, const simd::Kernels& kernels, unsigned threads) {
  ELANUS_ASSIGN_OR_RETURN(SearchInputs inputs, SearchInputs::Open(options, kernels));
  ELANUS_ASSIGN_OR_RETURN(const index::SearchParams params, inputs.Params(options.Assignments("set")));
  SearchRun run{.inputs = std::move(inputs),
                .params = params,
                .k = 0,
                .ranged = options.Given("radius"),
                .radius = 0,
                .has_range_filter = options.Given("range-filter"),
                .range_filter = 0,
                .batch = 0};
  if (run.has_range_filter && !run.ranged) return UsageError("--range-filter needs --radius");
  if (run.ranged && options.Given("k")) return UsageError("--k and --radius: give one of them");
  if (run.ranged) {
    ELANUS_ASSIGN_OR_RETURN(run.radius, FloatOption(options, "radius"));
  }
  if (run.has_range_filter) {
    ELANUS_ASSIGN_OR_RETURN(run.range_filter, FloatOption(options, "range-filter"));
  }
  if (!run.ranged) {
    run.k = static_cast<std::uint32_t>(options.Unsigned("k"));
    ELANUS_RETURN_IF_ERROR(run.inputs.CheckK(run.k));
  }
  run.batch = BatchWithinMemory(options.Unsigned("batch"), run.inputs.index().spec().dim, run.k, threads);
  return run;
}

/// Everything that decides the results.
Json JobOf(const Options& options, const SearchRun& run) {
  Json job = {{"verb", "search"}, {"index", FileStamp(options.Text("index"))}};
  job["queries"] = FileStamp(options.Text("queries"));
  if (options.Given("filter")) job["filter"] = FileStamp(options.Text("filter"));
  for (const index::ParamSpec<index::SearchParams>& spec : run.inputs.kind().search_params) {
    job["set"][spec.name] = run.params.*(spec.field);
  }
  if (run.ranged) job["radius"] = run.radius;
  if (run.has_range_filter) job["range_filter"] = run.range_filter;
  job["k"] = run.k;
  job["bf16"] = options.Flag("bf16");
  job["out"] = {options.Text("out"), options.Text("out-distances")};
  return job;
}

/// Answers queries [begin, begin + count) with the k nearest and appends them.
class TopKSearch {
 public:
  TopKSearch(const SearchRun& run, threads::Pool& pool) : run_(run), searcher_(run.inputs.index(), pool, run.batch) {}

  absl::Status operator()(std::uint64_t begin, std::uint64_t count, io::ResultWriter& writer) {
    rows_.resize(count * run_.k);
    distances_.resize(count * run_.k);
    counts_.resize(count);
    const index::SearchRequest request{.queries = run_.inputs.queries().vectors().Slice(begin, count),
                                       .k = run_.k,
                                       .params = run_.params,
                                       .filter = run_.inputs.filter(),
                                       .first_query = begin};
    const absl::Status found =
        searcher_.Search(request, {absl::MakeSpan(rows_), absl::MakeSpan(distances_), absl::MakeSpan(counts_)});
    if (!found.ok()) return InContext(run_.inputs.queries().name(), found);
    for (std::uint64_t q = 0; q < count; ++q) {
      ELANUS_RETURN_IF_ERROR(writer.Append(absl::MakeConstSpan(rows_).subspan(q * run_.k, counts_[q]),
                                           absl::MakeConstSpan(distances_).subspan(q * run_.k, counts_[q])));
    }
    return absl::OkStatus();
  }

 private:
  const SearchRun& run_;
  index::Searcher searcher_;
  std::vector<std::uint32_t> rows_;
  std::vector<float> distances_;
  std::vector<std::uint32_t> counts_;
};

/// Answers queries [begin, begin + count) with all rows in the range and appends them.
class RangeSearch {
 public:
  RangeSearch(const SearchRun& run, threads::Pool& pool) : run_(run), pool_(pool) {}

  absl::Status operator()(std::uint64_t begin, std::uint64_t count, io::ResultWriter& writer) {
    std::vector<std::vector<index::Neighbour>> found(count);
    std::mutex mutex;
    absl::Status error;
    std::uint64_t error_at = count;
    pool_.ParallelFor(count, 1, [&](std::uint64_t from, std::uint64_t) {
      index::Workspace workspace;
      absl::StatusOr<std::vector<std::vector<index::Neighbour>>> one =
          run_.inputs.index().RangeSearch(RequestFor(begin + from), workspace);
      if (one.ok()) {
        found[from] = std::move(one->front());
        return;
      }
      const std::lock_guard lock(mutex);
      if (from < error_at) {
        error_at = from;
        error = one.status();
      }
    });
    if (!error.ok()) return InContext(run_.inputs.queries().name(), error);
    for (const std::vector<index::Neighbour>& neighbours : found) ELANUS_RETURN_IF_ERROR(Write(neighbours, writer));
    return absl::OkStatus();
  }

 private:
  index::RangeRequest RequestFor(std::uint64_t query) const {
    return {.queries = run_.inputs.queries().vectors().Slice(query, 1),
            .radius = run_.radius,
            .has_range_filter = run_.has_range_filter,
            .range_filter = run_.range_filter,
            .params = run_.params,
            .filter = run_.inputs.filter(),
            .first_query = query};
  }

  absl::Status Write(const std::vector<index::Neighbour>& neighbours, io::ResultWriter& writer) {
    rows_.clear();
    distances_.clear();
    for (const index::Neighbour& neighbour : neighbours) {
      rows_.push_back(neighbour.row);
      distances_.push_back(neighbour.distance);
    }
    return writer.Append(rows_, distances_);
  }

  const SearchRun& run_;
  threads::Pool& pool_;
  std::vector<std::uint32_t> rows_;
  std::vector<float> distances_;
};

/// Answers all queries not answered yet, block after block.
template <class Search>
absl::Status SearchAll(const SearchRun& run, Search search, unsigned threads, Session& session, Results& results) {
  const io::VectorFile& queries = run.inputs.queries();
  const std::uint64_t total = queries.vectors().count;
  session.monitor().Stage("search", total - results.done());
  BlockSize blocks(std::uint64_t{16} * threads, std::uint64_t{run.batch} * threads);
  for (std::uint64_t begin = results.done(); begin < total; begin = results.done()) {
    ELANUS_RETURN_IF_ERROR(session.monitor().Check());
    const std::uint64_t count = std::min(blocks.next(), total - begin);
    const absl::Time started = absl::Now();
    ELANUS_RETURN_IF_ERROR(run.inputs.CheckQueries(begin, count));
    ELANUS_RETURN_IF_ERROR(search(begin, count, results.writer()));
    queries.Release(begin, count);
    blocks.Took(absl::ToDoubleSeconds(absl::Now() - started));
    ELANUS_RETURN_IF_ERROR(results.Mark());
    session.monitor().Advance(count);
  }
  return absl::OkStatus();
}

void Report(const Options& options, const SearchRun& run, double seconds, std::uint64_t resumed, unsigned threads,
            Session& session) {
  const std::uint64_t queries = run.inputs.queries().vectors().count;
  const double rate = static_cast<double>(queries - resumed) / std::max(seconds, 1e-9);
  session.Print(absl::StrCat(Describe(run.inputs.index().spec()), ": ", Grouped(queries), " queries",
                             resumed > 0 ? absl::StrCat(" (", Grouped(resumed), " of them in an earlier run)") : "",
                             ", ", HumanCount(rate), " queries/s\n"));
  Json json = {{"verb", "search"}, {"index", run.inputs.index_path()}};
  json.update(SpecJson(run.inputs.index().spec()));
  json["queries"] = queries;
  if (run.ranged) json["radius"] = run.radius;
  if (!run.ranged) json["k"] = run.k;
  json["settings"] = SettingsJson(run.inputs.kind(), options.Assignments("set"), run.params);
  json["out"] = options.Text("out");
  json["out_distances"] = options.Text("out-distances");
  json["device"] = "cpu";
  json["simd"] = simd::LevelName(run.inputs.index().kernels().level);
  json["threads"] = threads;
  json["batch"] = run.batch;
  json["resumed_queries"] = resumed;
  json["seconds"] = seconds;
  json["qps"] = rate;
  json["peak_bytes"] = PeakBytes();
  session.console().Report(json);
}

absl::Status RunSearch(const Options& options, Session& session) {
  ELANUS_RETURN_IF_ERROR(CheckDevice(options, session));
  ELANUS_ASSIGN_OR_RETURN(const simd::Kernels* kernels, KernelsOf(options));
  const unsigned threads = Threads(options);
  ELANUS_ASSIGN_OR_RETURN(const SearchRun run, RunOf(options, *kernels, threads));
  const float worst = std::numeric_limits<float>::infinity();
  const io::ResultPlan plan{.rows = run.inputs.queries().vectors().count,
                            .width = run.k,
                            .padding = IsSimilarity(run.inputs.index().spec().metric) ? -worst : worst};
  ELANUS_ASSIGN_OR_RETURN(Results results, Results::Create(options, plan, JobOf(options, run)));
  const std::uint64_t resumed = results.done();
  if (resumed > 0) session.Note(absl::StrCat("going on after query ", Grouped(resumed), " of a killed run"));

  threads::Pool pool(threads);
  const absl::Time started = absl::Now();
  const absl::Status searched = run.ranged ? SearchAll(run, RangeSearch(run, pool), threads, session, results)
                                           : SearchAll(run, TopKSearch(run, pool), threads, session, results);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - started);
  ELANUS_RETURN_IF_ERROR(results.Close(searched));
  Report(options, run, seconds, resumed, threads, session);
  return absl::OkStatus();
}

}  // namespace

const Verb kSearchVerb = {
    "search",
    "find the nearest rows of an index for a file of queries",
    "Rows come best first, equal distances by row number; they do not depend on threads, batch, --simd or --heap. A\n"
    "query with fewer than k matches (--filter) has its row filled up with id -1. Where the index runs out of near "
    "rows\n"
    "it searches on: there are always k, or all that match.\n"
    "\n"
    "A killed search goes on where it was when the same command is given again.\n",
    "  elanus search --index X --queries Q.bvecs --k 10 --set ef=64 --out ids.ivecs --out-distances d.fvecs\n"
    "  elanus search --index X --queries Q.npy --filter rows.txt --out hits.jsonl\n"
    "  elanus search --index X --queries Q.fvecs --radius 0.8 --out near.jsonl --threads 8\n",
    kOptions,
    {},
    RunSearch,
};

}  // namespace elanus::tools
