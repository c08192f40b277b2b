#include "host/simd/kernels.h"

#include "host/base/check.h"
#include "host/simd/tables.h"

namespace elanus::simd {
namespace {

const Kernels& Scalar() {
  static const Kernels kernels = {Level::kScalar, kDistanceScalar, kScanScalar, kPqScalar, kBitsScalar};
  return kernels;
}

}  // namespace

const Kernels& KernelsFor(Level level) {
  switch (level) {
    case Level::kScalar:
    case Level::kAvx2:
    case Level::kAvx512:
      return Scalar();
  }
  ELANUS_CHECK(false);
}

Level BestLevel() { return Level::kScalar; }

}  // namespace elanus::simd
