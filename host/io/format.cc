#include "host/io/format.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/check.h"

namespace elanus::io {
namespace {

struct Extension {
  const char* text;
  Format format;
};
constexpr Extension kExtensions[] = {
    {".fvecs", Format::kFvecs}, {".bvecs", Format::kBvecs}, {".ivecs", Format::kIvecs}, {".fbin", Format::kFbin},
    {".u8bin", Format::kU8bin}, {".i8bin", Format::kI8bin}, {".ibin", Format::kIbin},   {".npy", Format::kNpy},
    {".hdf5", Format::kHdf5},   {".h5", Format::kHdf5},     {".jsonl", Format::kJsonl}, {".ndjson", Format::kJsonl},
    {".csv", Format::kCsv},     {".txt", Format::kTxt},
};

const Extension* ExtensionOf(absl::string_view file) {
  const std::string lower = absl::AsciiStrToLower(file);
  for (const Extension& extension : kExtensions) {
    if (absl::EndsWith(lower, extension.text)) return &extension;
  }
  return nullptr;
}

}  // namespace

std::size_t ScalarBytes(Scalar scalar) {
  switch (scalar) {
    case Scalar::kI8:
    case Scalar::kU8:
    case Scalar::kBool:
      return 1;
    case Scalar::kF16:
    case Scalar::kVoid2:
    case Scalar::kI16:
    case Scalar::kU16:
      return 2;
    case Scalar::kF32:
    case Scalar::kI32:
    case Scalar::kU32:
      return 4;
    case Scalar::kF64:
    case Scalar::kI64:
    case Scalar::kU64:
      return 8;
  }
  return 0;
}

const char* ScalarName(Scalar scalar) {
  switch (scalar) {
    case Scalar::kF32:
      return "float32";
    case Scalar::kF64:
      return "float64";
    case Scalar::kF16:
      return "float16";
    case Scalar::kVoid2:
      return "2-byte void";
    case Scalar::kI8:
      return "int8";
    case Scalar::kU8:
      return "uint8";
    case Scalar::kI16:
      return "int16";
    case Scalar::kU16:
      return "uint16";
    case Scalar::kI32:
      return "int32";
    case Scalar::kU32:
      return "uint32";
    case Scalar::kI64:
      return "int64";
    case Scalar::kU64:
      return "uint64";
    case Scalar::kBool:
      return "bool";
  }
  return "?";
}

Scalar ScalarOf(base::Element element) {
  switch (element) {
    case base::Element::kF32:
      return Scalar::kF32;
    case base::Element::kF16:
      return Scalar::kF16;
    case base::Element::kBf16:
      return Scalar::kVoid2;
    case base::Element::kI8:
      return Scalar::kI8;
    case base::Element::kU8:
    case base::Element::kBit:
      return Scalar::kU8;
  }
  return Scalar::kF32;
}

Scalar ScalarOf(Format format) {
  ELANUS_CHECK(IsTexmex(format) || IsBin(format));
  if (format == Format::kFvecs || format == Format::kFbin) return Scalar::kF32;
  if (format == Format::kIvecs || format == Format::kIbin) return Scalar::kI32;
  return format == Format::kI8bin ? Scalar::kI8 : Scalar::kU8;
}

absl::StatusOr<Location> Locate(const std::string& path, absl::string_view default_dataset) {
  if (const Extension* extension = ExtensionOf(path)) {
    return Location{path, extension->format, std::string(default_dataset)};
  }
  const std::size_t colon = path.rfind(':');
  if (colon != std::string::npos && colon + 1 < path.size()) {
    const std::string file = path.substr(0, colon);
    const Extension* extension = ExtensionOf(file);
    if (extension != nullptr && extension->format == Format::kHdf5) {
      return Location{file, Format::kHdf5, path.substr(colon + 1)};
    }
  }
  std::string known;
  for (const Extension& extension : kExtensions) absl::StrAppend(&known, known.empty() ? "" : " ", extension.text);
  return BadFile(path, absl::StrCat("the extension says no known format; known: ", known));
}

absl::Status BadFile(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(name, ": ", what));
}

absl::Status CheckDim(absl::string_view name, base::Element element, std::uint64_t dim) {
  const bool bits = element == base::Element::kBit;
  const std::uint32_t limit = bits ? base::kBitsMax : base::kDimMax;
  if (dim >= 1 && dim <= limit) return absl::OkStatus();
  return BadFile(name,
                 absl::StrFormat("rows of %d %s; 1 to %d are possible", dim, bits ? "bits" : "components", limit));
}

}  // namespace elanus::io
