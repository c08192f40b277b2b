// Product quantiser: a vector as m codes of 4 or 8 bits, one for each slice of its components.
// Source: Jegou, Douze, Schmid: Product Quantization for Nearest Neighbor Search, TPAMI 2011. The scan with 8-bit
// look-up tables and 4-bit codes follows Andre, Kermarrec, Le Scouarnec: Cache locality is not enough, VLDB 2015.
#ifndef ELANUS_INDEX_PQ_QUANTISER_H_
#define ELANUS_INDEX_PQ_QUANTISER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/aligned.h"
#include "host/base/progress.h"
#include "host/threads/pool.h"

namespace elanus::index {

/// Shape of the codes. `dim` is a multiple of `m`.
struct PqShape {
  std::uint32_t dim = 0;
  std::uint32_t m = 0;      // sub-quantisers
  std::uint32_t nbits = 0;  // 4 or 8

  std::uint32_t sub_dim() const { return dim / m; }
  std::uint32_t codewords() const { return 1u << nbits; }
  /// Sub-quantisers the scan sees: 4-bit codes come in fours, the added ones are zero.
  std::uint32_t scanned() const { return nbits == 4 ? (m + 3) / 4 * 4 : m; }
  std::uint64_t codebook_floats() const { return std::uint64_t{dim} * codewords(); }
  /// Largest entry of a quantised look-up table, such that no sum of a row passes 65535.
  std::uint32_t lut_max() const { return std::min(255u, 65535u / m); }
};

/// Codebooks, stored so that a look-up table is a sum of scaled rows: [dim][codewords], component d of codeword j at
/// d * codewords + j. A view; immutable, safe to share.
class PqCodebooks {
 public:
  PqCodebooks() = default;
  PqCodebooks(const PqShape& shape, const float* components) : shape_(shape), components_(components) {}

  const PqShape& shape() const { return shape_; }

  /// codes[i] = the codeword of slice i nearest to vector's (ties: the smaller); vector: [dim].
  void Encode(const float* vector, std::uint8_t* codes) const;
  /// out[dim] = the vector that codes stand for.
  void Decode(const std::uint8_t* codes, float* out) const;
  /// products[i * codewords + j] = <slice i of query, codeword j>, [m * codewords]; components added in order.
  void Products(const float* query, float* products) const;

 private:
  PqShape shape_;
  const float* components_ = nullptr;
};

/// An 8-bit look-up table for the scan: sum over i of factor * products[i][code_i] ~= offset + scale * sum of entries.
struct PqTable {
  base::AlignedArray<std::uint8_t> storage;
  std::vector<float> lows;                // [m] the least product of each slice, which its entries leave out
  const std::uint8_t* entries = nullptr;  // [scanned * codewords], 64-byte aligned
  float scale = 0;
  float offset = 0;
};
/// Quantises factor * products. Allocates once, then reuses `table`.
void QuantiseTable(const PqShape& shape, float factor, absl::Span<const float> products, PqTable* table);

/// Trains the codebooks of every slice by k-means (25 rounds at most) on `vectors`, [count][dim], row-major: seeded,
/// the same for any number of threads. out: [codebook_floats]. Errors: kCancelled.
absl::Status TrainCodebooks(const PqShape& shape, absl::Span<const float> vectors, std::uint64_t seed,
                            threads::Pool& pool, const base::Monitor& monitor, absl::Span<float> out);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_PQ_QUANTISER_H_
