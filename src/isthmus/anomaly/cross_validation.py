"""Cross-validated anomaly detection: every row is scored by a detector that has not seen it.

The rows are split into folds; each is scored by a detector fitted to the others. Scores of all folds are in the
same units (-log p of the parts), and p-values hold as for new rows. Anomalous rows among the held-out ones make
p-values larger than necessary, never too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.anomaly.contributions import Explanation
from isthmus.tables.table import Table, joined

if TYPE_CHECKING:
    from isthmus.anomaly.detector import AutoencoderOutlierDetector
    from isthmus.tables.stream import TableStream

__all__ = ["DetectionResult", "TopAnomalies", "cross_val_detect", "detect_rows", "detect_stream", "fit_folds"]

N_FOLDS = 4
BLOCK_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class DetectionResult:
    """Scores, p-values and alarms of some rows.

    Attributes
    ----------
    explanation : Explanation
        Scores, and the contribution of each column.
    p_values : ndarray of shape (n_samples,)
        The probability that a normal row scores at least as high.
    above : ndarray of shape (n_samples,)
        Whether the score is above the threshold.
    """

    explanation: Explanation
    p_values: np.ndarray
    above: np.ndarray


def detect_rows(detector: AutoencoderOutlierDetector, X: Any) -> DetectionResult:
    """Score rows with a fitted detector."""
    return DetectionResult(detector.explain(X), detector.p_values(X), detector.alarms(X))


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


def detect_stream(
    detectors: list[AutoencoderOutlierDetector], stream: TableStream, most: int, seed: int
) -> TopAnomalies:
    """Score a stream in one pass and keep its ``most`` anomalous rows; several detectors share the rows at random."""
    rng = np.random.default_rng(seed)
    p_values, above, begin = np.empty(len(stream), np.float32), np.empty(len(stream), bool), 0
    held: tuple[Table, np.ndarray, DetectionResult] | None = None
    for block in stream.blocks(max(1, min(stream.block_rows, BLOCK_ROWS))):
        share = rng.integers(len(detectors), size=len(block))
        found = _detect_by_share(detectors, share, block)
        rows = np.arange(begin, begin + len(block))
        p_values[rows], above[rows] = found.p_values, found.above
        begin += len(block)
        if held is not None:
            block, rows = joined([held[0], block]), np.concatenate([held[1], rows])
            found = _select_rows([held[2], found], np.arange(len(rows)))
        best = np.argsort(-found.explanation.scores, kind="stable")[:most]
        held = block.take(best), rows[best], _select_rows([found], best)
    if held is None:
        raise ValueError("detect_stream: the stream has no rows.")
    return TopAnomalies(held[0], held[1], held[2], p_values, above)


def fit_folds(detector: AutoencoderOutlierDetector, X: Any, seed: int) -> list[AutoencoderOutlierDetector]:
    """Copies of an unfitted detector, each fitted to a sample without one of its folds."""
    from sklearn.base import clone

    fold_of = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    return [clone(detector).fit(_taken(X, fold_of != fold)) for fold in range(N_FOLDS)]


def _taken(X: Any, rows: np.ndarray) -> Any:
    """Rows of a table or an array, at their places or where a mask says so."""
    return X.take(np.flatnonzero(rows) if rows.dtype == bool else rows) if isinstance(X, Table) else X[rows]


def _detect_by_share(detectors: list[AutoencoderOutlierDetector], share: np.ndarray, X: Any) -> DetectionResult:
    parts = [(np.flatnonzero(share == place), detector) for place, detector in enumerate(detectors)]
    parts = [(rows, detect_rows(detector, _taken(X, rows))) for rows, detector in parts if len(rows)]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    return _select_rows([found for _, found in parts], order)


def _select_rows(results: list[DetectionResult], places: np.ndarray) -> DetectionResult:
    """Some rows of concatenated results."""

    def rows(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(values)[places]

    why = [one.explanation for one in results]
    explanation = Explanation(
        scores=rows([one.scores for one in why]),
        contributions=rows([one.contributions for one in why]),
        values=rows([one.values for one in why]),
        expected=rows([one.expected for one in why]),
        columns=why[0].columns,
    )
    return DetectionResult(explanation, rows([one.p_values for one in results]), rows([one.above for one in results]))


def cross_val_detect(detector: AutoencoderOutlierDetector, X: Any, seed: int = 0) -> DetectionResult:
    """Score the rows of a table by cross-validation, each with a detector that has not seen it.

    Parameters
    ----------
    detector
        Unfitted detector; copies of it are fitted.
    X
        Rows, shape (n_samples, n_features): an array, or a table of `isthmus.read`.
    seed
        Determines the folds.
    """
    from sklearn.base import clone

    X = X if isinstance(X, Table) else np.asarray(X, dtype=np.float64)
    if len(X) < 2 * N_FOLDS:
        raise ValueError(
            f"{type(detector).__name__}: {len(X)} rows are too few for cross-validation; pass at least "
            f"{2 * N_FOLDS}, or fit to other rows."
        )
    fold_of = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    folds = [np.flatnonzero(fold_of == fold) for fold in range(N_FOLDS)]
    found = [
        detect_rows(clone(detector).fit(_taken(X, fold_of != fold)), _taken(X, rows)) for fold, rows in enumerate(folds)
    ]
    return _select_rows(found, np.argsort(np.concatenate(folds)))
