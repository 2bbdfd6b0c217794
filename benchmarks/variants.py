"""Which variant for what: every variant with default settings on several tasks, tables and seeds.

    python benchmarks/variants.py --folder PATH    the tables of scikit-learn, and every .npz in the folder
                                                   (arrays X, y; y = 1 marks an anomaly)

Each seed splits a table: 60% of the rows for training, 20% for validation and 20% for the test, columns standardised by
the training rows. Nothing is tuned. Every figure is computed on validation and on test rows; the page names the variant
that is best on *validation* rows and prints its figures on *test* rows.

    reconstruct squared error over that of the linear model, PCA, with the same size of code
    neighbours  accuracy of 5 nearest neighbours on standardised codes
    logistic    accuracy of logistic regression on standardised codes
    denoise     rows with noise of half a standard deviation, reconstructed: squared error to the clean rows over PCA's
    sample      energy distance between rows drawn and rows held out
    anomaly     area under the ROC curve of -score_samples; only normal rows are used for training

The code has a quarter of the columns, 2 to 16; the sparse one its own default, twice the columns. Each result is
saved at once, and an interrupted run resumes. Writes benchmarks/results/variants.json.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import isthmus
from isthmus.tables import atomic_write, load_bundled
from isthmus.variants import variants

RESULTS = Path(__file__).parent / "results" / "variants.json"
SEEDS = range(5)
CLASSES = ("digits", "wine", "breast_cancer")
MAX_ROWS = 1000
NOISE = 0.5
LINEAR = "linear"
LEFT_OUT = {"combined"}  # by default the same as vanilla


def models(size: int, seed: int) -> dict[str, isthmus.BaseAutoencoder]:
    """The linear model, which is PCA, and every variant with its defaults."""
    made = {LINEAR: isthmus.Autoencoder(size, hidden_layer_sizes=(), random_state=seed)}
    for name, kind in variants().items():
        if name not in LEFT_OUT:
            made[name] = kind(None if name == "sparse" else size, random_state=seed)
    return made


def tables(folder: Path | None) -> Iterator[tuple[str, np.ndarray, np.ndarray, bool]]:
    """Name, rows, classes, and whether the classes mark anomalies."""
    for name in CLASSES:
        table = load_bundled(name)
        yield name, table.values, table.labels, False
    for path in sorted(folder.glob("*.npz"), key=lambda path: path.stat().st_size) if folder else ():
        with np.load(path, allow_pickle=False) as arrays:
            rows = np.unique(np.column_stack([arrays["X"], arrays["y"]]).astype(np.float64), axis=0)
        yield path.stem.split("_", 1)[-1], rows[:, :-1], rows[:, -1], True


def cut(X: np.ndarray, y: np.ndarray, seed: int, anomalies: bool) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Standardised rows and classes for training, validation and test."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))[:MAX_ROWS]
    X, y = X[order], y[order]
    part = np.searchsorted([0.6, 0.8], (np.arange(len(X)) + 0.5) / len(X))  # 0, 1, 2: learned, validation, test
    if anomalies:
        part = np.where(y == 1, rng.integers(1, 3, len(X)), part)
    learned = X[part == 0]
    varies = learned.std(0) > 1e-9 * (1 + np.abs(learned).max(0))  # constant but for rounding
    mean, spread = learned[:, varies].mean(0), learned[:, varies].std(0)
    return {
        name: ((X[part == at][:, varies] - mean) / spread, y[part == at])
        for at, name in enumerate(("learned", "validation", "test"))
    }


def evaluated(
    model: isthmus.BaseAutoencoder, parts: dict, evaluated_on: str, seed: int, anomalies: bool
) -> dict[str, float]:
    """One model's figures on validation or test rows."""
    (learned, known), (X, y) = parts["learned"], parts[evaluated_on]
    if anomalies:
        normal = X[y == 0]
        return {
            "reconstruct": squared_error(model.reconstruct(normal), normal),
            "anomaly": float(roc_auc_score(y == 1, -model.score_samples(X))),
        }
    codes, new_codes = model.transform(learned), model.transform(X)
    probes = {"neighbours": KNeighborsClassifier(5), "logistic": LogisticRegression(max_iter=2000)}
    rng = np.random.default_rng(1000 + seed)
    noisy = X + NOISE * rng.standard_normal(X.shape)
    drawn = model.sample(len(X), random_state=seed)
    return {
        "reconstruct": squared_error(model.reconstruct(X), X),
        "denoise": squared_error(model.reconstruct(noisy), X),
        "sample": float(isthmus.compare_samples(drawn, held_out=X, training=learned).energy_distance),
    } | {
        name: float(make_pipeline(StandardScaler(), probe).fit(codes, known).score(new_codes, y))
        for name, probe in probes.items()
    }


def squared_error(reconstructed: np.ndarray, X: np.ndarray) -> float:
    """Mean over rows and columns."""
    return float(np.mean((reconstructed - X) ** 2, dtype=np.float64))


def main() -> None:
    """Fit what is not in the results yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="tables with anomalies: a folder of .npz files")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=SEEDS, help="only these: several processes share the work"
    )
    parser.add_argument("--into", type=Path, default=RESULTS, help="file to add the results to")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    rows = json.loads(asked.into.read_text()) if asked.into.exists() else []
    done = {(row["data"], row["variant"], row["seed"]) for row in rows}
    for seed in asked.seeds:
        for name, X, y, anomalies in sorted(tables(asked.folder), key=lambda table: table[1].size):
            parts = cut(X, y, seed, anomalies)
            size = int(np.clip(parts["learned"][0].shape[1] // 4, 2, 16))
            for kind, model in models(size, seed).items():
                if (name, kind, seed) in done:
                    continue
                started = time.perf_counter()
                model.fit(parts["learned"][0])
                row = {"data": name, "variant": kind, "seed": seed, "columns": parts["learned"][0].shape[1]}
                row |= {"rows": len(parts["learned"][0]), "size": model.n_components_}
                row["seconds"] = time.perf_counter() - started
                row |= {on: evaluated(model, parts, on, seed, anomalies) for on in ("validation", "test")}
                rows.append(row)
                with atomic_write(asked.into) as path:
                    Path(path).write_text(json.dumps(rows, indent=1), encoding="utf-8")
                print(f"{name} {kind} seed {seed}: {row['seconds']:.1f} s", flush=True)


if __name__ == "__main__":
    main()
