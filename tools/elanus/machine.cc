#include "tools/elanus/machine.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "host/base/status_macros.h"
#include "host/simd/level.h"

namespace elanus::tools {

unsigned Threads(const Options& options) {
  if (options.Given("threads")) return static_cast<unsigned>(options.Unsigned("threads"));
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  // Fails where there are more processors than the set has bits; the count of all is right enough then.
  const int processors = ::sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
  const unsigned count = processors > 0 ? static_cast<unsigned>(processors) : std::thread::hardware_concurrency();
  return std::clamp(count, 1u, kThreadsMax);
}

absl::StatusOr<const simd::Kernels*> KernelsOf(const Options& options) {
  const std::string name = options.Text("simd");
  if (name == "auto") return &simd::KernelsFor(simd::BestLevel());
  ELANUS_ASSIGN_OR_RETURN(const simd::Level level, simd::LevelFromName(name));
  const std::vector<simd::Level> supported = simd::SupportedLevels();
  if (std::find(supported.begin(), supported.end(), level) != supported.end()) return &simd::KernelsFor(level);
  return absl::UnavailableError(absl::StrCat("--simd ", name, ": this processor has ",
                                             absl::StrJoin(supported, ", ", [](std::string* out, simd::Level l) {
                                               absl::StrAppend(out, simd::LevelName(l));
                                             })));
}

absl::Status CheckDevice(const Options& options, Session& session) {
  const std::string device = options.Text("device");
  if (device == "gpu") {
    return absl::UnavailableError("--device gpu: this build has no device path; use --device cpu (or auto)");
  }
  if (device == "auto") session.Note("device: cpu (this build has no device path)");
  return absl::OkStatus();
}

std::uint64_t PeakBytes() {
  // Not getrusage: its figure starts with that of the process that started this one.
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    std::uint64_t kilobytes = 0;
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "VmHWM:") && absl::ConsumeSuffix(&rest, "kB") &&
        absl::SimpleAtoi(rest, &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return 0;
}

}  // namespace elanus::tools
