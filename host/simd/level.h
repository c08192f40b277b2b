// Which vector instructions may be used.
#ifndef ELANUS_HOST_SIMD_LEVEL_H_
#define ELANUS_HOST_SIMD_LEVEL_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace elanus::simd {

enum class Level : std::uint8_t {
  kScalar = 0,  // plain C++
  kAvx2 = 1,    // AVX2, FMA, F16C, POPCNT
  kAvx512 = 2,  // AVX-512 F, BW, VL, DQ, VNNI, VBMI, VPOPCNTDQ
};

/// "scalar", "avx2", "avx512".
const char* LevelName(Level level);
/// Inverse of LevelName. Errors: kInvalidArgument naming the text and the known levels.
absl::StatusOr<Level> LevelFromName(absl::string_view name);

/// The levels this processor and operating system can run, ascending; kScalar is always there. Asks CPUID only.
std::vector<Level> SupportedLevels();

/// The highest supported level whose every kernel just agreed with the scalar one on a small seeded input, so a level
/// nobody could test on this processor cannot give wrong answers. The check runs once a process and takes well below a
/// second.
Level BestLevel();

}  // namespace elanus::simd

#endif  // ELANUS_HOST_SIMD_LEVEL_H_
