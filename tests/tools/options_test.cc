#include "tools/elanus/options.h"

#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/elanus/usage.h"
#include "tools/elanus/verb.h"

namespace elanus::tools {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr OptionSpec kSpecs[] = {
    {"base", OptionKind::kPath, "FILE", nullptr, "vectors", true},
    {"k", OptionKind::kUnsigned, "N", "10", "neighbours", false, false, 1, 16'384},
    {"device", OptionKind::kChoice, "auto|cpu|gpu", "auto", "where"},
    {"threads", OptionKind::kUnsignedList, "N,N", "1,2", "threads", false, false, 1, 64},
    {"set", OptionKind::kAssignment, "NAME=VALUE", nullptr, "parameter"},
    {"sweep", OptionKind::kSweep, "NAME=V,V", nullptr, "parameters"},
    {"radius", OptionKind::kNumber, "R", nullptr, "radius"},
    {"check", OptionKind::kPath, "FILE", nullptr, "compare", false, true},
    {"json", OptionKind::kFlag, nullptr, nullptr, "machine"},
};
constexpr PositionalSpec kFiles = {"FILE", "files", 0, 2};

absl::StatusOr<Options> Parse(const std::vector<std::string>& words) { return ParseOptions(kSpecs, kFiles, words); }

TEST(OptionsTest, TakesEveryForm) {
  const absl::StatusOr<Options> options =
      Parse({"--base", "b.fvecs", "--k=20", "--set", "M=16", "--set", "efConstruction=200", "--sweep=ef=16,32",
             "--radius", "-0.5", "--json", "one", "--threads", "4", "--", "--two"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->Text("base"), "b.fvecs");
  EXPECT_EQ(options->Unsigned("k"), 20u);
  EXPECT_EQ(options->Text("device"), "auto");
  EXPECT_THAT(options->Unsigneds("threads"), ElementsAre(4u));
  EXPECT_THAT(options->Assignments("set"), ElementsAre(Pair("M", "16"), Pair("efConstruction", "200")));
  EXPECT_THAT(options->Sweeps("sweep"), ElementsAre(Pair("ef", ElementsAre("16", "32"))));
  EXPECT_EQ(options->Number("radius"), -0.5);
  EXPECT_TRUE(options->Flag("json"));
  EXPECT_FALSE(options->Given("check"));
  EXPECT_THAT(options->positional(), ElementsAre("one", "--two"));
}

TEST(OptionsTest, FallbacksAndOptionalValues) {
  const absl::StatusOr<Options> options = Parse({"--base", "b", "--check", "--json"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->Unsigned("k"), 10u);
  EXPECT_FALSE(options->Given("k"));
  EXPECT_THAT(options->Unsigneds("threads"), ElementsAre(1u, 2u));
  EXPECT_TRUE(options->Given("check"));
  EXPECT_EQ(options->Text("check"), "");
  EXPECT_FALSE(options->Has("radius"));
  EXPECT_THAT(options->Assignments("set"), ElementsAre());
}

struct BadCase {
  std::vector<std::string> words;
  std::string message;
};

TEST(OptionsTest, RefusesWithTheNameTheValueAndTheLimit) {
  const BadCase kCases[] = {
      {{}, "--base FILE is missing"},
      {{"--base"}, "--base needs a value: FILE"},
      {{"--base", "--json"}, "--base needs a value"},
      {{"--base", "b", "--base", "c"}, "--base is given twice"},
      {{"--base="}, "--base ''"},
      {{"--base", "b", "--k", "0"}, "--k '0': should be an integer in range [1, 16384]"},
      {{"--base", "b", "--k", "+5"}, "--k '+5'"},
      {{"--base", "b", "--k", "99999999999999999999"}, "--k '99999999999999999999'"},
      {{"--base", "b", "--k", "ten"}, "--k 'ten'"},
      {{"--base", "b", "--device", "tpu"}, "--device 'tpu': should be one of auto, cpu, gpu"},
      {{"--base", "b", "--threads", "1,,2"}, "--threads ''"},
      {{"--base", "b", "--threads", "1,65"}, "--threads '65': should be an integer in range [1, 64]"},
      {{"--base", "b", "--set", "M"}, "--set 'M': should be NAME=VALUE"},
      {{"--base", "b", "--set", "=3"}, "--set '=3'"},
      {{"--base", "b", "--set", "M=3", "--set", "m=3", "--set", "M=4"}, "--set M is given twice: 'M=3' and 'M=4'"},
      {{"--base", "b", "--sweep", "ef=1", "--sweep=ef=1,2"}, "--sweep ef is given twice"},
      {{"--base", "b", "--sweep", "ef="}, "--sweep 'ef='"},
      {{"--base", "b", "--radius", "inf"}, "--radius 'inf': should be a finite number"},
      {{"--base", "b", "--json=1"}, "--json takes no value"},
      {{"--base", "b", "--devise", "cpu"}, "unknown option '--devise'; did you mean --device?"},
      {{"--base", "b", "--frobnicate"}, "unknown option '--frobnicate'; see --help"},
      {{"--base", "b", "-k", "3"}, "unknown option '-k'"},
      {{"--base", "b", "x", "y", "z"}, "'z' belongs to no option"},
  };
  for (const BadCase& bad : kCases) {
    const absl::StatusOr<Options> options = Parse(bad.words);
    ASSERT_FALSE(options.ok()) << bad.message;
    EXPECT_THAT(std::string(options.status().message()), HasSubstr(bad.message));
    EXPECT_EQ(ExitCode(options.status()), kExitUsage) << bad.message;
  }
}

TEST(OptionsTest, EveryVerbHasATableThatHolds) {
  for (const Verb* verb : Verbs()) {
    std::vector<std::string> names;
    for (const OptionSpec& spec : AllOptions(*verb)) {
      EXPECT_THAT(names, testing::Not(testing::Contains(spec.name))) << verb->name;
      names.emplace_back(spec.name);
      EXPECT_EQ(spec.kind == OptionKind::kFlag, spec.value == nullptr) << verb->name << " --" << spec.name;
      EXPECT_FALSE(spec.required && spec.fallback != nullptr) << verb->name << " --" << spec.name;
      if (spec.fallback == nullptr) continue;
      // A fallback must pass the check of its own option.
      OptionSpec alone = spec;
      alone.fallback = nullptr;
      const std::vector<std::string> words = {std::string("--") + spec.name, spec.fallback};
      EXPECT_TRUE(ParseOptions(absl::MakeConstSpan(&alone, 1), {}, words).ok()) << verb->name << " --" << spec.name;
    }
    EXPECT_EQ(FindVerb(verb->name), verb);
  }
}

TEST(UsageTest, ExitCodesAndLines) {
  EXPECT_EQ(ExitCode(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCode(absl::NotFoundError("x")), 1);
  EXPECT_EQ(ExitCode(UsageError("x")), 2);
  EXPECT_EQ(ExitCode(InContext("file", UsageError("x"))), 2);
  EXPECT_EQ(InContext("file", absl::DataLossError("bad")).message(), "file: bad");
  EXPECT_EQ(InContext("file", absl::DataLossError("file: bad")).message(), "file: bad");
  EXPECT_TRUE(InContext("file", absl::OkStatus()).ok());
  EXPECT_EQ(InContext("file", absl::CancelledError("interrupted")).message(), "interrupted");
  EXPECT_EQ(ExceptionError(std::make_exception_ptr(std::bad_alloc())).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ExceptionError(nullptr).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ExceptionError(std::make_exception_ptr(std::out_of_range("x"))).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(ErrorLine("build", absl::NotFoundError("a\nb")), "elanus build: a b");
  EXPECT_EQ(ErrorLine("", absl::NotFoundError("x")), "elanus: x");
}

}  // namespace
}  // namespace elanus::tools
