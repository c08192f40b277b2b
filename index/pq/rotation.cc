#include "index/pq/rotation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

#include "host/base/random.h"
#include "host/base/status_macros.h"

namespace elanus::index {
namespace {

double Normal(base::Random& random) {
  double sum = 0;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(random.Unit());
  return sum - 6.0;
}

}  // namespace

absl::Status MakeRotation(std::uint32_t dim, std::uint64_t seed, const base::Monitor& monitor,
                          absl::Span<float> matrix) {
  // Modified Gram-Schmidt, twice a row: once is not enough for orthogonality to the last bits.
  base::Random random(seed);
  std::vector<std::vector<double>> rows;
  while (rows.size() < dim) {
    ELANUS_RETURN_IF_ERROR(monitor.Check());
    std::vector<double> row(dim);
    for (double& value : row) value = Normal(random);
    double norm = 0;
    for (int pass = 0; pass < 2; ++pass) {
      for (const std::vector<double>& done : rows) {
        double along = 0;
        for (std::uint32_t d = 0; d < dim; ++d) along += row[d] * done[d];
        for (std::uint32_t d = 0; d < dim; ++d) row[d] -= along * done[d];
      }
      norm = 0;
      for (const double value : row) norm += value * value;
      norm = std::sqrt(norm);
      if (norm < 1e-6) break;
      for (double& value : row) value /= norm;
    }
    if (norm < 1e-6) continue;  // fell into the span of the others: draw again
    std::copy(row.begin(), row.end(), matrix.begin() + static_cast<std::ptrdiff_t>(rows.size() * dim));
    rows.push_back(std::move(row));
  }
  return absl::OkStatus();
}

void Rotate(const simd::Kernels& kernels, const float* matrix, std::uint32_t dim, const float* in, float* out) {
  kernels.distance.ip[static_cast<int>(base::Element::kF32)](
      in, {reinterpret_cast<const std::byte*>(matrix), sizeof(float) * dim, nullptr, dim}, dim, out);
}

void RotateBack(const float* matrix, std::uint32_t dim, const float* in, float* out) {
  std::fill_n(out, dim, 0.0f);
  for (std::uint32_t i = 0; i < dim; ++i) {
    const float* row = matrix + std::size_t{i} * dim;
    for (std::uint32_t d = 0; d < dim; ++d) out[d] += in[i] * row[d];
  }
}

}  // namespace elanus::index
