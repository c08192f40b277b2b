#include "host/io/npy.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "host/base/status_macros.h"

namespace elanus::io {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);

struct Descr {
  const char* text;
  Scalar scalar;
};
constexpr Descr kDescrs[] = {
    {"<f4", Scalar::kF32},   {"<f8", Scalar::kF64}, {"<f2", Scalar::kF16}, {"<V2", Scalar::kVoid2},
    {"|V2", Scalar::kVoid2}, {"|i1", Scalar::kI8},  {"<i1", Scalar::kI8},  {"|u1", Scalar::kU8},
    {"<u1", Scalar::kU8},    {"<i2", Scalar::kI16}, {"<u2", Scalar::kU16}, {"<i4", Scalar::kI32},
    {"<u4", Scalar::kU32},   {"<i8", Scalar::kI64}, {"<u8", Scalar::kU64}, {"|b1", Scalar::kBool},
};

absl::StatusOr<Scalar> ScalarFromDescr(absl::string_view descr, absl::string_view name) {
  for (const Descr& known : kDescrs) {
    if (descr == known.text) return known.scalar;
  }
  return BadFile(name, absl::StrFormat("dtype '%s'; float32, float16, int8, uint8, int32, int64 and bool, "
                                       "little-endian, are read: convert with .astype()",
                                       absl::CHexEscape(descr.substr(0, 40))));
}

/// Reads the Python literal {'descr': ..., 'fortran_order': ..., 'shape': (...), }.
class Parser {
 public:
  Parser(absl::string_view text, absl::string_view name) : rest_(text), name_(name) {}

  absl::StatusOr<NpyHeader> Parse() {
    if (!Take("{")) return Bad("no '{'");
    while (!Take("}")) {
      ELANUS_ASSIGN_OR_RETURN(const absl::string_view key, String());
      if (!Take(":")) return Bad("no ':' after a key");
      ELANUS_RETURN_IF_ERROR(Value(key));
      if (!Take(",") && !absl::StartsWith(rest_, "}")) return Bad("no ',' after a value");
    }
    SkipSpace();
    if (!rest_.empty()) return Bad("text after '}'");
    if (!has_descr_ || !has_order_ || !has_shape_) return Bad("'descr', 'fortran_order' or 'shape' is missing");
    return header_;
  }

 private:
  absl::Status Bad(absl::string_view what) const { return BadFile(name_, absl::StrCat("bad npy header: ", what)); }
  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }

  bool Take(absl::string_view token) {
    SkipSpace();
    if (!absl::ConsumePrefix(&rest_, token)) return false;
    SkipSpace();
    return true;
  }

  absl::StatusOr<absl::string_view> String() {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return Bad("a string was expected");
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == absl::string_view::npos) return Bad("a string does not end");
    const absl::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  absl::Status Value(absl::string_view key) {
    if (key == "descr") {
      if (absl::StartsWith(rest_, "[")) return BadFile(name_, "a structured dtype; save one plain array");
      ELANUS_ASSIGN_OR_RETURN(const absl::string_view descr, String());
      ELANUS_ASSIGN_OR_RETURN(header_.scalar, ScalarFromDescr(descr, name_));
      has_descr_ = true;
      return absl::OkStatus();
    }
    if (key == "fortran_order") {
      if (Take("True")) return BadFile(name_, "in Fortran order; save numpy.ascontiguousarray(x)");
      if (!Take("False")) return Bad("'fortran_order' is neither True nor False");
      has_order_ = true;
      return absl::OkStatus();
    }
    if (key == "shape") return Shape();
    return Bad(absl::StrFormat("unknown key '%s'", absl::CHexEscape(key.substr(0, 40))));
  }

  absl::Status Shape() {
    header_.shape.clear();
    if (!Take("(")) return Bad("'shape' is no tuple");
    while (!Take(")")) {
      const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
      std::uint64_t length = 0;
      if (!absl::SimpleAtoi(rest_.substr(0, digits), &length)) return Bad("'shape' holds no number of 64 bits");
      rest_.remove_prefix(digits);
      Take("L");  // Python 2 wrote long integers so
      header_.shape.push_back(length);
      if (!Take(",") && !absl::StartsWith(rest_, ")")) return Bad("'shape' is not closed");
    }
    if (header_.shape.empty() || header_.shape.size() > 2) {
      return BadFile(name_,
                     absl::StrFormat("an array of %d dimensions; rows and columns are wanted", header_.shape.size()));
    }
    has_shape_ = true;
    return absl::OkStatus();
  }

  absl::string_view rest_;
  absl::string_view name_;
  NpyHeader header_{};
  bool has_descr_ = false;
  bool has_order_ = false;
  bool has_shape_ = false;
};

}  // namespace

absl::StatusOr<NpyHeader> ParseNpyHeader(absl::string_view head, absl::string_view name) {
  if (!absl::StartsWith(head, kMagic) || head.size() < 10) return BadFile(name, "not an npy file (or truncated)");
  const auto major = static_cast<unsigned char>(head[6]);
  if (major < 1 || major > 3) return BadFile(name, absl::StrFormat("npy version %d; 1 to 3 are read", major));
  const std::size_t prefix = major == 1 ? 10 : 12;
  std::uint32_t length = 0;
  if (head.size() < prefix) return BadFile(name, "truncated npy header");
  std::memcpy(&length, head.data() + 8, prefix - 8);
  if (length > head.size() - prefix) {
    return BadFile(name, absl::StrFormat("npy header of %d bytes, but %s", length,
                                         head.size() < kNpyHeadMax ? "the file ends before" : "the limit is 65,000"));
  }
  ELANUS_ASSIGN_OR_RETURN(NpyHeader header, Parser(head.substr(prefix, length), name).Parse());
  header.data_offset = prefix + length;
  return header;
}

std::string MakeNpyHeader(Scalar scalar, std::uint64_t rows, std::uint64_t columns) {
  constexpr std::size_t kBytes = 128;
  const char* descr = "";
  for (const Descr& known : kDescrs) {
    if (known.scalar == scalar) {
      descr = known.text;
      break;
    }
  }
  std::string header(kMagic);
  header.append({1, 0, static_cast<char>(kBytes - 10), 0});
  absl::StrAppendFormat(&header, "{'descr': '%s', 'fortran_order': False, 'shape': (%d, %d), }", descr, rows, columns);
  header.resize(kBytes - 1, ' ');
  header.push_back('\n');
  return header;
}

}  // namespace elanus::io
