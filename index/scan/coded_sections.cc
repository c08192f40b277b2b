#include "index/scan/coded_sections.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "host/base/layout.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

constexpr std::uint64_t kRowsPerPiece = 2048;  // a multiple of the group, so that no two pieces share a group

std::size_t CodeBytes(const Spec& spec, const CodedShape& shape) {
  if (shape.row_major) return shape.slots * CodeStride(spec);
  return shape.slots * base::ChunksFor(spec.dim) * base::kChunkBytes;
}

/// Cosine factors are kept by slot where the codes are the rows, else by row.
std::uint64_t ScaleCount(const Spec& spec, const CodedShape& shape) {
  if (spec.metric != Metric::kCosine) return 0;
  if (IsInteger(spec.element)) return shape.slots;
  return shape.keep_rows ? spec.rows : 0;
}

bool KeepsRows(const Spec& spec, const CodedShape& shape) { return shape.keep_rows && IsFloat(spec.element); }

ScanCodec::Target TargetFor(const CodedShape& shape) {
  return shape.keep_rows ? ScanCodec::Target::kRow : ScanCodec::Target::kDecoded;
}

template <class T>
absl::StatusOr<T*> AddArray(Image* image, SectionId id, std::uint64_t count) {
  ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> bytes, image->Add(id, count * sizeof(T)));
  return reinterpret_cast<T*>(bytes.data());
}

/// Puts one row's code into its slot of a G32C16 array.
void Scatter(const std::uint8_t* code, std::uint64_t slot, std::uint32_t chunks, std::byte* codes) {
  for (std::uint32_t c = 0; c < chunks; ++c) {
    std::memcpy(codes + base::ChunkOffset(slot, c, chunks), code + std::size_t{c} * base::kChunkBytes,
                base::kChunkBytes);
  }
}

}  // namespace

std::size_t RowStride(const Spec& spec) { return (RowBytes(spec.element, spec.dim) + 63) / 64 * 64; }

std::size_t CodeStride(const Spec& spec) { return (std::size_t{spec.dim} + 63) / 64 * 64; }

std::vector<float> BaseInverseNorms(const BuildRequest& request) {
  if (request.metric != Metric::kCosine) return {};
  std::vector<float> norms(request.base.count);
  request.pool->ParallelFor(request.base.count, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    ComputeInverseNorms(*request.kernels, request.base.Slice(begin, end - begin), norms.data() + begin);
  });
  return norms;
}

absl::Status CopyRows(const BuildRequest& request, Image* image) {
  const std::size_t stride = RowStride(image->spec());
  ELANUS_ASSIGN_OR_RETURN(std::byte* const rows,
                          AddArray<std::byte>(image, SectionId::kRows, request.base.count * stride));
  const std::size_t row_bytes = RowBytes(request.base.element, request.base.dim);
  request.pool->ParallelFor(request.base.count, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    if (request.monitor.cancelled()) return;
    for (std::uint64_t row = begin; row < end; ++row) {
      std::memcpy(rows + row * stride, request.base.row(row), row_bytes);
    }
  });
  return request.monitor.Check();
}

std::vector<std::uint64_t> CodedSectionBytes(const Spec& spec, const CodedShape& shape) {
  std::vector<std::uint64_t> bytes = {CodeBytes(spec, shape), shape.slots * 4};
  if (IsFloat(spec.element)) bytes.push_back(ScanCodec::SectionBytes(spec.element, spec.dim));
  if (KeepsRows(spec, shape)) bytes.push_back(spec.rows * RowStride(spec));
  if (shape.row_ids) bytes.push_back(shape.slots * 4);
  if (ScaleCount(spec, shape) > 0) bytes.push_back(ScaleCount(spec, shape) * 4);
  return bytes;
}

absl::Status WriteCoded(const BuildRequest& request, const CodedShape& shape,
                        absl::Span<const std::uint32_t> row_of_slot, Image* image) {
  const Spec& spec = image->spec();
  request.monitor.Stage("encode", request.base.count);
  const std::vector<float> norms = BaseInverseNorms(request);
  ELANUS_ASSIGN_OR_RETURN(ScanCodec codec,
                          ScanCodec::Train(*request.kernels, spec.metric, TargetFor(shape), request.base, norms.data(),
                                           *request.pool, request.monitor));
  ELANUS_ASSIGN_OR_RETURN(std::byte* const codes,
                          AddArray<std::byte>(image, SectionId::kCodes, CodeBytes(spec, shape)));
  ELANUS_ASSIGN_OR_RETURN(std::byte* const bias, AddArray<std::byte>(image, SectionId::kBias, shape.slots * 4));
  float* scales = nullptr;
  if (ScaleCount(spec, shape) > 0) {
    ELANUS_ASSIGN_OR_RETURN(scales, AddArray<float>(image, SectionId::kRowScale, ScaleCount(spec, shape)));
  }
  if (shape.row_ids) {
    ELANUS_ASSIGN_OR_RETURN(std::uint32_t* const ids, AddArray<std::uint32_t>(image, SectionId::kRowIds, shape.slots));
    std::copy(row_of_slot.begin(), row_of_slot.end(), ids);
  }

  std::mutex mutex;
  ScanCodec merged = codec;
  request.pool->ParallelFor(shape.slots, kRowsPerPiece, [&](std::uint64_t begin, std::uint64_t end) {
    if (request.monitor.cancelled()) return;
    ScanCodec local = codec;
    std::vector<std::uint8_t> code(std::size_t{codec.chunks()} * base::kChunkBytes);
    std::uint64_t encoded = 0;
    for (std::uint64_t slot = begin; slot < end; ++slot) {
      const std::uint64_t row = shape.row_ids ? row_of_slot[slot] : slot;
      if (row >= spec.rows) continue;
      const float norm = norms.empty() ? 1.0f : norms[row];
      const ScanCodec::Side side = local.Encode(*request.kernels, request.base.row(row), norm, code.data());
      if (shape.row_major) {
        std::memcpy(codes + slot * CodeStride(spec), code.data(), code.size());
      } else {
        Scatter(code.data(), slot, codec.chunks(), codes);
      }
      std::memcpy(bias + slot * 4, codec.lossless() ? static_cast<const void*>(&side.int_bias) : &side.bias, 4);
      if (scales != nullptr) scales[codec.lossless() ? slot : row] = norm;
      ++encoded;
    }
    request.monitor.Advance(encoded);
    const std::lock_guard lock(mutex);  // maxima: the order of merging does not matter
    merged.MergeBounds(local);
  });
  ELANUS_RETURN_IF_ERROR(request.monitor.Check());
  if (!codec.lossless()) {
    ELANUS_ASSIGN_OR_RETURN(const absl::Span<std::byte> section,
                            image->Add(SectionId::kCodec, ScanCodec::SectionBytes(spec.element, spec.dim)));
    merged.Save(section);
  }
  return KeepsRows(spec, shape) ? CopyRows(request, image) : absl::OkStatus();
}

absl::Status CheckIdRange(absl::Span<const std::uint32_t> ids, std::uint64_t rows) {
  const auto bad = std::find_if(ids.begin(), ids.end(), [&](std::uint32_t id) { return id >= rows && id != kNoRow; });
  if (bad == ids.end()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("slot ", bad - ids.begin(), " holds row ", *bad, " of ", rows));
}

absl::StatusOr<CodedView> ViewCoded(const Image& image, const CodedShape& shape) {
  const Spec& spec = image.spec();
  ELANUS_ASSIGN_OR_RETURN(ScanCodec codec, ScanCodec::Load(image, TargetFor(shape)));
  CodedView view{std::move(codec), {}, nullptr};
  ELANUS_ASSIGN_OR_RETURN(const auto codes, image.Array<std::uint8_t>(SectionId::kCodes, CodeBytes(spec, shape)));
  ELANUS_ASSIGN_OR_RETURN(const auto bias, image.Array<std::byte>(SectionId::kBias, shape.slots * 4));
  view.rows.codes = codes.data();
  view.rows.code_stride = shape.row_major ? CodeStride(spec) : 0;
  if (IsFloat(spec.element)) {
    view.rows.bias = reinterpret_cast<const float*>(bias.data());
  } else {
    view.rows.int_bias = reinterpret_cast<const std::int32_t*>(bias.data());
  }
  if (shape.row_ids) {
    ELANUS_ASSIGN_OR_RETURN(const auto ids, image.Array<std::uint32_t>(SectionId::kRowIds, shape.slots));
    ELANUS_RETURN_IF_ERROR(CheckIdRange(ids, spec.rows));
    view.rows.row_ids = ids.data();
  }
  if (KeepsRows(spec, shape)) {
    ELANUS_ASSIGN_OR_RETURN(const auto rows, image.Array<std::byte>(SectionId::kRows, spec.rows * RowStride(spec)));
    view.rows.rows = rows.data();
    view.rows.row_stride = RowStride(spec);
  }
  if (ScaleCount(spec, shape) > 0) {
    ELANUS_ASSIGN_OR_RETURN(const auto scales, image.Array<float>(SectionId::kRowScale, ScaleCount(spec, shape)));
    (IsFloat(spec.element) ? view.inverse_norms_by_row : view.rows.inverse_norms) = scales.data();
  }
  return view;
}

}  // namespace elanus::index
