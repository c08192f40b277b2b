#include "tools/elanus/options.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {
namespace {

bool IsRepeatable(OptionKind kind) { return kind == OptionKind::kAssignment || kind == OptionKind::kSweep; }

absl::Status BadValue(const OptionSpec& spec, absl::string_view value, absl::string_view wanted) {
  return UsageError(absl::StrCat("--", spec.name, " '", value, "': should be ", wanted));
}

absl::Status CheckUnsigned(const OptionSpec& spec, absl::string_view text) {
  std::uint64_t value = 0;
  const bool digits =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (digits && absl::SimpleAtoi(text, &value) && value >= spec.min && value <= spec.max) return absl::OkStatus();
  return BadValue(spec, text, absl::StrCat("an integer in range [", spec.min, ", ", spec.max, "]"));
}

absl::Status CheckAssignment(const OptionSpec& spec, absl::string_view text, absl::string_view form) {
  const std::size_t equals = text.find('=');
  if (equals == absl::string_view::npos || equals == 0 || equals + 1 == text.size()) return BadValue(spec, text, form);
  return absl::OkStatus();
}

absl::Status CheckValue(const OptionSpec& spec, absl::string_view text) {
  switch (spec.kind) {
    case OptionKind::kFlag:
      return absl::OkStatus();
    case OptionKind::kText:
    case OptionKind::kPath:
      return text.empty() && !spec.value_optional ? BadValue(spec, text, "something") : absl::OkStatus();
    case OptionKind::kChoice: {
      const std::vector<std::string> words = absl::StrSplit(spec.value, '|');
      if (std::find(words.begin(), words.end(), text) != words.end()) return absl::OkStatus();
      return BadValue(spec, text, absl::StrCat("one of ", absl::StrJoin(words, ", ")));
    }
    case OptionKind::kUnsigned:
      return CheckUnsigned(spec, text);
    case OptionKind::kUnsignedList:
      for (const absl::string_view item : absl::StrSplit(text, ',')) ELANUS_RETURN_IF_ERROR(CheckUnsigned(spec, item));
      return absl::OkStatus();
    case OptionKind::kNumber: {
      double value = 0;
      if (absl::SimpleAtod(text, &value) && std::isfinite(value)) return absl::OkStatus();
      return BadValue(spec, text, "a finite number");
    }
    case OptionKind::kAssignment:
      return CheckAssignment(spec, text, "NAME=VALUE");
    case OptionKind::kSweep:
      return CheckAssignment(spec, text, "NAME=VALUE,VALUE,...");
  }
  return absl::OkStatus();
}

std::vector<std::string> DashedNames(absl::Span<const OptionSpec> specs) {
  std::vector<std::string> names;
  for (const OptionSpec& spec : specs) names.push_back(absl::StrCat("--", spec.name));
  return names;
}

absl::Status UnknownOption(absl::string_view word, absl::Span<const OptionSpec> specs) {
  const std::string nearest = NearestWord(word, DashedNames(specs));
  return UsageError(absl::StrCat("unknown option '", word, "'",
                                 nearest.empty() ? "; see --help" : absl::StrCat("; did you mean ", nearest, "?")));
}

std::size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

absl::Status CheckPositional(const PositionalSpec& spec, const std::vector<std::string>& words) {
  if (words.size() > spec.max) {
    return UsageError(absl::StrCat(
        "'", words[spec.max], "' belongs to no option; ",
        spec.max == 0 ? "options start with --" : absl::StrCat("at most ", spec.max, " ", spec.name, " is taken")));
  }
  if (words.size() < spec.min) return UsageError(absl::StrCat(spec.name, " is missing: ", spec.help));
  return absl::OkStatus();
}

}  // namespace

std::string NearestWord(absl::string_view word, absl::Span<const std::string> known) {
  std::string nearest;
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    // A beginning is what people type who trust in abbreviations.
    const std::size_t distance = absl::StartsWith(candidate, word) ? 1 : EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

namespace {

/// Of two values for one name, either may be the one that is meant.
absl::Status CheckNewName(const OptionSpec& spec, absl::string_view value, absl::Span<const std::string> earlier) {
  const absl::string_view name = value.substr(0, value.find('='));
  for (const absl::string_view other : earlier) {
    if (other.substr(0, other.find('=')) != name) continue;
    return UsageError(absl::StrCat("--", spec.name, " ", name, " is given twice: '", other, "' and '", value, "'"));
  }
  return absl::OkStatus();
}

/// The option that `dashed` names. Errors: a usage error with the nearest name.
absl::StatusOr<const OptionSpec*> FindSpec(absl::string_view dashed, absl::Span<const OptionSpec> specs) {
  for (const OptionSpec& spec : specs) {
    if (dashed == absl::StrCat("--", spec.name)) return &spec;
  }
  return UnknownOption(dashed, specs);
}

/// The value of the option at words[*at]: after "=", or the next word, which `at` then moves to.
absl::StatusOr<std::string> TakeValue(const OptionSpec& spec, absl::Span<const std::string> words, std::size_t* at) {
  const std::string& word = words[*at];
  const std::size_t equals = word.find('=');
  if (spec.kind == OptionKind::kFlag) {
    if (equals != std::string::npos) return UsageError(absl::StrCat("--", spec.name, " takes no value"));
    return std::string();
  }
  if (equals != std::string::npos) return word.substr(equals + 1);
  if (*at + 1 < words.size() && !absl::StartsWith(words[*at + 1], "--")) return words[++*at];
  if (spec.value_optional) return std::string();
  return UsageError(absl::StrCat("--", spec.name, " needs a value: ", spec.value));
}

}  // namespace

absl::StatusOr<Options> ParseOptions(absl::Span<const OptionSpec> specs, const PositionalSpec& positional,
                                     absl::Span<const std::string> words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--") {
      options.positional_.insert(options.positional_.end(), words.begin() + i + 1, words.end());
      break;
    }
    if (words[i].size() < 2 || words[i][0] != '-') {
      options.positional_.push_back(words[i]);
      continue;
    }
    ELANUS_ASSIGN_OR_RETURN(const OptionSpec* spec, FindSpec(words[i].substr(0, words[i].find('=')), specs));
    ELANUS_ASSIGN_OR_RETURN(std::string value, TakeValue(*spec, words, &i));
    std::vector<std::string>& values = options.given_[spec->name];
    if (!values.empty() && !IsRepeatable(spec->kind)) {
      return UsageError(absl::StrCat("--", spec->name, " is given twice"));
    }
    ELANUS_RETURN_IF_ERROR(CheckValue(*spec, value));
    if (IsRepeatable(spec->kind)) ELANUS_RETURN_IF_ERROR(CheckNewName(*spec, value, values));
    values.push_back(std::move(value));
  }
  for (const OptionSpec& spec : specs) {
    if (spec.fallback != nullptr) options.fallbacks_[spec.name] = {spec.fallback};
    if (spec.required && !options.Given(spec.name)) {
      return UsageError(absl::StrCat("--", spec.name, " ", spec.value, " is missing: ", spec.help));
    }
  }
  ELANUS_RETURN_IF_ERROR(CheckPositional(positional, options.positional_));
  return options;
}

const std::vector<std::string>* Options::Find(absl::string_view name) const {
  const std::string key(name);
  if (const auto found = given_.find(key); found != given_.end()) return &found->second;
  const auto found = fallbacks_.find(key);
  return found == fallbacks_.end() ? nullptr : &found->second;
}

const std::vector<std::string>& Options::Values(absl::string_view name) const {
  const std::vector<std::string>* values = Find(name);
  ELANUS_CHECK(values != nullptr);
  return *values;
}

std::string Options::Text(absl::string_view name) const { return Has(name) ? Values(name).front() : std::string(); }

std::uint64_t Options::Unsigned(absl::string_view name) const { return Unsigneds(name).front(); }

std::vector<std::uint64_t> Options::Unsigneds(absl::string_view name) const {
  std::vector<std::uint64_t> numbers;
  for (const absl::string_view item : absl::StrSplit(Values(name).front(), ',')) {
    numbers.emplace_back();
    ELANUS_CHECK(absl::SimpleAtoi(item, &numbers.back()));
  }
  return numbers;
}

double Options::Number(absl::string_view name) const {
  double value = 0;
  ELANUS_CHECK(absl::SimpleAtod(Values(name).front(), &value));
  return value;
}

std::vector<Assignment> Options::Assignments(absl::string_view name) const {
  std::vector<Assignment> assignments;
  if (!Has(name)) return assignments;
  for (const std::string& text : Values(name)) {
    const std::size_t equals = text.find('=');
    assignments.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return assignments;
}

std::vector<Sweep> Options::Sweeps(absl::string_view name) const {
  std::vector<Sweep> sweeps;
  for (const auto& [parameter, values] : Assignments(name)) {
    sweeps.emplace_back(parameter, absl::StrSplit(values, ','));
  }
  return sweeps;
}

}  // namespace elanus::tools
