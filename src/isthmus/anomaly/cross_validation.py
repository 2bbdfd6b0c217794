"""Detection over a whole data set: a table by cross-validation, a stream block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.anomaly.detection import DetectionResult, joined_results

if TYPE_CHECKING:
    from isthmus.anomaly.detector import AutoencoderOutlierDetector
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["TopAnomalies", "blocks_to_score", "cross_val_detect", "detect_stream"]

BLOCK_ROWS = 20_000


def cross_val_detect(detector: AutoencoderOutlierDetector, X: Any, seed: int | None = None) -> DetectionResult:
    """Score the rows of a table by cross-validation, each by a fit that has not seen it.

    Parameters
    ----------
    detector
        Unfitted detector; a copy of it is fitted.
    X
        Rows, shape (n_samples, n_features).
    seed
        Determines the folds; None uses the detector's ``random_state``.
    """
    from sklearn.base import clone

    copied = clone(detector)
    return (copied if seed is None else copied.set_params(random_state=seed)).fit_detect(X)


@dataclass(frozen=True, eq=False)
class TopAnomalies:
    """The most anomalous rows of a stream, highest score first.

    ``p_values`` and ``above`` have an entry for every row of the stream; ``rows`` are the indices of the rows in
    ``table`` and ``detection``.
    """

    table: Table
    rows: np.ndarray
    detection: DetectionResult
    p_values: np.ndarray
    above: np.ndarray


def blocks_to_score(stream: TableStream) -> Iterator[Table]:
    """The blocks that `detect_stream` scores, in order."""
    return stream.blocks(max(1, min(stream.block_rows, BLOCK_ROWS)))


def detect_stream(
    detector: AutoencoderOutlierDetector,
    stream: TableStream,
    most: int,
    scored: Iterable[tuple[Table, DetectionResult]] | None = None,
) -> TopAnomalies:
    """Score a stream in one pass and keep the ``most`` anomalous rows.

    ``scored`` holds its blocks with their results where other processes have computed them.
    """
    from isthmus.tables.table import joined

    p_values, above, start = np.empty(len(stream)), np.empty(len(stream), bool), 0
    held: list[tuple[Table, np.ndarray, DetectionResult]] = []

    def best() -> list[tuple[Table, np.ndarray, DetectionResult]]:
        tables, places, results = zip(*held, strict=True)
        rows = np.concatenate(places)
        found = joined_results(list(results), np.arange(len(rows)))
        first = found.order[:most]
        return [(joined(list(tables)).take(first), rows[first], found.take(first))]

    for block, found in scored or ((block, detector.detect(block)) for block in blocks_to_score(stream)):
        rows = np.arange(start, start + len(block))
        p_values[rows], above[rows] = found.p_values, found.above
        start += len(block)
        held.append((block, rows, found))
        if sum(len(rows) for _, rows, _ in held) >= 2 * most + BLOCK_ROWS:  # seldom, as sorting copies
            held = best()
    if not held:
        raise ValueError("detect_stream: the stream has no rows.")
    return TopAnomalies(*best()[0], p_values, above)
