// The options about the machine that several verbs share: threads, vector instructions, device.
#ifndef ELANUS_TOOLS_ELANUS_MACHINE_H_
#define ELANUS_TOOLS_ELANUS_MACHINE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "host/simd/kernels.h"
#include "tools/elanus/options.h"
#include "tools/elanus/session.h"

namespace elanus::tools {

inline constexpr unsigned kThreadsMax = 1024;

inline constexpr OptionSpec kThreadsOption = {"threads",
                                              OptionKind::kUnsigned,
                                              "N",
                                              nullptr,
                                              "threads to work on (default: as many as there are processors)",
                                              false,
                                              false,
                                              1,
                                              kThreadsMax};
inline constexpr OptionSpec kSimdOption = {"simd", OptionKind::kChoice, "auto|scalar|avx2|avx512", "auto",
                                           "vector instructions; auto: the best that pass a self-check"};
inline constexpr OptionSpec kDeviceOption = {"device", OptionKind::kChoice, "auto|cpu|gpu", "auto",
                                             "where to search; auto: the GPU if this build and machine have one"};

/// --threads, or the number of processors this process may run on.
unsigned Threads(const Options& options);

/// The kernels of --simd. Errors: kUnavailable for a level this processor lacks, naming those it has.
absl::StatusOr<const simd::Kernels*> KernelsOf(const Options& options);

/// Errors: kUnavailable for --device gpu: this build has no device path. Says once what auto means.
absl::Status CheckDevice(const Options& options, Session& session);

/// Largest resident size of this process so far, bytes; pages of mapped files count. 0 where the system does not tell.
std::uint64_t PeakBytes();

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_MACHINE_H_
