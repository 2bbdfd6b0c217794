"""The result of detection: scores, p-values, alarms, contributions and reasons, from one pass over the rows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from isthmus.anomaly.calibration import surprises_of
from isthmus.anomaly.conformal import Calibration, Threshold
from isthmus.anomaly.contributions import Explanation, attribute_to_columns, joined_explanations
from isthmus.anomaly.encoding import Encoded, decoded, summed_over_columns
from isthmus.anomaly.expected import Expected, expect
from isthmus.anomaly.reasons import MIN_NATS, RELATIONS, REMARKABLE, partners, reasons_of
from isthmus.anomaly.scorer import Block, Scorer
from isthmus.anomaly.scores import Surprise
from isthmus.text_table import aligned

__all__ = ["NORM", "NOVELTY", "WITHIN", "DetectionResult", "Scored", "Scoring", "joined_results"]

SHOWN = 10  # rows, where a result is printed
NORM = 2.0
NOVELTY = "novelty detection: new rows, by a fit to normal rows"
WITHIN = "outlier detection: the training rows themselves, each by a fit that has not seen it"


@dataclass(frozen=True, eq=False, repr=False)
class DetectionResult:
    """Scores, p-values and alarms of some rows.

    Attributes
    ----------
    explanation : Explanation
        Scores, the contribution of each column, what was expected, and why.
    p_values : ndarray of shape (n_samples,)
        The probability that a normal row scores at least as high.
    approximate : ndarray of bool, shape (n_samples,)
        Whether a p-value is extrapolated beyond the largest score of a held-out row.
    above : ndarray of bool, shape (n_samples,)
        Whether the score is above the threshold.
    threshold : Threshold
    use : str
        `NOVELTY` or `WITHIN`.
    """

    explanation: Explanation
    p_values: np.ndarray
    approximate: np.ndarray
    above: np.ndarray
    threshold: Threshold
    use: str = NOVELTY

    def __repr__(self) -> str:
        lines = [
            [
                str(row),
                f"{self.explanation.scores[row]:.4g}",
                f"{self.p_values[row]:.2g}",
                "yes" if self.above[row] else "no",
                self.explanation.reasons[row],
            ]
            for row in self.order[:SHOWN].tolist()
        ]
        n_rows, n_alarms = len(self.p_values), int(self.above.sum())
        counted = f"{n_alarms:,} of {n_rows:,} rows are alarms, by a threshold of {self.threshold.score:.4g}"
        if n_rows > SHOWN:
            counted = f"The {SHOWN} most anomalous rows; {counted}"
        return f"{aligned(['row', 'score', 'p-value', 'alarm', 'why'], lines)}\n{counted}."

    @property
    def order(self) -> np.ndarray:
        """Indices of the rows, the most anomalous first."""
        return np.argsort(-self.explanation.scores, kind="stable")

    def take(self, rows: np.ndarray) -> DetectionResult:
        """The result for some rows, by index, in this order."""
        return joined_results([self], rows)


def joined_results(results: list[DetectionResult], rows: np.ndarray) -> DetectionResult:
    """Some rows, by index, of concatenated results."""

    def chosen(arrays: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays)[rows]

    return DetectionResult(
        joined_explanations([one.explanation for one in results], rows),
        chosen([one.p_values for one in results]),
        chosen([one.approximate for one in results]),
        chosen([one.above for one in results]),
        results[0].threshold,
        results[0].use,
    )


@dataclass(frozen=True, eq=False)
class Scored:
    """What each part, shape (n_rows,), and each encoded column, shape (n_rows, n_numbers), adds to the score."""

    parts: dict[str, np.ndarray]
    contributions: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Sums of the parts, shape (n_rows,); computed as for held-out rows, so equal rows have equal scores."""
        return np.sum(list(self.parts.values()), axis=0)


@dataclass(frozen=True, eq=False)
class Scoring:
    """From amounts to scores: the surprise and weight of every part; without weights the amount is the score.

    The score is (Σ (w S)^q)^(1/q) with q the ``norm``, 2 but for detectors saved by earlier versions.
    """

    surprises: dict[str, Surprise]
    weights: dict[str, float] | None
    norm: float = NORM

    @classmethod
    def of(cls, totals: dict[str, np.ndarray], weights: dict[str, float] | None) -> Scoring:
        """From the amounts of held-out rows, shape (n_rows,) each."""
        return cls(surprises_of(totals), weights)

    def totals(self, totals: dict[str, np.ndarray]) -> np.ndarray:
        """Scores from the amounts of every part, shape (n_rows,)."""
        if self.weights is None:
            return next(iter(totals.values()))
        return np.sum(list(self._parts(totals, self.weights).values()), axis=0)

    def score(self, amounts: dict[str, np.ndarray]) -> Scored:
        """Scores from the amounts of every encoded column, shape (n_rows, n_numbers) each."""
        if self.weights is None:
            ((name, amount),) = amounts.items()
            return Scored({name: amount.sum(1)}, amount)
        parts = self._parts({name: amount.sum(1) for name, amount in amounts.items()}, self.weights)
        shares = [attribute_to_columns(parts[name], np.abs(amount)) for name, amount in amounts.items()]
        return Scored(parts, np.sum(shares, axis=0))

    def _parts(self, totals: dict[str, np.ndarray], weights: dict[str, float]) -> dict[str, np.ndarray]:
        """What each part adds to the score: its share of Σ (w S)^q, of the root of that sum."""
        powers = {name: (weights[name] * self.surprises[name](total)) ** self.norm for name, total in totals.items()}
        whole = np.maximum(np.sum(list(powers.values()), axis=0), np.finfo(float).tiny)
        return {name: part * whole ** (1 / self.norm - 1) for name, part in powers.items()}

    def nats(self, parts: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The surprises that the parts of the score come from."""
        if self.weights is None:
            return parts
        whole = np.sum(list(parts.values()), axis=0)  # the score
        return {
            name: (part * whole ** (self.norm - 1)) ** (1 / self.norm) / self.weights[name]
            for name, part in parts.items()
        }


@dataclass(frozen=True, eq=False)
class Report:
    """What is needed besides a scorer to turn amounts into a `DetectionResult`."""

    scoring: Scoring
    calibration: Calibration
    threshold: Threshold
    columns: tuple[str, ...]
    use: str = NOVELTY
    owners: list[int] = field(default_factory=list)

    def detect(self, scorer: Scorer, encoded: Encoded) -> DetectionResult:
        """The result for encoded rows, in one pass over blocks of them."""
        owners = np.asarray(self.owners)
        partner = partners(scorer.cells, owners, len(self.columns))
        found = []
        for rows in scorer.rows_at_once(len(encoded.values)):
            block = scorer.block(encoded.values[rows])
            found.append(self._block(scorer, block, encoded, rows.start, owners, partner))
        return joined_results(found, np.arange(len(encoded.values)))

    def _block(
        self,
        scorer: Scorer,
        block: Block,
        encoded: Encoded,
        start: int,
        owners: np.ndarray,
        partner: np.ndarray,
    ) -> DetectionResult:
        mixed = encoded.layout is not None
        amounts = scorer.amounts(block)
        scored = self.scoring.score(amounts)
        unseen = {row - start: names for row, names in encoded.unseen.items()}
        nats = self.scoring.nats(scored.parts)
        contradicted = [nats[name] for name in RELATIONS if name in nats] or [np.full(len(block.u), np.inf)]
        doubtful = contradicted[0] > MIN_NATS
        expected = expect(scorer, block, owners, self._unseen_numbers(unseen, owners, len(block.u)), doubtful)
        blamed = scored
        if expected.suspect.any():
            blamed = self.scoring.score(
                amounts | {name: expected.blamed(amounts[name]) for name in RELATIONS if name in amounts}
            )
        contributions = summed_over_columns(blamed.contributions, owners.tolist() if mixed else None)
        suspect = (
            summed_over_columns(expected.suspect.astype(float), owners.tolist()) > 0 if mixed else expected.suspect
        )
        cells = scorer.units.undo(expected.cells)
        scores = scored.scores
        within = self.use == WITHIN
        p_values = self.calibration.p_values_within(scores) if within else self.calibration.p_values(scores)
        above = scores > self.threshold.score
        explanation = Explanation(
            scores=scores,
            contributions=contributions,
            parts=scored.parts,
            values=encoded.cells[start : start + len(scores)],
            expected=decoded(encoded, cells),
            suspect=suspect,
            reasons=reasons_of(
                self.scoring.nats(self._parts_without_suspects(scorer, expected, block, scored)),
                suspect,
                contributions,
                partner,
                self.columns,
                unseen,
                above | (p_values <= REMARKABLE),
            ),
            columns=self.columns,
        )
        return DetectionResult(
            explanation,
            p_values,
            self.calibration.is_approximate(scores),
            above,
            self.threshold,
            self.use,
        )

    def _unseen_numbers(self, unseen: dict[int, list[str]], owners: np.ndarray, n_rows: int) -> np.ndarray:
        found = np.zeros((n_rows, len(owners)), dtype=bool)
        for row, names in unseen.items():
            if 0 <= row < n_rows:
                found[row] = np.isin(owners, [self.columns.index(name) for name in names])
        return found

    def _parts_without_suspects(
        self, scorer: Scorer, expected: Expected, block: Block, scored: Scored
    ) -> dict[str, np.ndarray]:
        """What each part adds to the score once suspect cells hold what was expected of them."""
        rows = np.flatnonzero(expected.suspect.any(1))
        if not len(rows):
            return scored.parts
        u = np.where(expected.suspect, expected.cells, block.u)[rows]
        again = self.scoring.score(scorer.amounts(scorer.block(scorer.units.undo(u)))).parts
        left = {name: part.copy() for name, part in scored.parts.items()}
        for name, part in again.items():
            left[name][rows] = part
        return left
