"""Do bands contain their stated share, and do intervals by Rubin's rules have their nominal coverage?

    python benchmarks/spread.py --folder ADBENCH [--part bands] [--repeats 100] [--theirs 20]

Bands: twenty tables, at most 1,000 rows, columns standardised, a quarter of the columns as latents; an autoencoder with
its defaults (at most 20 epochs) is fitted to 70 % of the rows, and `reconstruct(X, interval=0.9)` is applied to the
others. The share of their cells inside should be .9 on average over splits: with the few test rows of one split it is
uncertain by some hundredths. The band's width is given as a share of that for PCA of the same size, whose half widths
are quantiles of its own errors on rows held out in the same way.

Intervals: on five tables a regression of one column on the others. The whole table is the population; 200 rows are
drawn from it with replacement, a fifth of the cells of the outcome and of the first two predictors is hidden, at random
(MCAR) or more often for higher values of the third predictor (MAR), and five filled tables are combined by Rubin's
rules, with Barnard and Rubin's degrees of freedom and standard errors that allow for unequal variances (HC3). Of the
nominal 95 % intervals of all coefficients, the share that contains the population's coefficient is counted: with
isthmus's draws, with those of `IterativeImputer(sample_posterior=True)`, and with no cell hidden, as the attainable
coverage.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from isthmus import Autoencoder
from isthmus.imputation.joint_gaussian import draw_cells, posterior
from sampled_tables import sampled_table

RESULTS = Path(__file__).parent / "results" / "spread.json"
BUNDLED = ("iris", "wine", "breast_cancer", "diabetes", "digits")
ADBENCH = (
    "14_glass", "6_cardio", "28_pendigits", "44_Wilt", "7_Cardiotocography", "41_Waveform", "18_Ionosphere", "12_fault",
    "37_Stamps", "39_vertebral", "47_yeast", "27_PageBlocks", "38_thyroid", "42_WBC", "46_WPBC",
)  # fmt: skip
OUTCOMES = {"diabetes": 3, "28_pendigits": 6, "39_vertebral": 0, "47_yeast": 1, "6_cardio": 2}
SAMPLE, DRAWS, HIDDEN = 200, 5, 0.2
PREDICTORS, CONSTANT = 5, 0.8  # a column that seldom varies says nothing in most samples of 200


def rows_of(name: str, folder: Path | None, most: int) -> np.ndarray:
    """Standardised rows of a table."""
    X = sampled_table(name, folder, most, seed=1)
    return (X - X.mean(0)) / X.std(0)


def bands_of(name: str, folder: Path | None, seed: int) -> dict:
    """The share of new cells inside bands of .9, its spread over columns, and their width relative to PCA's."""
    X = rows_of(name, folder, 1000)
    order = np.random.default_rng(seed).permutation(len(X))
    train, test = X[order[: int(0.7 * len(X))]], X[order[int(0.7 * len(X)) :]]
    size = max(1, X.shape[1] // 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Autoencoder(size, max_iter=20, random_state=seed).fit(train)
    _, low, high = model.reconstruct(test, interval=0.9)
    inside = (test >= low) & (test <= high)
    held_out = len(train) // 10
    directions = np.linalg.svd(train[held_out:] - train[held_out:].mean(0), full_matrices=False)[2][:size]
    left = train[:held_out] - train[held_out:].mean(0)
    widths = np.quantile(np.abs(left - left @ directions.T @ directions), 0.9, axis=0)
    return {
        "part": "bands", "set": name, "seed": seed, "inside": float(inside.mean()),
        "columns": float(inside.mean(0).std()), "width": float(((high - low).mean(0) / 2).sum() / widths.sum()),
    }  # fmt: skip


def regression(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the last column on the others and one, and their HC3 variances."""
    design = np.column_stack([np.ones(len(X)), X[:, :-1]])
    inverse = np.linalg.inv(design.T @ design)
    found = inverse @ design.T @ X[:, -1]
    leverage = np.einsum("ij,jk,ik->i", design, inverse, design)
    left = (X[:, -1] - design @ found) / (1 - leverage)
    return found, np.diag(inverse @ (design.T * left**2) @ design @ inverse)


def combined(filled: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Rubin's rules: the estimate, and half the width of its 95 % interval."""
    found = [regression(each) for each in filled]
    estimates, within = np.array([one for one, _ in found]), np.mean([one for _, one in found], 0)
    m, free = len(filled), len(filled[0]) - filled[0].shape[1]
    between = estimates.var(0, ddof=1) if m > 1 else np.zeros_like(within)
    total = within + (1 + 1 / m) * between
    share = np.maximum((1 + 1 / m) * between / total, 1e-12)
    seen = (free + 1) / (free + 3) * free * (1 - share)
    degrees = 1 / (share**2 / max(m - 1, 1) + 1 / seen)
    return estimates.mean(0), stats.t.ppf(0.975, degrees) * np.sqrt(total)


def ours(X: np.ndarray, seed: int) -> list[np.ndarray]:
    """The draws of `impute(X, draws=…)` of a model fitted to X."""
    center, spread = np.nanmean(X, 0), np.nanstd(X, 0)
    u, rng = (X - center) / spread, np.random.default_rng(seed)
    return [center + spread * draw_cells(u, one, rng) for one in posterior(u, DRAWS, rng)]


def theirs(X: np.ndarray, seed: int) -> list[np.ndarray]:
    """The iterative imputer's draws."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = [IterativeImputer(sample_posterior=True, random_state=seed + draw) for draw in range(DRAWS)]
        return [draw.fit_transform(X) for draw in draws]


def hidden_cells(X: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """The outcome's and the first two predictors' cells that are hidden."""
    share = np.full(len(X), HIDDEN)
    if how == "MAR":
        share = 1 / (1 + np.exp(-1.5 * X[:, 2])) * 2 * HIDDEN
    hidden = rng.random(X.shape) < share[:, None]
    hidden[:, 2:-1] = False
    return hidden


def intervals_of(name: str, folder: Path | None, how: str, repeats: int, their_repeats: int) -> dict:
    """The share of intervals that hold the population's coefficients."""
    X = rows_of(name, folder, 10_000)
    outcome = OUTCOMES[name]
    most = [np.unique(column, return_counts=True)[1].max() / len(X) for column in X.T]
    others = [column for column in range(X.shape[1]) if column != outcome and most[column] < CONSTANT][:PREDICTORS]
    X = X[:, [*others, outcome]]
    truth = regression(X)[0][1:]
    counts: dict[str, list[float]] = {"whole": [], "isthmus": [], "iterative": []}
    for repeat in range(repeats):
        rng = np.random.default_rng([repeat, 7])
        whole = X[rng.choice(len(X), SAMPLE)]
        gaps = np.where(hidden_cells(whole, how, rng), np.nan, whole)
        filled = {"whole": [whole], "isthmus": ours(gaps, repeat)}
        if repeat < their_repeats:
            filled["iterative"] = theirs(gaps, 100 * repeat)
        for way, tables in filled.items():
            estimate, half = combined(tables)
            counts[way].append(float((np.abs(estimate[1:] - truth) <= half[1:]).mean()))
    shares = {way: float(np.mean(found)) for way, found in counts.items() if found}
    return {"part": "intervals", "set": name, "how": how, "repeats": repeats, "theirs": their_repeats, **shares}


def summary(results: list[dict]) -> str:
    """The bands of each table, the mean over seeds, and how many tables lie within two hundredths of .9."""
    bands = [entry for entry in results if entry["part"] == "bands"]
    lines, means = [], []
    for name in dict.fromkeys(entry["set"] for entry in bands):
        own = [entry for entry in bands if entry["set"] == name]
        means.append(float(np.mean([entry["inside"] for entry in own])))
        width = np.mean([entry["width"] for entry in own])
        lines.append(f"{name:<20} {means[-1]:.3f} inside, {width:.2f} of PCA's width, {len(own)} splits")
    near = sum(abs(mean - 0.9) <= 0.02 for mean in means)
    return "\n".join([*lines, f"{near} of {len(means)} tables between .88 and .92, {np.mean(means):.4f} in the mean"])


def main() -> None:
    """Measure what is not yet in the results file; print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="ADBench's tables")
    parser.add_argument("--part", choices=("bands", "intervals"), action="append")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--theirs", type=int, default=20, help="repeats of the iterative imputer, which takes longer")
    parser.add_argument("--seeds", type=int, default=4, help="splits of each table for the bands")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []

    def add(place: dict, measure: Callable[[], dict]) -> None:
        if any(place.items() <= entry.items() for entry in results):
            return
        results.append(measure())
        print(results[-1], flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")

    for seed in range(asked.seeds):
        for name in (*BUNDLED, *ADBENCH) if "bands" in (asked.part or ["bands"]) else ():
            add({"part": "bands", "set": name, "seed": seed}, lambda: bands_of(name, asked.folder, seed))  # noqa: B023
    for name in OUTCOMES if "intervals" in (asked.part or ["intervals"]) else ():
        for how in ("MCAR", "MAR"):
            counts = asked.repeats, asked.theirs
            place = {"part": "intervals", "set": name, "how": how}
            add(place, lambda: intervals_of(name, asked.folder, how, *counts))  # noqa: B023
    if any(entry["part"] == "bands" for entry in results):
        print(summary(results))


if __name__ == "__main__":
    main()
