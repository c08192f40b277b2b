// A seeded random rotation of the space. It spreads variance evenly over the slices of a product quantiser, which then
// all lose equally little (Ge, He, Ke, Sun: Optimized Product Quantization, CVPR 2013, discuss why balance matters).
#ifndef ELANUS_INDEX_PQ_ROTATION_H_
#define ELANUS_INDEX_PQ_ROTATION_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "host/base/progress.h"
#include "host/simd/kernels.h"

namespace elanus::index {

inline constexpr std::uint32_t kRotationDimMax = 4096;  // the matrix takes dim^3 to make and 4 * dim^2 bytes to keep

/// Fills matrix [dim][dim], row-major, with orthonormal rows. Reproducible. Errors: kCancelled.
absl::Status MakeRotation(std::uint32_t dim, std::uint64_t seed, const base::Monitor& monitor,
                          absl::Span<float> matrix);

/// out = matrix * in. `in`: [dim], 64-byte aligned and padded as simd queries are; out: [dim]. Canonical sums.
void Rotate(const simd::Kernels& kernels, const float* matrix, std::uint32_t dim, const float* in, float* out);

/// out = matrix^T * in: the way back. out: [dim], written in full.
void RotateBack(const float* matrix, std::uint32_t dim, const float* in, float* out);

}  // namespace elanus::index

#endif  // ELANUS_INDEX_PQ_ROTATION_H_
