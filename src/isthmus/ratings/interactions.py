"""Ratings as a sparse matrix of users by items.

A rating of at least ``threshold`` is a like of weight 1; a lower or missing rating is none. Users differ in how high
they rate, and whether they rate at all says more than how high (Hu, Koren & Volinsky 2008).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

__all__ = ["Interactions", "Sparse", "interactions", "liked"]

Sparse = Any  # a csr_matrix, whose scipy types are incomplete


@dataclass(frozen=True, eq=False)
class Interactions:
    """Ratings with the names of users and items.

    Attributes
    ----------
    matrix : scipy.sparse.csr_matrix of shape (n_users, n_items)
        Ratings; only those given are stored.
    users, items : tuple of str
        Names, in order of first appearance.
    n_repeated : int
        Number of ratings of an item that its user had rated before; the last one counts.
    columns : tuple of str
        The columns of users, items and values in the table they came from.
    """

    matrix: Sparse
    users: tuple[str, ...]
    items: tuple[str, ...]
    n_repeated: int = 0
    columns: tuple[str, ...] = ()


def interactions(
    users: Sequence[Any], items: Sequence[Any], values: Sequence[Any] | None = None, who: str = "interactions"
) -> Interactions:
    """From the user, the item and optionally the value of each rating; all of the same length.

    Without values every pair is a like. A `ValueError` lists everything that is wrong with the input.
    """
    user_names, item_names = (_names(part) for part in (users, items))
    numbers = np.ones(len(user_names)) if values is None else _numbers(values, who)
    faults = []
    if not len(user_names) == len(item_names) == len(numbers):
        faults.append(f"users, items and values must be equally many, got {len(users)}, {len(items)}, {len(numbers)}")
    elif not len(user_names):
        faults.append("there are no ratings")
    for what, names in (("user", user_names), ("item", item_names)):
        empty = [place for place, name in enumerate(names) if name is None]
        if empty:
            faults.append(f"ratings without {what}: {len(empty):,}, the first in row {empty[0]}")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        faults.append(f"ratings without a finite value: {len(wrong):,}, the first in row {wrong[0]}")
    if faults:
        raise ValueError(f"{who}: {'; '.join(faults)}; correct or drop these rows.")
    known_users, rows = _places(user_names)
    known_items, columns = _places(item_names)
    # The last rating of a pair counts: of the reversed pairs the first of each is kept.
    pairs = rows.astype(np.int64) * len(known_items) + columns
    _, last = np.unique(pairs[::-1], return_index=True)
    kept = len(pairs) - 1 - last
    # A rating of 0 is a rating: where values are given, 0 is stored like any other.
    matrix = sparse.csr_matrix((numbers[kept], (rows[kept], columns[kept])), shape=(len(known_users), len(known_items)))
    return Interactions(matrix, known_users, known_items, len(pairs) - len(kept))


def liked(ratings: Sparse, threshold: float) -> Sparse:
    """1 where a rating is at least ``threshold``; nothing elsewhere."""
    likes = ratings.copy()
    likes.data = (likes.data >= threshold).astype(np.float32)
    likes.eliminate_zeros()
    likes.sort_indices()
    return likes


def _names(given: Sequence[Any]) -> list[str | None]:
    """Names as text; None for a missing one. A whole number given as a float, 7.0, is 7."""
    found: list[str | None] = []
    for one in given.tolist() if hasattr(given, "tolist") else given:
        missing = one is None or (isinstance(one, float) and one != one) or str(one) in ("", "<NA>")
        whole = isinstance(one, float) and not missing and one.is_integer()
        found.append(None if missing else str(int(one)) if whole else str(one))
    return found


def _numbers(values: Sequence[Any], who: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{who}: values of ratings must be numbers ({error}); name another column.") from error


def _places(names: Sequence[str | None]) -> tuple[tuple[str, ...], np.ndarray]:
    """The distinct names in order of first appearance, and the index of each of ``names`` among them."""
    known: dict[str, int] = {}
    places = np.fromiter((known.setdefault(str(name), len(known)) for name in names), np.int64, len(names))
    return tuple(known), places
