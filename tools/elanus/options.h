// The command line, declared: one table of options a verb, from which parsing, --help and completion are made.
#ifndef ELANUS_TOOLS_ELANUS_OPTIONS_H_
#define ELANUS_TOOLS_ELANUS_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace elanus::tools {

enum class OptionKind : std::uint8_t {
  kFlag,          // takes no value
  kText,          // any text
  kPath,          // a file
  kChoice,        // one of the words in OptionSpec::value, "auto|cpu|gpu"
  kUnsigned,      // a decimal integer in [min, max]
  kUnsignedList,  // several, separated by commas
  kNumber,        // a finite decimal number
  kAssignment,    // NAME=VALUE; the option may be given several times
  kSweep,         // NAME=VALUE,VALUE,...; the option may be given several times
};

struct OptionSpec {
  const char* name;  // without the dashes
  OptionKind kind;
  const char* value;               // what --help calls the value; nullptr for flags
  const char* fallback;            // taken when the option is not given; nullptr: none
  const char* help;                // one line
  bool required = false;           // without a fallback: parsing fails when it is not given
  bool value_optional = false;     // may stand alone, its value empty (kPath)
  std::uint64_t min = 0;           // kUnsigned, kUnsignedList
  std::uint64_t max = UINT32_MAX;  // likewise
};

/// Words that belong to no option, such as the files of `elanus info A B`.
struct PositionalSpec {
  const char* name = nullptr;  // what --help calls them; nullptr: none are taken
  const char* help = nullptr;
  std::size_t min = 0;
  std::size_t max = 0;
};

using Assignment = std::pair<std::string, std::string>;
using Sweep = std::pair<std::string, std::vector<std::string>>;

/// The options of one command, all checked. Asking for an option that the table lacks, or by the wrong kind, is a
/// CHECK.
class Options {
 public:
  /// True if it was given or has a fallback.
  bool Has(absl::string_view name) const { return Find(name) != nullptr; }
  /// True if it was given.
  bool Given(absl::string_view name) const { return given_.count(std::string(name)) != 0; }
  bool Flag(absl::string_view name) const { return Given(name); }
  /// Of kText, kPath and kChoice; "" if not given and without fallback.
  std::string Text(absl::string_view name) const;
  std::uint64_t Unsigned(absl::string_view name) const;
  std::vector<std::uint64_t> Unsigneds(absl::string_view name) const;
  double Number(absl::string_view name) const;
  /// In the order given; empty if there are none.
  std::vector<Assignment> Assignments(absl::string_view name) const;
  std::vector<Sweep> Sweeps(absl::string_view name) const;

  const std::vector<std::string>& positional() const { return positional_; }

 private:
  friend absl::StatusOr<Options> ParseOptions(absl::Span<const OptionSpec> specs, const PositionalSpec& positional,
                                              absl::Span<const std::string> words);
  const std::vector<std::string>* Find(absl::string_view name) const;
  const std::vector<std::string>& Values(absl::string_view name) const;

  std::map<std::string, std::vector<std::string>> given_;
  std::map<std::string, std::vector<std::string>> fallbacks_;
  std::vector<std::string> positional_;
};

/// Takes `words` apart: "--name VALUE", "--name=VALUE", "--flag"; all words after "--" are positional.
/// Errors: kInvalidArgument, a usage error (see usage.h), naming the option, the value and what is allowed; for an
/// unknown option the nearest known one.
absl::StatusOr<Options> ParseOptions(absl::Span<const OptionSpec> specs, const PositionalSpec& positional,
                                     absl::Span<const std::string> words);

/// The known word nearest to `word` by edit distance, or "" where none is near enough to be meant.
std::string NearestWord(absl::string_view word, absl::Span<const std::string> known);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_OPTIONS_H_
