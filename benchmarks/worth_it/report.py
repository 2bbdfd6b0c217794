"""The results: worth_it.json for the page, worth_it.csv with every number, worth_it.png to share."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from isthmus.tables.atomic import atomic_write
from worth_it.catalogue import KINDS, Set
from worth_it.summary import Outcome

__all__ = ["CAUSES", "draw", "write_csv", "write_summary"]

COLUMNS = (
    "set", "kind", "chose", "rule", "size", "split", "train", "test", "columns", "error", "pca", "mean_row",
    "difference", "standard_error", "rows_won", "seconds", "epochs", "best_epoch", "refit", "perceptron", "neighbours",
    "pca_neighbours", "logistic", "pca_logistic", "bits", "pca_bits", "bits_error", "sentence",
)  # fmt: skip
MIN_SHOWN = 0.1  # percent
OUTSIDE = "where a network extrapolates worse than a plane"
CAUSES: dict[str, str] = {  # why, for each exception "set/rule"
    "skab_1/quarter": "one of the five held-out stretches of the series lies far outside the training rows (the mean "
    f"row errs fourteen times as much there), {OUTSIDE}",
    "skab_1/two": f"the same stretch as with eight numbers, {OUTSIDE}",
    "gold/two": f"the prices of later windows lie outside those of the training windows, {OUTSIDE}",
    "skab_5/quarter": "PCA leaves less than one part in a hundred of the variance, and the epoch is chosen on random "
    "windows, which overlap the training windows: what they gain is lost on a later stretch",
    "survey/smallest": "in one of five splits, two of 47 rows that lie farther out than 95% of the training rows; "
    "without them the error is 0.71 of PCA's there; the other splits stay at PCA",
}
COLOURS = dict(
    zip(KINDS, ("#4477aa", "#66ccee", "#228833", "#ccbb44", "#ee6677", "#aa3377", "#997700", "#555555", "#000000"),
        strict=True)
)  # fmt: skip


def write_csv(path: Path, lines: Iterable[dict[str, Any]], sets: dict[str, Set]) -> None:
    """A line per measurement."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for line in lines:
            if line["split"] >= 0 and line["set"] in sets:
                writer.writerow(line | {"chose": "yes" if sets[line["set"]].chose_defaults else ""})


def write_summary(path: Path, found: list[Outcome], scores: dict[str, Any], rule: dict[str, Any], total: int) -> None:
    """The numbers from which the page is computed."""
    rows = []
    for one in found:
        key = f"{one.name}/{one.rule}"
        row = {name: _rounded(value) for name, value in dataclasses.asdict(one).items()}
        rows.append(row | {"chance": _rounded(scores["predicted"].get(key)), "cause": CAUSES.get(key, "")})
    kept = {name: value for name, value in scores.items() if name != "predicted"}
    with atomic_write(path) as temporary:
        text = {"catalogue": total, "outcomes": rows, "scores": kept, "rule": rule}
        temporary.write_text(json.dumps(text, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _rounded(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def draw(path: Path, found: list[Outcome]) -> None:
    """The network's error over PCA's against what PCA leaves out: a point per set, at a quarter of the columns."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, 5.2), layout="constrained")
    axes = figure.subplots()
    axes.axhspan(0.99, 1.01, color="#dddddd", zorder=0)
    axes.axhline(1, color="#999999", linewidth=0.8)
    chosen = [one for one in found if one.rule == "quarter"]
    for kind in KINDS:
        of_kind = [one for one in chosen if one.kind == kind]
        for chose, marker in ((False, "o"), (True, "^")):
            some = [one for one in of_kind if one.chose == chose]
            axes.scatter(
                [max(MIN_SHOWN, 100 * one.unexplained) for one in some], [one.ratio for one in some],
                s=[10 + 12 * math.log10(max(one.rows, 10)) for one in some], marker=marker, alpha=0.75,
                color=COLOURS[kind], linewidths=0, label=None if chose or not some else f"{kind} ({len(of_kind)})",
            )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="variance that PCA leaves out, % (a quarter of the columns)")
    axes.set_ylabel("the network's held-out error over PCA's")
    least = min([one.ratio for one in chosen], default=0.5)
    ticks = [tick for tick in (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2) if tick >= 0.8 * least]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xticks([0.1, 1, 3, 10, 30, 100], ["0.1 or less", "1", "3", "10", "30", "100"])
    axes.spines[["top", "right"]].set_visible(False)
    won = sum(one.winner == "network" for one in chosen)
    title = f"When is a network worth it? It wins on {won} of {len(chosen)} public data sets"
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(
        frameon=False, fontsize=8, loc="lower left", title="triangles: used to choose defaults", title_fontsize=7
    )
    figure.savefig(path, dpi=150)
