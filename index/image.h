// An index as bytes: a set of sections, in memory or mapped from a file. An index is a view of its image, so that a
// fresh build and a mapped file run the same code. The file format is in index/FORMAT.md.
#ifndef ELANUS_INDEX_IMAGE_H_
#define ELANUS_INDEX_IMAGE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/status_macros.h"
#include "index/spec.h"

namespace elanus::index {

/// What a section holds. Values are on disk: never reused. FORMAT.md describes each.
enum class SectionId : std::uint32_t {
  kParams = 1,        // build parameters, JSON object of integers
  kRows = 2,          // original rows, row-major, stride a multiple of 64
  kCodes = 3,         // scan codes, G32C16 or G32N4
  kRowIds = 4,        // uint32 row number of each code slot
  kBias = 5,          // float or int32 per code slot
  kCodec = 6,         // quantiser tables
  kCentroids = 7,     // coarse centroids, float row-major
  kListOffsets = 8,   // uint32 per list: first group
  kListLengths = 9,   // uint32 per list: rows
  kRowScale = 10,     // float per row: 1 / norm
  kGraph = 11,        // neighbour lists
  kGraphUpper = 12,   // neighbour lists of the upper levels
  kGraphLevels = 13,  // levels
  kTrees = 14,        // tree nodes
  kTreeItems = 15,    // tree leaves
  kRotation = 16,     // float matrix
  kCodebooks = 17,    // product-quantiser codebooks
  kCentroidCodes = 18,
  kPopcounts = 19,
  kTreeCuts = 20,           // thresholds of tree nodes
  kCentroidPopcounts = 21,  // uint32 per list: set bits of its centroid
  kColumnCounts = 22,       // uint32 per bit: rows that have it set
  kEqualNodes = 23,         // uint32 per node: the next one with the same code
};

/// "row ids": as FORMAT.md calls it.
const char* SectionName(SectionId id);

/// Sections of one index. Move-only. Const calls are safe from many threads.
class Image {
 public:
  explicit Image(const Spec& spec);
  Image(Image&&) noexcept;
  Image& operator=(Image&&) noexcept;
  ~Image();

  const Spec& spec() const;

  /// Adds a zero-filled, 64-byte aligned section in memory and returns it to be written. At most one per id (a CHECK).
  /// Errors: kResourceExhausted naming the bytes when memory does not suffice.
  absl::StatusOr<absl::Span<std::byte>> Add(SectionId id, std::size_t bytes);

  /// The bytes of a section, 64-byte aligned; empty when there is none.
  absl::Span<const std::byte> section(SectionId id) const;

  /// The sections there are, none of them empty, in the order of the file.
  std::vector<SectionId> sections() const;

  /// The section's bytes to be written. Only for images built in memory (a CHECK).
  absl::Span<std::byte> MutableSection(SectionId id);

  /// The section as an array of T. Errors: kDataLoss naming the section unless it holds exactly `count` items:
  /// what a kind's Open calls, so that no wrong size can get past it.
  template <class T>
  absl::StatusOr<absl::Span<const T>> Array(SectionId id, std::uint64_t count) const {
    ELANUS_RETURN_IF_ERROR(CheckSize(id, count, sizeof(T)));
    return absl::Span<const T>(reinterpret_cast<const T*>(section(id).data()), count);
  }

  /// Writes the file under a temporary name beside `path`, syncs it, renames it: `path` is the old file or the whole
  /// new one. Errors name the path and the cause; nothing is left behind.
  absl::Status Save(const std::string& path) const;

  struct OpenOptions {
    bool verify = true;  // check every section's CRC32C (reads the file once)
    bool map = true;     // false: read into memory instead of mapping
  };
  /// Errors: kNotFound, kPermissionDenied; kDataLoss for a file that is not an index, is truncated or damaged, each
  /// naming the path, the section and the values; kFailedPrecondition for a newer format, naming both versions.
  static absl::StatusOr<Image> Open(const std::string& path, OpenOptions options);

  /// Bytes of the file that Save would write, from section sizes alone.
  static std::uint64_t FileBytes(absl::Span<const std::uint64_t> section_bytes);

 private:
  absl::Status CheckSize(SectionId id, std::uint64_t count, std::size_t item_bytes) const;
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_IMAGE_H_
