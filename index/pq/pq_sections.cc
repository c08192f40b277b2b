#include "index/pq/pq_sections.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/aligned.h"
#include "host/base/layout.h"
#include "host/base/random.h"
#include "host/base/status_macros.h"
#include "index/ivf/coarse.h"
#include "index/pq/rotation.h"
#include "index/scan/coded_sections.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kPieceSlots = 2048;  // whole groups, so that no two pieces share one

/// Residuals looked at to train the codebooks: enough for every codeword to see some hundred, within 128 MiB.
std::uint64_t TrainingRows(const PqShape& pq, std::uint64_t rows) {
  constexpr std::uint64_t kFloats = std::uint64_t{32} << 20;
  return std::min<std::uint64_t>({rows, pq.nbits == 4 ? 32'768u : 65'536u, kFloats / pq.dim});
}

/// Turns rows into residuals and codes; one a thread.
class ResidualEncoder {
 public:
  ResidualEncoder(const BuildRequest& request, const base::Vectors& centroids, absl::Span<const float> norms,
                  const float* rotation)
      : request_(request),
        centroids_(centroids),
        norms_(norms),
        rotation_(rotation),
        row_(request.base.dim),
        residual_(request.base.dim) {}

  /// The (rotated) residual of base row `row` in list `list`: [dim], valid until the next call.
  const float* Residual(std::uint64_t row, std::uint32_t list) {
    const std::uint32_t dim = request_.base.dim;
    request_.kernels->distance.to_float[static_cast<int>(request_.base.element)](request_.base.row(row), dim,
                                                                                 row_.data());
    const float factor = norms_.empty() ? 1.0f : norms_[row];
    const auto* centroid = reinterpret_cast<const float*>(centroids_.row(list));
    for (std::uint32_t d = 0; d < dim; ++d) row_.data()[d] = row_.data()[d] * factor - centroid[d];
    if (rotation_ == nullptr) return row_.data();
    Rotate(*request_.kernels, rotation_, dim, row_.data(), residual_.data());
    return residual_.data();
  }

 private:
  const BuildRequest& request_;
  base::Vectors centroids_;  // fp32
  absl::Span<const float> norms_;
  const float* rotation_;
  base::AlignedArray<float> row_;
  base::AlignedArray<float> residual_;
};

absl::Status TrainOnResiduals(const BuildRequest& request, const IvfPqShape& shape, absl::Span<const float> norms,
                              absl::Span<const std::uint32_t> labels, const float* rotation,
                              const base::Vectors& centroids, absl::Span<float> codebooks) {
  const std::uint64_t count = TrainingRows(shape.pq, request.base.count);
  std::vector<float> residuals(count * shape.pq.dim);
  request.pool->ParallelFor(count, 256, [&](std::uint64_t begin, std::uint64_t end) {
    if (request.monitor.cancelled()) return;
    ResidualEncoder encoder(request, centroids, norms, rotation);
    for (std::uint64_t i = begin; i < end; ++i) {
      const std::uint64_t row = i * request.base.count / count;  // spread evenly
      const float* residual = encoder.Residual(row, labels[row]);
      std::copy(residual, residual + shape.pq.dim, residuals.data() + i * shape.pq.dim);
    }
  });
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  request.monitor.Stage("train codebooks", shape.pq.m);
  return TrainCodebooks(shape.pq, residuals, static_cast<std::uint64_t>(request.params.seed), *request.pool,
                        request.monitor, codebooks);
}

/// Puts one row's codes into its slot.
void Scatter(const IvfPqShape& shape, const std::uint8_t* code, std::uint64_t slot, std::byte* codes) {
  if (shape.pq.nbits == 8) {
    for (std::uint32_t i = 0; i < shape.pq.m; ++i) {
      codes[base::ChunkOffset(slot, i / base::kChunkBytes, base::ChunksFor(shape.pq.m)) + i % base::kChunkBytes] =
          static_cast<std::byte>(code[i]);
    }
    return;
  }
  std::byte* group = codes + slot / base::kGroupRows * shape.group_bytes();
  const std::uint64_t row = slot % base::kGroupRows;
  for (std::uint32_t i = 0; i < shape.pq.m; ++i) {
    group[std::size_t{i} * 16 + row % 16] |= static_cast<std::byte>(row < 16 ? code[i] : code[i] << 4);
  }
}

constexpr double kBiasMax = 1e37;  // finite, so that sums with it compare

/// |r^|^2 + 2 <Rc, r^> for L2, 0 for the inner products.
float BiasOf(Metric metric, const std::vector<float>& decoded, const float* rotated_centroid) {
  if (metric != Metric::kL2) return 0.0f;
  double bias = 0;
  for (std::size_t d = 0; d < decoded.size(); ++d) {
    bias += decoded[d] * (static_cast<double>(decoded[d]) + 2.0 * rotated_centroid[d]);
  }
  return static_cast<float>(std::clamp(bias, -kBiasMax, kBiasMax));
}

/// The centroids in the space of the residuals: [nlist][dim].
std::vector<float> RotatedCentroids(const BuildRequest& request, const IvfPqShape& shape, const float* rotation,
                                    const base::Vectors& centroids) {
  const std::uint32_t dim = shape.pq.dim;
  std::vector<float> rotated(shape.nlist * dim);
  request.pool->ParallelFor(shape.nlist, 64, [&](std::uint64_t begin, std::uint64_t end) {
    base::AlignedArray<float> in(dim);
    for (std::uint64_t list = begin; list < end; ++list) {
      std::memcpy(in.data(), centroids.row(list), sizeof(float) * dim);
      if (rotation != nullptr) {
        Rotate(*request.kernels, rotation, dim, in.data(), rotated.data() + list * dim);
      } else {
        std::copy_n(in.data(), dim, rotated.data() + list * dim);
      }
    }
  });
  return rotated;
}

absl::Status EncodeSlots(const BuildRequest& request, const IvfPqShape& shape, absl::Span<const float> norms,
                         absl::Span<const std::uint32_t> labels, absl::Span<const std::uint32_t> row_of_slot,
                         const float* rotation, const base::Vectors& centroids, const PqCodebooks& codebooks,
                         Image* image) {
  const std::uint64_t slots = row_of_slot.size();
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> codes,
                          image->Add(SectionId::kCodes, slots / base::kGroupRows * shape.group_bytes()));
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bias_bytes, image->Add(SectionId::kBias, slots * 4));
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> ids, image->Add(SectionId::kRowIds, slots * 4));
  std::memcpy(ids.data(), row_of_slot.data(), ids.size());
  auto* bias = reinterpret_cast<float*>(bias_bytes.data());
  const std::vector<float> rotated = RotatedCentroids(request, shape, rotation, centroids);
  request.monitor.Stage("encode", request.base.count);
  request.pool->ParallelFor(slots, kPieceSlots, [&](std::uint64_t begin, std::uint64_t end) {
    if (request.monitor.cancelled()) return;
    ResidualEncoder encoder(request, centroids, norms, rotation);
    std::vector<std::uint8_t> code(shape.pq.m);
    std::vector<float> decoded(shape.pq.dim);
    std::uint64_t encoded = 0;
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      const std::uint32_t row = row_of_slot[slot];
      if (row == kNoRow) continue;
      codebooks.Encode(encoder.Residual(row, labels[row]), code.data());
      codebooks.Decode(code.data(), decoded.data());
      Scatter(shape, code.data(), slot, codes.data());
      bias[slot] = BiasOf(request.metric, decoded, rotated.data() + std::size_t{labels[row]} * shape.pq.dim);
      ++encoded;
    }
    request.monitor.Advance(encoded);
  });
  return request.monitor.Check();
}

}  // namespace

absl::StatusOr<IvfPqShape> IvfPqShape::For(const Spec& spec, const BuildParams& params) {
  if (params.nbits != 4 && params.nbits != 8) {
    return absl::InvalidArgumentError(absl::StrCat("param 'nbits' (", params.nbits, ") should be 4 or 8"));
  }
  std::int64_t m = params.m;
  if (m == 0) {  // two components a code of 4 bits, four a code of 8; fewer where the dimension does not divide
    m = spec.dim / (params.nbits == 4 ? 2 : 4);
    while (m > 1 && spec.dim % m != 0) --m;
    m = std::max<std::int64_t>(m, 1);
  }
  if (m > spec.dim || spec.dim % m != 0) {
    return absl::InvalidArgumentError(absl::StrCat("param 'm' (", m, ") should divide the dimension (", spec.dim, ")"));
  }
  if (params.rotate != 0 && spec.dim > kRotationDimMax) {
    return absl::InvalidArgumentError(absl::StrCat("param 'rotate' (1) needs a dimension of at most ", kRotationDimMax,
                                                   ", the rows have ", spec.dim));
  }
  ELANUS_RETURN_IF_ERROR(CheckLists(spec, params));
  IvfPqShape shape;
  shape.pq = {spec.dim, static_cast<std::uint32_t>(m), static_cast<std::uint32_t>(params.nbits)};
  shape.nlist = static_cast<std::uint64_t>(params.nlist);
  shape.rotated = params.rotate != 0;
  shape.refined = params.refine != 0;
  return shape;
}

absl::StatusOr<IvfPqShape> IvfPqShape::Load(const Image& image) {
  const absl::Span<const std::byte> bytes = image.section(SectionId::kCodebooks);
  PqHeader header{};
  if (bytes.size() < sizeof(header)) return absl::DataLossError("the codebook section is missing or cut short");
  std::memcpy(&header, bytes.data(), sizeof(header));
  BuildParams params;
  params.m = header.m;
  params.nbits = header.nbits;
  params.nlist = header.nlist;
  params.rotate = header.rotated;
  params.refine = header.refined;
  absl::StatusOr<IvfPqShape> shape = For(image.spec(), params);
  if (!shape.ok() || header.m == 0 || header.nlist == 0 || header.rotated > 1 || header.refined > 1) {
    return absl::DataLossError(absl::StrCat("the codebook section contradicts the index: m ", header.m, ", nbits ",
                                            header.nbits, ", nlist ", header.nlist));
  }
  return shape;
}

std::size_t IvfPqShape::group_bytes() const {
  return pq.nbits == 4 ? base::Nibble4GroupBytes(pq.scanned()) : base::GroupBytes(base::ChunksFor(pq.m));
}

std::vector<std::uint64_t> IvfPqShape::SectionBytes(const Spec& spec) const {
  const std::uint64_t groups = ListGroups(spec.rows, nlist);
  const std::uint64_t slots = groups * base::kGroupRows;
  std::vector<std::uint64_t> bytes = {sizeof(PqHeader) + pq.codebook_floats() * sizeof(float), groups * group_bytes(),
                                      slots * 4, slots * 4};
  if (rotated) bytes.push_back(std::uint64_t{pq.dim} * pq.dim * sizeof(float));
  if (refined) bytes.push_back(spec.rows * RowStride(spec));
  if (refined && spec.metric == Metric::kCosine) bytes.push_back(spec.rows * sizeof(float));
  return bytes;
}

absl::Status WritePq(const BuildRequest& request, const IvfPqShape& shape, absl::Span<const std::uint32_t> labels,
                     absl::Span<const std::uint32_t> row_of_slot, Image* image) {
  const std::uint32_t dim = shape.pq.dim;
  const float* rotation = nullptr;
  if (shape.rotated) {
    ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bytes,
                            image->Add(SectionId::kRotation, std::size_t{dim} * dim * sizeof(float)));
    auto* matrix = reinterpret_cast<float*>(bytes.data());
    ELANUS_RETURN_IF_ERROR(MakeRotation(dim, static_cast<std::uint64_t>(request.params.seed), request.monitor,
                                        absl::MakeSpan(matrix, std::size_t{dim} * dim)));
    rotation = matrix;
  }
  ELANUS_ASSIGN_OR_RETURN(
      const absl::Span<std::byte> section,
      image->Add(SectionId::kCodebooks, sizeof(PqHeader) + shape.pq.codebook_floats() * sizeof(float)));
  const PqHeader header{
      shape.pq.m, shape.pq.nbits, shape.rotated, shape.refined, static_cast<std::uint32_t>(shape.nlist), {}};
  std::memcpy(section.data(), &header, sizeof(header));
  auto* components = reinterpret_cast<float*>(section.data() + sizeof(header));
  ELANUS_ASSIGN_OR_RETURN(const CentroidTable coarse, ViewCoarse(*image, *request.kernels, shape.nlist));
  const base::Vectors& centroids = coarse.centroids();
  const std::vector<float> norms = BaseInverseNorms(request);
  ELANUS_RETURN_IF_ERROR(TrainOnResiduals(request, shape, norms, labels, rotation, centroids,
                                          absl::MakeSpan(components, shape.pq.codebook_floats())));
  ELANUS_RETURN_IF_ERROR(EncodeSlots(request, shape, norms, labels, row_of_slot, rotation, centroids,
                                     PqCodebooks(shape.pq, components), image));
  if (!shape.refined) return absl::OkStatus();
  if (request.metric == Metric::kCosine) {
    ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> scale, image->Add(SectionId::kRowScale, norms.size() * 4));
    std::memcpy(scale.data(), norms.data(), scale.size());
  }
  return CopyRows(request, image);
}

}  // namespace elanus::index
