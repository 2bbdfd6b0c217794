"""Cells hidden at random in twelve tables, imputed by isthmus and by the usual methods.

    python benchmarks/missing_values.py --folder ADBENCH [--seeds 2] [--only glass]

Four tables are scikit-learn's; eight are files of ADBench (NUMBER_NAME.npz with an array X), in ADBENCH. At most
200 rows of each are drawn, since forests are slow. Columns are standardised by their observed cells, and the error is
the root mean square over the hidden cells, in standard deviations: about 1 for column means. The hidden cells are used
once, at the end. The method of isthmus was chosen on other tables (Stamps, vertebral, yeast, PageBlocks, thyroid, WBC).

The others: column means; PCA imputation, the iterated singular value decomposition with its rank chosen on a tenth of
the observed cells; scikit-learn's `KNNImputer`, and its `IterativeImputer` with the default ridge, with extremely
randomised trees (30 of them, at most 5 rounds), and with random forests as in missForest (50 trees, √d columns a split,
at most 5 rounds). Figures are added to the results file as they are measured, so an interrupted run resumes.
"""

from __future__ import annotations

import argparse
import json
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from isthmus import Autoencoder
from sampled_tables import sampled_table

BUNDLED = ("iris", "diabetes", "wine", "breast_cancer")
ADBENCH = ("14_glass", "44_Wilt", "28_pendigits", "6_cardio", "7_Cardiotocography", "41_Waveform")
ADBENCH += ("18_Ionosphere", "12_fault")
SHARES, MAX_ROWS = (0.1, 0.3), 200
RANKS = (1, 2, 3, 4, 6, 8, 12, 16, 24)
ROOT = Path(__file__).parent.parent
RESULTS, PAGE = ROOT / "benchmarks/results/missing_values.json", ROOT / "docs/uses/missing-values.md"


def pca_imputation(X: np.ndarray, rank: int, rounds: int = 200, tolerance: float = 1e-4) -> np.ndarray:
    """Fill with the means, then with the projection on ``rank`` directions, until convergence."""
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


def best_pca_imputation(X: np.ndarray, seed: int) -> np.ndarray:
    """The rank that best fills a tenth of the observed cells, then all of them."""
    aside = (np.random.default_rng([seed, 2]).random(X.shape) < 0.1) & ~np.isnan(X)
    seen = np.where(aside, np.nan, X)
    seen[:, np.isnan(seen).all(0)] = X[:, np.isnan(seen).all(0)]
    ranks = [rank for rank in RANKS if rank < min(X.shape)]
    errors = [np.square(pca_imputation(seen, rank, 60)[aside] - X[aside]).mean() for rank in ranks]
    return pca_imputation(X, ranks[int(np.argmin(errors))])


def iterated(seed: int, trees: object = None) -> IterativeImputer:
    """The iterative imputer, with ridge or trees."""
    return IterativeImputer(trees, max_iter=10 if trees is None else 5, random_state=seed)


WAYS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "column means": lambda X, seed: np.nan_to_num(X),
    "PCA imputation": best_pca_imputation,
    "5 neighbours": lambda X, seed: KNNImputer().fit_transform(X),
    "iterative, ridge": lambda X, seed: iterated(seed).fit_transform(X),
    "iterative, extra trees": lambda X, seed: iterated(seed, ExtraTreesRegressor(30, random_state=seed)).fit_transform(
        X
    ),
    "missForest-like": lambda X, seed: iterated(
        seed, RandomForestRegressor(50, max_features="sqrt", random_state=seed)
    ).fit_transform(X),
    "isthmus": lambda X, seed: Autoencoder(missing="mask", scale="standard", random_state=seed).fit(X).impute(X),
}


def errors_of(
    name: str, folder: Path | None, share: float, seed: int, ways: list[str]
) -> dict[str, tuple[float, float]]:
    """Root mean square error over the hidden cells, and seconds of processor time, of some methods."""
    whole = sampled_table(name, folder, MAX_ROWS, [seed, 1])
    hidden = np.random.default_rng(seed).random(whole.shape) < share
    X = np.where(hidden, np.nan, whole)
    mean, spread = np.nanmean(X, 0), np.nanstd(X, 0)
    spread[spread == 0] = 1
    X, truth = (X - mean) / spread, ((whole - mean) / spread)[hidden]
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for way in ways:
            started = time.process_time()
            filled = WAYS[way](X, seed)
            found[way] = float(np.sqrt(np.square(filled[hidden] - truth).mean())), time.process_time() - started
    return found


def table(results: list[dict]) -> str:
    """The table of the docs page: means over the seeds, and the ratio of isthmus to the best other method."""
    names = list(WAYS)
    lines = [
        f"| set | hidden | {' | '.join(names)} | isthmus / best other |",
        "|---|---" + "|---" * len(names) + "|---|",
    ]
    ratios, sums = [], []
    places = sorted({(entry["set"], entry["hidden"]) for entry in results}, key=lambda place: (place[1], place[0]))
    for name, share in places:
        some = [entry for entry in results if (entry["set"], entry["hidden"]) == (name, share)]
        means = {way: float(np.mean([entry["errors"][way] for entry in some])) for way in names}
        best = min(error for way, error in means.items() if way != "isthmus")
        least = min(means.values())
        cells = [f"**{error:.3f}**" if error == least else f"{error:.3f}" for error in means.values()]
        ratios.append(means["isthmus"] / best)
        sums.append(list(means.values()))
        shown = name.partition("_")[2] if name[0].isdigit() else name
        lines.append(f"| {shown} | {share:.0%} | {' | '.join(cells)} | {ratios[-1]:.2f} |")
    overall = [f"{error:.3f}" for error in np.mean(sums, 0)]
    seconds = [f"{np.median([entry['seconds'][way] for entry in results]):.1f}" for way in names]
    lines.append(f"| mean | | {' | '.join(overall)} | {np.exp(np.mean(np.log(ratios))):.2f} |")
    lines.append(f"| seconds (median) | | {' | '.join(seconds)} | |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is not yet in the results file, and fill the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="ADBench's tables; without it scikit-learn's alone")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", action="append", default=[], help="tables, by name")
    parser.add_argument("--again", choices=WAYS, action="append", default=[], help="ways to measure again")
    asked = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    names = [*BUNDLED[:3], *(ADBENCH if asked.folder else ()), *BUNDLED[3:]]  # the widest last
    names = [name for name in names if not asked.only or name in asked.only]
    for seed in range(asked.seeds):
        for name in names:
            for share in SHARES:
                place = {"set": name, "hidden": share, "seed": seed}
                known = next((entry for entry in results if place.items() <= entry.items()), None)
                if known is None:
                    known = {**place, "errors": {}, "seconds": {}}
                    results.append(known)
                ways = [way for way in WAYS if way not in known["errors"] or way in asked.again]
                found = errors_of(name, asked.folder, share, seed, ways)
                for part, kept in enumerate((known["errors"], known["seconds"])):
                    kept.update({way: pair[part] for way, pair in found.items()})
                print(name, share, seed, {way: round(error, 3) for way, error in known["errors"].items()}, flush=True)
                RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if PAGE.exists():
        marks = r"(<!-- missing_values -->\n).*?(<!-- /missing_values -->)"
        text = re.sub(marks, lambda found: f"{found[1]}{table(results)}\n{found[2]}", PAGE.read_text(), flags=re.S)
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
