"""Judging a table by itself: every row by a detector that has not seen it.

The rows are cut into folds; each is judged by a detector fitted to the others. Scores of all folds are in the
same units (-log p of the parts) and p-values hold as for new rows. Strange rows among those held out make the
p-values larger than they need be, never too small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from isthmus.anomaly.contributions import Explanation

if TYPE_CHECKING:
    from isthmus.anomaly.detector import AutoencoderOutlierDetector
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["Judgement", "Strangest", "fitted_to_folds", "judge", "judge_stream", "judge_within"]

N_FOLDS = 4
BLOCK_ROWS = 20_000


@dataclass(frozen=True, eq=False)
class Judgement:
    """Rows judged.

    Attributes
    ----------
    explanation : Explanation
        Scores, and what each column adds to them.
    p_values : ndarray of shape (n_samples,)
        How probable a score as high is of a usual row.
    above : ndarray of shape (n_samples,)
        Whether the score is above the threshold.
    """

    explanation: Explanation
    p_values: np.ndarray
    above: np.ndarray


def judge(detector: AutoencoderOutlierDetector, X: np.ndarray) -> Judgement:
    """Judge rows by a fitted detector."""
    return Judgement(detector.explain(X), detector.p_values(X), detector.alarms(X))


@dataclass(frozen=True, eq=False)
class Strangest:
    """The strangest rows of a stream, strangest first, with what is known of all its rows.

    ``p_values`` and ``above`` have an entry for every row; ``rows`` says which ones ``table`` and ``judgement`` hold.
    """

    table: Table
    rows: np.ndarray
    judgement: Judgement
    p_values: np.ndarray
    above: np.ndarray


def judge_stream(detectors: list[AutoencoderOutlierDetector], stream: TableStream, most: int, seed: int) -> Strangest:
    """Judge a stream in one pass and keep its ``most`` strangest rows; each of several detectors takes some."""
    from isthmus.tables.table import joined

    rng = np.random.default_rng(seed)
    p_values, above, begin = np.empty(len(stream), np.float32), np.empty(len(stream), bool), 0
    held: tuple[Table, np.ndarray, Judgement] | None = None
    for block in stream.blocks(max(1, min(stream.block_rows, BLOCK_ROWS))):
        share = rng.integers(len(detectors), size=len(block))
        found = _judged_by(detectors, share, np.asarray(block.values, dtype=np.float64))
        rows = np.arange(begin, begin + len(block))
        p_values[rows], above[rows] = found.p_values, found.above
        begin += len(block)
        if held is not None:
            block, rows = joined([held[0], block]), np.concatenate([held[1], rows])
            found = _taken([held[2], found], np.arange(len(rows)))
        best = np.argsort(-found.explanation.scores, kind="stable")[:most]
        held = block.take(best), rows[best], _taken([found], best)
    if held is None:
        raise ValueError("judge_stream: the stream has no rows.")
    return Strangest(held[0], held[1], held[2], p_values, above)


def fitted_to_folds(detector: AutoencoderOutlierDetector, X: np.ndarray, seed: int) -> list[AutoencoderOutlierDetector]:
    """Copies of an unfitted detector, each fitted to all folds of a sample but one."""
    from sklearn.base import clone

    fold_of = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    return [clone(detector).fit(X[fold_of != fold]) for fold in range(N_FOLDS)]


def _judged_by(detectors: list[AutoencoderOutlierDetector], share: np.ndarray, X: np.ndarray) -> Judgement:
    parts = [(np.flatnonzero(share == place), detector) for place, detector in enumerate(detectors)]
    parts = [(rows, judge(detector, X[rows])) for rows, detector in parts if len(rows)]
    order = np.argsort(np.concatenate([rows for rows, _ in parts]))
    return _taken([found for _, found in parts], order)


def _taken(judgements: list[Judgement], places: np.ndarray) -> Judgement:
    """Some rows of judgements, one below the other."""

    def rows(values: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(values)[places]

    why = [one.explanation for one in judgements]
    explanation = Explanation(
        scores=rows([one.scores for one in why]),
        contributions=rows([one.contributions for one in why]),
        values=rows([one.values for one in why]),
        expected=rows([one.expected for one in why]),
        columns=why[0].columns,
    )
    return Judgement(explanation, rows([one.p_values for one in judgements]), rows([one.above for one in judgements]))


def judge_within(detector: AutoencoderOutlierDetector, X: np.ndarray, seed: int = 0) -> Judgement:
    """Judge the rows of a table by one another, each by a fit that has not seen it.

    Parameters
    ----------
    detector
        Unfitted; copies of it are fitted.
    X
        Rows, shape (n_samples, n_features).
    seed
        Decides which rows are left out together.
    """
    from sklearn.base import clone

    X = np.asarray(X, dtype=np.float64)
    if len(X) < 2 * N_FOLDS:
        raise ValueError(
            f"{type(detector).__name__}: {len(X)} rows are too few to judge by one another; give at least "
            f"{2 * N_FOLDS}, or fit to others."
        )
    fold_of = np.random.default_rng(seed).permutation(len(X)) % N_FOLDS
    scores, p_values, above = np.empty(len(X)), np.empty(len(X)), np.empty(len(X), dtype=bool)
    contributions, expected = np.empty(X.shape), np.empty(X.shape)
    columns: tuple[str, ...] = ()
    for fold in range(N_FOLDS):
        rows = fold_of == fold
        found = judge(clone(detector).fit(X[~rows]), X[rows])
        scores[rows], p_values[rows], above[rows] = found.explanation.scores, found.p_values, found.above
        contributions[rows], expected[rows] = found.explanation.contributions, found.explanation.expected
        columns = found.explanation.columns
    return Judgement(Explanation(scores, contributions, X, expected, columns), p_values, above)
