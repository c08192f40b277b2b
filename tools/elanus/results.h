// Results of many queries into files, in blocks, resumable.
#ifndef ELANUS_TOOLS_ELANUS_RESULTS_H_
#define ELANUS_TOOLS_ELANUS_RESULTS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "host/io/result_writer.h"
#include "tools/elanus/console.h"
#include "tools/elanus/options.h"

namespace elanus::tools {

inline constexpr OptionSpec kOutOption = {"out", OptionKind::kPath, "FILE", nullptr,
                                          "ids of the neighbours: .ivecs .ibin .npy .hdf5 .jsonl .csv"};
inline constexpr OptionSpec kOutDistancesOption = {"out-distances", OptionKind::kPath, "FILE", nullptr,
                                                   "their distances: .fvecs .fbin .npy .hdf5 .jsonl .csv"};
inline constexpr OptionSpec kRestartOption = {
    "restart", OptionKind::kFlag, nullptr, nullptr,
    "drop what a killed run of the same command left, instead of going on from it"};
inline constexpr OptionSpec kCheckpointOption = {
    "checkpoint", OptionKind::kUnsigned, "SECONDS", "5", "how much work a kill may cost; 0: none", false, false, 0,
    86'400};

/// The file that `path` names: "x.hdf5" of "x.hdf5:train".
std::string FileOf(const std::string& path);

/// Path as given, size and time of change of its file: what must be the same for a run to be continued. Where the file
/// does not tell, no other stamp is equal.
Json FileStamp(const std::string& path);

/// A result writer with the options' paths that checkpoints by the clock and tidies up after errors. Move-only.
class Results {
 public:
  /// `plan` with rows, width and padding set; `job` names everything that decides the results.
  /// Errors: a usage error unless --out or --out-distances is given; kInvalidArgument for an output that is an input;
  /// those of io::ResultWriter.
  static absl::StatusOr<Results> Create(const Options& options, io::ResultPlan plan, const Json& job);

  /// Queries whose results are there already.
  std::uint64_t done() const { return writer_.rows(); }
  /// True if a killed run can be gone on with: not with HDF5 outputs.
  bool resumable() const { return writer_.resumable(); }
  io::ResultWriter& writer() { return writer_; }
  /// The first path: what is kept of a killed run lies beside it.
  const std::string& path() const { return plan_.ids.empty() ? plan_.distances : plan_.ids; }
  /// Where a verb may keep more of a run than whole rows, if the writer is resumable; removed with the rest.
  std::string state_path() const { return path() + ".partial.block"; }
  void RemoveState() const;
  /// --checkpoint.
  absl::Duration interval() const { return interval_; }
  /// After each block: checkpoints if it is time to.
  absl::Status Mark();
  /// The last call: with OK all results are put in place. Otherwise what a checkpoint holds is kept where running again
  /// can go on from it, and the message says so; else it is removed.
  absl::Status Close(const absl::Status& status);

 private:
  Results(io::ResultWriter writer, io::ResultPlan plan, absl::Duration interval)
      : writer_(std::move(writer)), plan_(std::move(plan)), interval_(interval) {}

  io::ResultWriter writer_;
  io::ResultPlan plan_;
  absl::Duration interval_;
  absl::Time last_mark_;
};

}  // namespace elanus::tools

#endif  // ELANUS_TOOLS_ELANUS_RESULTS_H_
