// Image::Open on any bytes, and on files whose checksums are right but whose table need not be.
// The first byte chooses: 1: make the checksums of header and table right, 2: map, 4: verify sections.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "host/base/check.h"
#include "host/io/crc32c.h"
#include "index/image.h"
#include "tests/fuzz/scratch_file.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/temp_dir.h"

namespace elanus {
namespace {

std::vector<std::string> Seeds() {
  const test::TempDir dir;
  index::Image image({index::Kind::kIvfPq, index::Metric::kCosine, base::Element::kF16, 384, 1000});
  for (const auto& [id, bytes] : {std::pair(index::SectionId::kGraph, 100), std::pair(index::SectionId::kBias, 0),
                                  std::pair(index::SectionId::kParams, 4097)}) {
    ELANUS_CHECK(image.Add(id, static_cast<std::size_t>(bytes)).ok());
  }
  ELANUS_CHECK(image.Save(dir / "x").ok());
  const std::string file = test::ReadFile(dir / "x");
  return {'\0' + file, '\3' + file, '\7' + file, '\5' + file.substr(0, 4096), '\3' + file.substr(0, 4096)};
}

/// FORMAT.md 1.1: the two checksums of the first block.
void Reseal(std::string& file) {
  if (file.size() < 4096) return;
  const std::uint32_t table = io::Crc32c(0, file.data() + 64, 4096 - 64);
  std::memcpy(file.data() + 56, &table, sizeof(table));
  const std::uint32_t header = io::Crc32c(0, file.data(), 60);
  std::memcpy(file.data() + 60, &header, sizeof(header));
}

void TouchSections(const index::Image& image) {
  unsigned sum = 0;
  for (std::uint32_t id = 0; id < 64; ++id) {
    for (const std::byte byte : image.section(static_cast<index::SectionId>(id))) sum += static_cast<unsigned>(byte);
  }
  fuzz::Keep(sum);
  ELANUS_CHECK(image.spec().dim >= 1 && image.spec().rows >= 1);
}

}  // namespace
}  // namespace elanus

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned random) {
  static const std::vector<std::string> seeds = elanus::Seeds();
  return elanus::fuzz::MutateFromSeeds(seeds, data, size, max_size, random);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static elanus::fuzz::ScratchFile file({".elanus"});
  if (size == 0) return 0;
  std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  if ((data[0] & 1) != 0) elanus::Reseal(bytes);
  file.Write(bytes.data(), bytes.size());
  const auto image =
      elanus::index::Image::Open(file.paths()[0], {.verify = (data[0] & 4) != 0, .map = (data[0] & 2) != 0});
  if (image.ok()) elanus::TouchSections(*image);
  return 0;
}
