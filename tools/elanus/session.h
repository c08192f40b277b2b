// What a verb is given besides its options.
#ifndef ELANUS_TOOLS_ELANUS_SESSION_H_
#define ELANUS_TOOLS_ELANUS_SESSION_H_

#include <memory>

#include "absl/strings/string_view.h"
#include "host/base/progress.h"
#include "tools/elanus/console.h"
#include "tools/elanus/progress.h"

namespace elanus::tools {

/// The console, the progress display on it, and the user's wish to stop. One thread; the monitor's parts as they say.
class Session {
 public:
  /// All outlive it. `cancel` is set by Ctrl-C. `verb` names the command in lines of progress.
  Session(Console& console, const base::CancelFlag& cancel, absl::string_view verb, bool terminal);

  Console& console() { return console_; }
  /// For long work: shows its progress unless quiet, and stops it on Ctrl-C.
  base::Monitor monitor() const { return {progress_.get(), &cancel_}; }
  const base::CancelFlag& cancel() const { return cancel_; }

  /// As Console's, with the bar wiped first.
  void Note(absl::string_view line);
  void Print(absl::string_view text);

 private:
  void ClearBar();

  Console& console_;
  const base::CancelFlag& cancel_;
  std::unique_ptr<Progress> progress_;  // null if quiet
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_SESSION_H_
