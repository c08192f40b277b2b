"""The rivals' indexes, kept in the work folder, so that only the first run builds them."""

import json
import os
import pathlib
import re
import shutil
import time

import rivals

BUILD_THREADS = 2


def slug(entry):
    """A file name that tells one build from every other."""
    values = "_".join(f"{key}-{value}" for key, value in sorted(entry["build"].items()))
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{entry['library']}_{values}").strip("_")


def size(path):
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
    return path.stat().st_size


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def places(library, build, data, work):
    """Where one build's index and the record of its cost are kept."""
    folder = pathlib.Path(work) / "indexes" / data.name
    folder.mkdir(parents=True, exist_ok=True)
    name = slug({"library": library, "build": build})
    return folder / name, folder / (name + ".json")


def timed(label, path, facts, construct, save, say):
    """Builds an index, saves it to path, and records {"build_seconds", "bytes"} in facts, which is written last."""
    say(f"{label}: building on {BUILD_THREADS} threads")
    remove(path)
    start = time.perf_counter()
    construct()
    taken = time.perf_counter() - start
    save()
    partial = facts.with_suffix(".part")
    partial.write_text(json.dumps({"build_seconds": round(taken, 2), "bytes": size(path)}))
    os.replace(partial, facts)
    say(f"{label}: built in {taken:.1f} s, {size(path) / 1e6:.0f} MB")


def open_rival(entry, data, work, say, again=False):
    """A rival with its index loaded, and what the build cost: {"build_seconds", "bytes"}; built first if it is not in
    the work folder, or again."""
    path, facts = places(entry["library"], entry["build"], data, work)
    rival = rivals.adapter(entry["library"])(data, entry["build"])
    if again or not facts.exists():
        timed(f"{data.name}: {path.name}", path, facts, lambda: rival.construct(BUILD_THREADS),
              lambda: rival.save(path), say)  # fmt: skip
    rival.load(path)
    return rival, json.loads(facts.read_text())
