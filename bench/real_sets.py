#!/usr/bin/env python3
"""Recall, rates, build times and bytes of every index kind on the real data sets, as one Markdown table.

usage: bench/real_sets.py --data DATA [--data DATA ...] [--work FOLDER] [--elanus PROGRAM] [--only SET] [--out FILE]
Runs the `elanus` program alone; standard library only. bench/README.md says what DATA holds. Exit code 1 where a kind
misses its recall, or a build takes more memory than its data, its index and 256 MiB.
"""
import argparse
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import typing

ROOT = pathlib.Path(__file__).resolve().parent.parent
K = 10
ROOM = 256 << 20  # bytes a build may take beyond its data and its index


class RealSet(typing.NamedTuple):
    title: str
    metric: str
    base: str
    queries: str
    truth: str                # ids
    distances: typing.Optional[str]  # of the truth: ties at the k-th place are then known


class Run(typing.NamedTuple):
    kind: str
    build: dict
    search: dict
    floor: float              # least recall@10
    below: float = 0.0        # or: at most this far below the run before it


IMAGES = RealSet("images, 500,000 x 128 uint8, L2", "L2", "sift_base.bvecs", "sift_query.bvecs",
                 "sift_gt_l2_ids.ivecs", "sift_gt_l2_dist.fvecs")
TEXT_IP = RealSet("text, 250,000 x 384 float16, IP", "IP", "text_base_f16.npy", "text_query_f16.npy",
                  "text_gt_ip_ids.ivecs", None)
TEXT_COSINE = RealSet("text, 250,000 x 384 float16, COSINE", "COSINE", "text_base_f16.npy", "text_query_f16.npy",
                      "text_gt_cos_ids.ivecs", "text_gt_cos_dist.fvecs")
HAMMING = RealSet("molecules, 138,000 x 1,024 bits, HAMMING", "HAMMING", "mol_base_morgan1024.npy",
                  "mol_query_morgan1024.npy", "mol_gt_hamming_ids.ivecs", "mol_gt_hamming_dist.fvecs")
JACCARD = RealSet("molecules, 138,000 x 1,024 bits, JACCARD", "JACCARD", "mol_base_morgan1024.npy",
                  "mol_query_morgan1024.npy", "mol_gt_jaccard_ids.ivecs", "mol_gt_jaccard_dist.fvecs")

GRAPH = {"M": 16, "efConstruction": 200}
TEXT = [
    Run("FLAT", {}, {}, 1.0),
    Run("IVF_FLAT", {"nlist": 1024}, {"nprobe": 270}, 0.99),
    Run("IVF_SQ8", {"nlist": 1024, "refine": 1}, {"nprobe": 270}, 0.0, below=0.005),
    Run("IVF_SQ8", {"nlist": 1024}, {"nprobe": 270}, 0.98),
    Run("IVF_PQ", {"nlist": 1024, "nbits": 4, "m": 96}, {"nprobe": 180, "refine_k": 250}, 0.97),
    Run("HNSW", GRAPH, {"ef": 180}, 0.99),
    Run("ANNOY", {"n_trees": 64}, {"search_k": 15000}, 0.95),
]
RUNS = {
    IMAGES: [
        Run("FLAT", {}, {}, 1.0),
        Run("IVF_FLAT", {"nlist": 2048}, {"nprobe": 80}, 0.99),
        Run("IVF_SQ8", {"nlist": 2048}, {"nprobe": 80}, 0.0, below=0.005),
        Run("IVF_PQ", {"nlist": 1024, "nbits": 4, "m": 64}, {"nprobe": 40, "refine_k": 80}, 0.97),
        Run("HNSW", GRAPH, {"ef": 110}, 0.99),
        Run("ANNOY", {"n_trees": 64}, {"search_k": 4000}, 0.95),
    ],
    TEXT_IP: TEXT,
    TEXT_COSINE: TEXT,
    HAMMING: [Run("BIN_FLAT", {}, {}, 1.0), Run("BIN_IVF_FLAT", {"nlist": 256}, {"nprobe": 72}, 0.99)],
    JACCARD: [Run("BIN_FLAT", {}, {}, 1.0), Run("BIN_IVF_FLAT", {"nlist": 256}, {"nprobe": 80}, 0.99)],
}
HEADER = ("set", "kind", "build", "search", "recall@10", "queries/s", "in batches", "build s", "MB", "build peak MB")


class Bench:
    def __init__(self, options):
        self.options = options
        self.folder = options.work
        self.folder.mkdir(parents=True, exist_ok=True)
        self.failures = []

    def find(self, name):
        """Path of a data file in one of the folders; a gzipped one is unpacked into the work folder."""
        for folder in self.options.data:
            if (folder / name).exists():
                return folder / name
        unpacked = self.folder / name
        for folder in self.options.data:
            packed = folder / (name + ".gz")
            if packed.exists() and not unpacked.exists():
                with gzip.open(packed, "rb") as source, open(unpacked, "wb") as target:
                    shutil.copyfileobj(source, target)
        if not unpacked.exists():
            sys.exit(f"real_sets.py: {name} is in none of {', '.join(map(str, self.options.data))}; name its folder")
        return unpacked

    def call(self, *arguments):
        command = [str(self.options.elanus), *map(str, arguments), "--json", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"real_sets.py: {' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return json.loads(done.stdout.splitlines()[-1])

    def measure(self, data, run):
        """A row of the table."""
        index = self.folder / "index.elanus"
        sets = lambda values: [word for pair in values.items() for word in ("--set", "%s=%s" % pair)]  # noqa: E731
        base = self.find(data.base)
        built = self.call("build", "--kind", run.kind, "--metric", data.metric, "--base", base, "--out", index,
                          *sets(run.build))
        distances = ["--truth-distances", self.find(data.distances)] if data.distances else []
        timed = self.call("bench", "--index", index, "--queries", self.find(data.queries), "--truth",
                          self.find(data.truth), *distances, "--k", K, *sets(run.search), "--threads", 1, "--batch",
                          "1,1000", "--seconds", self.options.seconds)
        index.unlink()
        single, batched = timed["runs"]
        if built["peak_bytes"] > base.stat().st_size + built["file_bytes"] + ROOM:
            self.failures.append(f"{data.title}, {run.kind}: the build took {built['peak_bytes']:,} bytes")
        words = lambda values: " ".join("%s=%s" % pair for pair in values.items())  # noqa: E731
        return single["recall"], (data.title, run.kind, words(run.build), words(run.search),
                                  f"{single['recall']:.4f}", f"{single['qps']:,.0f}", f"{batched['qps']:,.0f}",
                                  f"{built['build_seconds']:.1f}", f"{built['file_bytes'] / 1e6:.0f}",
                                  f"{built['peak_bytes'] / 1e6:.0f}")

    def run(self):
        rows, before = [], 0.0
        for data, runs in RUNS.items():
            if self.options.only and self.options.only not in data.title:
                continue
            for run in runs:
                print(f"{data.title}: {run.kind}", file=sys.stderr, flush=True)
                recall, row = self.measure(data, run)
                rows.append(row)
                floor = before - run.below if run.below else run.floor
                if recall < floor:
                    self.failures.append(f"{data.title}, {run.kind}: recall {recall:.4f}, {floor:.4f} wanted")
                before = recall
        return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", action="append", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "bench-real-sets")
    parser.add_argument("--elanus", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "elanus")
    parser.add_argument("--only", default="", help="sets whose title contains this")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for one rate")
    parser.add_argument("--out", type=pathlib.Path, help="file for the table (default: standard output)")
    options = parser.parse_args()
    bench = Bench(options)
    rows = [HEADER, ("---",) * len(HEADER), *bench.run()]
    table = "".join("| " + " | ".join(row) + " |\n" for row in rows)
    if options.out:
        options.out.write_text(table)
    else:
        print(table, end="")
    print("\n".join(bench.failures) or "every recall and every build's memory is as wanted", file=sys.stderr)
    return int(bool(bench.failures))


if __name__ == "__main__":
    sys.exit(main())
