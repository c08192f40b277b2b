// 8-bit codes of graph nodes, and scores from them: what a walk over the graph orders nodes by.
//
// Component d of a node is c in -128..127, stored as c + 128. One step for all components, so that a node's code can
// take the place of a query: the distance between two nodes is an integer sum over their codes.
//
//   int8, uint8 rows under L2 and IP ("lossless"): c is the component (less 128 for uint8). Scores are exact distances.
//   all others: c = round((x - mid[d]) / step), clamped, where x is the row (for cosine: times its inverse norm). The
//     step is the one with the least squared error on a sample of the rows. Scores only guide the walk: what it finds
//     is measured exactly afterwards.
#ifndef ELANUS_INDEX_HNSW_CODEC_H_
#define ELANUS_INDEX_HNSW_CODEC_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "host/base/aligned.h"
#include "host/base/element.h"
#include "host/base/key.h"
#include "host/simd/kernels.h"
#include "index/image.h"
#include "index/query.h"
#include "index/spec.h"

namespace elanus::index {

/// A distance as an unsigned integer with the same order. For lossless codes ExactDistance gives the distance back.
using Score = std::uint32_t;

/// Codes of all nodes: node i's lies at codes + i * stride. bias: [nodes], see GraphCodec::Encode. A view.
struct NodeCodes {
  const std::uint8_t* codes = nullptr;
  std::size_t stride = 0;
  const std::int32_t* bias = nullptr;
};

/// What nodes are scored against: a query, or a node. Reusable: keeps its memory.
struct ScoreTarget {
  base::AlignedArray<std::int8_t> storage;
  const std::int8_t* weights = nullptr;  // [code stride], zeros past the dimension
  bool exact = true;                     // score = bias + scale * dot + offset in integers,
  std::int32_t scale = 0;                //   wrapping: only the sum is known to fit
  std::int32_t offset = 0;  // else (queries of lossy codes) bias_factor * bias + float_scale * (dot + offset)
  float float_scale = 0;
  float bias_factor = 0;
};

/// Immutable, safe to share between threads.
class GraphCodec {
 public:
  /// Learns mid and step from up to some million components of evenly spaced rows; lossless codecs learn nothing.
  /// `inverse_norms`: [rows.count], for cosine; else unused.
  static GraphCodec Train(const simd::Kernels& kernels, Metric metric, const base::Vectors& rows,
                          const float* inverse_norms);
  /// From the kCodec section, where there is one. Errors: kDataLoss.
  static absl::StatusOr<GraphCodec> Load(const Image& image);

  /// True for int8 and uint8 rows under L2 and IP.
  static bool Lossless(const Spec& spec) { return IsInteger(spec.element) && spec.metric != Metric::kCosine; }
  /// Bytes of the kCodec section: 0 for lossless codecs.
  static std::size_t SectionBytes(const Spec& spec);
  /// Bytes from one node's code to the next: whole cache lines.
  static std::size_t Stride(const Spec& spec) { return (std::size_t{spec.dim} + 63) / 64 * 64; }
  /// Writes the kCodec section; `out` has SectionBytes.
  void Save(absl::Span<std::byte> out) const;

  bool lossless() const { return lossless_; }

  /// Encodes one row: code[0, dim) is written, the rest of the stride stays as it is (zeros). Returns the node's bias.
  /// `values`: scratch, [dim]. `inverse_norm` as in Train.
  std::int32_t Encode(const simd::Kernels& kernels, const std::byte* row, float inverse_norm, absl::Span<float> values,
                      std::uint8_t* code) const;

  /// Costs about a nanosecond a component.
  void PrepareQuery(const Query& query, ScoreTarget* probe) const;
  void PrepareNode(const std::uint8_t* code, std::int32_t bias, ScoreTarget* probe) const;

  /// scores[i] = score of node nodes[i]. dots: scratch, [count].
  static void Scores(const simd::Kernels& kernels, const NodeCodes& codes, const ScoreTarget& probe,
                     absl::Span<const std::uint32_t> nodes, std::int32_t* dots, Score* scores);
  /// The distance (minimised form) that a score of lossless codes stands for.
  static float ExactDistance(Score score) { return static_cast<float>(static_cast<std::int32_t>(score ^ kSignBit)); }

 private:
  static constexpr std::uint32_t kSignBit = 0x80000000u;

  GraphCodec(Metric metric, base::Element element, std::uint32_t dim);
  void Learn(const simd::Kernels& kernels, const base::Vectors& rows, const float* inverse_norms);
  void QuantiseQuery(const Query& query, std::int8_t* weights, ScoreTarget* probe) const;
  std::int8_t* Weights(ScoreTarget* probe) const;
  void SetInteger(const std::int8_t* weights, std::int32_t bias, ScoreTarget* probe) const;
  std::int32_t Bias(const std::uint8_t* code) const;

  Metric metric_;
  base::Element element_;
  std::uint32_t dim_;
  bool lossless_;
  float step_ = 1;
  std::vector<float> mid_;
};

}  // namespace elanus::index

#endif  // ELANUS_INDEX_HNSW_CODEC_H_
