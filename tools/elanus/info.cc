#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/status_macros.h"
#include "host/io/array_file.h"
#include "host/io/row_table.h"
#include "index/kinds.h"
#include "tools/elanus/machine.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

constexpr OptionSpec kOptions[] = {
    {"verify", OptionKind::kFlag, nullptr, nullptr,
     "check everything: checksums and structure of an index, every row and number of vectors"},
    kBitsOption,
    kBf16Option,
};

/// Opens an index as searches do, and says what is in it.
absl::StatusOr<Json> IndexInfo(const std::string& path, const Options& options, Session& session) {
  ELANUS_ASSIGN_OR_RETURN(index::Image image,
                          index::Image::Open(path, {.verify = options.Flag("verify"), .map = true}));
  const index::Spec spec = image.spec();
  Json json = {{"file", path}, {"format", "index"}};
  json.update(SpecJson(spec));
  const absl::Span<const std::byte> params = image.section(index::SectionId::kParams);
  const std::string text(reinterpret_cast<const char*>(params.data()), params.size());
  const Json settings = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (settings.is_object()) json["settings"] = settings;
  std::vector<std::uint64_t> sizes;
  Json sections = Json::object();
  std::string lines;
  for (const index::SectionId id : image.sections()) {
    const std::uint64_t bytes = image.section(id).size();
    sizes.push_back(bytes);
    sections[index::SectionName(id)] = bytes;
    absl::StrAppend(&lines, absl::StrFormat("  %-18s %s\n", index::SectionName(id), HumanBytes(bytes)));
  }
  json["bytes"] = index::Image::FileBytes(sizes);
  json["sections"] = sections;
  if (options.Flag("verify")) {
    const auto& kernels = simd::KernelsFor(simd::Level::kScalar);
    const absl::Status opened = index::OpenIndex(std::move(image), kernels).status();
    if (!opened.ok()) return InContext(path, opened);
  }
  session.Print(
      absl::StrCat(path, ": ", Describe(spec), ", ", HumanBytes(index::Image::FileBytes(sizes)), "\n", lines));
  if (settings.is_object()) session.Print(absl::StrCat("  built with       ", settings.dump(), "\n"));
  return json;
}

template <class T>
Json TableInfo(const io::Location& location, const char* what, const io::RowTable<T>& table, Session& session) {
  session.Print(absl::StrCat(location.file, ": ", Grouped(table.rows()), " rows of ", what, ", ",
                             Grouped(table.values.size()), " in all\n"));
  return Json{{"file", location.file}, {"format", what}, {"rows", table.rows()}, {what, table.values.size()}};
}

/// Of rows that may differ in length: ids, or distances where they are no ids. Errors: what is wrong with the ids.
absl::StatusOr<Json> RowsInfo(const io::Location& location, Session& session) {
  const absl::StatusOr<io::RowTable<std::uint32_t>> ids = io::ReadIds(location.file);
  if (ids.ok()) return TableInfo(location, "ids", *ids, session);
  const absl::StatusOr<io::RowTable<float>> distances = io::ReadDistances(location.file);
  if (distances.ok()) return TableInfo(location, "distances", *distances, session);
  return ids.status();
}

/// Checks all that can be: of vectors every number, of ids every row.
absl::Status VerifyArray(const io::Location& location, const io::Array& array, const Options& options) {
  const std::string name = location.Name();
  switch (array.scalar) {
    case io::Scalar::kF32:
    case io::Scalar::kF16:
    case io::Scalar::kVoid2:
    case io::Scalar::kI8:
    case io::Scalar::kU8: {
      ELANUS_ASSIGN_OR_RETURN(const io::VectorFile vectors, io::OpenVectors(name, {.as_bits = options.Flag("bits"),
                                                                                   .as_bf16 = options.Flag("bf16")}));
      return io::CheckFinite(vectors.vectors(), 0, name);
    }
    case io::Scalar::kI32:
    case io::Scalar::kU32:
    case io::Scalar::kI64:
    case io::Scalar::kU64:
      return io::ReadIds(name).status();
    default:
      return absl::OkStatus();
  }
}

/// Opens the array in a file, and looks at the lengths of enough rows to know a range search's results, whose rows
/// differ. Not at all of them: that would read large vector files as a whole.
absl::StatusOr<io::ArrayFile> OpenArray(const io::Location& location) {
  ELANUS_ASSIGN_OR_RETURN(io::ArrayFile file, io::ArrayFile::Open(location));
  constexpr std::uint64_t kRows = 1 << 16;
  ELANUS_RETURN_IF_ERROR(file.CheckRows(0, std::min(kRows, file.array().rows)));
  return file;
}

absl::StatusOr<Json> ArrayInfo(const io::Location& location, const Options& options, Session& session) {
  const absl::StatusOr<io::ArrayFile> file = OpenArray(location);
  if (!file.ok()) {
    const bool results = location.format == io::Format::kIvecs || location.format == io::Format::kFvecs;
    absl::StatusOr<Json> rows = results ? RowsInfo(location, session) : file.status();
    return rows.ok() ? rows : file.status();
  }
  const io::Array& array = file->array();
  std::string bits;
  if (options.Flag("bits") && io::ScalarBytes(array.scalar) == 1) {
    bits = absl::StrCat("; ", (array.scalar == io::Scalar::kBool ? 1 : 8) * array.columns, " bits a row");
  }
  if (options.Flag("verify")) ELANUS_RETURN_IF_ERROR(VerifyArray(location, array, options));
  session.Print(absl::StrCat(
      location.Name(), ": ", Grouped(array.rows), " rows of ", array.columns, " ", io::ScalarName(array.scalar), ", ",
      HumanBytes(array.rows * array.columns * io::ScalarBytes(array.scalar)), " of numbers", bits, "\n"));
  return Json{{"file", location.Name()},
              {"format", "array"},
              {"rows", array.rows},
              {"columns", array.columns},
              {"type", io::ScalarName(array.scalar)}};
}

absl::StatusOr<Json> FileInfo(const std::string& path, const Options& options, Session& session) {
  const absl::StatusOr<io::Location> location = io::Locate(path, "train");
  if (!location.ok()) return IndexInfo(path, options, session);
  return io::IsText(location->format) ? RowsInfo(*location, session) : ArrayInfo(*location, options, session);
}

absl::Status RunInfo(const Options& options, Session& session) {
  Json files = Json::array();
  for (const std::string& path : options.positional()) {
    ELANUS_RETURN_IF_ERROR(session.monitor().Check());
    ELANUS_ASSIGN_OR_RETURN(Json json, FileInfo(path, options, session));
    files.push_back(std::move(json));
  }
  session.console().Report({{"verb", "info"}, {"verified", options.Flag("verify")}, {"files", files}});
  return absl::OkStatus();
}

}  // namespace

const Verb kInfoVerb = {
    "info",
    "say what is in a file: an index, vectors, ids",
    "A file whose extension is none of `elanus help formats` is taken for an index.\n",
    "  elanus info X\n"
    "  elanus info --verify X B.bvecs ids.ivecs data.hdf5:train\n",
    kOptions,
    {"FILE", "an index, or a file of vectors, ids or distances", 1, 1000},
    RunInfo,
};

}  // namespace elanus::tools
