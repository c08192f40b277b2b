// The texts of --help and `elanus help TOPIC`, made from the tables.
#ifndef ELANUS_TOOLS_ELANUS_HELP_H_
#define ELANUS_TOOLS_ELANUS_HELP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "index/kinds.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {

/// What the tool is, its verbs and topics.
std::string GeneralHelp();
/// Usage, options and examples of a verb.
std::string VerbHelp(const Verb& verb);
/// What an index kind takes: metrics, element types, parameters with ranges and defaults.
std::string KindHelp(const index::KindRow& kind);

/// Everything `elanus help` can be asked about: verbs, kinds and topics.
std::vector<std::string> HelpTopics();
/// Errors: a usage error with the nearest topic.
absl::StatusOr<std::string> HelpOn(absl::string_view topic);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_HELP_H_
