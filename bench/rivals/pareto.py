"""Settings that reach a recall at the highest rate.

A point is one measured setting: {"library", "build", "search", "target", "recall", "rates": {"1": qps, "1000": qps}}.
"""

FINE = 0.02  # The search for an effort stops when it is known this closely.


def smallest_effort(recall_of, low, high, target):
    """The least whole effort in [low, high] whose recall is at least target, to within FINE; None if there is none.
    recall_of(effort) is taken to rise with effort."""
    bad, good = low - 1, low
    while recall_of(good) < target:
        if good == high:
            return None
        bad, good = good, min(high, good * 2)
    while good - bad > max(1, int(FINE * good)):
        middle = (good + bad) // 2
        if recall_of(middle) < target:
            bad = middle
        else:
            good = middle
    return good


def confirm(recall_of, effort, high, target):
    """(effort, recall) raised from a first guess until recall_of, now over every query, reaches target; None if it
    does not within the range."""
    while True:
        recall = recall_of(effort)
        if recall >= target:
            return effort, recall
        if effort >= high:
            return None
        effort = min(high, effort + max(1, int(FINE * effort)))


def contenders(points, batch, share):
    """The fastest point of each library at this batch size, fastest first; those slower than share of the first one
    are left out."""
    best = {}
    for point in points:
        rate = point["rates"][batch]
        if point["library"] not in best or rate > best[point["library"]]["rates"][batch]:
            best[point["library"]] = point
    ranked = sorted(best.values(), key=lambda point: -point["rates"][batch])
    return [point for point in ranked if point["rates"][batch] >= share * ranked[0]["rates"][batch]]


def choose(points, side, share):
    """The settings of one side for a comparison, a list of records: for every set, family, target and batch size among
    the points, its contenders, fastest first. side: "rivals" or "elanus"."""
    groups = {}
    for point in points:
        for batch in point["rates"]:
            groups.setdefault((point["set"], point["family"], point["target"], batch), []).append(point)
    return [
        {"side": side, "set": name, "family": family, "target": target, "batch": int(batch)}
        | {key: point[key] for key in ("library", "build", "search", "recall")}
        | {"rate": point["rates"][batch]}
        for (name, family, target, batch), group in sorted(groups.items())
        for point in contenders(group, batch, share)
    ]


def pick(settings, **wanted):
    """The records that agree with every named value, in their order."""
    return [record for record in settings if all(record[key] == value for key, value in wanted.items())]


def replace(settings, chosen):
    """The settings with those of every side, set and family in `chosen` put in place of the old ones."""
    new = {(record["side"], record["set"], record["family"]) for record in chosen}
    kept = [record for record in settings if (record["side"], record["set"], record["family"]) not in new]
    return sorted(kept + chosen, key=lambda r: (r["set"], r["family"], r["side"], r["target"], r["batch"]))
