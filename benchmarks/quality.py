"""What a user who sets nothing gets: test error with default settings, over seeds, beside PCA's.

    python benchmarks/quality.py             digits and Fashion-MNIST, five seeds; some minutes
    python benchmarks/quality.py --tables    the sets bundled with scikit-learn, and any folder of .npz tables
                                             given by --folder (arrays X, optional y)

Digits use the tutorial's split (80/20, stratified, seed 42), Fashion-MNIST its own test rows. Nothing here was
used to choose a default. Writes benchmarks/results/quality.json and the tables in README.md and docs/.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.tables import load_bundled, split_table
from isthmus.tutorial import tutorial_recipe
from isthmus.variants import variant

RESULTS = Path(__file__).parent / "results"
README = Path(__file__).parent.parent / "README.md"
MARKS = ("<!-- quality -->", "<!-- /quality -->")
SEEDS = range(5)
DIGITS_SIZES = (2, 4, 8, 16)


def mean_squared_error(estimator: BaseAutoencoder, X: np.ndarray) -> float:
    """Per feature, in the units of X."""
    return float(np.mean((estimator.reconstruct(X) - X) ** 2, dtype=np.float64))


def pca_error(estimator: BaseAutoencoder, X: np.ndarray) -> float:
    """PCA of the same training rows at the same size: the estimator's own start."""
    rebuilt = estimator.principal_.reconstruct(_model_units(estimator, X), estimator.n_components_).numpy()
    return float(np.mean((estimator.scaling_.undo(rebuilt) - X) ** 2))


def _model_units(estimator: BaseAutoencoder, X: np.ndarray):
    import torch

    return torch.from_numpy(estimator.scaling_.apply(X))


def over_seeds(make: Callable[[int], BaseAutoencoder], train: np.ndarray, test: np.ndarray) -> dict:
    """Fit once a seed; errors, PCA's error and seconds."""
    errors, seconds, pca, active = [], [], float("nan"), []
    for seed in SEEDS:
        begun = time.perf_counter()
        fitted = make(seed).fit(train)
        seconds.append(time.perf_counter() - begun)
        errors.append(mean_squared_error(fitted, test))
        pca = pca_error(fitted, test)
        if hasattr(fitted, "latent_report"):
            active.append(fitted.latent_report(test).active_units)
    row = {
        "mean": statistics.mean(errors),
        "lowest": min(errors),
        "highest": max(errors),
        "pca": pca,
        "seconds": statistics.median(seconds),
        "seeds": len(errors),
    }
    return row | ({"active_units": active} if active else {})


def digits_and_fashion() -> Iterable[dict]:
    digits = load_bundled("digits")
    train, test = (digits.values[rows] for rows in split_table(digits, 0.2, 42))
    plain, variational = variant("vanilla"), variant("variational")
    yield {"work": "digits to 2, the tutorial's recipe"} | over_seeds(lambda s: tutorial_recipe(2, s), train, test)
    for size in DIGITS_SIZES:
        row = over_seeds(lambda s, size=size: plain(size, random_state=s), train, test)
        yield {"work": f"digits to {size}"} | row
    row = over_seeds(lambda s: variational(2, random_state=s), train, test)
    yield {"work": "digits to 2, variational"} | row
    fashion = load_bundled("fashion-mnist")
    train, test = (fashion.values[rows] for rows in split_table(fashion, 0.2, 42))
    row = over_seeds(lambda s: plain(32, max_iter=3, random_state=s), train, test)
    yield {"work": "Fashion-MNIST to 32, 3 epochs"} | row


def tables(folder: Path | None) -> Iterable[dict]:
    """Standardised tables to a quarter of their columns: default settings, fresh 80/20 splits."""
    plain = variant("vanilla")
    for name, X in _tables(folder):
        order = np.random.default_rng(7).permutation(len(X))
        cut = int(0.8 * len(X))
        train, test = X[order[:cut]], X[order[cut:]]
        mean, spread = train.mean(0), np.where(train.std(0) > 0, train.std(0), 1.0)
        train, test = (train - mean) / spread, (test - mean) / spread
        size = max(1, X.shape[1] // 4)
        row = over_seeds(lambda s, size=size: plain(size, random_state=s), train, test)
        yield {"work": f"{name} {X.shape[0]} × {X.shape[1]} to {size}"} | row


def _tables(folder: Path | None) -> Iterable[tuple[str, np.ndarray]]:
    for name in ("iris", "wine", "breast_cancer", "diabetes", "linnerud"):
        yield name, load_bundled(name).values
    for path in sorted(folder.glob("*.npz")) if folder else ():
        with np.load(path, allow_pickle=False) as arrays:
            X = np.unique(arrays["X"].astype(np.float64), axis=0)
        yield path.stem, X[:, X.std(0) > 0]


def as_markdown(rows: Iterable[dict]) -> str:
    """A table of errors, isthmus beside PCA."""
    lines = [
        "| work | isthmus, mean (lowest – highest) | PCA | isthmus / PCA | seconds |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        error = f"{_figure(row['mean'])} ({_figure(row['lowest'])} – {_figure(row['highest'])})"
        ratio = f"{row['mean'] / row['pca']:.2f}" if row["pca"] > 0 else "–"
        lines.append(f"| {row['work']} | {error} | {_figure(row['pca'])} | {ratio} | {row['seconds']:.1f} |")
    return "\n".join(lines)


def write_into_readme(rows: Iterable[dict]) -> None:
    """Replace the README's table by this one."""
    before, rest = README.read_text().split(MARKS[0])
    _, after = rest.split(MARKS[1])
    README.write_text(f"{before}{MARKS[0]}\n{as_markdown(rows)}\n{MARKS[1]}{after}")


def _figure(value: float) -> str:
    return f"{value:.4f}" if value < 1 else f"{value:.4g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="tables instead of pictures")
    parser.add_argument("--folder", type=Path, help="more tables: a folder of .npz files")
    asked = parser.parse_args()
    rows = []
    for row in tables(asked.folder) if asked.tables else digits_and_fashion():
        rows.append(row)
        print(as_markdown([row]).splitlines()[-1], row.get("active_units", ""), flush=True)
    RESULTS.mkdir(exist_ok=True)
    name = "tables" if asked.tables else "quality"
    (RESULTS / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / f"{name}.md").write_text(as_markdown(rows) + "\n")
    if not asked.tables:
        write_into_readme(rows)


if __name__ == "__main__":
    main()
