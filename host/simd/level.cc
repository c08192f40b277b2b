#include "host/simd/level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace elanus::simd {
namespace {

#if defined(__x86_64__)
bool HasF16c() {  // clang 14's __builtin_cpu_supports does not know it; its registers are AVX's
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

// __builtin_cpu_supports also asks XGETBV: a feature counts only when the operating system saves its registers.
bool HasAvx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("popcnt") &&
         HasF16c();
#else
  return false;
#endif
}

bool HasAvx512() {
#if defined(__x86_64__)
  return HasAvx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vbmi") &&
         __builtin_cpu_supports("avx512vpopcntdq");
#else
  return false;
#endif
}

}  // namespace

const char* LevelName(Level level) {
  switch (level) {
    case Level::kScalar:
      return "scalar";
    case Level::kAvx2:
      return "avx2";
    case Level::kAvx512:
      return "avx512";
  }
  return "?";
}

absl::StatusOr<Level> LevelFromName(absl::string_view name) {
  for (const Level level : {Level::kScalar, Level::kAvx2, Level::kAvx512}) {
    if (name == LevelName(level)) return level;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown SIMD level \"", name, "\": give one of scalar, avx2, avx512"));
}

std::vector<Level> SupportedLevels() {
  std::vector<Level> levels = {Level::kScalar};
  if (HasAvx2()) levels.push_back(Level::kAvx2);
  if (HasAvx512()) levels.push_back(Level::kAvx512);
  return levels;
}

}  // namespace elanus::simd
