// OpenVectors on any bytes: an error or rows that can all be read. The first byte chooses format and options.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/base/check.h"
#include "host/io/vector_file.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/file_bytes.h"

namespace elanus {
namespace {

const std::vector<std::string> kExtensions = {".fvecs", ".bvecs", ".ivecs", ".fbin",
                                              ".u8bin", ".i8bin", ".ibin",  ".npy"};

std::vector<std::string> Seeds() {
  const std::vector<std::vector<float>> floats = {{1, 2, 3}, {4, 5, 6}};
  const std::vector<std::vector<std::uint8_t>> bytes = {{1, 0, 255}, {0, 1, 9}};
  const std::string npy = test::NpyBytes("<f4", 2, 3, test::RawBytes(floats));
  std::vector<std::string> seeds = {std::string("\0", 1) + test::TexmexBytes(floats), "\1" + test::TexmexBytes(bytes),
                                    "\3" + test::BinBytes(floats), "\4" + test::BinBytes(bytes), "\7" + npy};
  for (const char* descr : {"<f2", "|u1", "|i1", "|b1", "<V2", "<i8"}) {
    const std::size_t item = descr[1] == 'V' || descr[2] == '2' ? 2 : descr[2] == '8' ? 8 : 1;
    seeds.push_back("\7" + test::NpyBytes(descr, 2, 3, std::string(6 * item, '\1')));
    seeds.push_back("\x37" + test::NpyBytes(descr, 2, 3, std::string(6 * item, '\1')));
  }
  return seeds;
}

/// Reads every component.
unsigned Touch(const base::Vectors& vectors) {
  unsigned sum = 0;
  for (std::uint64_t row = 0; row < vectors.count; ++row) {
    for (std::size_t i = 0; i < base::RowBytes(vectors.element, vectors.dim); ++i) {
      sum = sum * 31 + static_cast<unsigned>(vectors.row(row)[i]);
    }
  }
  return sum;
}

}  // namespace
}  // namespace elanus

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned random) {
  static const std::vector<std::string> seeds = elanus::Seeds();
  return elanus::fuzz::MutateFromSeeds(seeds, data, size, max_size, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static elanus::fuzz::ScratchFile file(elanus::kExtensions);
  if (size == 0) return 0;
  file.Write(data + 1, size - 1);
  elanus::io::VectorOptions options;
  options.as_bits = (data[0] & 0x10) != 0;
  options.as_bf16 = (data[0] & 0x20) != 0;
  options.check_rows = (data[0] & 0x40) == 0;
  const auto vectors = elanus::io::OpenVectors(file.paths()[data[0] % file.paths().size()], options);
  if (!vectors.ok()) {
    ELANUS_CHECK(vectors.status().message().find('\n') == absl::string_view::npos);
    return 0;
  }
  elanus::fuzz::Keep(elanus::Touch(vectors->vectors()));
  vectors->CheckRows(0, vectors->vectors().count).IgnoreError();
  elanus::io::CheckFinite(vectors->vectors(), 0, "x").IgnoreError();
  vectors->Release(0, vectors->vectors().count);
  return 0;
}
