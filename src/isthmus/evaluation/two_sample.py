"""Two-sample tests of generated rows: can they be distinguished from real rows, and are they new?

    energy distance     2 E‖X - Y‖ - E‖X - X'‖ - E‖Y - Y'‖, zero only for equal distributions   (Székely & Rizzo 2013)
    1-NN accuracy       share of rows whose nearest other row is of their own kind: 0.5 if generated and held-out
                        rows are indistinguishable, 1 if they are separated (Lopez-Paz & Oquab 2017, arXiv:1610.06545)
    distance ratio      median distance from a generated row to the nearest training row, over the same for held-out
                        rows: far below 1 if training rows were copied

Expectations leave out a row's distance to itself, so equal distributions give an energy distance of about zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["TwoSample", "compare_samples"]

MAX_ROWS = 1000
MAX_TRAINING_ROWS = 20_000
MIN_ROWS = 4
SPLITS = 100
COPY = 0.1  # a row closer to a training row than this share of the held-out rows' median distance is a copy
DISTINGUISHABLE = 0.55


@dataclass(frozen=True, repr=False)
class TwoSample:
    """Generated rows compared with held-out rows.

    Attributes
    ----------
    n_rows
        Number of rows of each kind.
    energy_distance
        Between generated and held-out rows, unbiased: it may be a little below 0.
    energy_distance_of_data
        The 95th percentile over random halves of the held-out rows: a smaller distance is chance.
    nearest_neighbour_accuracy
        Leave-one-out; 0.5 means indistinguishable. Less means that generated and held-out rows come in pairs.
    distance_ratio, copies
        Median ratio as above, and the share of generated rows closer to a training row than a tenth of the held-out
        rows' median; None without training rows.
    """

    n_rows: int
    energy_distance: float
    energy_distance_of_data: float
    nearest_neighbour_accuracy: float
    distance_ratio: float | None
    copies: float | None

    def __repr__(self) -> str:
        return self.sentence

    @property
    def sentence(self) -> str:
        """The result in words."""
        by_chance = self.energy_distance <= self.energy_distance_of_data
        energy = "no more than" if by_chance else "more than"
        hardly = "hardly " if self.nearest_neighbour_accuracy < DISTINGUISHABLE else ""
        text = (
            f"Generated rows can {hardly}be distinguished from real ones: the nearest row is of its own kind for "
            f"{100 * self.nearest_neighbour_accuracy:.1f}% of rows (50% is chance), and their energy distance "
            f"from held-out rows, {self.energy_distance:.3g}, is {energy} that between halves of the real rows "
            f"({self.energy_distance_of_data:.3g})."
        )
        if self.distance_ratio is None or self.copies is None:
            return text
        return (
            f"{text} They lie {self.distance_ratio:.2f} times as far from the nearest training row as held-out rows "
            f"do, and {100 * self.copies:.1f}% of them are copies or nearly so."
        )


def compare_samples(
    generated: Any, held_out: Any, training: Any = None, *, scale: str | None = None, random_state: int = 0
) -> TwoSample:
    """Compare generated rows with held-out rows.

    Parameters
    ----------
    generated, held_out, training
        Dense rows with the same columns; at least 4 generated and 4 held out. Equal numbers of both are compared, at
        most 1,000, drawn at random. Distances to training rows are computed if those are given.
    scale
        ``"standard"`` divides every column by its standard deviation over the training rows (or else the held-out
        rows), for tables whose columns have different units; None uses the columns unchanged.
    random_state
        Seed of the random draws.
    """
    if scale not in (None, "standard"):
        raise ValueError(f"compare_samples: scale must be None or 'standard', got {scale!r}.")
    given = {"generated": generated, "held_out": held_out, "training": training}
    rows = {name: _checked(X, name) for name, X in given.items() if X is not None}
    widths = {name: X.shape[1] for name, X in rows.items()}
    if len({*widths.values()}) > 1:
        got = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise ValueError(f"compare_samples: rows must have the same columns, got {got}.")
    if scale == "standard":
        spread = rows.get("training", rows["held_out"]).std(0)
        rows = {name: X / np.where(spread > 0, spread, 1.0) for name, X in rows.items()}
    generator = np.random.default_rng(random_state)
    n_rows = min(MAX_ROWS, len(rows["generated"]), len(rows["held_out"]))
    new, real = (_drawn(rows[name], n_rows, generator) for name in ("generated", "held_out"))
    between, within_new, within_real = _distances(new, real), _distances(new, new), _distances(real, real)
    ratio = copies = None
    if "training" in rows:
        known = _drawn(rows["training"], min(MAX_TRAINING_ROWS, len(rows["training"])), generator)
        near_new, near_real = (_nearest(X, known) for X in (new, real))
        median = float(np.median(near_real))
        ratio = float(np.median(near_new)) / median if median > 0 else float("nan")
        copies = float((near_new <= COPY * median).mean())
    return TwoSample(
        n_rows,
        2 * float(between.mean()) - _mean_of_others(within_new) - _mean_of_others(within_real),
        _energy_of_halves(within_real, generator),
        _nearest_neighbour_accuracy(between, within_new, within_real),
        ratio,
        copies,
    )


def _checked(X: Any, name: str) -> np.ndarray:
    X = np.asarray(X, dtype=np.float64)
    if X.ndim != 2 or len(X) < (1 if name == "training" else MIN_ROWS):
        raise ValueError(
            f"compare_samples: {name} must be at least {1 if name == 'training' else MIN_ROWS} rows of numbers, "
            f"got shape {X.shape}."
        )
    if not np.isfinite(X).all():
        raise ValueError(f"compare_samples: {name} has NaN or infinity; drop or fill such rows first.")
    return X


def _drawn(X: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    return X[generator.permutation(len(X))[:count]]


def _distances(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(A, B)


def _nearest(A: np.ndarray, B: np.ndarray) -> np.ndarray:
    return np.concatenate([_distances(part, B).min(1) for part in np.array_split(A, -(-len(A) // 100))])


def _mean_of_others(distances: np.ndarray) -> float:
    count = len(distances)
    return float(distances.sum()) / (count * (count - 1))


def _energy_of_halves(distances: np.ndarray, generator: np.random.Generator) -> float:
    """The 95th percentile of the energy distance between random halves of the same rows."""
    half = len(distances) // 2
    found = []
    for _ in range(SPLITS):
        order = generator.permutation(len(distances))
        one, two = order[:half], order[half : 2 * half]
        sums = [_mean_of_others(distances[np.ix_(part, part)]) for part in (one, two)]
        found.append(2 * float(distances[np.ix_(one, two)].mean()) - sum(sums))
    return float(np.quantile(found, 0.95))


def _nearest_neighbour_accuracy(between: np.ndarray, within_new: np.ndarray, within_real: np.ndarray) -> float:
    """Leave-one-out; equally near rows share the vote."""
    shares = []
    for own, other in ((within_new, between), (within_real, between.T)):
        own = own.copy()
        np.fill_diagonal(own, np.inf)
        nearest = np.minimum(own.min(1), other.min(1))[:, None] * (1 + 1e-12)
        n_own, n_other = (own <= nearest).sum(1), (other <= nearest).sum(1)
        shares.append(n_own / (n_own + n_other))
    return float(np.concatenate(shares).mean())
