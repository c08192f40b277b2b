// Private to host/simd: the kernel tables each level defines, and the set-up shared by their files. Files compiled with
// instruction-set flags include nothing but this, intrinsics and the constants of host/base, and keep their helpers in
// anonymous namespaces: an inline function compiled there could be the copy the linker keeps for the whole program.
#ifndef ELANUS_HOST_SIMD_TABLES_H_
#define ELANUS_HOST_SIMD_TABLES_H_

#include "host/simd/kernels.h"

namespace elanus::simd {

extern const DistanceKernels kDistanceScalar;
extern const ScanKernels kScanScalar;
extern const PqKernels kPqScalar;
extern const BitKernels kBitsScalar;
extern const ColumnKernels kColumnsScalar;

extern const DistanceKernels kDistanceAvx2;
extern const ScanKernels kScanAvx2;
extern const PqKernels kPqAvx2;
extern const BitKernels kBitsAvx2;
extern const ColumnKernels kColumnsAvx2;

extern const DistanceKernels kDistanceAvx512;
extern const ScanKernels kScanAvx512;
extern const PqKernels kPqAvx512;
extern const BitKernels kBitsAvx512;
extern const ColumnKernels kColumnsAvx512;

}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_TABLES_H_
