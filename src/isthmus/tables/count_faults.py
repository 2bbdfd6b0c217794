"""What keeps rows from being counts whose proportions are encoded: all of it, said in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["are_sparse_counts", "require_counts"]

NOT_NORMALIZED = "give the counts before they were normalized or logarithms taken, or fit with likelihood='gaussian'"
FILL = "fill missing cells, as a row's total is unknown otherwise, with 0 where nothing was counted"


class Fault(NamedTuple):
    """A kind of cell that is no count: how one and several are called, which they are, and what to do."""

    one: str
    several: str
    found: Callable[[np.ndarray], np.ndarray]
    cure: str


FAULTS = (
    Fault("negative cell", "negative cells", lambda x: np.isfinite(x) & (x < 0), NOT_NORMALIZED),
    Fault("fraction", "fractions", lambda x: np.isfinite(x) & (x > 0) & (x != np.floor(x)), NOT_NORMALIZED),
    Fault(
        "missing cell",
        "missing cells",
        np.isnan,
        FILL,
    ),
    Fault("infinite cell", "infinite cells", np.isinf, "correct infinite cells"),
)
DROP_EMPTY = "drop rows that sum to zero (in Python, X[X.sum(axis=1) > 0])"

SHOWN = 5  # rows that sum to zero


def require_counts(blocks: Iterable[np.ndarray], names: Sequence[str], who: str) -> np.ndarray:
    """The totals of rows of counts; a `ValueError` names each kind of fault, how often it occurs, and where first."""
    times, first = np.zeros(len(FAULTS), dtype=np.int64), {}
    totals, empty, start = [np.empty(0)], [], 0
    for block in blocks:
        block = np.asarray(block, dtype=np.float64)
        with np.errstate(invalid="ignore"):  # of inf - inf
            total = block.sum(1)
        are_counts = _are_counts(block)
        if not are_counts:
            for kind, fault in enumerate(FAULTS):
                wrong = fault.found(block)
                times[kind] += int(wrong.sum())
                if wrong.any() and kind not in first:
                    row, column = np.argwhere(wrong)[0].tolist()
                    first[kind] = f"{block[row, column]:g} " * bool(np.isfinite(block[row, column]))
                    first[kind] += f"in row {start + row}, column {names[column]}"
        empty.append(start + np.flatnonzero(total == 0 if are_counts else (block == 0).all(1)))
        totals.append(total)
        start += len(block)
    empty = np.concatenate([np.empty(0, int), *empty])
    said = [_said(FAULTS[kind], int(times[kind]), first[kind]) for kind in first]
    if said or len(empty):
        cures = dict.fromkeys(FAULTS[kind].cure for kind in first)
        if len(empty):
            some = ", ".join(map(str, empty[:SHOWN])) + (", …" if len(empty) > SHOWN else "")
            rows = "1 row that sums to zero (row" if len(empty) == 1 else f"{len(empty):,} rows that sum to zero (rows"
            said.append(f"{rows} {some})")
            cures[DROP_EMPTY] = None
        raise ValueError(
            f"{who}: counts are whole numbers from 0, not all 0 in a row, but X has {', '.join(said)}; "
            f"{'; '.join(cures)}."
        )
    return np.concatenate(totals)


def are_sparse_counts(matrix: Any) -> bool:
    """Whether a sparse matrix holds counts, with some in each row, from its stored cells alone."""
    return _are_counts(matrix.data) and bool((np.asarray(matrix.sum(1)) > 0).all())


def _are_counts(block: np.ndarray) -> bool:
    """A quick test that suffices for most blocks."""
    with np.errstate(invalid="ignore"):
        return bool(block.min(initial=0) >= 0 and block.max(initial=0) < np.inf and (block == np.floor(block)).all())


def _said(fault: Fault, times: int, first: str) -> str:
    return f"1 {fault.one} ({first})" if times == 1 else f"{times:,} {fault.several} (first {first})"
