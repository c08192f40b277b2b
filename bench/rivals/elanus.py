"""Elanus behind the face of systems.py, driven by its command-line tool alone."""

import json
import pathlib
import subprocess

import numpy as np

import cache
import datasets
import recall as exact_recall
from systems import K


class Elanus:
    def __init__(self, binary, entry, family, data, work, say, again=False):
        self.binary, self.data, self.work = pathlib.Path(binary), data, pathlib.Path(work)
        self.index, facts = cache.places(f"Elanus-{family}", entry["build"], data, work)
        if again or not facts.exists():
            build = ["build", "--kind", family, "--metric", data.metric, "--base", data.base_path, "--out", self.index,
                     *options("--set", entry["build"]), "--threads", cache.BUILD_THREADS]  # fmt: skip
            label = f"{data.name}: {self.index.name}"
            cache.timed(label, self.index, facts, lambda: self.call(*build), lambda: None, say)
        self.facts = json.loads(facts.read_text())

    def call(self, *arguments):
        """The tool's standard output; its own error text where it fails."""
        command = [str(self.binary), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def subset(self, count):
        """Paths of the first count queries and of their true ids and distances."""
        folder = self.work / "data" / f"{self.data.name}-{count}"
        paths = [folder / f"queries{self.data.query_path.suffix}", folder / "truth.ivecs", folder / "truth.fvecs"]
        if not all(path.exists() for path in paths):
            folder.mkdir(parents=True, exist_ok=True)
            queries, truth = self.data.queries[:count], self.data.truth[:count]
            datasets.write(paths[0], queries)
            datasets.write(paths[1], truth)
            near = [exact_recall.distances(self.data.metric, queries[i : i + 1], self.data.base[truth[i : i + 1]])
                    for i in range(count)]  # fmt: skip
            sign = -1 if self.data.metric in ("IP", "COSINE") else 1
            datasets.write(paths[2], sign * np.vstack(near))
        return paths

    def recall(self, search, count):
        queries, _, _ = self.subset(count)
        out = self.work / "found.ivecs"
        self.call("search", "--index", self.index, "--queries", queries, "--k", K, "--out", out,
                  *options("--set", search))  # fmt: skip
        data, found = self.data, datasets.read(out)
        return exact_recall.recall(data.metric, data.base, data.queries[:count], data.truth[:count], found, K)

    def rate(self, search, threads, batch, seconds, count, clock=None):
        del seconds, clock  # The tool answers the queries it is given, see `count`, and measures itself.
        queries, truth, distances = self.subset(count)
        text = self.call("bench", "--index", self.index, "--queries", queries, "--truth", truth, "--truth-distances",
                         distances, "--k", K, *options("--sweep", search), "--threads", threads, "--batch", batch,
                         "--json")  # fmt: skip
        (run,) = json.loads(text.strip().splitlines()[-1])["runs"]
        return run["qps"]


def options(flag, values):
    return [word for name, value in values.items() for word in (flag, f"{name}={value}")]
