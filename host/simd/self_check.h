// Compares two kernel tables on small inputs: what BestLevel asks before it trusts a level.
#ifndef ELANUS_HOST_SIMD_SELF_CHECK_H_
#define ELANUS_HOST_SIMD_SELF_CHECK_H_

#include "host/simd/kernels.h"

namespace elanus::simd {

/// The name of the first kernel whose results on seeded inputs differ between the tables ("scan.dot_groups"), or
/// nullptr when all agree. Every kernel is called, with tails, scattered rows and extreme values. Takes well below a
/// second; allocates some tens of kilobytes.
const char* FirstDifference(const Kernels& tested, const Kernels& reference);

}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_SELF_CHECK_H_
