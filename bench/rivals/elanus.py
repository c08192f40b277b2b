"""Elanus behind the face of systems.py, driven by its command-line tool alone."""

import json
import pathlib
import subprocess

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

    def queries(self, count):
        """Path of a file with the first count queries."""
        if count == len(self.data.queries):
            return self.data.query_path
        path = self.work / "data" / f"{self.data.name}-{count}{self.data.query_path.suffix}"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            datasets.write(path, self.data.queries[:count])
        return path

    def recall(self, search, count):
        out = self.work / "found.ivecs"
        self.call("search", "--index", self.index, "--queries", self.queries(count), "--k", K, "--out", out,
                  *options("--set", search), "--threads", cache.BUILD_THREADS)  # fmt: skip
        data, found = self.data, datasets.read(out)
        return exact_recall.recall(data.metric, data.base, data.queries[:count], data.truth[:count], found, K)

    def rate(self, search, threads, batch, seconds, clock=None):
        del clock  # The tool measures wall time.
        text = self.call("bench", "--index", self.index, "--queries", self.data.query_path, "--k", K,
                         *options("--set", search), "--threads", threads, "--batch", batch, "--seconds", seconds,
                         "--no-verify", "--json")  # fmt: skip
        (run,) = json.loads(text.strip().splitlines()[-1])["runs"]
        return run["qps"]


def options(flag, values):
    return [word for name, value in values.items() for word in (flag, f"{name}={value}")]
