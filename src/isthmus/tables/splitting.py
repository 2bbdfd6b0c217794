"""Training and test rows: scikit-learn's split, or the one the data came with."""

from __future__ import annotations

import math

import numpy as np

from isthmus.tables.errors import DataError
from isthmus.tables.table import Table

__all__ = ["split_rows", "split_table"]


def split_rows(
    n_rows: int, *, test_size: float, seed: int, labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training and of the test rows, as `sklearn.model_selection.train_test_split` draws them.

    Parameters
    ----------
    n_rows
        Number of rows.
    test_size
        Share of the rows to test on, above 0 and below 1.
    seed
        Seed of the draw.
    labels
        One for each row: every class then keeps its share on both sides, if every class has two rows and neither
        side has fewer rows than there are classes. Otherwise they are ignored.

    >>> train, test = split_rows(10, test_size=0.2, seed=0)
    >>> len(train), len(test)
    (8, 2)
    """
    if not 0 < test_size < 1:
        raise DataError(f"The share of test rows must be above 0 and below 1, got {test_size}.")
    n_test = math.ceil(test_size * n_rows)
    n_train = n_rows - n_test
    if n_train < 1 or n_test < 1:
        raise DataError(
            f"{n_rows} row{'' if n_rows == 1 else 's'} cannot be split with a test share of {test_size}, "
            "each side needs one; add rows."
        )
    if labels is not None and len(labels) != n_rows:
        raise DataError(f"Labels must be one for each of the {n_rows} rows, got {len(labels)}.")
    sizes = np.zeros(0) if labels is None else np.unique(labels, return_counts=True)[1]
    if labels is None or sizes.min() < 2 or len(sizes) > min(n_train, n_test):
        # as train_test_split does, whose import takes longer than a small fit
        order = np.random.RandomState(seed).permutation(n_rows)
        return order[n_test:], order[:n_test]
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(np.arange(n_rows), test_size=test_size, random_state=seed, stratify=labels)
    return train, test


def split_table(table: Table, test_size: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test indices of ``table``: its official split if it has one, else `split_rows`."""
    if table.official_test is None:
        return split_rows(len(table), test_size=test_size, seed=seed, labels=table.labels)
    return np.setdiff1d(np.arange(len(table)), table.official_test), table.official_test
