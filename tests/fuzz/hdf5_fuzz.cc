// HDF5 files of any bytes, through OpenVectors.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/base/check.h"
#include "host/io/hdf5.h"
#include "host/io/vector_file.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/temp_dir.h"

/// libhdf5 1.10 asks for whatever size a damaged file names, and loses some memory where it gives up: neither is what
/// is looked for here. It has to take a refusal.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=64";
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned random) {
  static const std::vector<std::string> seeds = [] {
    const elanus::test::TempDir dir;
    ELANUS_CHECK(elanus::io::AddHdf5Dataset(dir / "x.h5", "train", elanus::io::Scalar::kF32, 4, 3).ok());
    return std::vector<std::string>{elanus::test::ReadFile(dir / "x.h5")};
  }();
  return elanus::fuzz::MutateFromSeeds(seeds, data, size, max_size, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const elanus::test::TempDir dir;  // libhdf5 asks for a file's real path, which one in memory has not
  static const std::string path = dir / "x.h5";
  elanus::test::WriteFile(path, std::string(reinterpret_cast<const char*>(data), size));
  const auto vectors = elanus::io::OpenVectors(path, {});
  if (!vectors.ok()) return 0;
  unsigned sum = 0;
  for (std::uint64_t row = 0; row < vectors->vectors().count; ++row) {
    sum += static_cast<unsigned>(vectors->vectors().row(row)[0]);
  }
  elanus::fuzz::Keep(sum);
  return 0;
}
