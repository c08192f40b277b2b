#include "tools/elanus/cli.h"

#include <algorithm>
#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/elanus/help.h"
#include "tools/elanus/options.h"
#include "tools/elanus/session.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr const Verb* kVerbs[] = {&kBuildVerb, &kSearchVerb, &kTruthVerb,   &kEvalVerb,       &kBenchVerb,
                                  &kPlanVerb,  &kInfoVerb,   &kConvertVerb, &kCompletionVerb, &kHelpVerb};

constexpr OptionSpec kCommonOptions[] = {
    {"json", OptionKind::kFlag, nullptr, nullptr, "the last line on stdout is one JSON object; text goes to stderr"},
    {"quiet", OptionKind::kFlag, nullptr, nullptr, "neither progress nor notes on stderr"},
    {"help", OptionKind::kFlag, nullptr, nullptr, "this text"},
};

bool AsksForHelp(absl::Span<const std::string> words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const std::string& word) { return word == "--help" || word == "-h"; });
}

/// Reports `status` unless it is OK. Returns the exit code.
int Finish(absl::string_view verb, const absl::Status& status, Console& console) {
  if (!status.ok()) console.Error(ErrorLine(verb, status));
  return ExitCode(status);
}

absl::Status UnknownVerb(absl::string_view name) {
  std::vector<std::string> names;
  for (const Verb* verb : Verbs()) names.emplace_back(verb->name);
  const std::string nearest = NearestWord(name, names);
  return UsageError(absl::StrCat("unknown verb '", name, "'; ",
                                 nearest.empty() ? "see elanus help" : absl::StrCat("did you mean ", nearest, "?")));
}

/// Our own code does not throw; the standard library does where memory or threads run out.
absl::Status RunCaught(const Verb& verb, const Options& options, Session& session) {
  try {
    return verb.run(options, session);
  } catch (...) {
    return ExceptionError(std::current_exception());
  }
}

int RunVerb(const Verb& verb, absl::Span<const std::string> words, Console& console, const base::CancelFlag& cancel,
            bool terminal) {
  if (AsksForHelp(words)) {
    console.Print(VerbHelp(verb));
    return Finish(verb.name, console.Finish(), console);
  }
  const absl::StatusOr<Options> options = ParseOptions(AllOptions(verb), verb.positional, words);
  if (!options.ok()) return Finish(verb.name, options.status(), console);
  console.Configure({.quiet = options->Flag("quiet"), .json = options->Flag("json")});
  absl::Status status;
  {
    Session session(console, cancel, verb.name, terminal);
    status = RunCaught(verb, *options, session);
  }
  if (status.ok()) status = console.Finish();
  return Finish(verb.name, status, console);
}

}  // namespace

absl::Span<const Verb* const> Verbs() { return kVerbs; }

const Verb* FindVerb(absl::string_view name) {
  const auto found = std::find_if(std::begin(kVerbs), std::end(kVerbs), [&](const Verb* v) { return name == v->name; });
  return found == std::end(kVerbs) ? nullptr : *found;
}

absl::Span<const OptionSpec> CommonOptions() { return kCommonOptions; }

std::vector<OptionSpec> AllOptions(const Verb& verb) {
  std::vector<OptionSpec> all(verb.options.begin(), verb.options.end());
  all.insert(all.end(), std::begin(kCommonOptions), std::end(kCommonOptions));
  return all;
}

int RunCommand(absl::Span<const std::string> words, Console& console, const base::CancelFlag& cancel, bool terminal) {
  if (words.empty()) {
    console.Error(GeneralHelp());
    return kExitUsage;
  }
  const std::string& first = words.front();
  if (first == "--version") {
    console.Print(absl::StrCat("elanus ", ELANUS_VERSION, "\n"));
    return Finish("", console.Finish(), console);
  }
  if (first == "--help" || first == "-h") {
    console.Print(GeneralHelp());
    return Finish("", console.Finish(), console);
  }
  const Verb* verb = FindVerb(first);
  if (verb == nullptr) return Finish("", UnknownVerb(first), console);
  return RunVerb(*verb, words.subspan(1), console, cancel, terminal);
}

}  // namespace elanus::tools
