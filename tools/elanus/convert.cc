#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "host/base/half.h"
#include "host/base/status_macros.h"
#include "host/io/result_writer.h"
#include "host/io/row_table.h"
#include "host/io/vector_file.h"
#include "host/io/vector_writer.h"
#include "host/simd/kernels.h"
#include "tools/elanus/recipe.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

using base::Element;

constexpr OptionSpec kOptions[] = {
    {"in", OptionKind::kPath, "FILE", nullptr, "what to read", true},
    {"out", OptionKind::kPath, "FILE", nullptr, "what to write; its extension chooses the format", true},
    {"as", OptionKind::kChoice, "auto|vectors|ids|distances", "auto",
     "what the rows are; auto: ids where the input is .ivecs, .ibin or text, else vectors"},
    {"type", OptionKind::kChoice, "auto|float32|float16|bfloat16|int8|uint8", "auto",
     "type of the numbers written; auto: the output format's, or the input's"},
    {"first", OptionKind::kUnsigned, "ROW", "0", "first row to take"},
    {"rows", OptionKind::kUnsigned, "N", nullptr, "rows to take (default: all from --first on)", false, false, 1},
    kBitsOption,
    kBf16Option,
};

struct Range {
  std::uint64_t first;
  std::uint64_t count;
};

/// --first and --rows. Errors: kInvalidArgument naming the file, the values and its rows.
absl::StatusOr<Range> RangeOf(const Options& options, std::uint64_t rows) {
  const std::uint64_t first = options.Unsigned("first");
  const std::uint64_t wanted = options.Given("rows") ? options.Unsigned("rows") : 1;
  if (first >= rows || wanted > rows - first) {
    return absl::InvalidArgumentError(absl::StrCat(options.Text("in"), ": has ", rows, " rows; --first ", first,
                                                   options.Given("rows") ? absl::StrCat(" --rows ", wanted) : "",
                                                   " is beyond them"));
  }
  return Range{first, options.Given("rows") ? wanted : rows - first};
}

Element TypeOf(const Options& options, Element source) {
  const std::string type = options.Text("type");
  for (const Element element : {Element::kF32, Element::kF16, Element::kBf16, Element::kI8, Element::kU8}) {
    if (type == base::ElementName(element)) return element;
  }
  if (source == Element::kBit) return source;
  const absl::StatusOr<io::Location> out = io::Locate(options.Text("out"), "train");
  if (!out.ok() || (!io::IsTexmex(out->format) && !io::IsBin(out->format))) return source;
  switch (io::ScalarOf(out->format)) {
    case io::Scalar::kU8:
      return Element::kU8;
    case io::Scalar::kI8:
      return Element::kI8;
    case io::Scalar::kF32:
      return Element::kF32;
    default:
      return source;  // a format of ids: the writer says so
  }
}

/// Rounds to the nearest number of `element`. False where there is none near: out of range or not an integer.
bool Encode(float value, Element element, std::byte* out) {
  std::uint16_t half = 0;
  switch (element) {
    case Element::kF32:
      std::memcpy(out, &value, sizeof(value));
      return true;
    case Element::kF16:
    case Element::kBf16:
      half = element == Element::kF16 ? base::HalfFromFloat(value) : base::Bf16FromFloat(value);
      std::memcpy(out, &half, sizeof(half));
      return std::isfinite(element == Element::kF16 ? base::FloatFromHalf(half) : base::FloatFromBf16(half));
    case Element::kI8:
    case Element::kU8: {
      const float low = element == Element::kI8 ? -128.0f : 0.0f;
      if (!(value >= low && value <= low + 255) || value != std::floor(value)) return false;
      *out = static_cast<std::byte>(static_cast<int>(value) & 0xFF);
      return true;
    }
    case Element::kBit:
      return false;
  }
  return false;
}

/// Rows of another element type, in memory.
class Converter {
 public:
  Converter(Element to, std::uint32_t dim) : to_(to), dim_(dim), values_(dim) {}

  absl::StatusOr<base::Vectors> operator()(const base::Vectors& rows, std::uint64_t first_row) {
    if (rows.element == to_) return rows;
    if (rows.element == Element::kBit)
      return absl::InvalidArgumentError("bits do not convert to numbers; leave --type");
    const std::size_t row_bytes = base::RowBytes(to_, dim_);
    const std::size_t value_bytes = base::RowBytes(to_, 1);
    converted_.resize(rows.count * row_bytes);
    for (std::uint64_t row = 0; row < rows.count; ++row) {
      const auto& kernels = simd::KernelsFor(simd::Level::kScalar);
      kernels.distance.to_float[static_cast<int>(rows.element)](rows.row(row), dim_, values_.data());
      for (std::uint32_t d = 0; d < dim_; ++d) {
        if (Encode(values_[d], to_, converted_.data() + row * row_bytes + d * value_bytes)) continue;
        return absl::InvalidArgumentError(absl::StrCat("row ", first_row + row, ", component ", d, " is ", values_[d],
                                                       ": not a ", base::ElementName(to_)));
      }
    }
    return base::Vectors{converted_.data(), rows.count, dim_, to_, row_bytes};
  }

 private:
  Element to_;
  std::uint32_t dim_;
  std::vector<float> values_;
  std::vector<std::byte> converted_;
};

absl::StatusOr<Json> ConvertVectors(const Options& options, Session& session) {
  ELANUS_ASSIGN_OR_RETURN(const io::VectorFile in, io::OpenVectors(options.Text("in"), {.as_bits = options.Flag("bits"),
                                                                                        .as_bf16 = options.Flag("bf16"),
                                                                                        .check_rows = false}));
  const base::Vectors& vectors = in.vectors();
  ELANUS_ASSIGN_OR_RETURN(const Range range, RangeOf(options, vectors.count));
  const Element element = TypeOf(options, vectors.element);
  ELANUS_ASSIGN_OR_RETURN(io::VectorWriter writer,
                          io::VectorWriter::Create(options.Text("out"), element, vectors.dim, range.count));
  constexpr std::uint64_t kBlockBytes = 4 << 20;
  const std::uint64_t block = std::max<std::uint64_t>(1, kBlockBytes / vectors.stride);
  Converter convert(element, vectors.dim);
  session.monitor().Stage("convert", range.count);
  for (std::uint64_t done = 0; done < range.count; done += block) {
    ELANUS_RETURN_IF_ERROR(session.monitor().Check());
    const std::uint64_t count = std::min(block, range.count - done);
    const std::uint64_t row = range.first + done;
    ELANUS_RETURN_IF_ERROR(in.CheckRows(row, count));
    const absl::StatusOr<base::Vectors> rows = convert(vectors.Slice(row, count), row);
    if (!rows.ok()) return InContext(in.name(), rows.status());
    ELANUS_RETURN_IF_ERROR(writer.Append(*rows));
    in.Release(row, count);
    session.monitor().Advance(count);
  }
  ELANUS_RETURN_IF_ERROR(writer.Finish());
  session.Print(absl::StrCat(options.Text("out"), ": ", Grouped(range.count), " x ", vectors.dim, " ",
                             base::ElementName(element), "\n"));
  return Json{{"rows", range.count}, {"dim", vectors.dim}, {"element", base::ElementName(element)}};
}

/// One of `ids` and `distances` has the rows, the other none.
absl::StatusOr<Json> WriteTable(const Options& options, const io::RowTable<std::uint32_t>& ids,
                                const io::RowTable<float>& distances, Session& session) {
  const bool are_ids = ids.rows() > 0;
  ELANUS_ASSIGN_OR_RETURN(const Range range, RangeOf(options, are_ids ? ids.rows() : distances.rows()));
  const auto id_row = [&](std::uint64_t i) { return are_ids ? ids.row(i) : absl::Span<const std::uint32_t>(); };
  const auto distance_row = [&](std::uint64_t i) { return are_ids ? absl::Span<const float>() : distances.row(i); };
  io::ResultPlan plan;
  (are_ids ? plan.ids : plan.distances) = options.Text("out");
  plan.rows = range.count;
  const std::uint64_t width = are_ids ? ids.width : distances.width;  // padding included, which rows do not hold
  plan.width = static_cast<std::uint32_t>(width);
  ELANUS_ASSIGN_OR_RETURN(io::ResultWriter writer, io::ResultWriter::Create(plan));
  for (std::uint64_t i = range.first; i < range.first + range.count; ++i) {
    ELANUS_RETURN_IF_ERROR(session.monitor().Check());
    ELANUS_RETURN_IF_ERROR(writer.Append(id_row(i), distance_row(i)));
  }
  ELANUS_RETURN_IF_ERROR(writer.Finish());
  session.Print(absl::StrCat(options.Text("out"), ": ", Grouped(range.count), " rows of at most ", width,
                             are_ids ? " ids\n" : " distances\n"));
  return Json{{"rows", range.count}, {"width", width}};
}

absl::Status RunConvert(const Options& options, Session& session) {
  const std::string in = options.Text("in");
  ELANUS_ASSIGN_OR_RETURN(const io::Location location, io::Locate(in, "train"));
  std::string as = options.Text("as");
  if (as == "auto") {
    const bool ids =
        io::IsText(location.format) || location.format == io::Format::kIvecs || location.format == io::Format::kIbin;
    as = ids ? std::string("ids") : std::string("vectors");
  }
  Json json = {{"verb", "convert"}, {"in", in}, {"out", options.Text("out")}, {"as", as}};
  if (as == "vectors") {
    ELANUS_ASSIGN_OR_RETURN(const Json done, ConvertVectors(options, session));
    json.update(done);
  } else {
    io::RowTable<std::uint32_t> ids;
    io::RowTable<float> distances;
    if (as == "ids") {
      ELANUS_ASSIGN_OR_RETURN(ids, io::ReadIds(in));
    } else {
      ELANUS_ASSIGN_OR_RETURN(distances, io::ReadDistances(in));
    }
    ELANUS_ASSIGN_OR_RETURN(const Json done, WriteTable(options, ids, distances, session));
    json.update(done);
  }
  session.console().Report(json);
  return absl::OkStatus();
}

}  // namespace

const Verb kConvertVerb = {
    "convert",
    "write vectors, ids or distances in another format",
    "Numbers keep their value: what the output's type cannot hold is an error, except that float16 and bfloat16 "
    "round.\n",
    "  elanus convert --in B.bvecs --out B.fbin\n"
    "  elanus convert --in data.hdf5:train --out first.npy --rows 10000 --type float16\n"
    "  elanus convert --in ids.ivecs --out ids.jsonl --first 100 --rows 10\n",
    kOptions,
    {},
    RunConvert,
};

}  // namespace elanus::tools
