"""Adding noise to rows, in the data's own units: to test a denoiser on data whose clean rows are known."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["KINDS", "add_noise", "require_kind"]

KINDS = ("gaussian", "masking", "salt_and_pepper")


def add_noise(X: Any, corruption: str = "gaussian", level: float = 0.1, random_state: Any = None) -> np.ndarray:
    """Add noise to rows; returns X's shape and number format.

    Parameters
    ----------
    X
        Clean rows, shape (n_samples, n_features).
    corruption
        ``"gaussian"`` adds N(0, level²) to every cell; ``"masking"`` sets a share ``level`` of the cells to 0;
        ``"salt_and_pepper"`` sets that share to the smallest or largest value in X, each equally likely.

    >>> add_noise(np.ones((2, 4)), "masking", 0.5, random_state=0).tolist()
    [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]
    """
    require_kind(corruption, "add_noise")
    X = np.asarray(X)
    X = X if X.dtype.kind == "f" else X.astype(np.float64)
    if not level >= 0 or (corruption != "gaussian" and level > 1):
        most = "" if corruption == "gaussian" else " and at most 1"
        raise ValueError(f"add_noise: level must be at least 0{most}, got {level}.")
    generator = np.random.default_rng(random_state)
    if corruption == "gaussian":
        return X + (level * generator.standard_normal(X.shape)).astype(X.dtype)
    draw = generator.random(X.shape)
    if corruption == "masking":
        return np.where(draw < level, X.dtype.type(0), X)
    return np.where(draw < level, np.where(draw < level / 2, X.min(), X.max()), X)


def require_kind(corruption: str, who: str) -> None:
    """Raise a `ValueError` unless the corruption is one of `KINDS`."""
    if corruption not in KINDS:
        raise ValueError(f"{who}: corruption must be one of {', '.join(map(repr, KINDS))}, got {corruption!r}.")
