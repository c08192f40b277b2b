#include "index/params.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

template <class P>
absl::Status UnknownName(absl::Span<const ParamSpec<P>> specs, absl::string_view name) {
  const std::string known =
      absl::StrJoin(specs, ", ", [](std::string* out, const ParamSpec<P>& spec) { absl::StrAppend(out, spec.name); });
  return absl::InvalidArgumentError(
      absl::StrCat("unknown param '", name, "' for this index; known: ", known.empty() ? "none" : known));
}

template <class P>
absl::Status CheckRange(const ParamSpec<P>& spec, std::int64_t value) {
  if (value >= spec.min && value <= spec.max) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("param '", spec.name, "' (", value, ") should be in range [", spec.min, ", ", spec.max, "]"));
}

}  // namespace

template <class P>
absl::Status CheckParams(absl::Span<const ParamSpec<P>> specs, const P& params) {
  for (const ParamSpec<P>& spec : specs) ELANUS_RETURN_IF_ERROR(CheckRange(spec, params.*(spec.field)));
  return absl::OkStatus();
}

template <class P>
absl::Status SetParams(absl::Span<const ParamSpec<P>> specs,
                       absl::Span<const std::pair<std::string, std::string>> values, P* params) {
  P changed = *params;
  for (const auto& [name, text] : values) {
    const ParamSpec<P>* spec = nullptr;
    for (const ParamSpec<P>& candidate : specs) {
      if (name == candidate.name) spec = &candidate;
    }
    if (spec == nullptr) return UnknownName(specs, name);
    std::int64_t value = 0;
    if (!absl::SimpleAtoi(text, &value)) {
      return absl::InvalidArgumentError(absl::StrCat("param '", name, "' (", text, ") should be an integer in range [",
                                                     spec->min, ", ", spec->max, "]"));
    }
    ELANUS_RETURN_IF_ERROR(CheckRange(*spec, value));
    changed.*(spec->field) = value;
  }
  *params = changed;
  return absl::OkStatus();
}

template absl::Status CheckParams<BuildParams>(absl::Span<const ParamSpec<BuildParams>>, const BuildParams&);
template absl::Status CheckParams<SearchParams>(absl::Span<const ParamSpec<SearchParams>>, const SearchParams&);
template absl::Status SetParams<BuildParams>(absl::Span<const ParamSpec<BuildParams>>,
                                             absl::Span<const std::pair<std::string, std::string>>, BuildParams*);
template absl::Status SetParams<SearchParams>(absl::Span<const ParamSpec<SearchParams>>,
                                              absl::Span<const std::pair<std::string, std::string>>, SearchParams*);

}  // namespace elanus::index
