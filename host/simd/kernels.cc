#include "host/simd/kernels.h"

#include "host/base/check.h"
#include "host/simd/self_check.h"
#include "host/simd/tables.h"

namespace elanus::simd {

const Kernels& KernelsFor(Level level) {
  static const Kernels scalar = {Level::kScalar, kDistanceScalar, kScanScalar, kPqScalar, kBitsScalar, kColumnsScalar};
#if defined(__x86_64__)
  static const Kernels avx2 = {Level::kAvx2, kDistanceAvx2, kScanAvx2, kPqAvx2, kBitsAvx2, kColumnsAvx2};
  static const Kernels avx512 = {Level::kAvx512, kDistanceAvx512, kScanAvx512, kPqAvx512, kBitsAvx512, kColumnsAvx512};
  if (level == Level::kAvx2) return avx2;
  if (level == Level::kAvx512) return avx512;
#endif
  ELANUS_CHECK(level == Level::kScalar);
  return scalar;
}

Level BestLevel() {
  static const Level best = [] {
    Level chosen = Level::kScalar;
    for (const Level level : SupportedLevels()) {
      if (FirstDifference(KernelsFor(level), KernelsFor(Level::kScalar)) == nullptr) chosen = level;
    }
    return chosen;
  }();
  return best;
}

}  // namespace elanus::simd
