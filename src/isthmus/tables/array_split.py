"""Training and test rows in arrays of one file, as Keras and MedMNIST write them; and the arrays not read.

x_train, y_train, x_test, y_test             train_images, train_labels, val_images, …, test_labels
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

__all__ = ["joined_split", "unread_note"]

TRAIN = re.compile(r"(?<![a-z])train(?![a-z])", re.IGNORECASE)
OTHERS = ("val", "valid", "validation", "dev", "test")
MAX_NAMED = 4


def joined_split(
    arrays: Mapping[str, np.ndarray], main: str, labels: str | None
) -> tuple[dict[str, np.ndarray], np.ndarray | None, tuple[str, ...]]:
    """The arrays, with the rows of all splits in the one called ``main`` and their labels in ``labels``.

    Also the indices of the test rows, None if there are none, and a note. Splits whose rows have another shape, or that
    lack labels, are not joined.
    """
    splits = [name for name in OTHERS if _fits(arrays, main, labels, name)]
    if not splits:
        return dict(arrays), None, ()
    found = dict(arrays)
    rows = [found.pop(_twin(main, split)) for split in splits]
    found[main] = np.concatenate([arrays[main], *rows])
    if labels is not None:
        known = [arrays[labels], *(found.pop(_twin(labels, split)) for split in splits)]
        found[labels] = np.concatenate([array.reshape(-1) for array in known])
    n_test = len(rows[-1]) if splits[-1] == "test" else 0
    aside = f", {n_test:,} of them for testing" if n_test else ""
    counts = " and ".join(
        f"{len(array):,} of {_twin(main, split)!r}" for array, split in zip(rows, splits, strict=True)
    )
    note = f"{len(arrays[main]):,} rows of {main!r}, then {counts}{aside}"
    return found, np.arange(len(found[main]) - n_test, len(found[main])) if n_test else None, (note,)


def _twin(name: str, split: str) -> str:
    """x_train as x_test."""
    return TRAIN.sub(split, name, count=1)


def _fits(arrays: Mapping[str, np.ndarray], main: str, labels: str | None, split: str) -> bool:
    rows = arrays.get(_twin(main, split))
    if rows is None or not TRAIN.search(main) or not rows.ndim or not len(rows):
        return False
    if rows.shape[1:] != arrays[main].shape[1:] or rows.dtype != arrays[main].dtype:
        return False
    if labels is None:
        return True
    known = arrays.get(_twin(labels, split)) if TRAIN.search(labels) else None
    return known is not None and known.size == len(rows) and known.dtype.kind == arrays[labels].dtype.kind


def unread_note(arrays: Mapping[str, Any], read: Collection[str]) -> tuple[str, ...]:
    """A note that names the arrays with rows and columns that were not read.

    >>> unread_note({"a": np.zeros((5, 2)), "b": np.zeros((3, 2)), "y": np.zeros(5)}, {"a"})
    ("array 'b' (3×2) is not read",)
    """
    others = [
        f"{name!r} ({'×'.join(map(str, array.shape))})"
        for name, array in arrays.items()
        if name not in read and len(array.shape) > 1 and min(array.shape) > 1
    ]
    if not others:
        return ()
    more = f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else ""
    verb = "array {} is" if len(others) == 1 else "arrays {} are"
    return (verb.format(", ".join(others[:MAX_NAMED]) + more) + " not read",)
