"""Who teaches the network: a linear model of the principal codes, the spread of the labels, or their mean.

All three are evaluated by cross-validation on the labelled rows. Two that differ are seldom wrong together, so their
mean is taken, unless another is better by more than one standard error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.parts.principal import Principal
from isthmus.pretraining.spreading import spread

__all__ = ["LinearAnswer", "School", "beyond_chance", "choose_teacher", "hidden_folds", "linear_answer", "targets_of"]

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
class School:
    """Rows, which of them are labelled, and with what.

    Attributes
    ----------
    rows : ndarray of shape (n_rows, n_features)
        In the autoencoder's units.
    labelled : ndarray of shape (n_labelled,)
        Their places.
    y : ndarray of shape (n_labelled,)
        Class numbers, or standardised numbers.
    goals : ndarray of shape (n_labelled, n_outputs)
        The same as targets: one class in n_outputs, or the number.
    graph : sparse matrix of shape (n_rows, n_rows)
    principal : Principal
    classify : bool
    """

    rows: np.ndarray
    labelled: np.ndarray
    y: np.ndarray
    goals: np.ndarray
    graph: sparse.csr_matrix
    principal: Principal
    classify: bool

    def without(self, train: np.ndarray) -> School:
        """The same with only some of the labels known, by their places among the labelled."""
        parts = (self.labelled[train], self.y[train], self.goals[train])
        return School(self.rows, *parts, self.graph, self.principal, self.classify)

    def values(self, outputs: np.ndarray) -> np.ndarray:
        """Probabilities where outputs are log odds; numbers as they are."""
        if not self.classify:
            return outputs
        odds = np.exp(outputs - outputs.max(1, keepdims=True))
        return odds / odds.sum(1, keepdims=True)

    def right(self, values: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How right, row by row: 1 for the true class, or minus the squared error."""
        return (values.argmax(1) == y).astype(float) if self.classify else -np.square(values[:, 0] - y)


def linear_answer(school: School, folds: Folds) -> LinearAnswer:
    """Logistic regression (ridge for numbers) on principal codes, size and penalty by cross-validation."""
    limit = len(school.principal.directions)
    choices = [(size, strength) for size in sorted({min(size, limit) for size in SIZES}) for strength in STRENGTHS]
    if len(folds) < 2:
        return _fitted(school, min(16, limit), 0.1)

    def score(choice: tuple[int, float]) -> float:
        return float(np.mean([right.mean() for right in _evaluated(school, folds, *choice)]))

    return _fitted(school, *max(choices, key=score))


def _evaluated(school: School, folds: Folds, size: int, strength: float) -> Iterator[np.ndarray]:
    for train, test in folds:
        head = _fitted(school.without(train), size, strength)
        yield school.right(head(school.rows[school.labelled[test]]), school.y[test])


def _fitted(school: School, size: int, strength: float) -> LinearAnswer:
    from sklearn.linear_model import LogisticRegression, Ridge

    directions = school.principal.directions[:size].double().numpy()
    mean = school.principal.mean.double().numpy()
    codes = (school.rows[school.labelled] - mean) @ directions.T
    head: Any = LogisticRegression(C=strength, max_iter=3000) if school.classify else Ridge(1 / strength)
    head.fit(codes, school.y)
    weight, bias = np.atleast_2d(head.coef_), np.atleast_1d(head.intercept_)
    n_outputs = school.goals.shape[1]
    if len(weight) < n_outputs:  # of two classes scikit-learn gives the second's log odds, or one class is not there
        present = head.classes_.astype(int)
        full, level = np.zeros((n_outputs, size)), np.full(n_outputs, -30.0)
        level[present] = 0.0
        if len(weight) == 1:
            full[present[1]], level[present[1]] = weight[0], bias[0]
        else:
            full[present], level[present] = weight, bias
        weight, bias = full, level
    return LinearAnswer(weight @ directions, bias - weight @ directions @ mean, size, strength)


def choose_teacher(school: School, linear: LinearAnswer, folds: Folds) -> tuple[str, dict[str, float]]:
    """The kind of teacher, and how right each kind was on labels hidden from it."""
    if not folds:
        return "linear", {}
    rights: dict[str, list[np.ndarray]] = {kind: [] for kind in KINDS}
    for train, test in folds:
        known = school.without(train)
        head = _fitted(known, linear.size, linear.strength)
        for kind in KINDS:
            guesses = targets_of(known, head, kind)[school.labelled[test]]
            rights[kind].append(school.right(guesses, school.y[test]))
    each = {kind: np.concatenate(parts) for kind, parts in rights.items()}
    scores = {kind: float(right.mean()) for kind, right in each.items()}
    best = max(KINDS, key=scores.__getitem__)
    gain = each[best] - each["blend"]
    return (best if beyond_chance(gain) else "blend"), scores


def beyond_chance(gain: np.ndarray) -> bool:
    """Whether a gain, label by label, is more than one standard error of its mean."""
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))


def targets_of(school: School, linear: LinearAnswer, kind: str) -> np.ndarray:
    """A teacher's targets for every row, shape (n_rows, n_outputs); the labelled rows keep their own."""
    said = school.values(linear(school.rows))
    if kind != "linear":
        reached = spread(school.graph, school.goals, school.labelled)
        said = reached if kind == "spread" else (said + reached) / 2
    if school.classify:  # surer than the teacher is: a guess half way between two classes teaches neither
        said = said**SHARPNESS
        said = said / said.sum(1, keepdims=True)
    said = said.copy()
    said[school.labelled] = school.goals
    return said


def hidden_folds(
    school: School, folds: Folds, linear: LinearAnswer
) -> Iterator[tuple[School, LinearAnswer, np.ndarray]]:
    """For each fold: what is known without it, the linear answer to that, and the places of the labels hidden."""
    for train, test in folds:
        known = school.without(train)
        yield known, _fitted(known, linear.size, linear.strength), test
