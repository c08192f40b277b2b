#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/status_macros.h"
#include "tools/elanus/exact.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recall.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/search_inputs.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    {"truth", OptionKind::kPath, "FILE", nullptr, "ids of the exact neighbours, best first", true},
    {"result", OptionKind::kPath, "FILE", nullptr, "ids to judge", true},
    {"truth-distances", OptionKind::kPath, "FILE", nullptr, "distances of the truth; ties at the k-th count as right"},
    {"result-distances", OptionKind::kPath, "FILE", nullptr, "distances of the results, to compare with exact ones"},
    {"k", OptionKind::kUnsigned, "N", "10", "results a query to judge", false, false, 1, index::kTopKMax},
    {"base", OptionKind::kPath, "FILE", nullptr, "the vectors searched in: distances are then computed anew"},
    {"queries", OptionKind::kPath, "FILE", nullptr, "the queries, with --base"},
    {"metric", OptionKind::kText, "METRIC", nullptr, "the metric, with --base"},
    kBitsOption,
    kBf16Option,
    kSimdOption,
};

/// The vectors behind the ids, opened and checked.
struct Vectors {
  io::VectorFile base;
  io::VectorFile queries;
  index::Metric metric;
};

absl::StatusOr<std::optional<Vectors>> OpenVectors(const Options& options, std::uint64_t rows) {
  const int given = options.Given("base") + options.Given("queries") + options.Given("metric");
  if (given == 0) return std::optional<Vectors>();
  if (given != 3) return UsageError("--base, --queries and --metric go together");
  const absl::StatusOr<index::Metric> metric = index::MetricFromName(options.Text("metric"));
  if (!metric.ok()) return AsUsageError(metric.status());
  const bool bits = options.Flag("bits") || index::IsBinaryMetric(*metric);
  const bool bf16 = options.Flag("bf16");
  ELANUS_ASSIGN_OR_RETURN(io::VectorFile base, io::OpenVectors(options.Text("base"),
                                                               {.dataset = "train", .as_bits = bits, .as_bf16 = bf16}));
  ELANUS_ASSIGN_OR_RETURN(
      io::VectorFile queries,
      io::OpenVectors(options.Text("queries"), {.dataset = "test", .as_bits = bits, .as_bf16 = bf16}));
  const absl::Status fits = CheckMetric(base.vectors(), queries.vectors(), *metric);
  if (!fits.ok()) return InContext(queries.name(), fits);
  if (queries.vectors().count != rows) {
    return absl::InvalidArgumentError(absl::StrCat(options.Text("truth"), ": ", rows, " rows of truth for the ",
                                                   queries.vectors().count, " queries of ", queries.name()));
  }
  return std::optional<Vectors>(Vectors{std::move(base), std::move(queries), *metric});
}

/// Differences of distances, each in the direction that makes a worse one positive.
struct DistanceError {
  double excess = 0;          // sum of result minus truth, rank by rank
  double truth = 0;           // sum of |truth|
  double reported = 0;        // largest |reported - exact| / max(1, |exact|) of the results
  std::uint64_t missing = 0;  // ranks without a result

  double relative() const { return truth > 0 ? excess / truth : 0; }
};

class Evaluation {
 public:
  Evaluation(const Truth& truth, const io::RowTable<std::uint32_t>& results, const io::RowTable<float>& reported,
             std::uint64_t k)
      : truth_(truth), results_(results), reported_(reported), k_(k) {}

  void UseVectors(const Vectors& vectors, const Options& options, const simd::Kernels& kernels) {
    options_ = &options;
    vectors_ = &vectors;
    exact_.emplace(vectors.base.vectors(), vectors.queries.vectors(), vectors.metric, kernels);
  }

  absl::Status Add(std::uint64_t query) {
    const absl::Span<const std::uint32_t> found = results_.row(query).subspan(0, k_);
    RecallSum sum = judge_.Judge(truth_, query, found, k_);
    if (exact_) ELANUS_RETURN_IF_ERROR(AddExact(query, found, &sum));
    recall_ += sum;
    return absl::OkStatus();
  }

  const RecallSum& recall() const { return recall_; }
  const DistanceError& error() const { return error_; }

 private:
  /// Judges by distances computed anew, and sums their errors.
  absl::Status AddExact(std::uint64_t query, absl::Span<const std::uint32_t> found, RecallSum* sum) {
    const absl::Span<const std::uint32_t> truth = truth_.ids.row(query).subspan(0, sum->wanted);
    ELANUS_RETURN_IF_ERROR(
        io::CheckFinite(vectors_->queries.vectors().Slice(query, 1), query, vectors_->queries.name()));
    ELANUS_RETURN_IF_ERROR(CheckIds("truth", query, truth));
    ELANUS_RETURN_IF_ERROR(CheckIds("result", query, found));
    ELANUS_RETURN_IF_ERROR(Measure(query, truth, &truth_exact_));
    ELANUS_RETURN_IF_ERROR(Measure(query, found, &found_exact_));
    if (reported_.rows() > 0) ELANUS_RETURN_IF_ERROR(AddReported(query));
    std::sort(truth_exact_.begin(), truth_exact_.end());
    std::sort(found_exact_.begin(), found_exact_.end());
    for (std::size_t i = 0; i < truth_exact_.size(); ++i) {
      if (i >= found_exact_.size()) {
        ++error_.missing;
      } else if (std::isfinite(truth_exact_[i]) && std::isfinite(found_exact_[i])) {
        error_.excess += double{found_exact_[i]} - double{truth_exact_[i]};
        error_.truth += std::abs(double{truth_exact_[i]});
      }
    }
    // With fewer matches than k the truth is all there is, whatever the distances.
    if (sum->wanted < k_) return absl::OkStatus();
    others_.assign(judge_.others().begin(), judge_.others().end());
    ELANUS_RETURN_IF_ERROR(Measure(query, others_, &found_exact_));
    for (const float distance : found_exact_) sum->right += distance <= truth_exact_.back();
    sum->right = std::min(sum->right, sum->wanted);
    sum->undecided = 0;
    return absl::OkStatus();
  }

  absl::Status Measure(std::uint64_t query, absl::Span<const std::uint32_t> ids, std::vector<float>* out) {
    return InContext(vectors_->queries.name(), exact_->Measure(query, ids, out));
  }

  /// Compares the reported distances of a query with found_exact_.
  absl::Status AddReported(std::uint64_t query) {
    const absl::Span<const float> reported = reported_.row(query);
    const double sign = index::IsSimilarity(vectors_->metric) ? -1 : 1;
    for (std::size_t i = 0; i < std::min(reported.size(), found_exact_.size()); ++i) {
      if (std::isnan(reported[i])) {
        return absl::InvalidArgumentError(
            absl::StrCat(options_->Text("result-distances"), ": row ", query, ", place ", i, " is NaN"));
      }
      const double exact = sign * found_exact_[i];
      if (!std::isfinite(exact)) continue;
      error_.reported = std::max(error_.reported, std::abs(reported[i] - exact) / std::max(1.0, std::abs(exact)));
    }
    return absl::OkStatus();
  }

  /// The ids of --`option` must be of rows that are there and can be measured: what is compared with NaN is neither
  /// right nor wrong.
  absl::Status CheckIds(absl::string_view option, std::uint64_t query, absl::Span<const std::uint32_t> ids) const {
    const base::Vectors& base = vectors_->base.vectors();
    for (const std::uint32_t id : ids) {
      if (id >= base.count) {
        return absl::InvalidArgumentError(absl::StrCat(options_->Text(option), ": row ", query, " has id ", id, ", ",
                                                       vectors_->base.name(), " has ", base.count, " rows"));
      }
      ELANUS_RETURN_IF_ERROR(io::CheckFinite(base.Slice(id, 1), id, vectors_->base.name()));
    }
    return absl::OkStatus();
  }

  const Truth& truth_;
  const io::RowTable<std::uint32_t>& results_;
  const io::RowTable<float>& reported_;
  std::uint64_t k_;
  const Options* options_ = nullptr;  // null without vectors
  const Vectors* vectors_ = nullptr;
  std::optional<ExactDistances> exact_;
  RecallJudge judge_;
  RecallSum recall_;
  DistanceError error_;
  std::vector<float> truth_exact_;
  std::vector<float> found_exact_;
  std::vector<std::uint32_t> others_;
};

void Report(const Evaluation& evaluation, const Options& options, const Truth& truth, bool exact, Session& session) {
  const RecallSum& recall = evaluation.recall();
  const DistanceError& error = evaluation.error();
  const std::uint64_t k = options.Unsigned("k");
  session.Print(absl::StrFormat("recall@%d        %.4f   (%s of %s right)\n", k, recall.recall(), Grouped(recall.right),
                                Grouped(recall.wanted)));
  if (!exact && !truth.has_distances()) {
    session.Note("ties cannot be told without distances: give --truth-distances, or --base, --queries and --metric");
  }
  if (recall.undecided > 0) {
    session.Note(absl::StrCat(Grouped(recall.undecided),
                              " wrong ones may be ties beyond the end of the truth: give "
                              "--base, --queries and --metric, or a longer truth"));
  }
  Json json = {{"verb", "eval"},
               {"k", k},
               {"queries", truth.ids.rows()},
               {"recall", recall.recall()},
               {"right", recall.right},
               {"wanted", recall.wanted},
               {"undecided", recall.undecided}};
  if (exact) {
    session.Print(absl::StrFormat("distance error   %.3g   (sum of the results' distances above the truth's)\n",
                                  error.relative()));
    json["distance_error"] = error.relative();
    json["missing"] = error.missing;
    if (error.missing > 0) session.Print(absl::StrFormat("missing          %s\n", Grouped(error.missing)));
    if (options.Given("result-distances")) {
      session.Print(absl::StrFormat("reported error   %.3g   (largest, of --result-distances)\n", error.reported));
      json["reported_error"] = error.reported;
    }
  }
  session.console().Report(json);
}

absl::Status RunEval(const Options& options, Session& session) {
  const std::uint64_t k = options.Unsigned("k");
  ELANUS_ASSIGN_OR_RETURN(const Truth truth, ReadTruth(options.Text("truth"), options.Text("truth-distances")));
  ELANUS_ASSIGN_OR_RETURN(const io::RowTable<std::uint32_t> results, io::ReadIds(options.Text("result")));
  if (results.rows() != truth.ids.rows()) {
    return absl::InvalidArgumentError(absl::StrCat(options.Text("result"), ": ", results.rows(), " rows of results, ",
                                                   options.Text("truth"), " has ", truth.ids.rows()));
  }
  std::string note;
  ELANUS_RETURN_IF_ERROR(CheckTruthCovers(truth, options.Text("truth"), results.rows(), k, &note));
  if (!note.empty()) session.Note(note);
  io::RowTable<float> reported;
  if (options.Given("result-distances")) {
    ELANUS_ASSIGN_OR_RETURN(reported, io::ReadDistances(options.Text("result-distances")));
    if (reported.rows() != results.rows()) {
      return absl::InvalidArgumentError(absl::StrCat(options.Text("result-distances"), ": ", reported.rows(), " rows, ",
                                                     options.Text("result"), " has ", results.rows()));
    }
  }
  ELANUS_ASSIGN_OR_RETURN(const std::optional<Vectors> vectors, OpenVectors(options, results.rows()));
  ELANUS_ASSIGN_OR_RETURN(const simd::Kernels* kernels, KernelsOf(options));
  Evaluation evaluation(truth, results, reported, k);
  if (vectors) evaluation.UseVectors(*vectors, options, *kernels);
  session.monitor().Stage("judge", results.rows());
  for (std::uint64_t query = 0; query < results.rows(); ++query) {
    ELANUS_RETURN_IF_ERROR(session.monitor().Check());
    ELANUS_RETURN_IF_ERROR(evaluation.Add(query));
    session.monitor().Advance(1);
  }
  Report(evaluation, options, truth, vectors.has_value(), session);
  return absl::OkStatus();
}

}  // namespace

const Verb kEvalVerb = {
    "eval",
    "judge results by the exact neighbours: recall and distance error",
    "Recall is the part of the min(k, matches) wanted neighbours that was found. A result at the distance of the k-th\n"
    "neighbour is right, whichever of the tied rows it is: known from --truth-distances as far as the truth goes, and\n"
    "for every row from --base, --queries and --metric.\n",
    "  elanus eval --truth ids.ivecs --truth-distances d.fvecs --result found.ivecs --k 10\n"
    "  elanus eval --truth ids.ivecs --result found.ivecs --k 10 --base B.bvecs --queries Q.bvecs --metric L2\n",
    kOptions,
    {},
    RunEval,
};

}  // namespace elanus::tools
