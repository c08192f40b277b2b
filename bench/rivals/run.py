#!/usr/bin/env python3
"""Elanus against FAISS, hnswlib, ScaNN, Annoy, USearch and RDKit on the same data, recall and threads.

  run.py tune      finds the settings that reach each recall target, for the rivals and for Elanus
  run.py compare   runs them in pairs; writes compare.csv, compare.md and the plot compare.png and .svg
  run.py builds    builds the indexes of the settings anew, in turns, so that their build times are of a quiet machine
  run.py tiny      Elanus alone on the sample in the tree: a check of the bench itself, in seconds
Examples:
  python3 bench/rivals/run.py compare --data DATA
  python3 bench/rivals/run.py tune --data DATA --systems elanus --families HNSW,IVF_PQ
"""

import argparse
import json
import os
import pathlib
import sys
import time

import environment

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = pathlib.Path(__file__).with_name("settings.json")
CONTENDER_SHARE = 0.7  # A library slower than this share of the fastest one is not compared again.
START = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - START:7.1f} s] {text}", file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("verb", choices=["tune", "compare", "builds", "tiny"])
    parser.add_argument("--data", action="append", type=pathlib.Path, default=[],
                        help="folder with the data sets; may be given several times")  # fmt: skip
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build" / "bench-rivals",
                        help="folder for the environment, indexes and results (%(default)s)")  # fmt: skip
    parser.add_argument("--elanus", type=pathlib.Path, default=ROOT / "build" / "release" / "bin" / "elanus",
                        help="the tool (%(default)s)")  # fmt: skip
    parser.add_argument("--sets", default="", help="only these, by commas: sift,text,mol-hamming,mol-jaccard")
    parser.add_argument("--families", default="", help="only these, by commas: HNSW,IVF_PQ, ...")
    parser.add_argument("--libraries", default="", help="tune: only these, by commas: Faiss,Hnswlib, ...")
    parser.add_argument("--systems", default="rivals,elanus", help="tune: which to tune (%(default)s)")
    parser.add_argument("--again", action="store_true", help="tune: measure known points anew")
    parser.add_argument("--seconds", type=float, default=1.0, help="time for one rate (%(default)s)")
    return parser.parse_args(arguments)


def wanted_by(options):
    sets, families = options.sets.split(","), options.families.split(",")
    return lambda name, family: (not options.sets or name in sets) and (not options.families or family in families)


def tune(options):
    import comparison
    import grids
    import pareto
    import tune as tuning
    from datasets import load

    wanted = wanted_by(options)
    for side in options.systems.split(","):
        path = options.work / f"tune-{side}.jsonl"
        points = [] if options.again else tuning.read(path)
        known = {tuning.key(point) for point in points}
        for (name, family), entries in (grids.RIVALS if side == "rivals" else grids.ELANUS).items():
            if not wanted(name, family):
                continue
            data = load(name, options.data, options.work)
            for entry in entries:
                if options.libraries and entry["library"] not in options.libraries.split(","):
                    continue
                system = comparison.open_system(side, entry, family, data, options, say)
                goals = grids.targets(family)
                for point in tuning.tune(entry, name, family, system, options.seconds, known, goals):
                    say(tuning.text(point))
                    with open(path, "a", encoding="utf-8") as file:
                        file.write(json.dumps(point) + "\n")
        store(pareto.choose(tuning.newest(tuning.read(path)), side, CONTENDER_SHARE))


def store(chosen):
    """Puts the chosen settings into settings.json, one a line, in place of the old ones of the same families."""
    import pareto

    settings = pareto.replace(json.loads(SETTINGS.read_text()) if SETTINGS.exists() else [], chosen)
    SETTINGS.write_text("[\n" + ",\n".join(map(json.dumps, settings)) + "\n]\n")
    say(f"wrote {SETTINGS}")


def builds(options):
    import comparison

    comparison.build_again(options, json.loads(SETTINGS.read_text()), wanted_by(options), say)


def compare(options):
    import comparison

    settings = json.loads(SETTINGS.read_text())
    comparison.run(options, settings, wanted_by(options), say)


def tiny(options):
    import tiny as check

    return check.run(options, ROOT, wanted_by(options), say)


def main():
    options = parse(sys.argv[1:])
    if options.verb != "tiny":
        options.work.mkdir(parents=True, exist_ok=True)
        if not options.data:
            sys.exit("run.py: name the folder of the data sets by --data; bench/README.md says what must be in it")
        environment.enter(options.work / "venv", say)
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    verbs = {"tune": tune, "compare": compare, "builds": builds, "tiny": tiny}
    return verbs[options.verb](options)


if __name__ == "__main__":
    sys.exit(main())
