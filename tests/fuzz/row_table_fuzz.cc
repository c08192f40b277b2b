// ReadIds, ReadDistances and ReadRowSet on any bytes. The first byte chooses the format.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "host/base/check.h"
#include "host/io/row_table.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/file_bytes.h"

namespace elanus {
namespace {

const std::vector<std::string> kExtensions = {".ivecs", ".fvecs", ".ibin", ".npy", ".jsonl", ".csv", ".txt", ".bvecs"};

std::vector<std::string> Seeds() {
  const std::vector<std::vector<std::int32_t>> ids = {{1, 2, 3}, {4, -1, -1}};
  const std::vector<std::int64_t> wide = {1, 2, 3, 4, 5, 6};
  return {std::string("\0", 1) + test::TexmexBytes(ids),
          "\1" + test::TexmexBytes<float>({{1, 2.5f}, {}}),
          "\2" + test::BinBytes(ids),
          "\3" + test::NpyBytes("<i4", 2, 3, test::RawBytes(ids)),
          "\3" + test::NpyBytes("<i8", 2, 3, test::RawBytes(wide)),
          "\3" + test::NpyBytes("{'descr': '|b1', 'fortran_order': False, 'shape': (70,), }", std::string(70, '\1')),
          "\4[1,2,3]\n{\"query\":1,\"ids\":[4,5],\"distances\":[0.5,null]}\n[]\n7\n",
          "\5id,other\n1, 2,3\n\n-1\n1e5,inf,nan\n",
          "\6"
          "1\n2\n69\n"};
}

template <class T>
void Check(const absl::StatusOr<io::RowTable<T>>& table) {
  if (!table.ok()) {
    ELANUS_CHECK(table.status().message().find('\n') == absl::string_view::npos);
    return;
  }
  std::uint64_t values = 0;
  for (std::uint64_t row = 0; row < table->rows(); ++row) values += table->row(row).size();
  ELANUS_CHECK(table->rows() > 0 && values == table->values.size());
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
  const std::string& path = file.paths()[data[0] % file.paths().size()];
  elanus::Check(elanus::io::ReadIds(path));
  elanus::Check(elanus::io::ReadDistances(path));
  const auto set = elanus::io::ReadRowSet(path, 70);
  ELANUS_CHECK(!set.ok() || (set->count <= 70 && set->bits.size() == 2 && (set->bits[1] >> 6) == 0));
  return 0;
}
