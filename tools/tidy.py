#!/usr/bin/env python3
"""The tree's rules that a compiler cannot see, as a test: prints `path:line: rule: what and why`, exits 1 on any.

Rules: tree, include, banned, machine-path, function-length, file-length, line-length, unregistered-test, doc-path,
blob, size-p95. Each has a planted violation in tests/tidy/tidy_test.py. Standard library only; reads, never writes.

usage: tools/tidy.py [--root DIR]
"""
import argparse
import ast
import pathlib
import re
import sys

TOP_FOLDERS = {"cuda", "kernels", "host", "index", "engine", "tools", "bench", "tests", "docker", "docs", "examples"}
SKIPPED_FOLDERS = {".git", "build", ".cache", "__pycache__", ".vscode", ".idea"}

# Who may include whom, by the longest matching folder. tests, bench and examples may include everything.
INCLUDES = {
    "host/base": ["host/base"],
    "host": ["host/base"],  # and its own folder: simd, io and threads do not know each other
    "cuda": ["cuda", "host/base"],
    "kernels": ["kernels", "cuda", "host/base"],
    "index": ["index", "kernels", "host"],
    "engine": ["engine", "index", "host"],
    "tools": ["tools", "engine", "index", "host"],
}
LIBRARY = ("host/", "cuda/", "kernels/", "index/", "engine/")

# (pattern, where it is banned, where it is allowed all the same, why). Comments and strings are not searched.
BANNED = [
    (r"\bthrow\b", (), (), "errors are absl::Status; nothing throws"),
    (r"\bstd::(cout|cerr|clog)\b|\b(printf|fprintf|puts|fputs|perror)\s*\(", LIBRARY, ("host/base/check.cc",),
     "the library is silent; return a status or report through host/base/progress.h"),
    (r"\b(secure_)?getenv\s*\(", (), ("tools/", "bench/"), "configuration comes through constructors, from tools/"),
    (r"\bcuda(Malloc|Free)\w*\s*\(", (), ("cuda/",), "device memory comes from the pools of cuda/"),
    (r"<<<", (), ("cuda/", "kernels/"), "kernels are launched in kernels/ only"),
    (r"\b(sleep_for|sleep_until|usleep|nanosleep|SleepFor)\b|(?<![\w.])sleep\s*\(", ("tests/",), (),
     "a test waits for an event, not for a time"),
    (r"\bGTEST_SKIP\b|\bDISABLED_", (), (), "nothing is skipped silently"),
    (r"(?<![\w.>])s?rand\s*\(|\bstd::random_device\b", (), (), "randomness is seeded: host/base/random.h"),
    (r"\bstd::(thread|jthread|async)\b", ("index/", "host/", "engine/", "kernels/"), ("host/threads/",),
     "threads come from host/threads/pool.h"),
    (r"\babsl::(Mutex|CondVar|Notification|call_once|Barrier|BlockingCounter)\b", (), (),
     "Debian's Abseil is not instrumented, so ThreadSanitizer sees no lock in it: std::mutex, std::condition_variable"),
    (r"[<\"]\w*intrin\.h[>\"]", ("index/", "engine/", "tools/"), (), "intrinsics live in host/"),
]
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
MACHINE_PATH = re.compile(r"(?<![\w.])/(wo" r"rk|ro" r"ot|ho" r"me/\w+)/")

FUNCTION_LINES = 70
KERNEL_LINES = 120
FILE_LINES = 600
FILE_LINES_P95 = 450
FUNCTION_LINES_P95 = 50
COLUMNS = 120
BLOB_BYTES = 1_000_000
BIG_BLOBS = {"tests/data/text_base.fvecs"}
FOLDER_BYTES = {"tests/data": 3_000_000, "tests/golden": 2_000_000}

CODE = {".cc", ".h", ".cu", ".cuh"}
TEXT = CODE | {".py", ".md", ".txt", ".cmake", ".json", ".sh", ".yml", ""}
RULES = ("tree", "include", "banned", "machine-path", "function-length", "file-length", "line-length",
         "unregistered-test", "doc-path", "blob", "size-p95")

LITERALS = re.compile(
    r"//[^\n]*|/\*.*?\*/|R\"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)\""
    r"|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)


def blank(text):
    """As many characters and line breaks as `text`, nothing else."""
    return re.sub(r"[^\n]", " ", text)


def strip_code(text):
    """`text` without comments, strings and character literals; every offset and line number stays."""
    return LITERALS.sub(lambda m: blank(m.group()), text)


def strip_directives(text):
    """`text` without preprocessor lines and their continuations."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: blank(m.group()), text, flags=re.M)


def drop_templates(header):
    """`header` without its leading template parameter lists."""
    while True:
        start = re.search(r"\btemplate\s*<", header)
        if not start:
            return header
        depth, end = 1, start.end()
        while end < len(header) and depth:
            depth += {"<": 1, ">": -1}.get(header[end], 0)
            end += 1
        header = header[:start.start()] + header[end:]


def is_function_header(header):
    """Whether the text before a brace at namespace or class scope announces a function body."""
    header = re.sub(r"\b(public|private|protected)\s*:", " ", drop_templates(header)).strip()
    header = re.sub(r"\[\[[^\]]*\]\]|\balignas\s*\([^)]*\)", " ", header).strip()
    if re.match(r"(inline\s+|export\s+)*(namespace|class|struct|union|enum|extern)\b", header) or "(" not in header:
        return False
    flat, previous = re.sub(r"\boperator\s*(\(\)|[^\s\w(]+)", "op", header), None
    while flat != previous:
        flat, previous = re.sub(r"\([^()]*\)", " ", flat), flat
    return "=" not in flat


def opens_member_initialiser(header):
    """Whether a brace after `header` initialises a member: `Foo(int a) : a_{`."""
    return bool(re.search(r"\w\s*$", header) and re.search(r"\)[^;{}]*(?<!:):(?!:)", header))


def functions(text):
    """(first line, lines) of each function body in C++ `text`, lambdas counted within their function."""
    code = strip_directives(strip_code(text))
    found, stack, parens, start, ignored = [], [], 0, 0, 0
    inside = None  # (depth of the stack, first offset) of the function being read
    for at, char in enumerate(code):
        if char in "{}" and (parens or ignored) and inside is None:
            ignored += 1 if char == "{" else -1
            continue
        if inside is None and char in "()":
            parens += 1 if char == "(" else -1
        elif char == "{":
            header = code[start:at]
            if inside is None and opens_member_initialiser(header):
                ignored += 1
                continue
            if inside is None and is_function_header(header):
                inside = (len(stack), start + len(header) - len(header.lstrip()))
            stack.append(at)
            start = at + 1
        elif char == "}" and stack:
            stack.pop()
            if inside and len(stack) == inside[0]:
                first = code.count("\n", 0, inside[1]) + 1
                found.append((first, code.count("\n", 0, at) + 2 - first))
                inside = None
            start = at + 1
        elif char == ";" and inside is None and not parens:
            start = at + 1
    return found


def python_functions(text):
    nodes = (n for n in ast.walk(ast.parse(text)) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef)))
    return [(n.lineno, n.end_lineno - n.lineno + 1) for n in nodes]


def percentile95(values):
    values = sorted(values)
    return values[min(len(values) - 1, int(0.95 * len(values)))] if values else 0


class Tidy:
    """One pass over the tree at `root`; `problems` holds (path, line, rule, message)."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.problems = []
        self.function_lines = []
        self.file_lines = []
        self.files = sorted(
            p.relative_to(self.root).as_posix() for p in self.root.rglob("*")
            if p.is_file() and not SKIPPED_FOLDERS & set(p.relative_to(self.root).parts))

    def fail(self, path, line, rule, message):
        assert rule in RULES
        self.problems.append((path, line, rule, message))

    def run(self):
        self.check_tree()
        self.check_blobs()
        for path in self.files:
            suffix = pathlib.PurePath(path).suffix
            if suffix not in TEXT or path.startswith("tests/data/") and suffix != ".py":
                continue
            try:
                text = (self.root / path).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            self.check_text(path, suffix, text)
        self.check_registered()
        self.check_p95()
        return self.problems

    def check_tree(self):
        for folder in sorted({p.split("/")[0] for p in self.files if "/" in p}):
            if folder not in TOP_FOLDERS and not folder.startswith("."):
                self.fail(folder, 1, "tree", f"no top-level folder but {' '.join(sorted(TOP_FOLDERS))}")

    def check_blobs(self):
        totals = dict.fromkeys(FOLDER_BYTES, 0)
        for path in self.files:
            size = (self.root / path).stat().st_size
            for folder in totals:
                totals[folder] += size if path.startswith(folder + "/") else 0
            if size > BLOB_BYTES and path not in BIG_BLOBS:
                self.fail(path, 1, "blob", f"{size} bytes, limit {BLOB_BYTES}: large data does not live in the tree")
        for folder, size in totals.items():
            if size > FOLDER_BYTES[folder]:
                self.fail(folder, 1, "blob", f"{size} bytes in all, limit {FOLDER_BYTES[folder]}")

    def check_text(self, path, suffix, text):
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if MACHINE_PATH.search(line):
                self.fail(path, number, "machine-path", "names a folder of one machine; use a relative path")
            if len(line) > COLUMNS and suffix in CODE | {".py"}:
                self.fail(path, number, "line-length", f"{len(line)} columns, limit {COLUMNS}")
            if UNFINISHED.search(line):
                self.fail(path, number, "banned", "unfinished work is an issue, not a comment")
        if suffix == ".md":
            self.check_paths(path, lines)
        if suffix in CODE | {".py"}:
            self.check_lengths(path, suffix, text, len(lines) - 1)
        if suffix in CODE:
            self.check_includes(path, lines)
            self.check_banned(path, strip_code(text), lines)

    def check_lengths(self, path, suffix, text, count):
        self.file_lines.append(count)
        if count > FILE_LINES:
            self.fail(path, 1, "file-length", f"{count} lines, limit {FILE_LINES}: split by what belongs together")
        limit = KERNEL_LINES if suffix in (".cu", ".cuh") else FUNCTION_LINES
        for line, length in (python_functions if suffix == ".py" else functions)(text):
            self.function_lines.append(length)
            if length > limit:
                self.fail(path, line, "function-length", f"{length} lines, limit {limit}: one function, one job")

    def check_includes(self, path, lines):
        folder = path.rsplit("/", 1)[0] if "/" in path else ""
        row = next((r for r in sorted(INCLUDES, key=len, reverse=True) if (folder + "/").startswith(r + "/")), None)
        for number, line in enumerate(lines, 1):
            m = re.match(r"\s*#\s*include\s*([<\"])([^>\"]+)[>\"]", line)
            if not m:
                continue
            target = m.group(2)
            if target.split("/")[0] not in TOP_FOLDERS:
                if m.group(1) == '"' and (self.root / folder / target).is_file():
                    self.fail(path, number, "include", f"{target}: includes are written from the root of the tree")
                continue
            if m.group(1) == "<" or not (self.root / target).is_file():
                self.fail(path, number, "include", f"{target}: our files are included by \"path from the root\"")
                continue
            allowed = ["/".join(path.split("/")[:2])] + INCLUDES.get(row, [])
            if row and not any(target.startswith(a + "/") for a in allowed):
                self.fail(path, number, "include", f"{target}: {row} may include {', '.join(INCLUDES[row])} only")

    def check_banned(self, path, code, lines):
        # An include's file name is a string to strip_code, so intrinsics headers are looked up in the raw line.
        for number, line in enumerate(code.split("\n"), 1):
            raw = lines[number - 1]
            line = raw if re.match(r"\s*#\s*include", raw) else line
            for pattern, banned, allowed, why in BANNED:
                if banned and not path.startswith(tuple(banned)) or path.startswith(tuple(allowed) or ("\0",)):
                    continue
                m = re.search(pattern, line)
                if m:
                    self.fail(path, number, "banned", f"{m.group().strip()}: {why}")

    def check_registered(self):
        listed = "".join((self.root / p).read_text() for p in self.files if p.endswith("CMakeLists.txt"))
        for path in self.files:
            name = path.rsplit("/", 1)[-1]
            if re.search(r"_(test|bench|fuzz)\.(cc|py)$", name) and not re.search(rf"\b{re.escape(name)}\b", listed):
                self.fail(path, 1, "unregistered-test", "no CMakeLists.txt names it, so nobody runs it")

    def check_paths(self, path, lines):
        folder = pathlib.PurePosixPath(path).parent
        names = {p.rsplit("/", 1)[-1] for p in self.files}
        for number, line in enumerate(lines, 1):
            tokens = re.findall(r"`([^`\s]+)`", line) + re.findall(r"\]\(([^)#\s]+)", line)
            for token in tokens:
                token = re.sub(r":\d+$", "", token)
                if not re.fullmatch(r"[\w.][\w.+-]*(/[\w.+-]+)*/?", token) or token.startswith("build/"):
                    continue
                if "/" in token:
                    ours = token.split("/")[0] in TOP_FOLDERS | {".ci"}
                    missing = ours and not any((self.root / base / token).exists() for base in ("", folder))
                else:
                    missing = re.search(r"\.(h|cc|cu|py)$", token) and token not in names
                if missing:
                    self.fail(path, number, "doc-path", f"{token}: no such file or folder")

    def check_p95(self):
        for what, lines, limit in (("file", self.file_lines, FILE_LINES_P95),
                                   ("function", self.function_lines, FUNCTION_LINES_P95)):
            if percentile95(lines) > limit:
                self.fail(".", 1, "size-p95", f"95 % of the {what}s: {percentile95(lines)} lines, limit {limit}")


def main():
    parser = argparse.ArgumentParser(description="Checks the tree's rules.")
    parser.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    tidy = Tidy(parser.parse_args().root)
    for path, line, rule, message in tidy.run():
        print(f"{path}:{line}: {rule}: {message}")
    functions_95, files_95 = percentile95(tidy.function_lines), percentile95(tidy.file_lines)
    print(f"tidy: {len(tidy.files)} files, {len(tidy.problems)} problems; functions {len(tidy.function_lines)}, "
          f"95 % within {functions_95} lines, longest {max(tidy.function_lines, default=0)} (limit {FUNCTION_LINES}); "
          f"source files {len(tidy.file_lines)}, 95 % within {files_95} lines, "
          f"longest {max(tidy.file_lines, default=0)} (limit {FILE_LINES})")
    return 1 if tidy.problems else 0


if __name__ == "__main__":
    sys.exit(main())
