"""Who teaches the network: the linear head on principal codes, the spread over learned codes, or their mean.

Cross-validation on the labelled rows decides; the linear answer is left only for a gain beyond one standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isthmus.pretraining.spreading import spread

__all__ = ["Teacher", "choose_teacher", "linear_head"]

SIZES, STRENGTHS = (8, 16, 32, 64), (0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Teacher:
    """The choice: "linear", "spread" or "blend", each one's cross-validated score, and the targets of all rows."""

    kind: str
    scores: dict[str, float]
    targets: np.ndarray


def linear_head(X: np.ndarray, labelled: np.ndarray, y: np.ndarray, folds: list, *, classify: bool) -> Any:
    """Logistic (ridge) regression on PCA codes of all rows X, size and penalty by cross-validation; fitted."""
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    limit = min(*X.shape)
    pca = PCA(min(max(SIZES), limit), svd_solver="full", random_state=0).fit(X)
    codes = pca.transform(X[labelled])
    best: tuple[float, int, float] = (-np.inf, min(16, limit), 1.0)

    def head(strength: float) -> Any:
        return LogisticRegression(C=strength, max_iter=3000) if classify else Ridge(1 / strength)

    for size in sorted({min(size, limit) for size in SIZES}) if folds else ():
        for strength in STRENGTHS:
            model = make_pipeline(StandardScaler(), head(strength))
            score = float(cross_val_score(model, codes[:, :size], y, cv=folds).mean())
            best = max(best, (score, size, strength))
    size, strength = best[1:]
    kept = PCA(size, svd_solver="full", random_state=0).fit(X)
    scaler = StandardScaler().fit(kept.transform(X[labelled]))
    fitted = head(strength).fit(scaler.transform(kept.transform(X[labelled])), y)
    return make_pipeline(kept, scaler, fitted)


def choose_teacher(
    linear: Any, graph: sparse.csr_matrix, X: np.ndarray, labelled: np.ndarray, y: np.ndarray, goal: np.ndarray, folds
) -> Teacher:
    """The teacher by cross-validation; ``goal`` is y as targets, shape (n_labelled, n_targets)."""
    from sklearn.base import clone

    classify = hasattr(linear, "predict_proba")
    rights: dict[str, list[np.ndarray]] = {"linear": [], "spread": [], "blend": []}
    for train, test in folds:
        codes = linear[:-1].transform(X[labelled])
        head = clone(linear[-1]).fit(codes[train], y[train])
        said = {"linear": _targets(head, codes[test], goal.shape[1])}
        said["spread"] = spread(graph, goal[train], labelled[train])[labelled[test]]
        said["blend"] = (said["linear"] + said["spread"]) / 2
        for kind, value in said.items():
            right = value.argmax(1) == y[test] if classify else -((value - goal[test]) ** 2).mean(1)
            rights[kind].append(right.astype(float))
    scores, kind = {}, "linear"
    if folds:
        each = {name: np.concatenate(parts) for name, parts in rights.items()}
        scores = {name: float(right.mean()) for name, right in each.items()}
        best = max(("blend", "spread"), key=scores.__getitem__)
        gain = each[best] - each["linear"]
        if gain.mean() > gain.std() / np.sqrt(len(gain)):
            kind = best
    targets = _targets(linear, X, goal.shape[1])
    if kind != "linear":
        reached = spread(graph, goal, labelled)
        targets = reached if kind == "spread" else (targets + reached) / 2
    targets[labelled] = goal
    return Teacher(kind, scores, targets)


def _targets(head: Any, X: np.ndarray, n_targets: int) -> np.ndarray:
    return head.predict_proba(X) if hasattr(head, "predict_proba") else head.predict(X).reshape(-1, n_targets)
