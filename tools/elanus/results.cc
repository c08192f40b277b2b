#include "tools/elanus/results.h"

#include <unistd.h>

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

constexpr const char* kInputs[] = {"index", "queries", "base", "filter"};

/// Refuses an output that would take the place of a file the run reads. To an HDF5 file a dataset is only added.
absl::Status CheckNoInput(const Options& options, const io::Location& out) {
  if (out.format == io::Format::kHdf5) return absl::OkStatus();
  for (const char* input : kInputs) {
    if (options.Given(input)) ELANUS_RETURN_IF_ERROR(CheckOtherFile(out.file, FileOf(options.Text(input)), input));
  }
  return absl::OkStatus();
}

}  // namespace

std::string FileOf(const std::string& path) {
  const absl::StatusOr<io::Location> location = io::Locate(path, "");
  return location.ok() ? location->file : path;  // an index has no extension that is known
}

Json FileStamp(const std::string& path) {
  const std::string file = FileOf(path);
  std::error_code no_size, no_time;
  Json stamp = {{"path", path}};
  stamp["bytes"] = std::filesystem::file_size(file, no_size);
  stamp["changed"] = std::filesystem::last_write_time(file, no_time).time_since_epoch().count();
  // What cannot be told may have changed: no other run has this stamp.
  if (no_size || no_time) stamp["unknown"] = {absl::ToUnixNanos(absl::Now()), ::getpid()};
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
    ELANUS_RETURN_IF_ERROR(CheckNoInput(options, location));
    ELANUS_RETURN_IF_ERROR(CheckOutput(location.file, 0));
  }
  plan.job = job.dump(-1, ' ', false, Json::error_handler_t::replace);
  plan.restart = options.Flag("restart");
  ELANUS_ASSIGN_OR_RETURN(io::ResultWriter writer, io::ResultWriter::Create(plan));
  Results results(std::move(writer), std::move(plan),
                  absl::Seconds(static_cast<std::int64_t>(options.Unsigned("checkpoint"))));
  results.last_mark_ = absl::Now();
  if (options.Flag("restart")) results.RemoveState();  // the writer's locks say that nobody works with it
  return results;
}

absl::Status Results::Mark() {
  if (absl::Now() - last_mark_ < interval_) return absl::OkStatus();
  ELANUS_RETURN_IF_ERROR(writer_.Checkpoint());
  last_mark_ = absl::Now();
  return absl::OkStatus();
}

void Results::RemoveState() const {
  std::error_code ignored;  // mostly there is none
  if (writer_.resumable()) std::filesystem::remove(state_path(), ignored);
}

absl::Status Results::Close(const absl::Status& status) {
  if (status.ok()) {
    const absl::Status finished = writer_.Finish();
    if (!finished.ok()) return Close(finished);
    RemoveState();
    return absl::OkStatus();
  }
  if (status.code() == absl::StatusCode::kCancelled) {
    const absl::Status kept = writer_.Checkpoint();
    if (!kept.ok()) return Close(kept);
  }
  // Somebody removed the files or has made new ones: nothing there is ours to keep or remove.
  if (absl::IsAborted(status)) return status;
  std::error_code error;
  const bool something = writer_.kept_rows() > 0 || std::filesystem::exists(state_path(), error);
  // Input that is wrong stays wrong; whatever else went wrong may go right the next time.
  if (!writer_.resumable() || !something || absl::IsInvalidArgument(status)) {
    RemoveState();
    writer_.Discard();
    return status;
  }
  return absl::Status(status.code(), absl::StrCat(status.message(), "; the results so far are kept in ", path(),
                                                  ".partial: the same command goes on from there"));
}

}  // namespace elanus::tools
