// How fast each kernel of each level is, in a cache and from memory.
//   kernels_bench --benchmark_filter='dot_groups/.*' --benchmark_min_time=0.2
// A name is kernel/level/shape/place. bytes_per_second counts the rows read, items_per_second the rows; `cycles` is
// core cycles a row, from a clock calibrated at the start (it includes what other processes took).
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "host/base/layout.h"
#include "host/base/random.h"
#include "host/simd/kernels.h"

namespace elanus::simd {
namespace {

using base::Element;

constexpr std::size_t kMemoryBytes = std::size_t{128} << 20;  // beyond the last cache

struct Place {
  const char* name;
  std::size_t bytes;
};
constexpr Place kPlaces[] = {{"L1", 16 << 10}, {"L2", 256 << 10}, {"memory", kMemoryBytes}};

/// Of this thread: other processes on the machine do not count.
double CpuSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Core clock, from a chain of additions that take one cycle each.
double CyclesPerSecond() {
  constexpr int kRounds = 500, kLoops = 2'000, kChain = 16;
  double best = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::uint64_t x = 1;
    const double begin = CpuSeconds();
    for (int i = 0; i < kLoops; ++i) {
#pragma GCC unroll 16
      for (int j = 0; j < kChain; ++j) {
        x += x;
        __asm__ volatile("" : "+r"(x));  // the additions stay, one after another, in a register
      }
    }
    best = std::max(best, kLoops * kChain / (CpuSeconds() - begin));
  }
  return best;
}

/// Random bytes in huge pages, as an index on the heap lies; one block for all benchmarks, made once, never freed.
class Bytes {
 public:
  explicit Bytes(std::size_t size) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    data_ = static_cast<std::uint8_t*>(std::aligned_alloc(kHugePage, (size + kHugePage) / kHugePage * kHugePage));
    static_cast<void>(madvise(data_, size, MADV_HUGEPAGE));
    base::Random random(1);
    for (std::size_t i = 0; i + 8 <= size; i += 8) {
      const std::uint64_t word = random.Next();
      std::memcpy(data_ + i, &word, 8);
    }
  }
  std::uint8_t* data() const { return data_; }

 private:
  std::uint8_t* data_;
};

struct Fixture {
  Bytes codes{kMemoryBytes};
  Bytes floats{kMemoryBytes};  // 0.5..1 as f32, and harmless as f16 and bf16
  Bytes query{1 << 20};
  double cycles_per_second = CyclesPerSecond();

  Fixture() {
    for (std::size_t i = 0; i < kMemoryBytes; i += 2) {
      std::uint16_t word;
      std::memcpy(&word, floats.data() + i, 2);
      word = static_cast<std::uint16_t>((word & 0x007F) | 0x3F00);
      std::memcpy(floats.data() + i, &word, 2);
    }
  }
};

/// Runs body() until the benchmark is content, then reports: each call reads `rows` rows of `row_bytes`.
template <class Body>
void Measure(benchmark::State& state, const Fixture& fixture, std::size_t rows, std::size_t row_bytes, Body body) {
  const double begin = CpuSeconds();
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  const double took = CpuSeconds() - begin;
  const std::int64_t read = state.iterations() * static_cast<std::int64_t>(rows);
  state.SetItemsProcessed(read);
  state.SetBytesProcessed(read * static_cast<std::int64_t>(row_bytes));
  state.counters["cycles_per_row"] = took * fixture.cycles_per_second / static_cast<double>(read);
}

template <class Body>
void Register(const std::string& name, Body body) {
  benchmark::RegisterBenchmark(name.c_str(), body)->Unit(benchmark::kMicrosecond);
}

/// run(codes, groups) scans groups of `group_bytes`.
template <class Run>
void RegisterGroups(Fixture& f, const std::string& name, std::size_t group_bytes, Run run) {
  for (const Place& place : kPlaces) {
    Register(absl::StrCat(name, "/", place.name), [&f, group_bytes, run, place](benchmark::State& state) {
      const std::size_t groups = std::max<std::size_t>(place.bytes / group_bytes, 1);
      // As a search does: a few thousand rows at a time, so that the results stay in the cache.
      const std::size_t step = std::min<std::size_t>(groups, 64);
      Measure(state, f, groups / step * step * base::kGroupRows, group_bytes / base::kGroupRows, [&] {
        for (std::size_t g = 0; g + step <= groups; g += step) run(f.codes.data() + g * group_bytes, step);
      });
    });
  }
}

void RegisterScans(Fixture& f, const Kernels& k, const std::string& level) {
  static std::int32_t dots[64 * base::kGroupRows];
  static std::uint16_t sums[simd::kLutsMax * 64 * base::kGroupRows];
  const auto* weights = reinterpret_cast<const std::int8_t*>(f.query.data());
  for (const std::uint32_t dim : {128u, 384u, 768u}) {
    RegisterGroups(f, absl::StrCat("dot_groups/", level, "/", dim), base::GroupBytes(dim / 16),
                   [&k, weights, dim](const std::uint8_t* codes, std::size_t groups) {
                     k.scan.dot_groups(codes, groups, dim / 16, weights, dots);
                   });
  }
  for (const std::uint32_t m : {32u, 64u}) {
    for (const std::size_t tables : {std::size_t{1}, simd::kLutsMax}) {
      RegisterGroups(f, absl::StrCat("lut4_groups/", level, "/", m, "/tables:", tables), base::Nibble4GroupBytes(m),
                     [&f, &k, m, tables](const std::uint8_t* codes, std::size_t groups) {
                       const std::uint8_t* luts[simd::kLutsMax];
                       std::fill(luts, luts + simd::kLutsMax, f.query.data());
                       k.pq.lut4_groups(codes, groups, m, luts, tables, sums);
                     });
    }
    RegisterGroups(f, absl::StrCat("lut8_groups/", level, "/", m), base::GroupBytes(m / 16),
                   [&f, &k, m](const std::uint8_t* codes, std::size_t groups) {
                     k.pq.lut8_groups(codes, groups, m, f.query.data(), sums);
                   });
  }
}

/// Bits by column. bytes_per_second counts whole rows, of which only the listed columns are read.
void RegisterColumns(Fixture& f, const Kernels& k, const std::string& level) {
  static std::uint32_t columns[512], at_least[64], rows[64 * base::kGroupRows], counts[64 * base::kGroupRows];
  std::fill(std::begin(at_least), std::end(at_least), std::numeric_limits<std::uint32_t>::max());
  for (std::uint32_t i = 0; i < 512; ++i) columns[i] = i * 2;
  for (const std::size_t listed : {42u, 512u}) {
    RegisterGroups(f, absl::StrCat("select_counts/", level, "/", listed, "_of_1024"), base::ColumnGroupBytes(1024),
                   [&k, listed](const std::uint8_t* codes, std::size_t groups) {
                     const BitBlock block{reinterpret_cast<const std::uint32_t*>(codes), groups, groups};
                     k.columns.select_counts(block, columns, listed, at_least, rows, counts);
                   });
  }
  // Random bits: a register of rows is left after some ten columns.
  RegisterGroups(f, absl::StrCat("select_all/", level, "/512_of_1024"), base::ColumnGroupBytes(1024),
                 [&k](const std::uint8_t* codes, std::size_t groups) {
                   const BitBlock block{reinterpret_cast<const std::uint32_t*>(codes), groups, groups};
                   k.columns.select_all(block, columns, 512, true, rows);
                 });
}

/// run(rows) computes a call's worth of rows picked at random.
template <class Run>
void RegisterRows(Fixture& f, const std::string& name, const std::uint8_t* base, std::size_t row_bytes, Run run) {
  for (const Place& place : kPlaces) {
    Register(absl::StrCat(name, "/", place.name), [&f, base, row_bytes, run, place](benchmark::State& state) {
      constexpr std::size_t kCall = 32;  // what a graph search asks for at a time
      const std::size_t stored = place.bytes / row_bytes;
      base::Random random(2);
      std::vector<std::uint32_t> ids(1 << 16);
      for (std::uint32_t& id : ids) id = static_cast<std::uint32_t>(random.Below(stored));
      std::size_t at = 0;
      Measure(state, f, kCall, row_bytes, [&] {
        run(RowList{reinterpret_cast<const std::byte*>(base), row_bytes, ids.data() + at, kCall});
        at = (at + kCall) % ids.size();
      });
    });
  }
}

void RegisterDistances(Fixture& f, const Kernels& k, const std::string& level) {
  static float out[32];
  static std::int32_t dots[32];
  for (const std::uint32_t dim : {128u, 384u}) {
    for (const Element e : {Element::kF32, Element::kF16, Element::kBf16, Element::kI8, Element::kU8}) {
      const std::uint8_t* rows = base::IsFloat(e) ? f.floats.data() : f.codes.data();
      for (const bool l2 : {true, false}) {
        const RowDistances kernel = (l2 ? k.distance.l2 : k.distance.ip)[static_cast<std::size_t>(e)];
        RegisterRows(f, absl::StrCat(l2 ? "l2/" : "ip/", level, "/", base::ElementName(e), "/", dim), rows,
                     base::RowBytes(e, dim),
                     [rows, kernel, dim](const RowList& list) { kernel(rows, list, dim, out); });
      }
    }
    RegisterRows(f, absl::StrCat("dot_rows/", level, "/", dim), f.codes.data(), dim,
                 [&f, &k, dim](const RowList& list) {
                   k.scan.dot_rows(reinterpret_cast<const std::int8_t*>(f.query.data()), list, dim, dots);
                 });
  }
}

/// run(count) passes over `count` rows of `row_bytes` each.
template <class Run>
void RegisterFlat(Fixture& f, const std::string& name, std::size_t count, std::size_t row_bytes, Run run) {
  Register(name, [&f, count, row_bytes, run](benchmark::State& state) {
    Measure(state, f, count, row_bytes, [&] { run(count); });
  });
}

void RegisterSelections(Fixture& f, const Kernels& k, const std::string& level) {
  constexpr std::size_t kCount = 4'096;
  static std::uint32_t positions[kCount];
  const auto* dots = reinterpret_cast<const std::int32_t*>(f.codes.data());
  const auto* bias = reinterpret_cast<const float*>(f.floats.data());
  const auto* sums = reinterpret_cast<const std::uint16_t*>(f.codes.data());
  for (const auto& [passing, limit] : {std::pair{"none", -1e30f}, std::pair{"all", 1e30f}}) {
    const float bound = limit;
    const auto int_bound =
        bound < 0 ? std::numeric_limits<std::int32_t>::min() : std::numeric_limits<std::int32_t>::max();
    const std::string shape = absl::StrCat("/", level, "/", passing);
    RegisterFlat(f, absl::StrCat("select_float", shape), kCount, 8, [&k, dots, bias, bound](std::size_t count) {
      benchmark::DoNotOptimize(k.scan.select_float(dots, bias, 1.0f, bound, count, positions));
    });
    RegisterFlat(f, absl::StrCat("select_int", shape), kCount, 8, [&k, dots, int_bound](std::size_t count) {
      benchmark::DoNotOptimize(k.scan.select_int(dots, dots + count, 2, int_bound, count, positions));
    });
    RegisterFlat(f, absl::StrCat("select_scaled", shape), kCount, 12, [&k, dots, bias, bound](std::size_t count) {
      benchmark::DoNotOptimize(k.scan.select_scaled(dots, dots + count, bias, 1.0f, bound, count, positions));
    });
    RegisterFlat(f, absl::StrCat("select_sums", shape), kCount, 6, [&k, sums, bias, bound](std::size_t count) {
      benchmark::DoNotOptimize(k.pq.select(sums, bias, 1.0f, bound, count, positions));
    });
  }
}

void RegisterPairs(Fixture& f, const Kernels& k, const std::string& level) {
  const std::uint8_t* a = f.codes.data();
  for (const std::size_t bytes : {128u, 256u}) {
    const std::string shape = absl::StrCat("/", level, "/", bytes * 8);
    RegisterFlat(f, absl::StrCat("popcount", shape), 1, bytes,
                 [&k, a, bytes](std::size_t) { benchmark::DoNotOptimize(k.bits.popcount(a, bytes)); });
    RegisterFlat(f, absl::StrCat("and_popcount", shape), 1, bytes,
                 [&k, a, bytes](std::size_t) { benchmark::DoNotOptimize(k.bits.and_popcount(a, a + bytes, bytes)); });
    RegisterFlat(f, absl::StrCat("is_subset", shape), 1, bytes,
                 [&k, a, bytes](std::size_t) { benchmark::DoNotOptimize(k.bits.is_subset(a, a, bytes)); });
  }
  static float out[384];
  for (const Element e : {Element::kF32, Element::kF16, Element::kBf16, Element::kI8, Element::kU8}) {
    const auto* row = reinterpret_cast<const std::byte*>(f.floats.data());
    RegisterFlat(f, absl::StrCat("to_float/", level, "/", base::ElementName(e), "/384"), 1, base::RowBytes(e, 384),
                 [&k, e, row](std::size_t) { k.distance.to_float[static_cast<std::size_t>(e)](row, 384, out); });
  }
}

int Main(int argc, char** argv) {
  Fixture fixture;
  for (const Level level : SupportedLevels()) {
    const Kernels& k = KernelsFor(level);
    RegisterScans(fixture, k, LevelName(level));
    RegisterColumns(fixture, k, LevelName(level));
    RegisterDistances(fixture, k, LevelName(level));
    RegisterSelections(fixture, k, LevelName(level));
    RegisterPairs(fixture, k, LevelName(level));
  }
  benchmark::AddCustomContext("core_ghz", absl::StrCat(fixture.cycles_per_second / 1e9));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace elanus::simd

int main(int argc, char** argv) { return elanus::simd::Main(argc, argv); }
