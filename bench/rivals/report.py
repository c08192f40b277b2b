"""Tables of a comparison: a CSV with every pair, a Markdown table with the best rival of each cell."""

import csv

COLUMNS = [
    "set", "family", "target", "batch", "threads", "rival", "best", "ratio", "ratio_low", "ratio_high",
    "ratio_without_call", "call_us", "elanus_qps", "elanus_recall", "rival_qps", "rival_recall", "elanus_bytes",
    "rival_bytes", "elanus_build_s", "rival_build_s", "elanus_setting", "rival_setting",
]  # fmt: skip


def cell(row):
    return row["set"], row["family"], row["target"], row["batch"], row["threads"]


def mark_best(rows):
    """Sets `best` on the fastest rival of each cell, and only there."""
    fastest = {}
    for row in rows:
        if row["rival_qps"] > fastest.get(cell(row), row)["rival_qps"] or cell(row) not in fastest:
            fastest[cell(row)] = row
    for row in rows:
        row["best"] = int(fastest[cell(row)] is row)
    return rows


def without_call(ratio, rival_qps, call_seconds, threads):
    """The ratio if the rival's calls cost nothing but their work: each client's call is shorter by call_seconds."""
    each = threads / rival_qps
    return ratio * (each - min(call_seconds, 0.99 * each)) / each


def losing_first(rows):
    return sorted(rows, key=lambda row: row["ratio"])


def write_csv(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows({column: row.get(column, "") for column in COLUMNS} for row in losing_first(rows))


def markdown(rows):
    """The best rival of each cell, losing ones first."""
    lines = [
        "| set | family | recall@10 | batch | threads | ratio (low..high) | without call | Elanus q/s | recall |"
        " best rival | q/s | recall | bytes | build s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in losing_first([row for row in rows if row["best"]]):
        lines.append(
            f"| {row['set']} | {row['family']} | {row['target']:.2f} | {row['batch']} | {row['threads']} "
            f"| **{row['ratio']:.2f}** ({row['ratio_low']:.2f}..{row['ratio_high']:.2f}) "
            f"| {shown(row['ratio_without_call'])} | {row['elanus_qps']:,.0f} | {row['elanus_recall']:.4f} "
            f"| {row['rival']} | {row['rival_qps']:,.0f} | {row['rival_recall']:.4f} "
            f"| {row['elanus_bytes'] / row['rival_bytes']:.2f} | {row['elanus_build_s']:.0f} / "
            f"{row['rival_build_s']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def shown(value):
    return "" if value == "" else f"{value:.2f}"


def summary(rows):
    """One line: how many cells are lost, even, and won twice over."""
    best = [row["ratio"] for row in rows if row["best"]]
    if not best:
        return "no pair was measured"
    lost, double = sum(r < 1 for r in best), sum(r >= 2 for r in best)
    won = f"{len(best) - lost} won, {double} by 2x or more"
    return f"{len(best)} cells: {lost} lost (lowest ratio {min(best):.2f}), {won}"


def write(folder, rows, say):
    """compare.csv, compare.md, compare.png and compare.svg in the folder."""
    write_csv(folder / "compare.csv", rows)
    (folder / "compare.md").write_text(f"{summary(rows)}\n\n{markdown(rows)}", encoding="utf-8")
    if rows:
        import plot  # Here, as only a bench with rivals has matplotlib.

        plot.draw(rows, folder / "compare")
    say(f"{summary(rows)}; tables and plot: {folder / 'compare'}.csv, .md, .png, .svg")
