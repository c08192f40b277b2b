#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "index/kinds.h"
#include "tools/elanus/help.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

/// What may follow an option that takes words, separated by spaces; "" if it takes none or a file.
std::string WordsAfter(const OptionSpec& option) {
  if (option.kind == OptionKind::kChoice) return absl::StrReplaceAll(option.value, {{"|", " "}});
  const auto append_kind = [](std::string* out, const index::KindRow& row) {
    absl::StrAppend(out, index::KindName(row.kind));
  };
  if (absl::string_view(option.name) == "kind") return absl::StrJoin(index::Kinds(), " ", append_kind);
  if (absl::string_view(option.name) == "metric") {
    return "L2 IP COSINE HAMMING JACCARD TANIMOTO SUBSTRUCTURE SUPERSTRUCTURE";
  }
  return "";
}

/// Parameters for --set and --sweep, each with its "=".
std::string ParameterNames(const Verb& verb) {
  const bool build = &verb == &kBuildVerb || &verb == &kPlanVerb;
  std::vector<std::string> names;
  for (const index::KindRow& kind : index::Kinds()) {
    if (build) {
      for (const auto& spec : kind.build_params) names.push_back(absl::StrCat(spec.name, "="));
    } else {
      for (const auto& spec : kind.search_params) names.push_back(absl::StrCat(spec.name, "="));
    }
  }
  return absl::StrJoin(names, " ");
}

std::string CaseFor(const Verb& verb) {
  std::vector<std::string> dashed;
  std::string cases;
  for (const OptionSpec& option : AllOptions(verb)) {
    dashed.push_back(absl::StrCat("--", option.name));
    std::string words = WordsAfter(option);
    if (option.kind == OptionKind::kAssignment || option.kind == OptionKind::kSweep) words = ParameterNames(verb);
    if (!words.empty()) {
      absl::StrAppend(&cases, "        --", option.name, ") words=\"", words, "\" ;;\n");
    } else if (option.kind == OptionKind::kPath) {
      absl::StrAppend(&cases, "        --", option.name, ") files=1 ;;\n");
    } else if (option.kind != OptionKind::kFlag) {
      absl::StrAppend(&cases, "        --", option.name, ") ;;\n");
    }
  }
  std::string others = absl::StrJoin(dashed, " ");
  if (&verb == &kHelpVerb) others = absl::StrJoin(HelpTopics(), " ");
  return absl::StrCat("    ", verb.name, ")\n      case $previous in\n", cases, "        *) words=\"", others, "\"",
                      &verb == &kInfoVerb ? "; files=1" : "", " ;;\n      esac ;;\n");
}

std::string BashScript() {
  std::vector<std::string> names;
  std::string cases;
  for (const Verb* verb : Verbs()) {
    names.emplace_back(verb->name);
    absl::StrAppend(&cases, CaseFor(*verb));
  }
  return absl::StrCat(
      "# bash completion for elanus; load it with: source <(elanus completion)\n"
      "_elanus() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words= files=\n"
      "  case ${COMP_WORDS[1]} in\n",
      cases,
      "  esac\n"
      "  if [[ $COMP_CWORD -eq 1 ]]; then words=\"",
      absl::StrJoin(names, " "),
      " --help --version\"; files=; fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  if [[ $files ]]; then COMPREPLY+=($(compgen -f -- \"$word\")); compopt -o filenames; fi\n"
      "  if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi\n"
      "}\n"
      "complete -F _elanus elanus\n");
}

absl::Status RunCompletion(const Options&, Session& session) {
  session.Print(BashScript());
  return absl::OkStatus();
}

}  // namespace

const Verb kCompletionVerb = {
    "completion",
    "print a bash completion script",
    "",
    "  source <(elanus completion)\n"
    "  elanus completion > /etc/bash_completion.d/elanus\n",
    {},
    {},
    RunCompletion,
};

}  // namespace elanus::tools
