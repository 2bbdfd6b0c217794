"""Samples of rows from numeric tables bundled with scikit-learn or in a folder of ADBench files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn import datasets

__all__ = ["sampled_table"]


def sampled_table(name: str, folder: Path | None, most: int, seed: int | Sequence[int]) -> np.ndarray:
    """At most ``most`` rows, drawn by ``seed`` where there are more; columns that don't vary are left out."""
    load = getattr(datasets, f"load_{name}", None)
    X = load().data if load is not None else np.load(folder / f"{name}.npz")["X"].astype(np.float64)
    if len(X) > most:
        X = X[np.random.default_rng(seed).choice(len(X), most, replace=False)]
    return X[:, X.std(0) > 0]
