#include <limits>

#include "host/base/layout.h"
#include "tests/simd/support.h"

namespace elanus::simd {
namespace {

class Scan : public LevelTest {};

INSTANTIATE_TEST_SUITE_P(, Scan, testing::ValuesIn(SupportedLevels()), NameOfLevel);

/// codes: one row's bytes.
std::int32_t Dot(const std::vector<std::uint8_t>& codes, const std::int8_t* query) {
  std::int64_t sum = 0;
  for (std::size_t b = 0; b < codes.size(); ++b) sum += std::int64_t{codes[b]} * query[b];
  return static_cast<std::int32_t>(sum);
}

std::vector<std::uint8_t> RowOfGroups(const Guarded<std::uint8_t>& codes, std::size_t row, std::uint32_t chunks) {
  std::vector<std::uint8_t> bytes;
  for (std::uint32_t c = 0; c < chunks; ++c) {
    const std::uint8_t* chunk = codes.data() + base::ChunkOffset(row, c, chunks);
    bytes.insert(bytes.end(), chunk, chunk + base::kChunkBytes);
  }
  return bytes;
}

void CheckDotGroups(const Kernels& k, const Guarded<std::uint8_t>& codes, std::size_t groups, std::uint32_t chunks,
                    const Guarded<std::int8_t>& query) {
  Guarded<std::int32_t> dots(groups * base::kGroupRows);
  k.scan.dot_groups(codes.data(), groups, chunks, query.data(), dots.data());
  for (std::size_t r = 0; r < dots.size(); ++r) {
    ASSERT_EQ(dots[r], Dot(RowOfGroups(codes, r, chunks), query.data()))
        << "row " << r << " of " << groups << " groups of " << chunks << " chunks";
  }
}

TEST_P(Scan, DotGroupsAgreesForEveryShape) {
  for (const std::uint32_t chunks : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 9u, 15u, 16u, 17u, 24u, 48u, 63u}) {
    for (const std::size_t groups : {0u, 1u, 2u, 3u, 5u}) {
      SCOPED_TRACE(testing::Message() << "seed " << chunks);
      base::Random random(chunks);
      Guarded<std::uint8_t> codes(groups * base::GroupBytes(chunks));
      Guarded<std::int8_t> query(QueryBytes(chunks * base::kChunkBytes));
      FillBits(random, codes);
      FillBits(random, query);
      CheckDotGroups(kernels(), codes, groups, chunks, query);
    }
  }
}

TEST_P(Scan, DotsDoNotSaturate) {
  const std::uint32_t chunks = 2048;  // the largest row: 32,768 bytes
  Guarded<std::uint8_t> codes(base::GroupBytes(chunks));
  Guarded<std::int8_t> query(chunks * base::kChunkBytes);
  for (const int weight : {-128, 127}) {
    std::memset(codes.data(), 255, codes.size());
    std::memset(query.data(), weight, query.size());
    CheckDotGroups(kernels(), codes, 1, chunks, query);

    const RowList rows = {reinterpret_cast<const std::byte*>(codes.data()), 32'768, nullptr, 1};
    std::int32_t dot = 0;
    kernels().scan.dot_rows(query.data(), rows, 32'768, &dot);
    EXPECT_EQ(dot, 32'768 * 255 * weight);
  }
}

TEST_P(Scan, DotRowsAgreesForEveryShape) {
  for (std::uint32_t bytes = 0; bytes <= 400; bytes += base::kChunkBytes) {
    SCOPED_TRACE(testing::Message() << "seed " << bytes);
    base::Random random(bytes);
    const std::size_t stride = bytes + 5, stored = 20;
    Guarded<std::uint8_t> codes((stored - 1) * stride + bytes);
    Guarded<std::int8_t> query(QueryBytes(bytes));
    FillBits(random, codes);
    FillBits(random, query);
    for (std::size_t i = bytes; i < query.size(); ++i) query[i] = 0;
    for (const std::size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 7u, 8u, 19u}) {
      std::vector<std::uint32_t> ids(count);
      for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random.Below(stored));
      if (count > 0) ids.back() = stored - 1;
      for (const bool scattered : {false, true}) {
        Guarded<std::int32_t> dots(count);
        const RowList rows = {reinterpret_cast<const std::byte*>(codes.data()), stride,
                              scattered ? ids.data() : nullptr, count};
        kernels().scan.dot_rows(query.data(), rows, bytes, dots.data());
        for (std::size_t i = 0; i < count; ++i) {
          const std::uint8_t* row = codes.data() + (scattered ? ids[i] : i) * stride;
          ASSERT_EQ(dots[i], Dot({row, row + bytes}, query.data())) << "row " << i << " of " << count;
        }
      }
    }
  }
}

/// Inputs of the selections: small numbers, so that values equal to the limit are common.
struct Selection {
  Selection(base::Random& random, std::size_t count) : dots(count), int_bias(count), bias(count), row_scale(count) {
    for (std::size_t i = 0; i < count; ++i) {
      dots[i] = static_cast<std::int32_t>(random.Below(41)) - 20;
      int_bias[i] = static_cast<std::int32_t>(random.Below(41)) - 20;
      bias[i] = static_cast<float>(random.Below(41)) - 20.0f;
      row_scale[i] = static_cast<float>(random.Below(5)) * 0.5f;
    }
  }
  Guarded<std::int32_t> dots;
  Guarded<std::int32_t> int_bias;
  Guarded<float> bias;
  Guarded<float> row_scale;
};

template <class Run, class Passes>
void CheckSelect(std::size_t count, Run run, Passes passes) {
  std::vector<std::uint32_t> expected;
  for (std::size_t i = 0; i < count; ++i) {
    if (passes(i)) expected.push_back(static_cast<std::uint32_t>(i));
  }
  Guarded<std::uint32_t> positions(count);
  const std::size_t passed = run(positions.data());
  ASSERT_LE(passed, count);
  ASSERT_EQ(std::vector<std::uint32_t>(positions.data(), positions.data() + passed), expected) << "count " << count;
}

std::vector<std::size_t> SelectCounts() {
  std::vector<std::size_t> counts = {100, 127, 128, 129, 192, 1000};
  for (std::size_t count = 0; count <= 70; ++count) counts.push_back(count);
  return counts;
}

TEST_P(Scan, SelectFloatAgrees) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const std::size_t count : SelectCounts()) {
    SCOPED_TRACE(testing::Message() << "seed " << count);
    base::Random random(count);
    Selection in(random, count);
    if (count > 3) in.bias[2] = std::numeric_limits<float>::quiet_NaN();
    if (count > 3) in.dots[3] = std::numeric_limits<std::int32_t>::max();
    for (const float limit :
         {-infinity, -39.0f, -30.0f, 0.0f, 5.5f, infinity, in.bias.size() > 3 ? in.bias[2] : 0.0f}) {
      for (const float scale : {0.5f, -1.0f, 0.1f}) {
        CheckSelect(
            count,
            [&](std::uint32_t* out) {
              return kernels().scan.select_float(in.dots.data(), in.bias.data(), scale, limit, count, out);
            },
            [&](std::size_t i) {
              const float product = scale * static_cast<float>(in.dots[i]);
              return in.bias[i] + product <= limit;
            });
      }
    }
  }
}

TEST_P(Scan, SelectIntAgreesAndWraps) {
  for (const std::size_t count : SelectCounts()) {
    SCOPED_TRACE(testing::Message() << "seed " << count);
    base::Random random(count);
    Selection in(random, count);
    if (count > 3) in.dots[2] = std::numeric_limits<std::int32_t>::max();
    if (count > 3) in.int_bias[3] = std::numeric_limits<std::int32_t>::min();
    for (const std::int32_t limit :
         {std::numeric_limits<std::int32_t>::min(), -50, 0, 3, std::numeric_limits<std::int32_t>::max()}) {
      for (const std::int32_t scale : {1, -2, 123'456'789}) {
        CheckSelect(
            count,
            [&](std::uint32_t* out) {
              return kernels().scan.select_int(in.dots.data(), in.int_bias.data(), scale, limit, count, out);
            },
            [&](std::size_t i) {
              const auto value = std::int64_t{in.int_bias[i]} + std::int64_t{scale} * in.dots[i];
              return static_cast<std::int32_t>(static_cast<std::uint32_t>(value)) <= limit;
            });
      }
    }
  }
}

TEST_P(Scan, SelectScaledAgrees) {
  for (const std::size_t count : SelectCounts()) {
    SCOPED_TRACE(testing::Message() << "seed " << count);
    base::Random random(count);
    const Selection in(random, count);
    for (const float limit : {-100.0f, -20.0f, 0.0f, 2.25f, 100.0f}) {
      for (const float scale : {0.5f, -1.0f, 0.1f}) {
        CheckSelect(
            count,
            [&](std::uint32_t* out) {
              return kernels().scan.select_scaled(in.dots.data(), in.int_bias.data(), in.row_scale.data(), scale, limit,
                                                  count, out);
            },
            [&](std::size_t i) {
              const float scaled = scale * static_cast<float>(in.dots[i] + in.int_bias[i]);
              return scaled * in.row_scale[i] <= limit;
            });
      }
    }
  }
}

// One survivor at each place: the paths for "none in this block" must not lose it.
TEST_P(Scan, SelectionsFindASingleRowAnywhere) {
  const std::size_t count = 150;
  for (std::size_t hit = 0; hit < count; ++hit) {
    Guarded<std::int32_t> dots(count), zero(count);
    Guarded<float> ones(count), zeros(count);
    for (std::size_t i = 0; i < count; ++i) dots[i] = i == hit ? -1 : 1;
    for (float& one : ones) one = 1.0f;
    const auto passes = [&](std::size_t i) { return i == hit; };
    const ScanKernels& k = kernels().scan;
    CheckSelect(
        count, [&](std::uint32_t* p) { return k.select_float(dots.data(), zeros.data(), 1, 0, count, p); }, passes);
    CheckSelect(
        count, [&](std::uint32_t* p) { return k.select_int(dots.data(), zero.data(), 1, 0, count, p); }, passes);
    CheckSelect(
        count, [&](std::uint32_t* p) { return k.select_scaled(dots.data(), zero.data(), ones.data(), 1, 0, count, p); },
        passes);
  }
}

}  // namespace
}  // namespace elanus::simd
