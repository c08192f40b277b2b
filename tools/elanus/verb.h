// The verbs of the tool: one table row each.
#ifndef ELANUS_TOOLS_ELANUS_VERB_H_
#define ELANUS_TOOLS_ELANUS_VERB_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "tools/elanus/options.h"
#include "tools/elanus/session.h"

namespace elanus::tools {

struct Verb {
  const char* name;
  const char* summary;   // one line
  const char* details;   // paragraphs for --help
  const char* examples;  // lines for --help
  absl::Span<const OptionSpec> options;
  PositionalSpec positional;
  absl::Status (*run)(const Options& options, Session& session);
};

/// All verbs, in the order of --help. Never null.
absl::Span<const Verb* const> Verbs();
/// nullptr if there is none of that name.
const Verb* FindVerb(absl::string_view name);

/// The options that every verb takes: --help, --quiet, --json.
absl::Span<const OptionSpec> CommonOptions();
/// A verb's own options and the common ones.
std::vector<OptionSpec> AllOptions(const Verb& verb);

// One file each.
extern const Verb kBuildVerb;
extern const Verb kSearchVerb;
extern const Verb kTruthVerb;
extern const Verb kEvalVerb;
extern const Verb kBenchVerb;
extern const Verb kPlanVerb;
extern const Verb kInfoVerb;
extern const Verb kConvertVerb;
extern const Verb kCompletionVerb;
extern const Verb kHelpVerb;

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_VERB_H_
