#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/base/status_macros.h"
#include "index/search.h"
#include "tools/elanus/exact.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/results.h"
#include "tools/elanus/search_inputs.h"
#include "tools/elanus/truth_block.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    kBaseOption,
    kQueriesOption,
    kMetricOption,
    {"k", OptionKind::kUnsigned, "N", "100", "neighbours a query", false, false, 1, index::kTopKMax},
    kOutOption,
    kOutDistancesOption,
    kFilterOption,
    {"memory", OptionKind::kUnsigned, "MB", "512", "memory to work in, roughly, besides the program", false, false, 1,
     1'000'000},
    kThreadsOption,
    kBitsOption,
    kBf16Option,
    kSimdOption,
    kRestartOption,
    kCheckpointOption,
};

/// One truth command.
struct TruthRun {
  io::VectorFile base;
  io::VectorFile queries;
  index::Metric metric;
  std::uint32_t k;
  std::uint64_t tile_rows;      // of the base, scanned at a time
  std::uint64_t block_queries;  // whose best k are in memory at a time
  std::uint32_t batch;
  const simd::Kernels* kernels;
  std::optional<io::RowSet> allowed = std::nullopt;  // rows that may be found; absent: all

  index::Kind kind() const { return index::IsBinaryMetric(metric) ? index::Kind::kBinFlat : index::Kind::kFlat; }
};

/// Half of the memory for a tile of the base with its scan codes, a quarter for the best k of a block of queries; the
/// rest is for scratch.
absl::Status ChooseSizes(std::uint64_t memory, unsigned threads, TruthRun* run) {
  const base::Vectors& base = run->base.vectors();
  constexpr std::uint64_t kSampleRows = 1 << 16;
  const absl::StatusOr<index::IndexPlan> plan =
      index::PlanIndex({run->kind(), run->metric, base.element, base.dim, kSampleRows}, {});
  if (!plan.ok()) return InContext(run->base.name(), plan.status());
  const std::uint64_t row_bytes = base.stride + (plan->file_bytes + plan->build_peak_bytes) / kSampleRows + 1;
  run->tile_rows = std::min(std::max<std::uint64_t>(memory / 2 / row_bytes / 32 * 32, 1024), base.count);
  const std::uint64_t query_bytes = std::uint64_t{run->k} * 2 * sizeof(base::Key) + run->queries.vectors().stride;
  run->block_queries = std::clamp<std::uint64_t>(memory / 4 / query_bytes, 1, run->queries.vectors().count);
  run->batch = BatchWithinMemory(1000, base.dim, run->k, threads);
  return absl::OkStatus();
}

absl::StatusOr<TruthRun> RunOf(const Options& options, unsigned threads) {
  const absl::StatusOr<index::Metric> metric = index::MetricFromName(options.Text("metric"));
  if (!metric.ok()) return AsUsageError(metric.status());
  const bool bits = options.Flag("bits") || index::IsBinaryMetric(*metric);
  const bool bf16 = options.Flag("bf16");
  ELANUS_ASSIGN_OR_RETURN(io::VectorFile base,
                          io::OpenVectors(options.Text("base"),
                                          {.dataset = "train", .as_bits = bits, .as_bf16 = bf16, .check_rows = false}));
  ELANUS_ASSIGN_OR_RETURN(io::VectorFile queries,
                          io::OpenVectors(options.Text("queries"),
                                          {.dataset = "test", .as_bits = bits, .as_bf16 = bf16, .check_rows = false}));
  TruthRun run{std::move(base), std::move(queries), *metric, static_cast<std::uint32_t>(options.Unsigned("k")), 0, 0, 0,
               nullptr};
  const absl::Status fits = CheckMetric(run.base.vectors(), run.queries.vectors(), run.metric);
  if (!fits.ok()) return InContext(run.queries.name(), fits);
  if (run.k > run.base.vectors().count) {
    return absl::InvalidArgumentError(
        absl::StrCat(run.base.name(), ": --k ", run.k, " is more than its ", run.base.vectors().count, " rows"));
  }
  if (options.Given("filter")) {
    ELANUS_ASSIGN_OR_RETURN(run.allowed, io::ReadRowSet(options.Text("filter"), run.base.vectors().count));
  }
  ELANUS_ASSIGN_OR_RETURN(run.kernels, KernelsOf(options));
  ELANUS_RETURN_IF_ERROR(ChooseSizes(options.Unsigned("memory") * 1'000'000, threads, &run));
  return run;
}

Json JobOf(const Options& options, const TruthRun& run) {
  Json job = {{"verb", "truth"},
              {"base", FileStamp(options.Text("base"))},
              {"queries", FileStamp(options.Text("queries"))},
              {"metric", index::MetricName(run.metric)},
              {"k", run.k},
              {"bf16", options.Flag("bf16")},
              {"out", {options.Text("out"), options.Text("out-distances")}}};
  if (options.Given("filter")) job["filter"] = FileStamp(options.Text("filter"));
  return job;
}

/// Which of rows [begin, begin + count) are in the set, counted from `begin` on.
io::RowSet SliceOf(const io::RowSet& set, std::uint64_t begin, std::uint64_t count) {
  io::RowSet slice;
  slice.bits.resize((count + 63) / 64);
  for (std::uint64_t word = 0; word < slice.bits.size(); ++word) {
    const std::uint64_t at = begin / 64 + word;
    const std::uint64_t shift = begin % 64;
    std::uint64_t bits = set.bits[at] >> shift;
    if (shift > 0 && at + 1 < set.bits.size()) bits |= set.bits[at + 1] << (64 - shift);
    const std::uint64_t left = count - word * 64;
    if (left < 64) bits &= (std::uint64_t{1} << left) - 1;
    slice.bits[word] = bits;
    slice.count += static_cast<std::uint64_t>(std::popcount(bits));
  }
  return slice;
}

/// Scans the base for one block of queries after another.
class TruthScan {
 public:
  TruthScan(const TruthRun& run, threads::Pool& pool, Session& session, Results& results, std::string job)
      : run_(run), pool_(pool), session_(session), results_(results), job_(std::move(job)), last_save_(absl::Now()) {}

  absl::Status Run() {
    const std::uint64_t total = run_.queries.vectors().count;
    session_.monitor().Stage("scan", (total - results_.done()) * run_.base.vectors().count);
    while (results_.done() < total) {
      const std::uint64_t first = results_.done();
      TruthBlock block = LoadBlock(first, total - first);
      session_.monitor().Advance(block.next_row() * block.queries());
      const absl::Status scanned = ScanBlock(block);
      if (scanned.code() == absl::StatusCode::kCancelled) ELANUS_RETURN_IF_ERROR(Save(block));
      ELANUS_RETURN_IF_ERROR(scanned);
      ELANUS_RETURN_IF_ERROR(Write(block));
    }
    return absl::OkStatus();
  }

 private:
  /// The block that begins with query `first`, as far as a killed run got, of at most `left` queries.
  TruthBlock LoadBlock(std::uint64_t first, std::uint64_t left) const {
    if (results_.resumable()) {
      absl::StatusOr<TruthBlock> block = TruthBlock::Load(results_.state_path(), job_, first, run_.k);
      if (block.ok()) return *std::move(block);
      results_.RemoveState();  // of another run or block, so that what is there can be gone on from
    }
    return TruthBlock(first, std::min(run_.block_queries, left), run_.k);
  }

  absl::Status ScanBlock(TruthBlock& block) {
    const base::Vectors queries = run_.queries.vectors().Slice(block.first_query(), block.queries());
    ELANUS_RETURN_IF_ERROR(run_.queries.CheckRows(block.first_query(), block.queries()));
    ELANUS_RETURN_IF_ERROR(io::CheckFinite(queries, block.first_query(), run_.queries.name()));
    const std::uint64_t rows = run_.base.vectors().count;
    while (block.next_row() < rows) {
      const std::uint64_t begin = block.next_row();
      const std::uint64_t count = std::min(run_.tile_rows, rows - begin);
      ELANUS_RETURN_IF_ERROR(ScanTile(begin, count, queries, block));
      block.set_next_row(begin + count);
      if (block.next_row() < rows && absl::Now() - last_save_ >= results_.interval()) {
        ELANUS_RETURN_IF_ERROR(Save(block));
      }
    }
    return absl::OkStatus();
  }

  /// Merges the neighbours among base rows [begin, begin + count) into the block.
  absl::Status ScanTile(std::uint64_t begin, std::uint64_t count, const base::Vectors& queries, TruthBlock& block) {
    ELANUS_RETURN_IF_ERROR(run_.base.CheckRows(begin, count));
    index::BuildRequest request;
    request.base = run_.base.vectors().Slice(begin, count);
    request.metric = run_.metric;
    request.kernels = run_.kernels;
    request.pool = &pool_;
    request.monitor.cancel = &session_.cancel();
    ELANUS_RETURN_IF_ERROR(io::CheckFinite(request.base, begin, run_.base.name()));
    const io::RowSet allowed = run_.allowed ? SliceOf(*run_.allowed, begin, count) : io::RowSet();
    const index::RowFilter filter{allowed.bits, allowed.count};
    if (run_.allowed && filter.allowed == 0) {
      session_.monitor().Advance(queries.count * count);
      return session_.monitor().Check();
    }
    absl::StatusOr<index::Image> image = index::BuildIndex(run_.kind(), request);
    if (!image.ok()) return InContext(run_.base.name(), image.status());
    ELANUS_ASSIGN_OR_RETURN(const std::unique_ptr<index::Index> tile,
                            index::OpenIndex(*std::move(image), *run_.kernels));
    run_.base.Release(begin, count);
    const auto k = static_cast<std::uint32_t>(std::min<std::uint64_t>(run_.k, count));
    index::Searcher searcher(*tile, pool_, run_.batch);
    const std::uint64_t piece = std::uint64_t{run_.batch} * pool_.threads();
    rows_.resize(piece * k);
    distances_.resize(piece * k);
    counts_.resize(piece);
    for (std::uint64_t at = 0; at < queries.count; at += piece) {
      ELANUS_RETURN_IF_ERROR(session_.monitor().Check());
      const std::uint64_t here = std::min(piece, queries.count - at);
      const absl::Status found =
          searcher.Search({.queries = queries.Slice(at, here),
                           .k = k,
                           .params = {},
                           .filter = run_.allowed ? &filter : nullptr,
                           .first_query = block.first_query() + at},
                          {absl::MakeSpan(rows_), absl::MakeSpan(distances_), absl::MakeSpan(counts_)});
      if (!found.ok()) return InContext(run_.queries.name(), found);
      pool_.ParallelFor(here, 64, [&](std::uint64_t from, std::uint64_t to) {
        for (std::uint64_t q = from; q < to; ++q) MergeQuery(q, k, begin, at + q, block);
      });
      session_.monitor().Advance(here * count);
    }
    return absl::OkStatus();
  }

  /// Merges result row `from` of a search of rows [first_row, ...) into query `to` of the block.
  void MergeQuery(std::uint64_t from, std::uint32_t k, std::uint64_t first_row, std::uint64_t to,
                  TruthBlock& block) const {
    std::vector<base::Key> keys(counts_[from]);
    for (std::uint32_t i = 0; i < counts_[from]; ++i) {
      const float natural = distances_[from * k + i];
      keys[i] = base::MakeKey(IsSimilarity(run_.metric) ? -natural : natural,
                              static_cast<std::uint32_t>(first_row + rows_[from * k + i]));
    }
    block.Merge(to, keys);
  }

  absl::Status Write(const TruthBlock& block) {
    std::vector<std::uint32_t> ids;
    std::vector<float> distances;
    for (std::uint64_t query = 0; query < block.queries(); ++query) {
      ids.clear();
      distances.clear();
      for (const base::Key key : block.Best(query)) {
        const float distance = base::KeyDistance(key);
        ids.push_back(base::KeyRow(key));
        distances.push_back(IsSimilarity(run_.metric) ? 0.0f - distance : distance);
      }
      ELANUS_RETURN_IF_ERROR(results_.writer().Append(ids, distances));
    }
    run_.queries.Release(block.first_query(), block.queries());
    return results_.Mark();
  }

  absl::Status Save(const TruthBlock& block) {
    if (!results_.resumable()) return absl::OkStatus();
    // The blocks before this one must be found again, too.
    ELANUS_RETURN_IF_ERROR(results_.writer().Checkpoint());
    ELANUS_RETURN_IF_ERROR(block.Save(results_.state_path(), job_));
    last_save_ = absl::Now();
    return absl::OkStatus();
  }

  const TruthRun& run_;
  threads::Pool& pool_;
  Session& session_;
  Results& results_;
  const std::string job_;
  absl::Time last_save_;
  std::vector<std::uint32_t> rows_;
  std::vector<float> distances_;
  std::vector<std::uint32_t> counts_;
};

void Report(const Options& options, const TruthRun& run, double seconds, std::uint64_t resumed, unsigned threads,
            Session& session) {
  const base::Vectors& base = run.base.vectors();
  const std::uint64_t queries = run.queries.vectors().count;
  session.Print(absl::StrCat(Grouped(run.k), " exact neighbours by ", index::MetricName(run.metric), " of ",
                             Grouped(queries), " queries among ", Grouped(base.count), " x ", base.dim, " ",
                             base::ElementName(base.element), " in ", HumanSeconds(seconds), "\n"));
  session.console().Report({{"verb", "truth"},
                            {"base", run.base.name()},
                            {"queries_file", run.queries.name()},
                            {"metric", index::MetricName(run.metric)},
                            {"rows", base.count},
                            {"dim", base.dim},
                            {"element", base::ElementName(base.element)},
                            {"queries", queries},
                            {"k", run.k},
                            {"out", options.Text("out")},
                            {"out_distances", options.Text("out-distances")},
                            {"threads", threads},
                            {"simd", simd::LevelName(run.kernels->level)},
                            {"resumed_queries", resumed},
                            {"seconds", seconds},
                            {"peak_bytes", PeakBytes()}});
}

absl::Status RunTruth(const Options& options, Session& session) {
  const absl::Time started = absl::Now();
  const unsigned threads = Threads(options);
  ELANUS_ASSIGN_OR_RETURN(const TruthRun run, RunOf(options, threads));
  const Json job = JobOf(options, run);
  const float worst = std::numeric_limits<float>::infinity();
  const io::ResultPlan plan{
      .rows = run.queries.vectors().count, .width = run.k, .padding = IsSimilarity(run.metric) ? -worst : worst};
  ELANUS_ASSIGN_OR_RETURN(Results results, Results::Create(options, plan, job));
  const std::uint64_t resumed = results.done();
  if (resumed > 0) session.Note(absl::StrCat("going on after query ", Grouped(resumed), " of a killed run"));
  threads::Pool pool(threads);
  TruthScan scan(run, pool, session, results, job.dump(-1, ' ', false, Json::error_handler_t::replace));
  ELANUS_RETURN_IF_ERROR(results.Close(scan.Run()));
  Report(options, run, absl::ToDoubleSeconds(absl::Now() - started), resumed, threads, session);
  return absl::OkStatus();
}

}  // namespace

const Verb kTruthVerb = {
    "truth",
    "find the exact neighbours of a file of queries in a file of vectors",
    "Scans all of the base, piece by piece, for as many queries at a time as --memory holds; neither file needs to "
    "fit\n"
    "into memory. Ids and distances are those of an exact index, bit for bit.\n"
    "\n"
    "A killed run goes on where it was when the same command is given again.\n",
    "  elanus truth --base B.bvecs --queries Q.bvecs --metric L2 --k 100 --out ids.ivecs --out-distances d.fvecs\n"
    "  elanus truth --base huge.fbin --queries Q.fbin --metric IP --out ids.ibin --memory 8000 --threads 32\n",
    kOptions,
    {},
    RunTruth,
};

}  // namespace elanus::tools
