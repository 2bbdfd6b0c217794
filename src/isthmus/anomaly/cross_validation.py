"""Detection in tables: of all rows of one, each by a fit that has not seen it; and of streams, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.anomaly.detection import DetectionResult, joined_results

if TYPE_CHECKING:
    from isthmus.anomaly.detector import AutoencoderOutlierDetector
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["TopAnomalies", "cross_val_detect", "detect_stream"]

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
        Determines the folds; None leaves that to the detector's ``random_state``.
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


def detect_stream(detector: AutoencoderOutlierDetector, stream: TableStream, most: int) -> TopAnomalies:
    """Score a stream in one pass and keep its ``most`` anomalous rows."""
    from isthmus.tables.table import joined

    p_values, above, begin = np.empty(len(stream), np.float32), np.empty(len(stream), bool), 0
    held: tuple[Table, np.ndarray, DetectionResult] | None = None
    for block in stream.blocks(max(1, min(stream.block_rows, BLOCK_ROWS))):
        found = detector.detect(block)
        rows = np.arange(begin, begin + len(block))
        p_values[rows], above[rows] = found.p_values, found.above
        begin += len(block)
        if held is not None:
            block, rows = joined([held[0], block]), np.concatenate([held[1], rows])
            found = joined_results([held[2], found], np.arange(len(rows)))
        best = found.order[:most]
        held = block.take(best), rows[best], found.take(best)
    if held is None:
        raise ValueError("detect_stream: the stream has no rows.")
    return TopAnomalies(held[0], held[1], held[2], p_values, above)
