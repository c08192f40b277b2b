#include "tools/elanus/output.h"

#include <sys/statvfs.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "host/base/status_macros.h"
#include "host/io/file.h"
#include "tools/elanus/console.h"

namespace elanus::tools {

absl::Status CheckOutput(const std::string& path, std::uint64_t bytes) {
  ELANUS_RETURN_IF_ERROR(io::OutputFile::Create(path).status());
  const std::string folder = std::filesystem::path(path).parent_path();
  struct statvfs info {};
  // Where the system does not tell, writing will.
  if (::statvfs(folder.empty() ? "." : folder.c_str(), &info) != 0) return absl::OkStatus();
  const std::uint64_t free = std::uint64_t{info.f_bavail} * info.f_frsize;
  if (bytes <= free) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(path, ": needs ", Grouped(bytes), " bytes, the disk has ",
                                                   Grouped(free), " free; make room or write elsewhere"));
}

absl::Status CheckOtherFile(const std::string& out, const std::string& input, absl::string_view option) {
  std::error_code absent;  // most often there is no such output yet
  if (!std::filesystem::equivalent(out, input, absent)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(out, ": is the file that --", option, " ", input,
                                                 " names, which it would replace; write elsewhere"));
}

}  // namespace elanus::tools
