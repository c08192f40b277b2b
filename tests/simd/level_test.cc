#include "host/simd/level.h"

#include <algorithm>
#include <iostream>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/simd/kernels.h"

namespace elanus::simd {
namespace {

const Level kAll[] = {Level::kScalar, Level::kAvx2, Level::kAvx512};

TEST(Level, NamesAreReadBack) {
  for (const Level level : kAll) {
    const absl::StatusOr<Level> read = LevelFromName(LevelName(level));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, level);
  }
}

TEST(Level, AnUnknownNameIsRefusedWithTheKnownOnes) {
  for (const char* name : {"", "AVX2", "avx", "avx5122"}) {
    const absl::StatusOr<Level> read = LevelFromName(name);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr("scalar, avx2, avx512"));
    EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr(std::string("\"") + name + "\""));
  }
}

// The suites run every supported level; what this processor lacks is said aloud.
TEST(Level, SupportedOnesAscendFromScalarAndTheOthersAreReported) {
  const std::vector<Level> levels = SupportedLevels();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), Level::kScalar);
  EXPECT_TRUE(std::is_sorted(levels.begin(), levels.end()));
  for (const Level level : kAll) {
    if (std::find(levels.begin(), levels.end(), level) != levels.end()) continue;
    std::cout << LevelName(level) << ": not supported by this processor, not tested" << std::endl;
  }
}

TEST(Level, TheBestOneIsTheHighestWhoseKernelsAgree) {
  // Every supported level passes its suite, so nothing may hold the best one back.
  EXPECT_EQ(BestLevel(), SupportedLevels().back());
}

template <class T>
void ExpectAllDiffer(const T& a, const T& b, const char* family) {
  const auto* bytes_a = reinterpret_cast<const unsigned char*>(&a);
  const auto* bytes_b = reinterpret_cast<const unsigned char*>(&b);
  for (std::size_t i = 0; i < sizeof(T); i += sizeof(void*)) {
    const std::vector<unsigned char> p(bytes_a + i, bytes_a + i + sizeof(void*));
    const std::vector<unsigned char> q(bytes_b + i, bytes_b + i + sizeof(void*));
    if (p == std::vector<unsigned char>(sizeof(void*))) continue;  // the entries of Elements without such a kernel
    EXPECT_NE(p, q) << family << ", entry " << i / sizeof(void*);
  }
}

TEST(Level, AForcedLevelIsTheOneThatRuns) {
  const std::vector<Level> levels = SupportedLevels();
  for (const Level a : levels) {
    EXPECT_EQ(KernelsFor(a).level, a);
    for (const Level b : levels) {
      if (a == b) continue;
      SCOPED_TRACE(testing::Message() << LevelName(a) << " and " << LevelName(b));
      ExpectAllDiffer(KernelsFor(a).distance, KernelsFor(b).distance, "distance");
      ExpectAllDiffer(KernelsFor(a).scan, KernelsFor(b).scan, "scan");
      ExpectAllDiffer(KernelsFor(a).pq, KernelsFor(b).pq, "pq");
      ExpectAllDiffer(KernelsFor(a).bits, KernelsFor(b).bits, "bits");
    }
  }
}

}  // namespace
}  // namespace elanus::simd
