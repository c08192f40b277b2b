#include "tools/elanus/results.h"

#include <chrono>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "host/base/status_macros.h"
#include "host/io/format.h"
#include "tools/elanus/output.h"
#include "tools/elanus/usage.h"

namespace elanus::tools {
namespace {

constexpr const char* kLeftovers[] = {".partial", ".partial.job", ".partial.block"};

void RemoveLeftovers(const io::ResultPlan& plan) {
  std::error_code ignored;  // what is not there needs no removal
  for (const std::string& path : {plan.ids, plan.distances}) {
    for (const char* suffix : kLeftovers) {
      if (!path.empty()) std::filesystem::remove(path + suffix, ignored);
    }
  }
}

}  // namespace

Json FileStamp(const std::string& path) {
  std::error_code error;
  Json stamp = {{"path", path}};
  stamp["bytes"] = std::filesystem::file_size(path, error);
  stamp["changed"] = std::filesystem::last_write_time(path, error).time_since_epoch().count();
  return stamp;
}

absl::StatusOr<Results> Results::Create(const Options& options, io::ResultPlan plan, const Json& job) {
  if (!options.Given("out") && !options.Given("out-distances")) {
    return UsageError("--out FILE is missing: where the results go (or --out-distances FILE)");
  }
  plan.ids = options.Text("out");
  plan.distances = options.Text("out-distances");
  for (const std::string& path : {plan.ids, plan.distances}) {
    if (path.empty()) continue;
    ELANUS_ASSIGN_OR_RETURN(const io::Location location, io::Locate(path, ""));
    ELANUS_RETURN_IF_ERROR(CheckOutput(location.file, 0));
  }
  plan.job = job.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (options.Flag("restart")) RemoveLeftovers(plan);
  ELANUS_ASSIGN_OR_RETURN(io::ResultWriter writer, io::ResultWriter::Create(plan));
  Results results(std::move(writer), std::move(plan),
                  absl::Seconds(static_cast<std::int64_t>(options.Unsigned("checkpoint"))));
  results.last_mark_ = absl::Now();
  return results;
}

absl::Status Results::Mark() {
  if (absl::Now() - last_mark_ < interval_) return absl::OkStatus();
  ELANUS_RETURN_IF_ERROR(writer_.Checkpoint());
  last_mark_ = absl::Now();
  return absl::OkStatus();
}

absl::Status Results::Close(const absl::Status& status) {
  if (status.ok()) {
    const absl::Status finished = writer_.Finish();
    return finished.ok() ? finished : Close(finished);
  }
  if (status.code() == absl::StatusCode::kCancelled) ELANUS_RETURN_IF_ERROR(writer_.Checkpoint());
  const std::string first = absl::StrCat(path(), kLeftovers[0]);
  const bool goes_on = status.code() == absl::StatusCode::kCancelled || absl::IsResourceExhausted(status);
  std::error_code error;
  if (!goes_on || (done() == 0 && !std::filesystem::exists(path() + ".partial.block", error))) {
    RemoveLeftovers(plan_);
    return status;
  }
  return absl::Status(status.code(), absl::StrCat(status.message(), "; the results so far are kept in ", first,
                                                  ": the same command goes on from there"));
}

}  // namespace elanus::tools
