"""Anomaly detectors for series compared on a folder of labelled series: VUS-PR by collection, alarms, CPU seconds.

    python benchmarks/series.py FOLDER SCORER [-o benchmarks/results/series.json] [--only NAME]

FOLDER holds CSV files (timestamp, channels, label) and meta.tsv (file, collection, train_rows); SCORER is a Python file
with ``vus(labels, scores, period)`` and ``period(values)``, as TSB-AD computes them. Every method scores the steps from
the series itself; no point adjustment. Intervals are 95 % of a paired bootstrap over series. The settings of
the detector were chosen on these series, so the result must be confirmed on others. ``--only alarms`` measures only the
alarms; what is measured is replaced in the output, the rest stays.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from isthmus.series import SeriesOutlierDetector, series_of
from isthmus.series.lengths import WITHOUT_PERIOD, period_of, window_lengths
from isthmus.series.neighbours import PARTS, Reference, Surprises
from isthmus.series.scoring import learn
from isthmus.series.windows import Units, WindowGrid, overlap_mean, window_chunks

STATED = 2.0  # episodes per 1,000 steps
RESAMPLES = 2_000
MAX_COMPARED = 4_000  # reference windows of a peer


def ours(X: np.ndarray) -> np.ndarray:
    return SeriesOutlierDetector().fit(X).scores_


def ours_one_window(X: np.ndarray) -> np.ndarray:
    return SeriesOutlierDetector(window=max(8, min(max(_period(X), 96), len(X) // 8))).fit(X).scores_


def nearest_alone(X: np.ndarray) -> np.ndarray:
    """The part K alone, with the three windows."""
    series = series_of(X, who="benchmark")
    units = Units.of(series)
    _, scored = learn(series, window_lengths(series, units, "auto", "benchmark"), units)
    near = PARTS.index("near")
    totals = []
    for grid, amounts in zip(scored.grids, scored.amounts, strict=True):
        surprises = Surprises.of(amounts)
        totals.append(grid.per_step(surprises(amounts)[:, near], 0, len(series)))
    return np.mean(totals, 0)


def five_neighbours(X: np.ndarray, *, each: bool = False) -> np.ndarray:
    """Distance to the 5 nearest windows of the period, at every step; with ``each`` every window is standardized."""
    rows, grid = _windows(X, max(_period(X), 4), each=each)
    some = slice(None, None, -(-len(rows) // MAX_COMPARED))
    reference = Reference(rows[some], None, grid.starts[some])
    amounts = np.concatenate(
        [
            reference.amounts(rows[at : at + 500], None, grid.starts[at : at + 500])[:, 0]
            for at in range(0, len(rows), 500)
        ]
    )
    return grid.per_step(np.sqrt(amounts), 0, len(X))


def profile(X: np.ndarray) -> np.ndarray:
    return five_neighbours(X, each=True)


def sub_pca(X: np.ndarray) -> np.ndarray:
    """As in TSB-AD: the distance along each component divided by its share of variance, summed."""
    rows, grid = _windows(X, max(_period(X), 4), each=False)
    flat = rows.reshape(len(rows), -1)
    flat = (flat - flat.mean(0)) / np.maximum(flat.std(0), 1e-9)
    _, sizes, axes = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    share = np.maximum(sizes**2 / (sizes**2).sum(), 1e-12)
    distance = np.sqrt(np.maximum((flat**2).sum(1)[:, None] - 2 * flat @ axes.T + 1.0, 0.0))
    return grid.per_step((distance / share).sum(1), 0, len(X))


def principal_residual(X: np.ndarray) -> np.ndarray:
    """The squared residual of windows from the components that explain half of the variance."""
    rows, grid = _windows(X, max(_period(X), 4), each=False)
    flat = rows.reshape(len(rows), -1) - rows.reshape(len(rows), -1).mean(0)
    _, sizes, axes = np.linalg.svd(flat, full_matrices=False)
    kept = axes[: int(np.searchsorted(np.cumsum(sizes**2) / (sizes**2).sum(), 0.5)) + 1]
    residual = (flat - flat @ kept.T @ kept) ** 2
    return overlap_mean(residual.reshape(rows.shape), grid.starts, len(X)).mean(1)


def autoencoder(X: np.ndarray) -> np.ndarray:
    """The squared error of a plain autoencoder of windows of the period, a tenth of their cells as code, seed 0."""
    from isthmus import Autoencoder

    rows, grid = _windows(X, max(_period(X), 8), each=False)
    flat = rows.reshape(len(rows), -1)
    model = Autoencoder(max(2, min(flat.shape[1] // 10, 16)), random_state=0).fit(flat[:: max(1, len(flat) // 4000)])
    error = (model.reconstruct(flat) - flat) ** 2
    return overlap_mean(error.reshape(rows.shape), grid.starts, len(X)).mean(1)


METHODS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "three windows (ours)": ours,
    "one window (ours)": ours_one_window,
    "nearest windows alone": nearest_alone,
    "5 nearest, global units": five_neighbours,
    "5 nearest, each window standardized (as a matrix profile)": profile,
    "Sub-PCA": sub_pca,
    "PCA residual": principal_residual,
}
NETWORKS = {"autoencoder, squared error": autoencoder}


def _period(X: np.ndarray) -> int:
    series = series_of(X[:, :1], who="benchmark")
    return min(period_of(series, Units.of(series)) or WITHOUT_PERIOD, len(X) // 8)


def _windows(X: np.ndarray, length: int, *, each: bool) -> tuple[np.ndarray, WindowGrid]:
    series = series_of(X, who="benchmark")
    units = Units.of(series)
    grid = WindowGrid.of(series.segments, length, 1)
    rows = np.concatenate([np.array(part) for _, part, _ in window_chunks(series, units, grid)])
    if each:
        rows = (rows - rows.mean(2, keepdims=True)) / np.maximum(rows.std(2, keepdims=True), 0.01)
    return rows, grid


# ---- alarms --------------------------------------------------------------------------------------------


def alarms(X: np.ndarray, labels: np.ndarray, n_past: int) -> dict[str, dict[str, float]]:
    """Episodes at the stated rate and without one: of the series, and of a stream after a past of ``n_past`` steps."""
    found = {
        "whole series": _counted(SeriesOutlierDetector(episodes=STATED).fit(X).episodes_, labels),
        "whole series, no rate stated": _counted(SeriesOutlierDetector().fit(X).episodes_, labels),
    }
    for threshold in ("static", "tracked"):
        try:
            detector = SeriesOutlierDetector(episodes=STATED, threshold=threshold).fit(X[:n_past])
        except ValueError:
            continue
        found[f"stream, {threshold}"] = _counted(detector.update(X[n_past:]).episodes, labels[n_past:])
    return found


def _counted(episodes: Any, labels: np.ndarray) -> dict[str, float]:
    edges = np.diff(np.concatenate([[0], labels, [0]]))
    events = list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1, strict=True))
    hit = sum(any(one.first <= last and one.last >= first for one in episodes) for first, last in events)
    false = sum(not any(one.first <= last and one.last >= first for first, last in events) for one in episodes)
    return {"events": len(events), "found": hit, "false": false, "normal_steps": int((labels == 0).sum())}


# ---- all of it -----------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("scorer", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--only", action="append")
    parser.add_argument(
        "--networks", action="store_true", help="also fit a network to each series, which takes minutes"
    )
    given = parser.parse_args()
    scorer = _module(given.scorer)
    meta = pd.read_csv(given.folder / "meta.tsv", sep="\t")
    methods = METHODS | (NETWORKS if given.networks else {})
    methods = {name: one for name, one in methods.items() if not given.only or any(word in name for word in given.only)}
    scores, seconds = {name: [] for name in methods}, dict.fromkeys(methods, 0.0)
    counted: dict[str, list[dict[str, float]]] = {}
    n_steps = 0
    for file, n_past in zip(meta["file"], meta["train_rows"], strict=True):
        table = pd.read_csv(given.folder / file)
        X, labels = table.iloc[:, 1:-1].to_numpy(float), table["label"].to_numpy(int)
        n_steps += len(X)
        for name, method in methods.items():
            started = time.process_time()
            found = method(X)
            seconds[name] += time.process_time() - started
            found = np.nan_to_num(found, nan=np.nanmin(found) if np.isfinite(found).any() else 0.0)
            scores[name].append(scorer.vus(labels, found, scorer.period(X[:, 0]))[1])
        print(file, {name: round(one[-1], 3) for name, one in scores.items()}, file=sys.stderr, flush=True)
        if not given.only or "alarms" in given.only:
            for name, one in alarms(X, labels, int(n_past)).items():
                counted.setdefault(name, []).append(one)
    result = {
        "n_series": len(meta),
        "vus_pr": _table(scores, meta["collection"].to_numpy()) if scores else {},
        "seconds_per_10000_steps": {name: round(1e4 * spent / n_steps, 3) for name, spent in seconds.items()},
        "alarms": {name: _pooled(ones) for name, ones in counted.items()},
    }
    if given.only and given.output and given.output.exists():
        known = json.loads(given.output.read_text())
        result = known | {name: part for name, part in result.items() if part}
    text = json.dumps(result, indent=1)
    print(text)
    if given.output:
        given.output.write_text(text + "\n")


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scorer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _table(scores: dict[str, list[float]], collections: np.ndarray) -> dict[str, Any]:
    rng, found = np.random.default_rng(0), {}
    resampled = rng.integers(len(collections), size=(RESAMPLES, len(collections)))
    best = np.array(next(iter(scores.values())))
    for name, values in scores.items():
        own = np.array(values)
        row = {"all": round(float(own.mean()), 3)}
        row |= {str(one): round(float(own[collections == one].mean()), 3) for one in np.unique(collections)}
        if own is not best and len(scores) > 1:
            low, high = np.percentile((best - own)[resampled].mean(1), [2.5, 97.5])
            row["first minus this"] = [
                round(float((best - own).mean()), 3),
                round(float(low), 3),
                round(float(high), 3),
            ]
        found[name] = row
    return found


def _pooled(ones: list[dict[str, float]]) -> dict[str, float]:
    total = {key: sum(one[key] for one in ones) for key in ones[0]}
    worst = max(ones, key=lambda one: one["false"] / max(one["normal_steps"], 1))
    return {
        "stated_per_1000": STATED,
        "false_per_1000": round(1000 * total["false"] / total["normal_steps"], 3),
        "worst_series": round(1000 * worst["false"] / max(worst["normal_steps"], 1), 2),
        "worst_series_is": f"{worst['false']} in {worst['normal_steps']:,} steps",
        "events_found": round(total["found"] / total["events"], 3),
        "events": int(total["events"]),
    }


if __name__ == "__main__":
    main()
