// The shape of an IVF_PQ index, its sections, and how rows get into them.
#ifndef ELANUS_INDEX_PQ_PQ_SECTIONS_H_
#define ELANUS_INDEX_PQ_PQ_SECTIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "index/image.h"
#include "index/index.h"
#include "index/ivf/lists.h"
#include "index/pq/quantiser.h"

namespace elanus::index {

/// First bytes of kCodebooks. Written as it lies in memory, little-endian.
struct PqHeader {
  std::uint32_t m;
  std::uint32_t nbits;
  std::uint32_t rotated;  // 0 or 1
  std::uint32_t refined;  // 0 or 1: the rows are kept
  std::uint32_t nlist;
  std::uint32_t zeros[11];
};
static_assert(sizeof(PqHeader) == 64);

/// Everything that sizes depend on.
struct IvfPqShape {
  PqShape pq;
  std::uint64_t nlist = 0;
  bool rotated = false;
  bool refined = true;

  /// Errors: kInvalidArgument naming m, nbits or dim where they do not fit.
  static absl::StatusOr<IvfPqShape> For(const Spec& spec, const BuildParams& params);
  /// From the kCodebooks section. Errors: kDataLoss.
  static absl::StatusOr<IvfPqShape> Load(const Image& image);

  /// Bytes of 32 rows' codes.
  std::size_t group_bytes() const;
  /// Bytes of the sections beside those of the coarse quantiser and the lists.
  std::vector<std::uint64_t> SectionBytes(const Spec& spec) const;
};

/// Trains rotation and codebooks on residuals, and adds all sections of SectionBytes. `labels`: list of each row;
/// `row_of_slot`: as WriteLists returned it. The image holds the coarse sections. Errors: kCancelled,
/// kResourceExhausted.
absl::Status WritePq(const BuildRequest& request, const IvfPqShape& shape, absl::Span<const std::uint32_t> labels,
                     absl::Span<const std::uint32_t> row_of_slot, Image* image);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_PQ_PQ_SECTIONS_H_
