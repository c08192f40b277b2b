#include "index/image.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "host/base/check.h"
#include "host/io/buffer.h"
#include "host/io/crc32c.h"
#include "host/io/file.h"

namespace elanus::index {
namespace {

static_assert(std::endian::native == std::endian::little, "files are little-endian and mapped as they are");

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'E', 'L', 'A', 'N', 'U', 'S', '\n'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kOldestReader = 1;
constexpr std::uint64_t kBlock = 4096;
constexpr std::size_t kIoPiece = std::size_t{1} << 20;

struct Header {
  std::array<unsigned char, 8> magic;
  std::uint32_t version;
  std::uint32_t oldest_reader;
  std::uint64_t file_bytes;
  std::uint64_t rows;
  std::uint32_t dim;
  std::uint8_t kind;
  std::uint8_t metric;
  std::uint8_t element;
  std::uint8_t zero;
  std::uint32_t sections;
  std::array<std::uint32_t, 3> zeros;
  std::uint32_t table_crc;
  std::uint32_t header_crc;
};
static_assert(sizeof(Header) == 64);

struct TableEntry {
  std::uint32_t id;
  std::uint32_t crc;
  std::uint64_t offset;
  std::uint64_t bytes;
  std::uint64_t zero;
};
static_assert(sizeof(TableEntry) == 32);

constexpr std::size_t kSectionsMax = (kBlock - sizeof(Header)) / sizeof(TableEntry);

/// The first 4096 bytes of a file.
struct FirstBlock {
  Header header;
  std::array<TableEntry, kSectionsMax> table;
};
static_assert(sizeof(FirstBlock) == kBlock && kSectionsMax == 126);

std::uint32_t HeaderCrc(const FirstBlock& block) { return io::Crc32c(0, &block, offsetof(Header, header_crc)); }
std::uint32_t TableCrc(const FirstBlock& block) { return io::Crc32c(0, block.table.data(), sizeof(block.table)); }

constexpr std::uint64_t RoundUp(std::uint64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

struct Section {
  absl::Span<const std::byte> bytes;
  io::Buffer memory;  // empty when mapped
};

absl::Status Damaged(const std::string& path, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

/// Everything about the first block but the table.
absl::Status CheckHeader(const FirstBlock& block, std::uint64_t file_bytes, const std::string& path) {
  const Header& header = block.header;
  if (header.magic != kMagic) return Damaged(path, "not an Elanus index: it does not begin with the magic bytes");
  if (HeaderCrc(block) != header.header_crc) {
    return Damaged(path, absl::StrFormat("damaged header: CRC32C is %08x, stored %08x; restore or rebuild the index",
                                         HeaderCrc(block), header.header_crc));
  }
  if (header.oldest_reader > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: format version %d, which needs a reader of version %d or newer; this one is version %d",
                        path, header.version, header.oldest_reader, kVersion));
  }
  if (file_bytes != header.file_bytes) {
    return Damaged(path, absl::StrFormat("%s: %d bytes, the header says %d; restore or rebuild the index",
                                         file_bytes < header.file_bytes ? "truncated" : "followed by foreign bytes",
                                         file_bytes, header.file_bytes));
  }
  if (TableCrc(block) != header.table_crc) {
    return Damaged(path,
                   absl::StrFormat("damaged section table: CRC32C is %08x, stored %08x; restore or rebuild the index",
                                   TableCrc(block), header.table_crc));
  }
  return absl::OkStatus();
}

absl::Status CheckSpec(const Header& header, const std::string& path) {
  const bool bits = header.element == static_cast<std::uint8_t>(base::Element::kBit);
  const std::uint32_t dim_max = bits ? base::kBitsMax : base::kDimMax;
  if (KindName(static_cast<Kind>(header.kind)) == absl::string_view("?")) {
    return Damaged(path, absl::StrFormat("unknown index kind %d", header.kind));
  }
  if (MetricName(static_cast<Metric>(header.metric)) == absl::string_view("?")) {
    return Damaged(path, absl::StrFormat("unknown metric %d", header.metric));
  }
  if (base::ElementName(static_cast<base::Element>(header.element)) == absl::string_view("?")) {
    return Damaged(path, absl::StrFormat("unknown element type %d", header.element));
  }
  if (header.dim < 1 || header.dim > dim_max) {
    return Damaged(path, absl::StrFormat("dimension %d, outside 1..%d", header.dim, dim_max));
  }
  if (header.rows < 1 || header.rows > base::kRowsMax) {
    return Damaged(path, absl::StrFormat("%d rows, outside 1..%d", header.rows, base::kRowsMax));
  }
  return absl::OkStatus();
}

/// Checks that the sections lie one after another and fill the file.
absl::Status CheckTable(const FirstBlock& block, const std::string& path) {
  const Header& header = block.header;
  if (header.sections > kSectionsMax) {
    return Damaged(path, absl::StrFormat("%d sections, at most %d fit", header.sections, kSectionsMax));
  }
  std::uint64_t end = kBlock;
  for (std::uint32_t i = 0; i < header.sections; ++i) {
    const TableEntry& entry = block.table[i];
    if (i > 0 && entry.id <= block.table[i - 1].id) {
      return Damaged(path, absl::StrFormat("section %d follows section %d", entry.id, block.table[i - 1].id));
    }
    if (entry.offset != end || end > header.file_bytes || entry.bytes > header.file_bytes - end) {
      return Damaged(
          path, absl::StrFormat("section %d: %d bytes at %d do not fit: expected at %d in a file of %d bytes", entry.id,
                                entry.bytes, entry.offset, end, header.file_bytes));
    }
    end += RoundUp(entry.bytes);
  }
  if (end != header.file_bytes) {
    return Damaged(path, absl::StrFormat("sections end at byte %d of %d", end, header.file_bytes));
  }
  return absl::OkStatus();
}

/// CRC32C of [offset, offset + bytes), read through a small buffer: reading through a mapping would
/// make the whole file resident.
absl::StatusOr<std::uint32_t> FileCrc(const io::InputFile& file, std::uint64_t offset, std::uint64_t bytes,
                                      std::vector<std::byte>& buffer) {
  std::uint32_t crc = 0;
  for (std::uint64_t done = 0; done < bytes; done += buffer.size()) {
    const auto piece = absl::MakeSpan(buffer.data(), std::min<std::uint64_t>(buffer.size(), bytes - done));
    ELANUS_RETURN_IF_ERROR(file.ReadAt(offset + done, piece));
    crc = io::Crc32c(crc, piece.data(), piece.size());
  }
  return crc;
}

absl::Status CheckSections(const FirstBlock& block, const io::InputFile& file) {
  std::vector<std::byte> buffer(kIoPiece);
  for (std::uint32_t i = 0; i < block.header.sections; ++i) {
    const TableEntry& entry = block.table[i];
    ELANUS_ASSIGN_OR_RETURN(const std::uint32_t crc, FileCrc(file, entry.offset, RoundUp(entry.bytes), buffer));
    if (crc != entry.crc) {
      return Damaged(file.path(),
                     absl::StrFormat("damaged section %d (bytes %d to %d): CRC32C is %08x, stored %08x; restore or "
                                     "rebuild the index",
                                     entry.id, entry.offset, entry.offset + RoundUp(entry.bytes), crc, entry.crc));
    }
  }
  return absl::OkStatus();
}

/// Appends a section and the zeros after it, in pieces that stay in cache between the CRC and the write.
absl::StatusOr<std::uint32_t> AppendSection(absl::Span<const std::byte> bytes, io::OutputFile& file) {
  static constexpr std::array<std::byte, kBlock> kZeros{};
  std::uint32_t crc = 0;
  for (std::size_t done = 0; done < bytes.size(); done += kIoPiece) {
    const auto piece = bytes.subspan(done, kIoPiece);
    crc = io::Crc32c(crc, piece.data(), piece.size());
    ELANUS_RETURN_IF_ERROR(file.Append(piece.data(), piece.size()));
  }
  const std::uint64_t padding = RoundUp(bytes.size()) - bytes.size();
  ELANUS_RETURN_IF_ERROR(file.Append(kZeros.data(), padding));
  return io::Crc32c(crc, kZeros.data(), padding);
}

}  // namespace

const char* SectionName(SectionId id) {
  switch (id) {
    case SectionId::kParams:
      return "params";
    case SectionId::kRows:
      return "rows";
    case SectionId::kCodes:
      return "codes";
    case SectionId::kRowIds:
      return "row ids";
    case SectionId::kBias:
      return "bias";
    case SectionId::kCodec:
      return "codec";
    case SectionId::kCentroids:
      return "centroids";
    case SectionId::kListOffsets:
      return "list offsets";
    case SectionId::kListLengths:
      return "list lengths";
    case SectionId::kRowScale:
      return "row scale";
    case SectionId::kGraph:
      return "graph";
    case SectionId::kGraphUpper:
      return "upper graph";
    case SectionId::kGraphLevels:
      return "graph levels";
    case SectionId::kTrees:
      return "trees";
    case SectionId::kTreeItems:
      return "tree items";
    case SectionId::kRotation:
      return "rotation";
    case SectionId::kCodebooks:
      return "codebooks";
    case SectionId::kCentroidCodes:
      return "centroid codes";
    case SectionId::kPopcounts:
      return "popcounts";
    case SectionId::kTreeCuts:
      return "tree cuts";
    case SectionId::kCentroidPopcounts:
      return "centroid popcounts";
    case SectionId::kColumnCounts:
      return "column counts";
    case SectionId::kEqualNodes:
      return "equal nodes";
  }
  return "unknown";
}

class Image::Impl {
 public:
  Spec spec;
  io::Mapping mapping;
  std::map<SectionId, Section> sections;  // ordered: the order in the file
};

Image::Image(const Spec& spec) : impl_(std::make_unique<Impl>()) { impl_->spec = spec; }
Image::Image(Image&&) noexcept = default;
Image& Image::operator=(Image&&) noexcept = default;
Image::~Image() = default;

const Spec& Image::spec() const { return impl_->spec; }

absl::StatusOr<absl::Span<std::byte>> Image::Add(SectionId id, std::size_t bytes) {
  ELANUS_CHECK(impl_->sections.count(id) == 0 && impl_->sections.size() < kSectionsMax);
  ELANUS_ASSIGN_OR_RETURN(io::Buffer memory, io::Buffer::Allocate(bytes, absl::StrFormat("section %d of the %s index",
                                                                                         static_cast<std::uint32_t>(id),
                                                                                         KindName(spec().kind))));
  const absl::Span<std::byte> span = memory.bytes();
  impl_->sections.emplace(id, Section{span, std::move(memory)});
  return span;
}

absl::Span<const std::byte> Image::section(SectionId id) const {
  const auto found = impl_->sections.find(id);
  return found == impl_->sections.end() ? absl::Span<const std::byte>() : found->second.bytes;
}

std::vector<SectionId> Image::sections() const {
  std::vector<SectionId> ids;
  for (const auto& [id, section] : impl_->sections) {
    if (!section.bytes.empty()) ids.push_back(id);
  }
  return ids;
}

absl::Span<std::byte> Image::MutableSection(SectionId id) {
  const auto found = impl_->sections.find(id);
  ELANUS_CHECK(found != impl_->sections.end());
  const absl::Span<std::byte> bytes = found->second.memory.bytes();
  ELANUS_CHECK(bytes.size() == found->second.bytes.size());  // not a mapped one
  return bytes;
}

absl::Status Image::CheckSize(SectionId id, std::uint64_t count, std::size_t item_bytes) const {
  const std::uint64_t bytes = section(id).size();
  if (bytes % item_bytes == 0 && bytes / item_bytes == count) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrFormat("section %d of the %s index holds %d bytes instead of %d items of %d bytes",
                      static_cast<std::uint32_t>(id), KindName(spec().kind), bytes, count, item_bytes));
}

absl::Status Image::Save(const std::string& path) const {
  FirstBlock block{};
  ELANUS_ASSIGN_OR_RETURN(io::OutputFile file, io::OutputFile::Create(path));
  ELANUS_RETURN_IF_ERROR(file.Append(&block, sizeof(block)));  // its place, until the checksums are known
  Header& header = block.header;
  for (const auto& [id, section] : impl_->sections) {
    TableEntry& entry = block.table[header.sections++];
    entry.id = static_cast<std::uint32_t>(id);
    entry.offset = file.size();
    entry.bytes = section.bytes.size();
    ELANUS_ASSIGN_OR_RETURN(entry.crc, AppendSection(section.bytes, file));
  }
  header.magic = kMagic;
  header.version = kVersion;
  header.oldest_reader = kOldestReader;
  header.file_bytes = file.size();
  header.rows = spec().rows;
  header.dim = spec().dim;
  header.kind = static_cast<std::uint8_t>(spec().kind);
  header.metric = static_cast<std::uint8_t>(spec().metric);
  header.element = static_cast<std::uint8_t>(spec().element);
  header.table_crc = TableCrc(block);
  header.header_crc = HeaderCrc(block);
  ELANUS_RETURN_IF_ERROR(file.Overwrite(0, &block, sizeof(block)));
  return file.Commit();
}

absl::StatusOr<Image> Image::Open(const std::string& path, OpenOptions options) {
  ELANUS_ASSIGN_OR_RETURN(const io::InputFile file, io::InputFile::Open(path));
  if (file.size() < kBlock) {
    return Damaged(path, absl::StrFormat("not an Elanus index, or truncated: %d bytes, the header alone has %d",
                                         file.size(), kBlock));
  }
  FirstBlock block;
  ELANUS_RETURN_IF_ERROR(file.ReadAt(0, absl::MakeSpan(reinterpret_cast<std::byte*>(&block), sizeof(block))));
  ELANUS_RETURN_IF_ERROR(CheckHeader(block, file.size(), path));
  ELANUS_RETURN_IF_ERROR(CheckSpec(block.header, path));
  ELANUS_RETURN_IF_ERROR(CheckTable(block, path));
  if (options.verify) ELANUS_RETURN_IF_ERROR(CheckSections(block, file));

  const Header& header = block.header;
  Image image(Spec{static_cast<Kind>(header.kind), static_cast<Metric>(header.metric),
                   static_cast<base::Element>(header.element), header.dim, header.rows});
  if (options.map) {
    ELANUS_ASSIGN_OR_RETURN(image.impl_->mapping, io::Mapping::Create(file));
  }
  for (std::uint32_t i = 0; i < header.sections; ++i) {
    const TableEntry& entry = block.table[i];
    const auto id = static_cast<SectionId>(entry.id);
    if (options.map) {
      image.impl_->sections[id].bytes = image.impl_->mapping.bytes().subspan(entry.offset, entry.bytes);
    } else {
      ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bytes, image.Add(id, entry.bytes));
      ELANUS_RETURN_IF_ERROR(file.ReadAt(entry.offset, bytes));
    }
  }
  return image;
}

std::uint64_t Image::FileBytes(absl::Span<const std::uint64_t> section_bytes) {
  std::uint64_t bytes = kBlock;
  for (const std::uint64_t section : section_bytes) bytes += RoundUp(section);
  return bytes;
}

}  // namespace elanus::index
