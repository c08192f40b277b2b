#include "tools/elanus/session.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace elanus::tools {

Session::Session(Console& console, const base::CancelFlag& cancel, absl::string_view verb, bool terminal)
    : console_(console), cancel_(cancel) {
  if (console.settings().quiet) return;
  std::FILE* err = console.err();
  progress_ = std::make_unique<Progress>(
      Progress::Surroundings{[err](absl::string_view text) {
                               static_cast<void>(std::fwrite(text.data(), 1, text.size(), err));
                               std::fflush(err);
                             },
                             [] { return absl::Now(); }, terminal, absl::StrCat("elanus ", verb, ": ")});
}

void Session::Note(absl::string_view line) {
  ClearBar();
  console_.Note(line);
}

void Session::Print(absl::string_view text) {
  ClearBar();
  console_.Print(text);
}

void Session::ClearBar() {
  if (progress_ != nullptr) progress_->Clear();
}

}  // namespace elanus::tools
