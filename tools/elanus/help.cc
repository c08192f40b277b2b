#include "tools/elanus/help.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "host/base/status_macros.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {
namespace {

constexpr char kMetricsText[] =
    "L2             squared Euclidean distance; smaller is nearer\n"
    "IP             inner product; larger is nearer\n"
    "COSINE         cosine similarity, -1 to 1; larger is nearer; 0 with a zero vector\n"
    "HAMMING        bits that differ\n"
    "JACCARD        1 - |a & b| / |a | b|; 1 when both are empty\n"
    "TANIMOTO       -log2(|a & b| / |a | b|)\n"
    "SUBSTRUCTURE   rows that contain all bits of the query; each at distance 0, in row order\n"
    "SUPERSTRUCTURE rows whose bits the query all contains; likewise\n"
    "\n"
    "The first three are for numbers, the others for bits. Equal distances are ordered by row number.\n";

constexpr char kFormatsText[] =
    "A file's format is known by its extension.\n"
    "\n"
    "Vectors:\n"
    "  .fvecs .bvecs          TEXMEX: per row an int32 dimension, then float32 or uint8 numbers\n"
    "  .fbin .u8bin .i8bin    uint32 rows, uint32 dimension, then float32, uint8 or int8 numbers\n"
    "  .npy                   NumPy, two dimensions: float32, float16, int8, uint8; bits as rows of uint8, least\n"
    "                         significant bit first, or of bool; bfloat16 as 2-byte void (--bf16)\n"
    "  .hdf5 .h5              as of ann-benchmarks: FILE or FILE:DATASET; datasets default to train and test\n"
    "Ids and distances:\n"
    "  .ivecs .ibin .npy .hdf5   ids as int32, -1 for none; distances in .fvecs .fbin .npy .hdf5\n"
    "  .jsonl .csv               ids as text, a query a line\n"
    "Rows of a filter:\n"
    "  any of the above with one number a row, or .txt with a number a line\n"
    "\n"
    "Rows count from 0.\n";

struct Topic {
  const char* name;
  const char* summary;
};
constexpr Topic kTopics[] = {
    {"kinds", "the index kinds, one line each"},
    {"metrics", "what near can mean"},
    {"formats", "the file formats and their extensions"},
};

std::string Names(absl::Span<const index::Metric> metrics) {
  return absl::StrJoin(metrics, ", ",
                       [](std::string* out, index::Metric m) { absl::StrAppend(out, index::MetricName(m)); });
}

std::string Names(absl::Span<const base::Element> elements) {
  return absl::StrJoin(elements, ", ",
                       [](std::string* out, base::Element e) { absl::StrAppend(out, base::ElementName(e)); });
}

template <class P>
std::string ParamsText(absl::string_view title, absl::Span<const index::ParamSpec<P>> specs) {
  std::string text = absl::StrCat("\n", title, specs.empty() ? ": none\n" : ":\n");
  for (const index::ParamSpec<P>& spec : specs) {
    absl::StrAppend(&text, absl::StrFormat("  %-16s %d..%d (default %d)  %s\n", spec.name, spec.min, spec.max,
                                           P().*(spec.field), spec.help));
  }
  return text;
}

std::string KindsText() {
  std::string text;
  for (const index::KindRow& kind : index::Kinds()) {
    absl::StrAppend(&text, absl::StrFormat("%-14s %s\n", index::KindName(kind.kind), kind.summary));
  }
  return text + "\n`elanus help KIND` lists a kind's parameters.\n";
}

std::string OptionLine(const OptionSpec& option) {
  std::string left = absl::StrCat("--", option.name);
  if (option.value != nullptr) {
    absl::StrAppend(&left,
                    option.value_optional ? absl::StrCat(" [", option.value, "]") : absl::StrCat(" ", option.value));
  }
  std::string right = option.help;
  if (option.required) absl::StrAppend(&right, " (required)");
  if (option.fallback != nullptr) absl::StrAppend(&right, " (default ", option.fallback, ")");
  if (left.size() > 24) return absl::StrFormat("  %s\n  %-24s  %s\n", left, "", right);
  return absl::StrFormat("  %-24s  %s\n", left, right);
}

std::string Synopsis(const Verb& verb) {
  std::string text = absl::StrCat("elanus ", verb.name);
  for (const OptionSpec& option : verb.options) {
    if (option.required) absl::StrAppend(&text, " --", option.name, " ", option.value);
  }
  if (!verb.options.empty()) absl::StrAppend(&text, " [options]");
  if (verb.positional.name != nullptr) {
    absl::StrAppend(&text,
                    verb.positional.min == 0 ? absl::StrCat(" [", verb.positional.name, "]")
                                             : absl::StrCat(" ", verb.positional.name),
                    verb.positional.max > 1 ? "..." : "");
  }
  return text;
}

absl::Status RunHelp(const Options& options, Session& session) {
  if (options.positional().empty()) {
    session.Print(GeneralHelp());
    return absl::OkStatus();
  }
  ELANUS_ASSIGN_OR_RETURN(const std::string text, HelpOn(options.positional().front()));
  session.Print(text);
  return absl::OkStatus();
}

}  // namespace

std::string GeneralHelp() {
  std::string text =
      "elanus: exact and approximate nearest neighbours, offline\n"
      "\n"
      "usage: elanus VERB [options]\n"
      "\n";
  for (const Verb* verb : Verbs()) absl::StrAppend(&text, absl::StrFormat("  %-11s %s\n", verb->name, verb->summary));
  absl::StrAppend(&text, "\nelanus VERB --help shows a verb's options; elanus help TOPIC:\n\n");
  for (const Topic& topic : kTopics) absl::StrAppend(&text, absl::StrFormat("  %-11s %s\n", topic.name, topic.summary));
  absl::StrAppend(&text, absl::StrFormat("  %-11s %s\n", "KIND", "an index kind's metrics and parameters"));
  absl::StrAppend(&text,
                  "\nFirst steps:\n"
                  "  elanus build --kind HNSW --metric L2 --base base.bvecs --out index\n"
                  "  elanus search --index index --queries queries.bvecs --k 10 --out ids.ivecs\n"
                  "\nExit codes: 0 done, 1 failed, 2 not a valid command.\n");
  return text;
}

std::string VerbHelp(const Verb& verb) {
  std::string text = absl::StrCat("elanus ", verb.name, ": ", verb.summary, "\n\nusage: ", Synopsis(verb), "\n\n");
  if (verb.positional.name != nullptr) {
    absl::StrAppend(&text, absl::StrFormat("  %-24s  %s\n", verb.positional.name, verb.positional.help));
  }
  for (const OptionSpec& option : AllOptions(verb)) absl::StrAppend(&text, OptionLine(option));
  return absl::StrCat(text, verb.details[0] == '\0' ? "" : "\n", verb.details, "\nExamples:\n", verb.examples);
}

std::string KindHelp(const index::KindRow& kind) {
  return absl::StrCat(index::KindName(kind.kind), ": ", kind.summary, "\n\nmetrics: ", Names(kind.metrics),
                      "\nrows:    ", Names(kind.elements), "\n", ParamsText("build parameters", kind.build_params),
                      ParamsText("search parameters", kind.search_params));
}

std::vector<std::string> HelpTopics() {
  std::vector<std::string> topics;
  for (const Verb* verb : Verbs()) topics.emplace_back(verb->name);
  for (const index::KindRow& kind : index::Kinds()) topics.emplace_back(index::KindName(kind.kind));
  for (const Topic& topic : kTopics) topics.emplace_back(topic.name);
  return topics;
}

absl::StatusOr<std::string> HelpOn(absl::string_view topic) {
  if (const Verb* verb = FindVerb(topic); verb != nullptr) return VerbHelp(*verb);
  for (const index::KindRow& kind : index::Kinds()) {
    if (absl::EqualsIgnoreCase(topic, index::KindName(kind.kind))) return KindHelp(kind);
  }
  if (topic == "kinds") return KindsText();
  if (topic == "metrics") return std::string(kMetricsText);
  if (topic == "formats") return std::string(kFormatsText);
  const std::string nearest = NearestWord(topic, HelpTopics());
  return UsageError(absl::StrCat("no help on '", topic, "'; ",
                                 nearest.empty() ? "see elanus help" : absl::StrCat("did you mean ", nearest, "?")));
}

const Verb kHelpVerb = {
    "help",
    "help on a verb, an index kind or a topic",
    "",
    "  elanus help search\n"
    "  elanus help IVF_FLAT\n"
    "  elanus help formats\n",
    {},
    {"TOPIC", "a verb, an index kind, kinds, metrics or formats", 0, 1},
    RunHelp,
};

}  // namespace elanus::tools
