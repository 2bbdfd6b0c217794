"""Teachers, which give unlabelled rows their targets: a linear model of the principal codes, label spreading, or both.

All three are evaluated by cross-validation on the labelled rows. The first two are seldom wrong together, so their mean
is used, unless another teacher is better by more than one standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.parts.principal import Principal
from isthmus.pretraining.spreading import spread

__all__ = [
    "LabelledData",
    "LinearAnswer",
    "beyond_chance",
    "choose_teacher",
    "fit_linear_answer",
    "held_out_folds",
    "targets_of",
]

SIZES, STRENGTHS = (8, 16, 32, 64), (0.01, 0.1, 1.0, 10.0)
SHARPNESS = 2
KINDS = ("linear", "blend", "spread")
Folds = Sequence[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class LinearAnswer:
    """Outputs A x + b of rows in the autoencoder's units; ``weight`` (n_outputs, n_features), ``bias`` (n_outputs,)."""

    weight: np.ndarray
    bias: np.ndarray
    size: int
    strength: float

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return rows @ self.weight.T + self.bias


@dataclass(frozen=True)
class LabelledData:
    """Rows, some of them labelled.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        In the autoencoder's units.
    labelled : ndarray of shape (n_labelled,)
        Indices of the labelled rows.
    y : ndarray of shape (n_labelled,)
        Class indices, or standardised numbers.
    targets : ndarray of shape (n_labelled, n_outputs)
        The same as targets of a network: one-hot classes, or the number.
    graph : sparse matrix of shape (n_rows, n_rows)
    principal : Principal
    classify : bool
    """

    rows: np.ndarray
    labelled: np.ndarray
    y: np.ndarray
    targets: np.ndarray
    graph: sparse.csr_matrix
    principal: Principal
    classify: bool

    def with_labels(self, train: np.ndarray) -> LabelledData:
        """The same with only the labels of some labelled rows, given by position."""
        parts = (self.labelled[train], self.y[train], self.targets[train])
        return LabelledData(self.rows, *parts, self.graph, self.principal, self.classify)

    def values(self, outputs: np.ndarray) -> np.ndarray:
        """Class probabilities from logits; numbers are unchanged."""
        if not self.classify:
            return outputs
        odds = np.exp(outputs - outputs.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def score(self, values: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Score of each row: 1 for the true class, or minus the squared error."""
        return (values.argmax(1) == y).astype(float) if self.classify else -np.square(values[:, 0] - y)


def fit_linear_answer(data: LabelledData, folds: Folds) -> LinearAnswer:
    """Logistic or ridge regression on principal codes, with their number and the penalty chosen by cross-validation."""
    limit = len(data.principal.directions)
    choices = [(size, strength) for size in sorted({min(size, limit) for size in SIZES}) for strength in STRENGTHS]
    if len(folds) < 2:
        return _fitted(data, min(16, limit), 0.1)

    def score(choice: tuple[int, float]) -> float:
        scores = []
        for train, test in folds:
            head = _fitted(data.with_labels(train), *choice)
            scores.append(data.score(head(data.rows[data.labelled[test]]), data.y[test]).mean())
        return float(np.mean(scores))

    return _fitted(data, *max(choices, key=score))


def _fitted(data: LabelledData, size: int, strength: float) -> LinearAnswer:
    from sklearn.linear_model import LogisticRegression, Ridge

    directions = data.principal.directions[:size].double().numpy()
    mean = data.principal.mean.double().numpy()
    codes = (data.rows[data.labelled] - mean) @ directions.T
    head: Any = LogisticRegression(C=strength, max_iter=3000) if data.classify else Ridge(1 / strength)
    head.fit(codes, data.y)
    weight, bias = np.atleast_2d(head.coef_), np.atleast_1d(head.intercept_)
    n_outputs = data.targets.shape[1]
    if len(weight) < n_outputs:  # scikit-learn gives one row of logits for two classes, and none for an absent class
        present = head.classes_.astype(int)
        full, level = np.zeros((n_outputs, size)), np.full(n_outputs, -30.0)
        level[present] = 0.0
        if len(weight) == 1:
            full[present[1]], level[present[1]] = weight[0], bias[0]
        else:
            full[present], level[present] = weight, bias
        weight, bias = full, level
    return LinearAnswer(weight @ directions, bias - weight @ directions @ mean, size, strength)


def choose_teacher(data: LabelledData, linear: LinearAnswer, folds: Folds) -> tuple[str, dict[str, float]]:
    """The kind of teacher, and the score of each kind on held-out labels."""
    if not folds:
        return "linear", {}
    parts: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for known, head, test in held_out_folds(data, folds, linear):
        for kind in KINDS:
            predicted = targets_of(known, head, kind)[data.labelled[test]]
            parts[kind].append(data.score(predicted, data.y[test]))
    each = {kind: np.concatenate(scores) for kind, scores in parts.items()}
    scores = {kind: float(found.mean()) for kind, found in each.items()}
    best = max(KINDS, key=scores.__getitem__)
    gain = each[best] - each["blend"]
    return (best if beyond_chance(gain) else "blend"), scores


def beyond_chance(gain: np.ndarray) -> bool:
    """Whether the mean of a gain, one per label, is more than its standard error."""
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def targets_of(data: LabelledData, linear: LinearAnswer, kind: str) -> np.ndarray:
    """A teacher's targets for every row, shape (n_rows, n_outputs); labelled rows keep their own."""
    targets = data.values(linear(data.rows))
    if kind != "linear":
        reached = spread(data.graph, data.targets, data.labelled)
        targets = reached if kind == "spread" else (targets + reached) / 2
    if data.classify:  # sharpened, as a target half way between two classes is of little use
        targets = targets**SHARPNESS
        targets = targets / targets.sum(1, keepdims=True)
    targets = targets.copy()
    targets[data.labelled] = data.targets
    return targets


def held_out_folds(
    data: LabelledData, folds: Folds, linear: LinearAnswer
) -> Iterator[tuple[LabelledData, LinearAnswer, np.ndarray]]:
    """For each fold: the data without its labels, a linear model fitted to that, and the positions of its labels."""
    for train, test in folds:
        known = data.with_labels(train)
        yield known, _fitted(known, linear.size, linear.strength), test
