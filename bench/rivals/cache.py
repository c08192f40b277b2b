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


def open_rival(entry, data, work, say):
    """A rival with its index loaded, and what the build cost: {"build_seconds", "bytes"}; built first if need be."""
    folder = pathlib.Path(work) / "indexes" / data.name
    folder.mkdir(parents=True, exist_ok=True)
    path, facts = folder / slug(entry), folder / (slug(entry) + ".json")
    rival = rivals.adapter(entry["library"])(data, entry["build"])
    if not facts.exists():
        say(f"{data.name}: building {slug(entry)} on {BUILD_THREADS} threads")
        remove(path)
        start = time.perf_counter()
        rival.construct(BUILD_THREADS)
        taken = time.perf_counter() - start
        rival.save(path)
        partial = facts.with_suffix(".part")
        partial.write_text(json.dumps({"build_seconds": round(taken, 2), "bytes": size(path)}))
        os.replace(partial, facts)
        say(f"{data.name}: built {slug(entry)} in {taken:.1f} s, {size(path) / 1e6:.0f} MB")
    rival.load(path)
    return rival, json.loads(facts.read_text())
