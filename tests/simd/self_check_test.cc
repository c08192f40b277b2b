#include "host/simd/self_check.h"

#include <string>

#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

const Kernels& Right() { return KernelsFor(Level::kScalar); }

TEST(SelfCheck, PassesEverySupportedLevel) {
  for (const Level level : SupportedLevels()) {
    EXPECT_EQ(FirstDifference(KernelsFor(level), Right()), nullptr) << LevelName(level);
  }
}

/// Expects the check to name `kernel` once `plant` has spoiled a copy of the right table.
template <class Plant>
void ExpectFinds(const std::string& kernel, Plant plant) {
  Kernels wrong = Right();
  plant(wrong);
  const char* found = FirstDifference(wrong, Right());
  ASSERT_NE(found, nullptr) << kernel;
  EXPECT_EQ(found, kernel);
}

// Each wrong kernel is right but for one row or one bit.
void OneUlp(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  Right().distance.l2[1](query, rows, dim, out);
  out[rows.count - 1] = std::nextafterf(out[rows.count - 1], 0.0f);
}

void DropsTheTail(const void* query, const RowList& rows, std::uint32_t dim, float* out) {
  Right().distance.ip[5](query, rows, dim - 1, out);
}

void TruncatedBf16(const std::byte* row, std::uint32_t dim, float* out) {
  Right().distance.to_float[3](row, dim, out);
  out[dim - 1] = 0;
}

TEST(SelfCheck, FindsAWrongDistance) {
  ExpectFinds("distance.l2", [](Kernels& k) { k.distance.l2[1] = OneUlp; });
  ExpectFinds("distance.l2", [](Kernels& k) { k.distance.l2[2] = k.distance.l2[3]; });
  ExpectFinds("distance.ip", [](Kernels& k) { k.distance.ip[5] = DropsTheTail; });
  ExpectFinds("distance.ip", [](Kernels& k) { k.distance.ip[4] = k.distance.l2[4]; });
  ExpectFinds("distance.to_float", [](Kernels& k) { k.distance.to_float[3] = TruncatedBf16; });
}

void SaturatedDot(const std::uint8_t* codes, std::size_t groups, std::uint32_t chunks, const std::int8_t* query,
                  std::int32_t* dots) {
  Right().scan.dot_groups(codes, groups, chunks, query, dots);
  for (std::size_t i = 0; i < groups * 32; ++i) dots[i] = std::min(dots[i], 32'767);
}

void LastRowOff(const std::int8_t* query, const RowList& rows, std::uint32_t bytes, std::int32_t* dots) {
  Right().scan.dot_rows(query, rows, bytes, dots);
  ++dots[rows.count - 1];
}

TEST(SelfCheck, FindsAWrongScan) {
  ExpectFinds("scan.dot_groups", [](Kernels& k) { k.scan.dot_groups = SaturatedDot; });
  ExpectFinds("scan.dot_rows", [](Kernels& k) { k.scan.dot_rows = LastRowOff; });
  ExpectFinds("scan.select_float", [](Kernels& k) {
    k.scan.select_float = [](const std::int32_t* dots, const float* bias, float scale, float limit, std::size_t count,
                             std::uint32_t* out) {
      return Right().scan.select_float(dots, bias, scale, limit, count - 1, out);
    };
  });
  ExpectFinds("scan.select_int", [](Kernels& k) {
    k.scan.select_int = [](const std::int32_t* dots, const std::int32_t* bias, std::int32_t scale, std::int32_t limit,
                           std::size_t count, std::uint32_t* out) {
      return Right().scan.select_int(dots, bias, scale + 1, limit, count, out);
    };
  });
  ExpectFinds("scan.select_scaled", [](Kernels& k) {
    k.scan.select_scaled = [](const std::int32_t* dots, const std::int32_t* bias, const float*, float scale,
                              float limit, std::size_t count, std::uint32_t* out) {
      return Right().scan.select_scaled(dots, bias, std::vector<float>(count, 1.0f).data(), scale, limit, count, out);
    };
  });
}

TEST(SelfCheck, FindsAWrongLookUp) {
  ExpectFinds("pq.lut4_groups", [](Kernels& k) {
    k.pq.lut4_groups = [](const std::uint8_t* codes, std::size_t groups, std::uint32_t m,
                          const std::uint8_t* const* luts, std::size_t tables, std::uint16_t* sums) {
      Right().pq.lut4_groups(codes, groups, m, luts, tables, sums);
      if (tables == kLutsMax) std::swap(sums[0], sums[16]);
    };
  });
  ExpectFinds("pq.lut8_groups", [](Kernels& k) {
    k.pq.lut8_groups = [](const std::uint8_t* codes, std::size_t groups, std::uint32_t m, const std::uint8_t* lut,
                          std::uint16_t* sums) {
      Right().pq.lut8_groups(codes, groups, m, lut, sums);
      sums[groups * 32 - 1] = 0;
    };
  });
  ExpectFinds("pq.select", [](Kernels& k) {
    k.pq.select = [](const std::uint16_t* sums, const float* bias, float scale, float limit, std::size_t count,
                     std::uint32_t* out) { return Right().pq.select(sums, bias, -scale, limit, count, out); };
  });
}

TEST(SelfCheck, FindsAWrongBitKernel) {
  ExpectFinds("bits.popcount", [](Kernels& k) {
    k.bits.popcount = [](const std::uint8_t* a, std::size_t bytes) { return Right().bits.popcount(a, bytes / 8 * 8); };
  });
  ExpectFinds("bits.and_popcount", [](Kernels& k) {
    k.bits.and_popcount = [](const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
      return Right().bits.and_popcount(a, b, bytes / 8 * 8);
    };
  });
  ExpectFinds("bits.is_subset", [](Kernels& k) {
    k.bits.is_subset = [](const std::uint8_t* a, const std::uint8_t* b, std::size_t bytes) {
      return Right().bits.is_subset(a, b, bytes - 1);
    };
  });
}

TEST(SelfCheck, FindsAWrongColumnKernel) {
  ExpectFinds("columns.select_counts", [](Kernels& k) {
    k.columns.select_counts = [](const BitBlock& block, const std::uint32_t* columns, std::size_t count,
                                 const std::uint32_t* at_least, std::uint32_t* rows, std::uint32_t* counts) {
      return Right().columns.select_counts(block, columns, count - 1, at_least, rows, counts);
    };
  });
  ExpectFinds("columns.select_all", [](Kernels& k) {
    k.columns.select_all = [](const BitBlock& block, const std::uint32_t* columns, std::size_t count, bool,
                              std::uint32_t* rows) {
      return Right().columns.select_all(block, columns, count, true, rows);
    };
  });
}

}  // namespace
}  // namespace elanus::simd
