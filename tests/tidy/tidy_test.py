#!/usr/bin/env python3
"""tools/tidy.py against small trees: each rule catches its planted violation, and clean code passes."""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
sys.dont_write_bytecode = True
import tidy  # noqa: E402

# rule -> list of trees (path -> content), each with exactly one violation of it
PLANTED = {
    "tree": [{"src/x.cc": "int x;\n"}],
    "include": [
        {"host/simd/a.h": '#include "host/io/b.h"\n', "host/io/b.h": ""},
        {"host/base/a.h": '#include "host/threads/b.h"\n', "host/threads/b.h": ""},
        {"index/a.cc": '#include "tools/b.h"\n', "tools/b.h": ""},
        {"index/hnsw/a.cc": '#include "engine/b.h"\n', "engine/b.h": ""},
        {"index/a.cc": '#include "gone.h"\n#include "index/gone.h"\n'},
        {"index/a.cc": '#include "b.h"\n', "index/b.h": ""},
        {"index/a.cc": "#include <index/b.h>\n", "index/b.h": ""},
    ],
    "banned": [
        {"tests/a.cc": "void F() { throw 1; }\n"},
        {"index/a.cc": "void F() { std::cout << 1; }\n"},
        {"host/io/a.cc": 'void F() { printf("x"); }\n'},
        {"index/a.cc": 'const char* F() { return getenv("X"); }\n'},
        {"index/a.cc": "void F(void** p) { cudaMalloc(p, 1); }\n"},
        {"index/a.cc": "void F() { Kernel<<<1, 1>>>(); }\n"},
        {"tests/a.cc": "void F() { std::this_thread::sleep_for(x); }\n"},
        {"tests/a.cc": "void F() { sleep(1); }\n"},
        {"tests/a.cc": "void F() { GTEST_SKIP(); }\n"},
        {"tests/a.cc": "TEST(A, DISABLED_B) {}\n"},
        {"index/a.cc": "int F() { return rand(); }\n"},
        {"tests/a.cc": "std::random_device device;\n"},
        {"index/a.cc": "std::thread worker;\n"},
        {"tools/a.cc": "absl::Mutex mutex;\n"},
        {"index/a.cc": "#include <immintrin.h>\n"},
        {"index/a.cc": "// TO" "DO: later\n"},
    ],
    "machine-path": [{"index/a.cc": "// see /wo" "rk/notes.txt\n"}],
    "function-length": [
        {"index/a.cc": "int F() {\n" + "  G();\n" * 69 + "}\n"},
        {"kernels/a.cu": "__global__ void F(int n) {\n" + "  G();\n" * 119 + "}\n"},
        {"tools/a.py": "def f():\n" + "    g()\n" * 70},
    ],
    "file-length": [{"index/a.cc": "int x;\n" * 601, **{f"index/b{i}.cc": "" for i in range(40)}}],
    "line-length": [{"index/a.cc": "int x;" + " " * 114 + "//\n"}],
    "unregistered-test": [{"tests/a_test.cc": "", "tests/CMakeLists.txt": "elanus_test(b_test SRCS b_test.cc)\n"}],
    "doc-path": [{"index/README.md": "Read `index/gone.h`.\n"}, {"README.md": "Read [this](docs/gone.md).\n"},
                 {"README.md": "Read `gone.h`.\n"}],
    "blob": [{"docs/a.bin": "x" * 1_000_001}, {f"tests/data/{i}.bin": "x" * 900_000 for i in range(4)}],
    "size-p95": [{"index/a.cc": "int x;\n" * 451}],
}

CLEAN = {
    "index/a.h": 'R"(throw)";\n#include "index/b.h"\n#include "host/simd/c.h"\n#include "absl/x.h"\n',
    "index/b.h": '// throw, std::cout, rand() may be talked about\n/* throw\n throw */ const char* kText = "throw";\n',
    "host/simd/c.h": '#include <immintrin.h>\n#include "host/base/d.h"\n',
    "host/base/d.h": "int snprintf_like; void F() { std::snprintf(p, 1, s); operand(); strand(); }\n",
    "host/threads/p.cc": "std::thread worker;\n",
    "tools/main.cc": '#include "tools/x.h"\n#include "index/a.h"\nint main() { printf("x"); return !getenv("X"); }\n',
    "tools/x.h": "",
    "tests/a_test.cc": '#include "tools/x.h"\n#include "index/a.h"\nTEST(A, B) { pool.Wait(); }\n',
    "tests/CMakeLists.txt": "elanus_test(a_test SRCS a_test.cc)\n",
    "index/README.md": "Read `a.h`, `index/b.h`, [c](../index/b.h), `build/release/bin/elanus`; `x/y` is not ours.\n",
    "build/release/x.cc": "throw rand();\n",
}


def problems(files):
    with tempfile.TemporaryDirectory() as root:
        for path, content in files.items():
            target = pathlib.Path(root) / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
        return tidy.Tidy(root).run()


class RulesTest(unittest.TestCase):
    def test_every_rule_has_a_planted_violation(self):
        self.assertEqual(set(PLANTED), set(tidy.RULES))

    def test_planted_violations_are_caught(self):
        for rule, trees in PLANTED.items():
            for files in trees:
                with self.subTest(rule=rule, tree=sorted(files)[0], text=list(files.values())[0][:60]):
                    caught = problems(files)
                    if rule != "size-p95":  # a tree of one long file also moves the percentile
                        caught = [p for p in caught if p[2] != "size-p95"]
                    self.assertEqual([p[2] for p in caught], [rule], caught)

    def test_every_banned_pattern_is_planted(self):
        texts = [t for files in PLANTED["banned"] for t in files.values()]
        for pattern, *_ in tidy.BANNED:
            self.assertTrue(any(tidy.re.search(pattern, t) for t in texts), pattern)

    def test_clean_tree_passes(self):
        self.assertEqual(problems(CLEAN), [])


class FunctionsTest(unittest.TestCase):
    def lengths(self, text):
        return tidy.functions(text)

    def test_finds_bodies_and_only_bodies(self):
        text = """namespace a {
struct S {
  int x = 0;
  S() : x{1}, y_{2} {
  }
  bool operator==(const S&) const = default;
  int Get() const noexcept { return x; }
};
constexpr int kTable[] = {
    1, 2,
};
template <class T = int, int N = 3>
T Sum(T a, std::vector<T> b = {}) {
  auto f = [&](int x) {
    return x;
  };
  if (a) {
  }
  return f(1);
}
}  // namespace a
"""
        self.assertEqual(self.lengths(text), [(4, 2), (7, 1), (12, 9)])

    def test_braces_in_comments_strings_and_directives_do_not_count(self):
        text = "#define OPEN() {\nint F() {\n  // }\n  return '}' + \"}\"[0];\n}\nint G() {\n}\n"
        self.assertEqual(self.lengths(text), [(2, 4), (6, 2)])

    def test_digit_separators_are_not_characters(self):
        self.assertEqual(self.lengths("int F() {\n  return 1'000 + 2'000;\n}\n"), [(1, 3)])

    def test_limit_is_inclusive(self):
        body = "int F() {\n" + "  G();\n" * 68 + "}\n"
        self.assertEqual(self.lengths(body), [(1, 70)])
        self.assertEqual([p for p in problems({"index/a.cc": body}) if p[2] == "function-length"], [])


if __name__ == "__main__":
    unittest.main()
