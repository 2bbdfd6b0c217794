"""Held-out gaps in ten series: singular spectrum analysis and networks against interpolation and seasonal means.

    python benchmarks/series_gaps.py FOLDER [-o benchmarks/results/series_gaps.json]

The first ten series in meta.tsv's order that have a period are taken. Twenty gaps of 6 and of 24 steps are hidden in
each (one seed per series), the model is fitted to the rest, and the error is the mean square over hidden values in
units of the series' variance. A seasonal mean is that of the same phase of the period.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

from isthmus.series import WindowedAutoencoder, series_of
from isthmus.series.lengths import period_of
from isthmus.series.windows import Units

N_SERIES, N_GAPS, SIZES = 10, 20, (6, 24)


def hidden(n: int, size: int, seed: int) -> np.ndarray:
    """Steps of the gaps: apart from each other and from the ends."""
    rng = np.random.default_rng(seed)
    slots = np.linspace(size, n - 2 * size, N_GAPS + 1)[:-1]
    width = slots[1] - slots[0] - 2 * size
    starts = (slots + rng.random(N_GAPS) * max(width, 1)).astype(int)
    return np.concatenate([np.arange(start, start + size) for start in starts])


def interpolated(x: np.ndarray) -> np.ndarray:
    known = np.isfinite(x)
    return np.interp(np.arange(len(x)), np.flatnonzero(known), x[known])


def seasonal(x: np.ndarray, period: int) -> np.ndarray:
    found = x.copy()
    for phase in range(period):
        own = slice(phase, None, period)
        found[own] = np.where(np.isnan(x[own]), np.nanmean(x[own]), x[own])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument(
        "--networks", action="store_true", help="also fit a network to each series, which takes many minutes"
    )
    given = parser.parse_args()
    rows: list[dict[str, object]] = []
    for file in pd.read_csv(given.folder / "meta.tsv", sep="\t")["file"]:
        x = pd.read_csv(given.folder / file).iloc[:, 1].to_numpy(float)[:6000]
        series = series_of(x, who="benchmark")
        period = period_of(series, Units.of(series))
        if period is None or period < 12 or x.std() == 0:
            continue
        for size in SIZES:
            steps = hidden(len(x), size, len(rows))
            holes = x.copy()
            holes[steps] = np.nan
            window = int(np.clip(2 * max(period, size), 48, len(x) // 8))
            closed = WindowedAutoencoder(window=window, stride=2, network="none", random_state=0).fit(holes)
            filled = {
                "linear interpolation": interpolated(holes),
                "seasonal mean": seasonal(holes, period),
                "singular spectrum analysis alone": closed.denoise(holes),
                "bridged by residuals (ours)": closed.impute(holes),
            }
            if given.networks:
                learned = WindowedAutoencoder(window=window, network="perceptron", random_state=0).fit(holes)
                filled[f"network where held-out blocks say so ({learned.kind_})"] = learned.impute(holes)
            errors = {name: float(np.nanmean((one[steps] - x[steps]) ** 2) / x.var()) for name, one in filled.items()}
            unfilled = int(np.isnan(filled["bridged by residuals (ours)"][steps]).sum())
            rows.append({"file": file, "period": period, "gap": size, "window": window, "unfilled": unfilled, **errors})
            print(
                {name: round(one, 3) if isinstance(one, float) else one for name, one in rows[-1].items()}, flush=True
            )
        if len(rows) == N_SERIES * len(SIZES):
            break
    if given.output:
        given.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
