#!/usr/bin/env python3
"""The demo: an index of every kind on the sample data, searched with the public command line, as one table.

usage: tools/demo.py PATH_OF_ELANUS [--work FOLDER]      (tools/dev demo builds and calls it)
Standard library only.
"""
import argparse
import json
import pathlib
import struct
import subprocess
import sys
import typing

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data"
K = 10


class Sample(typing.NamedTuple):
    """One set of tests/data: its files are called after `name`."""
    name: str
    title: str
    metric: str
    suffix: str  # of the vectors
    truth: str   # metric in the names of the truth
    names: typing.Optional[str]  # ending of the files that say what a row is


IMAGE = Sample("image", "6,000 SIFT descriptors of pictures, 128 x uint8, L2", "L2", ".bvecs", "l2", None)
TEXT = Sample("text", "700 pages by all-MiniLM-L6-v2, 384 x float32, COSINE", "COSINE", ".fvecs", "ip", "_titles.txt")
MOLECULE = Sample("molecule", "4,000 molecules by Morgan fingerprint, 1,024 bits, JACCARD", "JACCARD", ".npy",
                  "jaccard", ".smi")

# One row of the table each: kind, build settings, search settings.
RUNS = {
    IMAGE: [
        ("FLAT", {}, {}),
        ("IVF_FLAT", {"nlist": 64}, {"nprobe": 16}),
        ("IVF_SQ8", {"nlist": 64}, {"nprobe": 16}),
        ("IVF_PQ", {"nlist": 64, "m": 64, "nbits": 4}, {"nprobe": 16}),
        ("HNSW", {"M": 16, "efConstruction": 200}, {"ef": 64}),
        ("ANNOY", {"n_trees": 32}, {"search_k": 2000}),
    ],
    TEXT: [
        ("FLAT", {}, {}),
        ("IVF_FLAT", {"nlist": 16}, {"nprobe": 8}),
        ("HNSW", {"M": 16, "efConstruction": 200}, {"ef": 40}),
    ],
    MOLECULE: [
        ("BIN_FLAT", {}, {}),
        ("BIN_IVF_FLAT", {"nlist": 32}, {"nprobe": 16}),
    ],
}
HEADER = ("kind", "build", "search", "seconds", "KiB", "recall@10", "queries/s", "in batches")


class Elanus:
    """The program, by its command line."""

    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments):
        """Runs a verb with --json and returns its last line, parsed. Ends the demo with the verb's own error."""
        command = [str(a) for a in (self.program, *arguments, "--json", "--quiet")]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stderr.strip()}")
        return json.loads(done.stdout.strip().splitlines()[-1])


def settings(values):
    return " ".join(f"{name}={value}" for name, value in values.items())


def flags(name, values):
    return [word for key, value in values.items() for word in (name, f"{key}={value}")]


def measure(elanus, sample, run, work):
    """One row of the table, and the index that it is about."""
    name, _, metric, suffix, truth, _ = sample
    kind, build, search = run
    index = work / f"{name}-{kind}.elanus"
    made = elanus("build", "--kind", kind, "--metric", metric, "--base", DATA / f"{name}_base{suffix}", "--out", index,
                  *flags("--set", build))
    bench = elanus("bench", "--index", index, "--queries", DATA / f"{name}_query{suffix}", "--k", K,
                   "--truth", DATA / f"{name}_truth_{truth}_ids.ivecs",
                   "--truth-distances", DATA / f"{name}_truth_{truth}_distances.fvecs",
                   *flags("--sweep", search), "--threads", 1, "--batch", "1,1000", "--seconds", 0.3)
    by_batch = {r["batch"]: r for r in bench["runs"]}
    single, batched = by_batch[min(by_batch)], by_batch[max(by_batch)]
    return (kind, settings(build), settings(search), f"{made['build_seconds']:.2f}",
            f"{index.stat().st_size / 1024:,.0f}", f"{single['recall']:.3f}", f"{single['qps']:,.0f}",
            f"{batched['qps']:,.0f}"), index


def read_row(path, row, number):
    """Row `row` of a TEXMEX file; number: struct's letter of its type."""
    raw = path.read_bytes()
    (count,) = struct.unpack_from("<i", raw)
    return struct.unpack_from(f"<{count}{number}", raw, row * (4 + 4 * count) + 4)


def show_neighbours(elanus, sample, index, work, query=0, count=3):
    name, _, metric, suffix, _, names = sample
    ids, distances = work / f"{name}-ids.ivecs", work / f"{name}-distances.fvecs"
    elanus("search", "--index", index, "--queries", DATA / f"{name}_query{suffix}", "--k", K, "--out", ids,
           "--out-distances", distances)
    label = "row {}".format
    asked = f"query {query}"
    if names:
        rows = (DATA / f"{name}_base{names}").read_text(encoding="utf-8").splitlines()
        asked = (DATA / f"{name}_query{names}").read_text(encoding="utf-8").splitlines()[query]
        label = rows.__getitem__
    print(f"  nearest to: {asked}")
    for row, distance in list(zip(read_row(ids, query, "i"), read_row(distances, query, "f")))[:count]:
        print(f"    {metric} {distance:9.3f}   {label(row)}")
    print()


def print_table(rows):
    widths = [max(len(r[c]) for r in [HEADER] + rows) for c in range(len(HEADER))]

    def line(row):
        cells = (cell.ljust(w) if c < 3 else cell.rjust(w) for c, (cell, w) in enumerate(zip(row, widths)))
        return "  " + "  ".join(cells).rstrip()

    print(line(HEADER))
    print("  " + "  ".join("-" * w for w in widths))
    for row in rows:
        print(line(row))


def main():
    parser = argparse.ArgumentParser(description="Searches the sample data with every index kind.")
    parser.add_argument("elanus", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "demo")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    elanus = Elanus(arguments.elanus)
    print("\nElanus on the sample data of tests/data, one thread; exact truth, k = 10.\n")
    for sample, runs in RUNS.items():
        print(sample.title)
        measured = [measure(elanus, sample, run, arguments.work) for run in runs]
        print_table([row for row, _ in measured])
        show_neighbours(elanus, sample, measured[-1][1], arguments.work)
    print(f"The indexes are in {arguments.work}; `{arguments.elanus} --help` shows what else there is.")


if __name__ == "__main__":
    main()
