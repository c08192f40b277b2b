"""Recall against queries a second, from the pairs of a comparison: one panel for each set, batch and thread count."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 (the backend must be chosen first)

FAMILY_COLOURS = {
    "FLAT": "#4c4c4c", "BIN_FLAT": "#4c4c4c", "IVF_FLAT": "#1f77b4", "BIN_IVF_FLAT": "#1f77b4", "IVF_SQ8": "#2ca02c",
    "IVF_PQ": "#d62728", "HNSW": "#9467bd", "ANNOY": "#ff7f0e",
}  # fmt: skip


def draw(rows, stem):
    """Writes stem.png and stem.svg."""
    rows = [row for row in rows if row["best"]]
    sets = sorted({row["set"] for row in rows}, key=str)
    modes = sorted({(row["batch"], row["threads"]) for row in rows})
    figure, axes = plt.subplots(len(sets), len(modes), figsize=(5 * len(modes), 4 * len(sets)), squeeze=False)
    for line, name in zip(axes, sets):
        for panel, (batch, threads) in zip(line, modes):
            draw_panel(panel, [r for r in rows if (r["set"], r["batch"], r["threads"]) == (name, batch, threads)])
            panel.set_title(f"{name}, batch {batch:,}, {threads} thread{'s' if threads > 1 else ''}", fontsize=10)
    figure.suptitle("Recall@10 against queries a second: Elanus (solid) and the best rival of its kind (dashed)")
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(stem.with_suffix(".png"), dpi=120)
    figure.savefig(stem.with_suffix(".svg"))
    plt.close(figure)


def draw_panel(panel, rows):
    for family in sorted({row["family"] for row in rows}):
        points = sorted((row for row in rows if row["family"] == family), key=lambda row: row["target"])
        colour = FAMILY_COLOURS[family]
        panel.plot([p["elanus_recall"] for p in points], [p["elanus_qps"] for p in points], "o-", color=colour,
                   label=family)  # fmt: skip
        panel.plot([p["rival_recall"] for p in points], [p["rival_qps"] for p in points], "x--", color=colour,
                   label=f"{' / '.join(sorted({p['rival'] for p in points}))}")  # fmt: skip
    panel.set_yscale("log")
    panel.set_xlabel("recall@10")
    panel.set_ylabel("queries a second")
    panel.grid(True, which="both", alpha=0.25)
    panel.legend(fontsize=6, ncol=2)
