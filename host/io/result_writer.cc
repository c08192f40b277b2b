#include "host/io/result_writer.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/check.h"
#include "host/base/status_macros.h"

namespace elanus::io {
namespace {

/// What the journal of a resumable writer says: how far its files were on the disk at the last checkpoint.
struct Journal {
  std::uint64_t rows = 0;
  std::uint64_t ids_bytes = 0;
  std::uint64_t distances_bytes = 0;
};

/// Zeros unless `path` is the journal of this very job.
Journal ReadJournal(const std::string& path, const std::string& job) {
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  constexpr std::uint64_t kSizeMax = 1 << 20;  // far above any job of ours
  if (!file.ok() || file->size() > kSizeMax) return {};
  std::string text(file->size(), '\0');
  if (!file->ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(text.data()), text.size())).ok()) return {};
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto number = [&](const char* key) {
    return json.contains(key) && json[key].is_number_unsigned() ? json[key].get<std::uint64_t>() : 0;
  };
  if (!json.is_object() || !json.contains("job") || json["job"] != absl::CHexEscape(job)) return {};
  return {number("rows"), number("ids_bytes"), number("distances_bytes")};
}

absl::Status WriteJournal(const std::string& path, const std::string& job, const Journal& journal) {
  const nlohmann::json json = {{"job", absl::CHexEscape(job)},  // JSON is UTF-8, paths may not be
                               {"rows", journal.rows},
                               {"ids_bytes", journal.ids_bytes},
                               {"distances_bytes", journal.distances_bytes}};
  ELANUS_ASSIGN_OR_RETURN(OutputFile file, OutputFile::Create(path));
  ELANUS_RETURN_IF_ERROR(file.Append(json.dump()));
  return file.Commit();
}

absl::StatusOr<Location> LocateRows(const std::string& path, const char* dataset, Scalar scalar, std::uint32_t width) {
  ELANUS_ASSIGN_OR_RETURN(const Location location, Locate(path, dataset));
  const bool text = location.format == Format::kJsonl || location.format == Format::kCsv;
  const bool binary = IsTexmex(location.format) || IsBin(location.format);
  const char* what = scalar == Scalar::kI32 ? "ids" : "distances";
  if (location.format == Format::kTxt || (binary && ScalarOf(location.format) != scalar)) {
    return BadFile(path, absl::StrFormat("this format does not hold %s; %s do", what,
                                         scalar == Scalar::kI32 ? ".ivecs .ibin .npy .hdf5 .jsonl .csv"
                                                                : ".fvecs .fbin .npy .hdf5 .jsonl .csv"));
  }
  if (width == 0 && !text && !IsTexmex(location.format)) {
    return BadFile(
        path, absl::StrFormat("this format holds rows of one length only; %s of any number go to %s .jsonl .csv", what,
                              scalar == Scalar::kI32 ? ".ivecs" : ".fvecs"));
  }
  return location;
}

/// The place that renaming to `path` fills, in one spelling: links in the folder are followed, the name itself is not.
std::filesystem::path PlaceOf(const std::string& path) {
  std::error_code error;
  const std::filesystem::path given(path);
  const std::filesystem::path folder = given.has_parent_path() ? given.parent_path() : ".";
  const std::filesystem::path canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(folder), error);
  return (error ? folder : canonical) / given.filename();
}

template <class T>
void AppendValue(T value, std::string& to) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

/// The shortest text that reads back as the same number. JSON has no infinity: null.
template <class T>
void AppendText(T value, bool json, std::string& to) {
  if constexpr (std::is_floating_point_v<T>) {
    if (json && !std::isfinite(value)) {
      to.append("null");
      return;
    }
  }
  std::array<char, 32> text;
  to.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr);
}

template <class T>
void AppendList(absl::Span<const T> values, bool json, std::string& to) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) to.push_back(',');
    AppendText(values[i], json, to);
  }
}

template <class T>
void AppendMember(const char* key, absl::Span<const T> values, std::string& to) {
  absl::StrAppend(&to, to.size() > 1 ? "," : "", "\"", key, "\":[");
  AppendList(values, /*json=*/true, to);
  to.push_back(']');
}

/// A row of a binary format: `values` as Stored, filled up to `width`.
template <class Stored, class T>
void EncodeBinary(absl::Span<const T> values, Format format, std::uint32_t width, Stored padding, std::string& row) {
  const std::size_t length = std::max<std::size_t>(width, values.size());
  if (IsTexmex(format)) AppendValue(static_cast<std::int32_t>(length), row);
  for (const T value : values) AppendValue(static_cast<Stored>(value), row);
  for (std::size_t i = values.size(); i < length; ++i) AppendValue(padding, row);
}

}  // namespace

absl::StatusOr<ResultWriter> ResultWriter::Create(const ResultPlan& plan) {
  ELANUS_CHECK(!plan.ids.empty() || !plan.distances.empty());
  ResultWriter writer(plan);
  ELANUS_RETURN_IF_ERROR(writer.OpenAll());
  writer.open_ = true;
  return writer;
}

absl::StatusOr<ResultWriter::Output> ResultWriter::OpenOne(const Location& location, Scalar scalar,
                                                           std::uint64_t bytes) const {
  const ArrayHead head = {scalar, plan_.rows, plan_.width};
  if (!resumable()) {
    ELANUS_ASSIGN_OR_RETURN(RowSink sink, RowSink::Create(location, head));
    return Output{location, std::move(sink)};
  }
  ELANUS_ASSIGN_OR_RETURN(RowSink sink, RowSink::Continue(location, head, location.file + ".partial", bytes));
  return Output{location, std::move(sink)};
}

absl::Status ResultWriter::OpenAll() {
  std::optional<Location> ids, distances;
  if (!plan_.ids.empty()) {
    ELANUS_ASSIGN_OR_RETURN(ids, LocateRows(plan_.ids, "neighbors", Scalar::kI32, plan_.width));
  }
  if (!plan_.distances.empty()) {
    ELANUS_ASSIGN_OR_RETURN(distances, LocateRows(plan_.distances, "distances", Scalar::kF32, plan_.width));
  }
  if (ids && distances && PlaceOf(ids->file) == PlaceOf(distances->file)) {
    return BadFile(ids->file, "ids and distances go to two files");
  }
  const bool hdf5 = (ids && ids->format == Format::kHdf5) || (distances && distances->format == Format::kHdf5);
  if (!plan_.job.empty() && !hdf5) journal_ = (ids ? ids : distances)->file + ".partial.job";

  const Journal journal = resumable() && !plan_.restart ? ReadJournal(journal_, plan_.job) : Journal{};
  if (journal.rows > 0 && journal.rows <= plan_.rows) {
    const absl::Status status = OpenFiles(ids, journal.ids_bytes, distances, journal.distances_bytes);
    if (status.ok()) rows_ = kept_rows_ = journal.rows;
    if (!absl::IsDataLoss(status)) return status;  // of that, a file is gone or shorter than the journal says
  }
  ids_.reset();
  distances_.reset();
  const absl::Status opened = OpenFiles(ids, 0, distances, 0);
  if (!opened.ok()) {
    Discard();  // an empty file, where the other one is locked or cannot be made
    return opened;
  }
  // Only whoever holds the locks may touch the journal: it may be that of a process at work. Until it is gone, the
  // files are shorter than it says.
  if (resumable()) ::unlink(journal_.c_str());
  return absl::OkStatus();
}

absl::Status ResultWriter::OpenFiles(const std::optional<Location>& ids, std::uint64_t ids_bytes,
                                     const std::optional<Location>& distances, std::uint64_t distances_bytes) {
  if (ids) {
    ELANUS_ASSIGN_OR_RETURN(Output output, OpenOne(*ids, Scalar::kI32, ids_bytes));
    ids_.emplace(std::move(output));
  }
  if (distances) {
    ELANUS_ASSIGN_OR_RETURN(Output output, OpenOne(*distances, Scalar::kF32, distances_bytes));
    distances_.emplace(std::move(output));
  }
  return absl::OkStatus();
}

absl::Status ResultWriter::Append(absl::Span<const std::uint32_t> ids, absl::Span<const float> distances) {
  const std::size_t length = std::max(ids.size(), distances.size());
  ELANUS_CHECK(rows_ < plan_.rows && (plan_.width == 0 || length <= plan_.width));
  ELANUS_CHECK(ids.size() == distances.size() || !ids_ || distances.empty());
  ++rows_;
  if (ids_) {
    ELANUS_RETURN_IF_ERROR(EncodeIds(ids, distances));
    ELANUS_RETURN_IF_ERROR(ids_->sink.Append(row_));
  }
  if (distances_) {
    EncodeDistances(distances);
    ELANUS_RETURN_IF_ERROR(distances_->sink.Append(row_));
  }
  return absl::OkStatus();
}

absl::Status ResultWriter::EncodeIds(absl::Span<const std::uint32_t> ids, absl::Span<const float> distances) {
  const Format format = ids_->location.format;
  row_.clear();
  if (format == Format::kJsonl) {
    row_.push_back('{');
    AppendMember("ids", ids, row_);
    if (!distances_ && distances.size() == ids.size()) AppendMember("distances", distances, row_);
    row_.append("}\n");
    return absl::OkStatus();
  }
  if (format == Format::kCsv) {
    AppendList(ids, /*json=*/false, row_);
    row_.push_back('\n');
    return absl::OkStatus();
  }
  for (const std::uint32_t id : ids) {
    if (id <= static_cast<std::uint32_t>(std::numeric_limits<std::int32_t>::max())) continue;
    return BadFile(ids_->location.file, absl::StrFormat("id %d does not fit its int32; .jsonl and .csv hold it", id));
  }
  EncodeBinary(ids, format, plan_.width, std::int32_t{-1}, row_);
  return absl::OkStatus();
}

void ResultWriter::EncodeDistances(absl::Span<const float> distances) {
  const Format format = distances_->location.format;
  row_.clear();
  if (format == Format::kJsonl) {
    row_.push_back('{');
    AppendMember("distances", distances, row_);
    row_.append("}\n");
  } else if (format == Format::kCsv) {
    AppendList(distances, /*json=*/false, row_);
    row_.push_back('\n');
  } else {
    EncodeBinary(distances, format, plan_.width, plan_.padding, row_);
  }
}

absl::Status ResultWriter::Checkpoint() {
  if (!resumable()) return absl::OkStatus();
  Journal journal;
  journal.rows = rows_;
  if (ids_) {
    ELANUS_RETURN_IF_ERROR(ids_->sink.Sync());
    journal.ids_bytes = ids_->sink.size();
  }
  if (distances_) {
    ELANUS_RETURN_IF_ERROR(distances_->sink.Sync());
    journal.distances_bytes = distances_->sink.size();
  }
  ELANUS_RETURN_IF_ERROR(WriteJournal(journal_, plan_.job, journal));
  kept_rows_ = rows_;
  return absl::OkStatus();
}

void ResultWriter::Discard() {
  if (ids_) ids_->sink.Discard();
  if (distances_) distances_->sink.Discard();
  if (open_ && resumable()) ::unlink(journal_.c_str());
}

absl::Status ResultWriter::Finish() {
  ELANUS_CHECK(rows_ == plan_.rows);
  // Both are safe on the disk before either is in place.
  if (ids_) ELANUS_RETURN_IF_ERROR(ids_->sink.Sync());
  if (distances_) ELANUS_RETURN_IF_ERROR(distances_->sink.Commit());
  const absl::Status placed = ids_ ? ids_->sink.Commit() : absl::OkStatus();
  if (!placed.ok()) {
    // One without the other would pass for a finished run; where taking it back fails too, the first error says more.
    if (distances_) static_cast<void>(distances_->sink.TakeBack());
    return placed;
  }
  if (resumable()) ::unlink(journal_.c_str());
  return absl::OkStatus();
}

}  // namespace elanus::io
