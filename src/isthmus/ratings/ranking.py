"""Ranking quality: hidden likes of held-out users should come first among the items they are not known to like.

    DCG@k = Σ_{r ≤ k, hidden at rank r} 1 / log2(r + 1)        nDCG@k = DCG@k / its largest possible value
    recall@k = hidden items among the first k / min(k, number hidden)

A fifth of each user's likes is hidden, the rest is given (Liang et al. 2018, arXiv:1802.05814).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from isthmus.ratings.interactions import Sparse

__all__ = ["Ranked", "first_items", "hide_likes", "ranked"]

HIDDEN = 0.2


class Ranked(NamedTuple):
    """nDCG@100 and recall@20 of each user; shape (n_users,)."""

    ndcg: np.ndarray
    recall: np.ndarray


def hide_likes(likes: Sparse, rng: np.random.Generator) -> tuple[np.ndarray, Sparse, Sparse]:
    """The users with at least two likes, by index, their likes that are given, and those that are hidden."""
    some = np.flatnonzero(np.diff(likes.indptr) >= 2)
    known, hidden = likes[some].tolil(), likes[some].tolil()
    for row in range(len(some)):
        items = likes[int(some[row])].indices
        chosen = rng.permutation(len(items))[: max(1, round(HIDDEN * len(items)))]
        for target, kept in ((known, np.delete(items, chosen)), (hidden, items[chosen])):
            target.rows[row] = sorted(kept.tolist())
            target.data[row] = [1.0] * len(kept)
    return some, known.tocsr().astype(np.float32), hidden.tocsr().astype(np.float32)


def first_items(scores: np.ndarray, known: Sparse, count: int) -> np.ndarray:
    """The ``count`` items with the highest scores that are new to a user, best first; shape (n_users, count)."""
    scores = scores.copy()
    scores[known.nonzero()] = -np.inf
    count = min(count, scores.shape[1])
    found = np.argpartition(-scores, count - 1, 1)[:, :count]
    # Ties are broken by the order of items.
    found = np.sort(found, 1)
    order = np.argsort(-np.take_along_axis(scores, found, 1), axis=1, kind="stable")
    return np.take_along_axis(found, order, 1)


def ranked(scores: np.ndarray, known: Sparse, hidden: Sparse, depth: int = 100) -> Ranked:
    """The ranking of hidden likes by ``scores`` of shape (n_users, n_items)."""
    found = first_items(scores, known, depth)
    depth = found.shape[1]
    hits = np.take_along_axis(hidden.toarray() > 0, found, 1)
    count = np.diff(hidden.indptr)
    worth = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.cumsum(worth)[np.minimum(count, depth) - 1]
    near = min(20, depth)
    return Ranked((hits * worth).sum(1) / ideal, hits[:, :near].sum(1) / np.minimum(count, near))
