"""Cells hidden at random from the sets bundled with scikit-learn, filled in three ways.

    python benchmarks/missing_values.py

Columns are standardised by what is observed. The error is the root mean square over the hidden cells, in
standard deviations: 1 is about what column means make. PCA imputation is the iterated singular value
decomposition, its rank chosen on a tenth of the observed cells; the autoencoder has its defaults and chooses
inside `fit`. The hidden cells are looked at once, at the end. Five seeds.
"""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path

import numpy as np
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning

from isthmus import Autoencoder

SETS = ("iris", "wine", "breast_cancer", "diabetes", "linnerud", "digits")
SHARES, SEEDS = (0.1, 0.3), range(5)
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48)
ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks/results/missing_values.json", ROOT / "docs/uses/missing-values.md"
WAYS = ("column means", "PCA imputation", "isthmus")


def rows_of(name: str) -> np.ndarray:
    """A bundled table; linnerud's two small ones side by side."""
    found = getattr(datasets, f"load_{name}")()
    return np.hstack([found.data, found.target]) if name == "linnerud" else found.data


def pca_imputation(X: np.ndarray, rank: int, rounds: int = 200, tolerance: float = 1e-4) -> np.ndarray:
    """Fill with the means, then with the projection on ``rank`` directions, until nothing moves."""
    holes = np.isnan(X)
    filled = np.where(holes, np.nanmean(X, 0), X)
    for _ in range(rounds):
        mean = filled.mean(0)
        left, values, right = np.linalg.svd(filled - mean, full_matrices=False)
        renewed = np.where(holes, mean + (left[:, :rank] * values[:rank]) @ right[:rank], X)
        moved = np.abs(renewed - filled).max()
        filled = renewed
        if moved < tolerance:
            break
    return filled


def best_pca_imputation(X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rank that best fills a tenth of the observed cells, then all of them."""
    aside = (rng.random(X.shape) < 0.1) & ~np.isnan(X)
    seen = np.where(aside, np.nan, X)
    seen[:, np.isnan(seen).all(0)] = X[:, np.isnan(seen).all(0)]
    ranks = [rank for rank in RANKS if rank < min(X.shape)]
    errors = [np.square(pca_imputation(seen, rank, 60)[aside] - X[aside]).mean() for rank in ranks]
    return pca_imputation(X, ranks[int(np.argmin(errors))])


def errors_of(name: str, share: float, seed: int) -> list[float]:
    """Root mean square errors over the hidden cells, one a way."""
    whole, rng = rows_of(name), np.random.default_rng(seed)
    hidden = rng.random(whole.shape) < share
    X = np.where(hidden, np.nan, whole)
    mean, spread = np.nanmean(X, 0), np.nanstd(X, 0)
    spread[spread == 0] = 1
    X, truth = (X - mean) / spread, ((whole - mean) / spread)[hidden]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = Autoencoder(missing="mask", scale="standard", random_state=seed).fit(X).impute(X)
    filled = (np.zeros_like(X), best_pca_imputation(X, rng), ours)
    return [float(np.sqrt(np.square(answer[hidden] - truth).mean())) for answer in filled]


def table(results: list[dict]) -> str:
    """The rows of the docs page: mean (lowest - highest) over the seeds."""
    lines = ["| set | hidden | column means | PCA imputation | isthmus |", "|---|---|---|---|---|"]
    for entry in results:
        cells = [f"{np.mean(entry[way]):.3f} ({min(entry[way]):.3f} - {max(entry[way]):.3f})" for way in WAYS]
        lines.append(f"| {entry['set']} | {entry['hidden']:.0%} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all, write the figures and fill the page's table."""
    results = []
    for name in SETS:
        for share in SHARES:
            errors = np.array([errors_of(name, share, seed) for seed in SEEDS])
            results.append({"set": name, "hidden": share} | dict(zip(WAYS, errors.T.tolist(), strict=True)))
            print(table(results[-1:]).splitlines()[-1], flush=True)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if PAGE.exists():
        marks = r"(<!-- missing_values -->\n).*?(<!-- /missing_values -->)"
        text = re.sub(marks, lambda found: f"{found[1]}{table(results)}\n{found[2]}", PAGE.read_text(), flags=re.S)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
