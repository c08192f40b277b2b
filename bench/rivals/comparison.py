"""Paired runs: Elanus, rivals, Elanus, rivals, ... in one process order, so that a drift of the machine hits both."""

import itertools
import json
import statistics

import datasets
import elanus
import grids
import measure
import pareto
import report
import rivals
import systems

ROUNDS = 3
THREADS = (1, 2)
BATCHES = (1, 1000)


def cells(settings, wanted):
    """(set, family, target, batch, Elanus' setting, rivals' settings) wherever both sides have one."""
    for name, families in grids.FAMILIES.items():
        for family in filter(lambda family: wanted(name, family), families):
            for target, batch in itertools.product(grids.targets(family), BATCHES):
                where = {"set": name, "family": family, "target": target, "batch": batch}
                ours = pareto.pick(settings, side="elanus", **where)
                theirs = pareto.pick(settings, side="rivals", **where)
                if ours and theirs:
                    yield name, family, target, batch, ours[0], theirs


def pair(ours, theirs, mine, others, batch, threads, seconds):
    """Rows of one cell, a row for each rival. ours, theirs: settings; mine, others: the opened systems."""
    rates = {}
    for _ in range(ROUNDS):
        rates.setdefault("elanus", []).append(mine.rate(ours["search"], threads, batch, seconds))
        for place, (setting, rival) in enumerate(zip(theirs, others)):
            rates.setdefault(place, []).append(rival.rate(setting["search"], threads, batch, seconds))
    for place, (setting, rival) in enumerate(zip(theirs, others)):
        ratios = [a / b for a, b in zip(rates["elanus"], rates[place])]
        yield {
            "threads": threads,
            "elanus_qps": round(statistics.median(rates["elanus"]), 1),
            "elanus_recall": ours["recall"],
            "rival": setting["library"],
            "rival_qps": round(statistics.median(rates[place]), 1),
            "rival_recall": setting["recall"],
            "ratio": round(statistics.median(ratios), 3),
            "ratio_low": round(min(ratios), 3),
            "ratio_high": round(max(ratios), 3),
            "elanus_bytes": mine.facts["bytes"],
            "rival_bytes": rival.facts["bytes"],
            "elanus_build_s": mine.facts["build_seconds"],
            "rival_build_s": rival.facts["build_seconds"],
            "elanus_setting": setting_text(ours),
            "rival_setting": setting_text(setting),
        }


def setting_text(setting):
    return " ".join(f"{key}={value}" for key, value in {**setting["build"], **setting["search"]}.items())


def open_system(side, setting, family, data, options, say, again=False):
    """The system of one side with the index that a setting names, built if it is not kept yet, or again."""
    if side == "elanus":
        return elanus.Elanus(options.elanus, setting, family, data, options.work, say, again)
    return systems.RivalSystem(setting, data, options.work, say, again)


def build_again(options, settings, wanted, say):
    """Builds each index that the settings name once more, family by family, Elanus' among the rivals'."""
    opened, done = {}, set()
    for setting in settings:
        name, family = setting["set"], setting["family"]
        which = name, family if setting["side"] == "elanus" else setting["library"], json.dumps(setting["build"])
        if wanted(name, family) and which not in done:
            done.add(which)
            data = opened.get(name) or load_only(opened, name, options)
            open_system(setting["side"], setting, family, data, options, say, again=True)


def run(options, settings, wanted, say):
    """Measures every cell, keeps the rows as they come in compare.jsonl, and writes the tables and the plot."""
    log = options.work / "compare.jsonl"
    log.unlink(missing_ok=True)
    opened, floors, rows = {}, {}, []
    for name, family, target, batch, ours, theirs in cells(settings, wanted):
        data = opened.get(name) or load_only(opened, name, options)
        mine = open_system("elanus", ours, family, data, options, say)
        others = [open_system("rivals", setting, family, data, options, say) for setting in theirs]
        for threads in THREADS:
            for row in pair(ours, theirs, mine, others, batch, threads, options.seconds):
                row = {"set": name, "family": family, "target": target, "batch": batch} | row
                row |= without_call(row, data, floors)
                rows.append(row)
                with open(log, "a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
                say(f"{name} {family} {target:.2f} batch {batch} threads {threads}: Elanus {row['elanus_qps']:,.0f}, "
                    f"{row['rival']} {row['rival_qps']:,.0f}, ratio {row['ratio']:.2f}")  # fmt: skip
    report.write(options.work, report.mark_best(rows), say)


def load_only(opened, name, options):
    """The named set; the one before it is let go, so that one set at a time is in memory."""
    opened.clear()
    opened[name] = datasets.load(name, options.data, options.work)
    return opened[name]


def without_call(row, data, floors):
    """For single queries, what a call on an almost empty index takes, and the ratio with that taken out."""
    if row["batch"] > 1:
        return {"call_us": "", "ratio_without_call": ""}
    which = data.name, row["rival"]
    if which not in floors:
        floors[which] = measure.call_overhead(rivals.adapter(row["rival"]), data, systems.K, 0.2)
    ratio = report.without_call(row["ratio"], row["rival_qps"], floors[which], row["threads"])
    return {"call_us": round(floors[which] * 1e6, 2), "ratio_without_call": round(ratio, 3)}
