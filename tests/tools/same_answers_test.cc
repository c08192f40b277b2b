// One hash of 10,000 answers for each index kind, over all combinations of vector instructions, threads, batch size,
// and index in memory or mapped; and the same index bytes for any of the first two. By the tool's own commands.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "host/io/crc32c.h"
#include "host/simd/level.h"
#include "index/kinds.h"
#include "tests/support/temp_dir.h"
#include "tools/elanus/cli.h"

namespace elanus::tools {
namespace {

using index::Kind;
using Words = std::vector<std::string>;

std::string Sample(const std::string& name) { return absl::StrCat(ELANUS_SOURCE_DIR, "/tests/data/", name); }

/// Runs a command in this process.
void RunHere(Words words) {
  words.push_back("--quiet");
  words.push_back("--json");
  std::FILE* out = std::tmpfile();
  Console console(out, stderr);
  const base::CancelFlag cancel;
  ASSERT_EQ(RunCommand(words, console, cancel, false), 0) << words.front();
  std::fclose(out);
}

std::uint32_t HashOf(const std::string& path) {
  const std::string bytes = test::ReadFile(path);
  return io::Crc32c(0, bytes.data(), bytes.size());
}

class SameAnswersTest : public testing::TestWithParam<Kind> {
 protected:
  static bool bits() { return index::KindRowFor(GetParam()).elements.front() == base::Element::kBit; }

  void Build(const std::string& name, const std::string& level, const std::string& threads) const {
    Words words = {"build",
                   "--kind",
                   KindName(GetParam()),
                   "--metric",
                   bits() ? "JACCARD" : "L2",
                   "--base",
                   Sample(bits() ? "molecule_base.npy" : "image_base.bvecs"),
                   "--out",
                   folder_ / name,
                   "--simd",
                   level,
                   "--threads",
                   threads};
    // Small builds: this test is about equality, and runs under the sanitizers too.
    for (const auto& [parameter, value] : std::vector<std::pair<std::string, std::string>>{
             {"nlist", "40"}, {"M", "8"}, {"efConstruction", "40"}, {"n_trees", "8"}, {"m", "32"}, {"nbits", "4"}}) {
      for (const auto& spec : index::KindRowFor(GetParam()).build_params) {
        if (parameter == spec.name) words.insert(words.end(), {"--set", absl::StrCat(parameter, "=", value)});
      }
    }
    RunHere(words);
  }

  test::TempDir folder_;
};

TEST_P(SameAnswersTest, OneHashOfTenThousandAnswers) {
  std::vector<std::string> levels;
  for (const simd::Level level : simd::SupportedLevels()) levels.emplace_back(simd::LevelName(level));
  Build("index", "scalar", "1");
  const std::uint32_t index_hash = HashOf(folder_ / "index");
  for (const std::string& level : levels) {
    Build("other", level, "2");
    EXPECT_EQ(HashOf(folder_ / "other"), index_hash) << level;
  }
  std::vector<std::uint32_t> hashes;
  for (const std::string& level : levels) {
    for (const char* threads : {"1", "2"}) {
      for (const char* batch : {"1", "7", "64", "1000"}) {
        for (const bool heap : {false, true}) {
          // 200 queries x 50, or 100 queries x 100: 10,000 answers.
          Words words = {"search",
                         "--index",
                         folder_ / "index",
                         "--queries",
                         Sample(bits() ? "molecule_query.npy" : "image_query.bvecs"),
                         "--k",
                         bits() ? "100" : "50",
                         "--out",
                         folder_ / "ids.ivecs",
                         "--out-distances",
                         folder_ / "d.fvecs",
                         "--simd",
                         level,
                         "--threads",
                         threads,
                         "--batch",
                         batch};
          if (heap) words.push_back("--heap");
          RunHere(words);
          hashes.push_back(HashOf(folder_ / "ids.ivecs") ^ (HashOf(folder_ / "d.fvecs") * 31u));
          ASSERT_EQ(hashes.back(), hashes.front())
              << level << ", threads " << threads << ", batch " << batch << (heap ? ", heap" : ", mapped");
        }
      }
    }
  }
  EXPECT_EQ(hashes.size(), levels.size() * 16);
  RecordProperty("hash", absl::StrCat(absl::Hex(hashes.front(), absl::kZeroPad8)));
  std::printf("%-14s %08x in all %zu combinations\n", KindName(GetParam()), hashes.front(), hashes.size());
}

std::vector<Kind> AllKinds() {
  std::vector<Kind> kinds;
  for (const index::KindRow& row : index::Kinds()) kinds.push_back(row.kind);
  return kinds;
}

INSTANTIATE_TEST_SUITE_P(AllKinds, SameAnswersTest, testing::ValuesIn(AllKinds()),
                         [](const auto& kind) { return std::string(KindName(kind.param)); });

}  // namespace
}  // namespace elanus::tools
