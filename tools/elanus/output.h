// Outputs looked at before long work, so that a mistyped folder or a full disk shows at once.
#ifndef ELANUS_TOOLS_ELANUS_OUTPUT_H_
#define ELANUS_TOOLS_ELANUS_OUTPUT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace elanus::tools {

/// OK if a file of `bytes` can be made under this name (it is not), or one of unknown size with 0. Errors: as
/// io::OutputFile::Create; kResourceExhausted naming the bytes needed and free.
absl::Status CheckOutput(const std::string& path, std::uint64_t bytes);

/// kInvalidArgument, naming both, if `out` is the very file `input`, which option --`option` reads.
absl::Status CheckOtherFile(const std::string& out, const std::string& input, absl::string_view option);

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_OUTPUT_H_
