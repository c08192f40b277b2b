"""Finds, for each build and recall target, the search setting that just reaches it, and measures its rate."""

import json
import time

import grids
import pareto

SAMPLE = 1000  # Queries that a first guess is made on; the guess is then confirmed on all of them.
EXACT_SAMPLE = 300


def tune(entry, name, family, system, seconds, known, targets):
    """Yields a point for each target that the entry reaches. known: keys of points not to be measured again."""
    total = len(system.data.queries)
    lost = []  # Other parameters that missed a lower target.
    for target in sorted(targets):
        for others in grids.searches(entry):
            base = {"set": name, "family": family, "library": entry["library"], "build": entry["build"]}
            base |= {"target": target, "others": others}
            if key(base) in known:
                continue
            found = None if others in lost else setting(entry, others, family, target, system, total)
            if found is None:
                lost.append(others)
                yield base | {"search": None}
                continue
            search, recall = found
            rates = {str(batch): round(rate(system, search, batch, seconds), 1) for batch in (1, 1000)}
            yield base | {"search": search, "recall": round(recall, 5), "rates": rates}


def rate(system, search, batch, seconds):
    """One thread's queries a second of its own processor time: settings can be ranked on a machine that is not idle."""
    return system.rate(search, 1, batch, seconds, clock=time.process_time)


def setting(entry, others, family, target, system, total):
    """(search parameters, recall over all queries) that reach the target, or None."""
    if entry["effort"] is None:
        count = min(total, EXACT_SAMPLE) if family in grids.EXACT or entry["library"] == "Rdkit" else total
        return others, system.recall(others, count)
    name, low, high = entry["effort"]
    sample = min(total, SAMPLE)
    guess = pareto.smallest_effort(lambda e: system.recall({name: e, **others}, sample), low, high, target)
    if guess is None:
        return None
    done = pareto.confirm(lambda e: system.recall({name: e, **others}, total), guess, high, target)
    return done and ({name: done[0], **others}, done[1])


def key(point):
    """Tells one point from every other."""
    return json.dumps([point[part] for part in ("set", "family", "library", "build", "target", "others")])


def read(path):
    """Points of an earlier run, reached or not."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def newest(points):
    """The last measured point of each key, where one was reached."""
    return [point for point in {key(point): point for point in points}.values() if point["search"] is not None]


def text(point):
    """One line for the log."""
    label = f"{point['set']} {point['family']} {point['library']} {point['build']} at {point['target']:.2f}"
    if point["search"] is None:
        return f"{label} {point['others']}: out of reach"
    rates = ", ".join(f"batch {batch}: {rate:,.0f} q/s" for batch, rate in point["rates"].items())
    return f"{label}: {point['search']} recall {point['recall']:.4f}, {rates}"
