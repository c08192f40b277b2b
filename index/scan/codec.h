// 8-bit scan codes of rows, and lower bounds of distances from them.
//
// A scan reads one byte a component instead of two or four, multiplies in integers, and keeps a row only if a proven
// lower bound of its distance is within the current k-th best; only such rows are measured exactly. So results are
// exact whatever the data; data with outliers only makes the bound looser and the scan slower.
// Same idea: the VA-file (Weber, Schek, Blott: A Quantitative Analysis ... for Similarity-Search Methods, VLDB 1998).
#ifndef ELANUS_INDEX_SCAN_CODEC_H_
#define ELANUS_INDEX_SCAN_CODEC_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/aligned.h"
#include "host/base/element.h"
#include "host/base/layout.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"
#include "host/threads/pool.h"
#include "index/image.h"
#include "index/query.h"
#include "index/spec.h"

namespace elanus::index {

/// How rows become codes, and distances come back.
///
/// Float rows: the row (for cosine: times its inverse norm) is x = mid + step * c + e, per component, c in -128..127,
///   stored as c + 128; |e| <= step / 2. mid and step come from the extremes of the data, so no value is clipped.
/// int8 and uint8 rows: the code is the component itself (plus 128 for int8): lossless, distances are exact integers.
///
/// Immutable, safe to share between threads.
class ScanCodec {
 public:
  /// What is bounded from below: the distance to the original row, or to the vector its codes stand for (SQ8 without
  /// the rows). For integer rows the two are the same.
  enum class Target { kRow, kDecoded };

  /// Learns mid and step from the extremes of `rows`. Deterministic for any number of threads.
  /// `inverse_norms`: [rows.count], for cosine; else unused. Errors: kCancelled.
  static absl::StatusOr<ScanCodec> Train(const simd::Kernels& kernels, Metric metric, Target target,
                                         const base::Vectors& rows, const float* inverse_norms, threads::Pool& pool,
                                         const base::Monitor& monitor);
  /// From the kCodec section of a float index (integer indexes have none). Errors: kDataLoss.
  static absl::StatusOr<ScanCodec> Load(const Image& image, Target target);
  /// From what Save wrote. Errors: kDataLoss.
  static absl::StatusOr<ScanCodec> Load(Metric metric, Target target, base::Element element, std::uint32_t dim,
                                        absl::Span<const std::byte> bytes);

  /// Bytes of the kCodec section: 0 for integer rows.
  static std::size_t SectionBytes(base::Element element, std::uint32_t dim);
  /// Writes the kCodec section; `out` has SectionBytes.
  void Save(absl::Span<std::byte> out) const;

  bool lossless() const { return !IsFloat(element_); }
  std::uint32_t chunks() const { return base::ChunksFor(dim_); }  // 16-byte chunks of a row's codes
  std::uint32_t dim() const { return dim_; }

  /// What is stored beside a row's codes.
  struct Side {
    float bias = 0;             // float rows, L2: |target - mid|^2; else 0
    std::int32_t int_bias = 0;  // integer rows: makes dots exact, see codec.cc
  };
  /// Encodes one row. codes: [chunks * 16], wholly written. `inverse_norm` as in Train. Widens the error bounds that
  /// Save writes, so encode every row (on one codec a thread: MergeBounds joins them) before Save.
  Side Encode(const simd::Kernels& kernels, const std::byte* row, float inverse_norm, std::uint8_t* codes);
  void MergeBounds(const ScanCodec& other);
  /// The codes nearest to a query, as if it were a row. codes: [chunks * 16], wholly written.
  void EncodeQuery(const Query& query, std::uint8_t* codes) const;
  /// The vector that codes stand for: out[dim], step * c + mid, each operation rounded (float rows only).
  void Decode(const std::uint8_t* codes, float* out) const;

  /// A query against these codes. Weights are 64-byte aligned.
  struct ScanQuery {
    base::AlignedArray<std::int8_t> storage;
    std::vector<double> work;              // scratch
    const std::int8_t* weights = nullptr;  // [chunks * 16]
    float scale = 0;                       // float rows: distance >= offset + bias + scale * dot, and at most
    float offset = 0;                      //   that + width (proven: they include every rounding and
    float width = 0;                       //   quantisation error)
    /// Float rows: bias + scale * dot above this means a distance above `distance` (NaN: above everything).
    float ScoreLimit(float distance) const {
      if (distance != distance) return std::numeric_limits<float>::infinity();
      return std::max(distance, std::numeric_limits<float>::lowest()) - offset;
    }
    std::int32_t int_scale = 0;   // integer rows, L2 and IP: distance == int_offset + int_bias + int_scale * dot
    std::int32_t int_offset = 0;  //   cosine: inner product == dot + int_bias + int_offset
  };
  /// Costs a few hundred nanoseconds; allocates once, then reuses `out`.
  void PrepareQuery(const Query& query, ScanQuery* out) const;

 private:
  ScanCodec(Metric metric, Target target, base::Element element, std::uint32_t dim);
  float CodeOf(float x, std::uint32_t d) const;
  Side EncodeInteger(const std::byte* row, std::uint8_t* codes) const;
  void PrepareIntegerQuery(const Query& query, std::int8_t* weights, ScanQuery* out) const;

  Metric metric_;
  Target target_;
  base::Element element_;
  std::uint32_t dim_;
  std::vector<float> mid_;  // padded with zeros to a multiple of eight, step_ too
  std::vector<float> step_;
  float error_max_ = 0;  // largest |target - decoded| of a row: rounding alone for kDecoded
  float code_max_ = 0;   // largest |c| of a row, Euclidean, in steps
  float norm_max_ = 0;   // largest |target - mid| (L2) or |target| (IP, cosine)
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_SCAN_CODEC_H_
