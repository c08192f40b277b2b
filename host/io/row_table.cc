#include "host/io/row_table.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "host/base/half.h"
#include "host/base/status_macros.h"
#include "host/io/array_file.h"

namespace elanus::io {
namespace {

template <class T>
T Load(const std::byte* at) {
  T value{};
  std::memcpy(&value, at, sizeof(value));
  return value;
}

/// A number as it stands in a file: exact integers apart from the rest.
struct Number {
  bool integral = true;
  std::int64_t integer = 0;
  double real = 0;
};

Number Integer(std::int64_t value) { return {true, value, static_cast<double>(value)}; }
Number Real(double value) { return {false, 0, value}; }
/// One that no id or distance may have, for what does not fit 64 bits.
Number Unsigned(std::uint64_t value) {
  const bool fits = value <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  return fits ? Integer(static_cast<std::int64_t>(value)) : Real(static_cast<double>(value));
}

Number LoadNumber(const std::byte* at, Scalar scalar) {
  switch (scalar) {
    case Scalar::kF32:
      return Real(Load<float>(at));
    case Scalar::kF64:
      return Real(Load<double>(at));
    case Scalar::kF16:
      return Real(base::FloatFromHalf(Load<std::uint16_t>(at)));
    case Scalar::kI8:
      return Integer(Load<std::int8_t>(at));
    case Scalar::kU8:
      return Integer(Load<std::uint8_t>(at));
    case Scalar::kI16:
      return Integer(Load<std::int16_t>(at));
    case Scalar::kU16:
      return Integer(Load<std::uint16_t>(at));
    case Scalar::kI32:
      return Integer(Load<std::int32_t>(at));
    case Scalar::kU32:
      return Integer(Load<std::uint32_t>(at));
    case Scalar::kI64:
      return Integer(Load<std::int64_t>(at));
    case Scalar::kU64:
      return Unsigned(Load<std::uint64_t>(at));
    case Scalar::kVoid2:
    case Scalar::kBool:
      break;
  }
  return Real(0);
}

bool IsReal(Scalar scalar) { return scalar == Scalar::kF32 || scalar == Scalar::kF64 || scalar == Scalar::kF16; }

std::string Text(const Number& number) {
  return number.integral ? absl::StrFormat("%d", number.integer) : absl::StrFormat("%g", number.real);
}

/// Fills a table and checks what goes in.
class IdSink {
 public:
  using Value = std::uint32_t;
  static constexpr const char* kKey = "ids";
  static bool Takes(Scalar scalar) { return !IsReal(scalar) && scalar != Scalar::kBool && scalar != Scalar::kVoid2; }
  static constexpr const char* kWanted = "ids are integers";

  /// What is wrong with it, if anything.
  std::optional<std::string> Add(const Number& number) {
    if (!number.integral || number.integer < -1 || number.integer > static_cast<std::int64_t>(base::kRowsMax)) {
      return absl::StrFormat("%s is no id: 0 to %d, or -1 for none", Text(number), base::kRowsMax);
    }
    ++length_;
    if (number.integer == -1) {
      ended_ = true;
      return std::nullopt;
    }
    if (ended_) return absl::StrFormat("%d stands after -1, which may only fill the end of a row", number.integer);
    table.values.push_back(static_cast<std::uint32_t>(number.integer));
    return std::nullopt;
  }
  void EndRow() {
    table.ends.push_back(table.values.size());
    table.width = std::max(table.width, length_);
    length_ = 0;
    ended_ = false;
  }

  RowTable<std::uint32_t> table;

 private:
  bool ended_ = false;
  std::uint64_t length_ = 0;  // of the row so far, padding included
};

class DistanceSink {
 public:
  using Value = float;
  static constexpr const char* kKey = "distances";
  static bool Takes(Scalar scalar) { return scalar != Scalar::kBool && scalar != Scalar::kVoid2; }
  static constexpr const char* kWanted = "distances are numbers";

  std::optional<std::string> Add(const Number& number) {
    table.values.push_back(static_cast<float>(number.real));
    return std::nullopt;
  }
  void EndRow() {
    const std::uint64_t begin = table.ends.empty() ? 0 : table.ends.back();
    table.ends.push_back(table.values.size());
    table.width = std::max(table.width, table.values.size() - begin);
  }

  RowTable<float> table;
};

absl::Status BadPlace(const std::string& name, std::uint64_t row, std::uint64_t place, absl::string_view what) {
  return BadFile(name, absl::StrFormat("row %d, place %d: %s", row, place, what));
}

template <class Sink>
absl::Status AddRow(const std::byte* data, std::uint64_t columns, Scalar scalar, const std::string& name, Sink& sink) {
  for (std::uint64_t i = 0; i < columns; ++i) {
    if (const auto wrong = sink.Add(LoadNumber(data + i * ScalarBytes(scalar), scalar))) {
      return BadPlace(name, sink.table.rows(), i, *wrong);
    }
  }
  sink.EndRow();
  return absl::OkStatus();
}

template <class Sink>
absl::Status ReadArray(const Array& array, const std::string& name, Sink& sink) {
  if (!Sink::Takes(array.scalar)) {
    return BadFile(name, absl::StrFormat("holds %s; %s", ScalarName(array.scalar), Sink::kWanted));
  }
  for (std::uint64_t row = 0; row < array.rows; ++row) {
    ELANUS_RETURN_IF_ERROR(AddRow(array.data + row * array.stride, array.columns, array.scalar, name, sink));
  }
  return absl::OkStatus();
}

/// TEXMEX rows of any lengths, also none.
template <class Sink>
absl::Status ReadTexmex(absl::Span<const std::byte> bytes, const Location& location, Sink& sink) {
  const Scalar scalar = ScalarOf(location.format);
  if (!Sink::Takes(scalar)) {
    return BadFile(location.file, absl::StrFormat("holds %s; %s", ScalarName(scalar), Sink::kWanted));
  }
  std::uint64_t offset = 0;
  while (offset < bytes.size()) {
    const std::uint64_t left = bytes.size() - offset;
    const std::int64_t columns = left < 4 ? -1 : Load<std::int32_t>(bytes.data() + offset);
    if (columns < 0 || static_cast<std::uint64_t>(columns) * ScalarBytes(scalar) > left - 4) {
      return BadFile(location.file,
                     absl::StrFormat("row %d at byte %d: %d numbers do not fit in the %d bytes that follow: "
                                     "truncated?",
                                     sink.table.rows(), offset, columns, left));
    }
    const auto count = static_cast<std::uint64_t>(columns);
    ELANUS_RETURN_IF_ERROR(AddRow(bytes.data() + offset + 4, count, scalar, location.file, sink));
    offset += 4 + count * ScalarBytes(scalar);
  }
  return absl::OkStatus();
}

std::optional<Number> NumberFromText(absl::string_view text) {
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, integer); at == end && error == std::errc()) {
    return Integer(integer);
  }
  double real = 0;
  if (const auto [at, error] = std::from_chars(text.data(), end, real); at == end && error == std::errc()) {
    return Real(real);
  }
  return std::nullopt;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::CHexEscape(text.substr(0, 40)), text.size() > 40 ? "...'" : "'");
}

template <class Sink>
absl::Status ReadCsvLine(absl::string_view line, const std::string& name, Sink& sink) {
  std::uint64_t place = 0;
  if (!line.empty()) {
    for (const absl::string_view field : absl::StrSplit(line, ',')) {
      const absl::string_view text = absl::StripAsciiWhitespace(field);
      const auto number = NumberFromText(text);
      const auto wrong = number ? sink.Add(*number) : absl::StrCat(Quoted(text), " is no number");
      if (wrong) return BadPlace(name, sink.table.rows(), place, *wrong);
      ++place;
    }
  }
  sink.EndRow();
  return absl::OkStatus();
}

/// null is infinity, which JSON cannot spell.
std::optional<Number> NumberFromJson(const nlohmann::json& value) {
  if (value.is_null()) return Real(std::numeric_limits<double>::infinity());
  if (value.is_number_unsigned()) return Unsigned(value.get<std::uint64_t>());
  if (value.is_number_integer()) return Integer(value.get<std::int64_t>());
  if (value.is_number_float()) return Real(value.get<double>());
  return std::nullopt;
}

template <class Sink>
absl::Status ReadJsonLine(absl::string_view line, const std::string& name, Sink& sink) {
  const nlohmann::json parsed = nlohmann::json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
  const nlohmann::json* value = &parsed;
  if (parsed.is_object()) {
    const auto found = parsed.find(Sink::kKey);
    if (found == parsed.end()) {
      return BadFile(name, absl::StrFormat("row %d: an object without \"%s\"", sink.table.rows(), Sink::kKey));
    }
    value = &*found;
  }
  const nlohmann::json array = value->is_array() ? *value : nlohmann::json::array({*value});
  std::uint64_t place = 0;
  for (const nlohmann::json& item : array) {
    const auto number = NumberFromJson(item);
    const auto wrong = number ? sink.Add(*number) : absl::StrCat(Quoted(line), " holds no number there");
    if (wrong) return BadPlace(name, sink.table.rows(), place, *wrong);
    ++place;
  }
  sink.EndRow();
  return absl::OkStatus();
}

/// "inf" begins with a letter and is a number.
bool IsHeading(absl::string_view line) {
  const absl::string_view field = absl::StripAsciiWhitespace(line.substr(0, line.find(',')));
  return !field.empty() && absl::ascii_isalpha(field[0]) && !NumberFromText(field);
}

template <class Sink>
absl::Status ReadText(absl::Span<const std::byte> bytes, const Location& location, Sink& sink) {
  absl::string_view rest(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  bool first = true;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const absl::string_view line = absl::StripAsciiWhitespace(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const bool heading = first && location.format != Format::kJsonl && IsHeading(line);
    first = false;
    if (heading) continue;
    ELANUS_RETURN_IF_ERROR(location.format == Format::kJsonl ? ReadJsonLine(line, location.file, sink)
                                                             : ReadCsvLine(line, location.file, sink));
  }
  return absl::OkStatus();
}

template <class Sink>
absl::StatusOr<RowTable<typename Sink::Value>> ReadTable(const std::string& path, const std::string& dataset) {
  ELANUS_ASSIGN_OR_RETURN(const Location location, Locate(path, dataset));
  Sink sink;
  if (IsText(location.format) || IsTexmex(location.format)) {
    ELANUS_ASSIGN_OR_RETURN(const InputFile input, InputFile::Open(path));
    ELANUS_ASSIGN_OR_RETURN(const Mapping mapping, Mapping::Create(input));
    ELANUS_RETURN_IF_ERROR(IsText(location.format) ? ReadText(mapping.bytes(), location, sink)
                                                   : ReadTexmex(mapping.bytes(), location, sink));
  } else {
    ELANUS_ASSIGN_OR_RETURN(const ArrayFile file, ArrayFile::Open(location));
    ELANUS_RETURN_IF_ERROR(ReadArray(file.array(), location.Name(), sink));
  }
  if (sink.table.rows() == 0) return BadFile(location.Name(), "is empty");
  return std::move(sink.table);
}

absl::Status AddToSet(std::uint32_t row, std::uint64_t rows, const std::string& name, RowSet& set) {
  if (row >= rows) return BadFile(name, absl::StrFormat("row %d does not exist: there are %d rows", row, rows));
  const std::uint64_t bit = std::uint64_t{1} << (row % 64);
  set.count += (set.bits[row / 64] & bit) == 0 ? 1 : 0;
  set.bits[row / 64] |= bit;
  return absl::OkStatus();
}

absl::Status NoRowNumbers(const std::string& name, Scalar scalar) {
  return BadFile(name, absl::StrFormat("holds %s; a mask is of bool: save it as bool; row numbers are wider integers",
                                       ScalarName(scalar)));
}

}  // namespace

absl::StatusOr<RowTable<std::uint32_t>> ReadIds(const std::string& path, const std::string& dataset) {
  return ReadTable<IdSink>(path, dataset);
}

absl::StatusOr<RowTable<float>> ReadDistances(const std::string& path, const std::string& dataset) {
  return ReadTable<DistanceSink>(path, dataset);
}

absl::StatusOr<RowSet> ReadRowSet(const std::string& path, std::uint64_t rows) {
  RowSet set;
  set.bits.resize((rows + 63) / 64);
  ELANUS_ASSIGN_OR_RETURN(const Location location, Locate(path, "rows"));
  if (location.format == Format::kNpy || location.format == Format::kHdf5) {
    ELANUS_ASSIGN_OR_RETURN(const ArrayFile file, ArrayFile::Open(location));
    const Array& array = file.array();
    if (array.scalar == Scalar::kBool) {
      if (!array.one_dimensional || array.rows != rows) {
        return BadFile(location.Name(), absl::StrFormat("a mask of %d x %d; %d are wanted, one a row of the index",
                                                        array.rows, array.columns, rows));
      }
      for (std::uint64_t row = 0; row < rows; ++row) {
        if (array.data[row] == std::byte{0}) continue;
        ELANUS_RETURN_IF_ERROR(AddToSet(static_cast<std::uint32_t>(row), rows, location.Name(), set));
      }
      return set;
    }
    if (ScalarBytes(array.scalar) == 1) return NoRowNumbers(location.Name(), array.scalar);
  }
  if ((IsTexmex(location.format) || IsBin(location.format)) && ScalarBytes(ScalarOf(location.format)) == 1) {
    return NoRowNumbers(location.Name(), ScalarOf(location.format));
  }
  ELANUS_ASSIGN_OR_RETURN(const RowTable<std::uint32_t> table, ReadIds(path, location.dataset));
  for (const std::uint32_t row : table.values) {
    ELANUS_RETURN_IF_ERROR(AddToSet(row, rows, location.Name(), set));
  }
  const bool bits = std::all_of(table.values.begin(), table.values.end(), [](std::uint32_t row) { return row <= 1; });
  if (bits && table.values.size() == rows && set.count < rows) {
    return BadFile(location.Name(),
                   absl::StrFormat("holds %d numbers for %d rows, each 0 or 1; if that is a mask, save it as bool: "
                                   "integers are row numbers",
                                   rows, rows));
  }
  return set;
}

}  // namespace elanus::io
