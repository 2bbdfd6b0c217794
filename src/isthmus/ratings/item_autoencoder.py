"""The estimator: from the items a user likes to others that the user would like.

    model = ItemAutoencoder().fit(ratings)          users, items and perhaps values; or a sparse matrix
    model.recommend(["ann", "bob"], n=10)           users of the fit
    model.recommend(others, n=10)                   ratings of new users

It starts at EASE (`isthmus.ratings.ease`), whose ridge is chosen on hidden likes of held-out users. A denoising network
is trained in parallel, and added if both together rank better for these users (`isthmus.ratings.blending`). B has a
weight for every pair of items, which limits their number.
"""

from __future__ import annotations

import typing
import warnings
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.hyperparameter import check_hyperparameters, hyper
from isthmus.ratings.blending import MAX_EPOCHS, Blend, choose_blend, standardised
from isthmus.ratings.ease import RIDGES, ease_weights, gram_of
from isthmus.ratings.interactions import Interactions, Sparse, interactions, liked
from isthmus.ratings.network import train_network
from isthmus.ratings.ranking import first_items, hide_likes, ranked
from isthmus.text_table import counted

__all__ = ["ItemAutoencoder", "Recommendations"]

MAX_ITEMS = 20_000
FIRST_RIDGE = RIDGES.index(300.0)
HELD_OUT, FEWEST, MOST = 0.1, 50, 2000  # share of users held out, and their smallest and largest number
BLOCK_CELLS = 1 << 24
POPULAR = 1e-9  # weight of popularity, which breaks ties


class Recommendations(NamedTuple):
    """The items to recommend to each user, best first.

    Attributes
    ----------
    users : tuple of str
    items : ndarray of shape (n_users, n)
        Names; None if a user has rated so many that fewer than n are left.
    scores : ndarray of shape (n_users, n)
        Higher is better; comparable only within a user. NaN where there is no item.
    """

    users: tuple[str, ...]
    items: np.ndarray
    scores: np.ndarray


@dataclass(eq=False, repr=False)
class ItemAutoencoder(BaseEstimator):
    """EASE, combined with a denoising network if that ranks better for held-out users.

    Attributes
    ----------
    items_, users_ : tuple of str
        Names of the items and users of the fit.
    ridge_ : float
        λ of the closed form.
    weights_ : ndarray of shape (n_items, n_items)
        B of the closed form, float32.
    popularity_ : ndarray of shape (n_items,)
        The number of users who like each item.
    network_ : LikesNetwork or None
        The network, if it is used, with weight ``network_weight_``.
    threshold_ : float
        The lowest rating that is a like.
    left_out_ : tuple of str
        Items that no user likes.
    history_likes_ : csr_matrix of shape (n_users, n_items)
        The items each user has rated, 1 if liked, else an explicit 0; `recommend` leaves all of them out.
    columns_ : tuple of str
        The columns of users, items and values, if the ratings came from a table.
    comparison_ : dict
        nDCG@100 and recall@20 on held-out users, of popularity, EASE, the network and the model used.
    """

    threshold: float | None = hyper(
        None, "ratings at least this high are likes; None: the median of the ratings, and of equal ones all"
    )
    ridge: float | None = hyper(None, "λ of the closed form; None: chosen on held-out users", above=0)
    max_iter: int = hyper(MAX_EPOCHS, "most epochs of the network; 0: the closed form alone", at_least=0)
    max_items: int = hyper(MAX_ITEMS, "items above which a fit is refused: memory grows with their square", at_least=2)
    random_state: Any = field(default=None, kw_only=True)

    def fit(self, X: Any, y: Any = None) -> typing.Self:
        """Fit to ratings: `Interactions`, a DataFrame or tuple of (users, items[, values]), or a sparse matrix.

        The first two columns of a DataFrame are users and items, and a third is the values.
        """
        check_hyperparameters(self)
        who = type(self).__name__
        ratings = _ratings_of(X, who)
        self.columns_ = ratings.columns
        self.threshold_ = _threshold(ratings.matrix.data, self.threshold)
        likes = liked(ratings.matrix, self.threshold_)
        kept = np.flatnonzero(np.asarray(likes.sum(0)).ravel() > 0)
        self._require_enough(ratings, likes, kept)
        self.items_ = tuple(ratings.items[place] for place in kept)
        self.left_out_ = tuple(np.delete(np.asarray(ratings.items, dtype=object), kept))
        self.users_ = ratings.users
        if self.left_out_:
            some = ", ".join(self.left_out_[:5]) + (", …" if len(self.left_out_) > 5 else "")
            warnings.warn(
                f"{who}: {counted(len(self.left_out_), 'item', 'is', 'are')} left out, with no rating of at least "
                f"{self.threshold_:g}: {some}.",
                UserWarning,
                stacklevel=2,
            )
        rated = ratings.matrix[:, kept].copy()
        rated.data = (rated.data >= self.threshold_).astype(np.float32)
        rated.sort_indices()
        self.history_likes_ = rated
        likes = likes[:, kept]
        learning = likes[np.diff(likes.indptr) > 0]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.popularity_ = np.asarray(learning.sum(0)).ravel().astype(np.float64)
        blend = self._choose(learning, seed)
        self.weights_ = ease_weights(gram_of(learning), self.ridge_)
        self.network_weight_ = blend.weight
        self.network_ = train_network(learning, blend.epochs, seed) if blend.weight else None
        return self

    def recommend(self, X: Any, n: int = 10) -> Recommendations:
        """The ``n`` best items for each user among those not rated; X are names of users of the fit, or ratings.

        Ratings have the same form as in `fit`; those of unknown items are ignored with a warning. A user without known
        likes gets the most popular items.
        """
        check_is_fitted(self)
        if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
            raise ValueError(f"{type(self).__name__}: recommend takes n as a whole number of at least 1, got {n!r}.")
        users, rated = self._histories(X)
        n = min(int(n), len(self.items_))
        names = np.asarray(self.items_, dtype=object)
        items: Any = np.empty((len(users), n), dtype=object)
        scores = np.full((len(users), n), np.nan)
        for start in range(0, len(users), self._at_once):
            part = rated[start : start + self._at_once]
            found = self.scores_of_likes(_likes_of(part))
            first = first_items(found, part, n)
            left = np.arange(n) < (len(self.items_) - np.diff(part.indptr))[:, None]
            items[start : start + part.shape[0]][left] = names[first][left]
            scores[start : start + part.shape[0]] = np.where(left, np.take_along_axis(found, first, 1), np.nan)
        return Recommendations(users, items, scores)

    def predict_scores(self, X: Any) -> np.ndarray:
        """Scores of all items, float32 of shape (n_users, n_items), for users as `recommend` takes them."""
        check_is_fitted(self)
        return self.scores_of_likes(_likes_of(self._histories(X)[1]))

    # ---- inside ------------------------------------------------------------------------------------------

    def _require_enough(self, ratings: Interactions, likes: Sparse, kept: np.ndarray) -> None:
        who, faults = type(self).__name__, []
        if len(kept) > self.max_items:
            room = 4 * len(kept) ** 2 / 2**30
            faults.append(
                f"{len(kept):,} items are more than max_items={self.max_items:,} (their weights would need {room:,.0f} "
                "GB, and about four times that while they are computed); leave out items with few ratings"
            )
        if len(kept) < 2:
            some = "no item has" if len(kept) == 0 else "only one item has"
            faults.append(f"{some} a rating of at least {self.threshold_:g}, and two are needed")
        elif not (np.diff(likes.indptr) >= 2).any():
            faults.append(
                f"no user has two ratings of at least {self.threshold_:g}, so no two items are liked by the same user"
            )
        if faults:
            raise ValueError(f"{who}: {'; '.join(faults)}.")

    def _choose(self, likes: Sparse, seed: int) -> Blend:
        """Choose the ridge and how the network is used, by hidden likes of held-out users."""
        rng = np.random.default_rng(seed)
        count = min(max(round(HELD_OUT * likes.shape[0]), FEWEST), MOST, likes.shape[0] // 4)
        order = rng.permutation(likes.shape[0])
        _, known, hidden = hide_likes(likes[np.sort(order[:count])], rng)
        self.comparison_: dict[str, dict[str, float]] = {}
        if not known.shape[0]:
            self.ridge_ = self.ridge or RIDGES[FIRST_RIDGE]
            return Blend(0.0, 0)
        learning = likes[np.sort(order[count:])]
        gram = gram_of(learning)
        tried: dict[float, np.ndarray] = {}

        def quality(place: int) -> float:
            ridge = self.ridge or RIDGES[place]
            if ridge not in tried:
                tried[ridge] = known @ ease_weights(gram, ridge)
            return float(ranked(tried[ridge], known, hidden).ndcg.mean())

        place = FIRST_RIDGE
        for step in (1, -1):
            while 0 <= place + step < len(RIDGES) and quality(place + step) > quality(place):
                place += step
        self.ridge_ = self.ridge or RIDGES[place]
        quality(place)
        closed_form = tried[self.ridge_]
        blend = choose_blend(learning, known, hidden, closed_form, seed, self.max_iter)
        popular = np.broadcast_to(np.asarray(learning.sum(0)).ravel(), closed_form.shape)
        found = {
            "popularity": ranked(popular, known, hidden),
            "EASE": ranked(closed_form, known, hidden),
            "network": blend.network,
            "EASE and network": blend.blend,
        }
        self.comparison_ = {
            name: {"ndcg_100": float(one.ndcg.mean()), "recall_20": float(one.recall.mean()), "users": len(one.ndcg)}
            for name, one in found.items()
            if one is not None
        }
        return blend

    def _histories(self, X: Any) -> tuple[tuple[str, ...], Sparse]:
        """Users, and the items of the fit that they have rated, 1 if they like it, else an explicit 0."""
        who = type(self).__name__
        if isinstance(X, str):
            X = [X]
        if _are_names(X):
            places = {name: place for place, name in enumerate(self.users_)}
            names = tuple(str(name) for name in X)
            unknown = [name for name in names if name not in places]
            if unknown:
                some = ", ".join(unknown[:5]) + (", …" if len(unknown) > 5 else "")
                users = counted(len(unknown), "user", "was", "were")
                raise ValueError(f"{who}: {users} not in the fit: {some}; give their ratings instead of names.")
            return names, self.history_likes_[[places[name] for name in names]]
        width = len(self.items_) + len(self.left_out_)
        if sparse.issparse(X) and X.shape[1] != width:
            raise ValueError(f"{who}: ratings have {X.shape[1]} items, and those of the fit had {width}.")
        ratings = _ratings_of(X, who, every_item=False)
        known = {name: place for place, name in enumerate(self.items_)}
        shared = [place for place, name in enumerate(ratings.items) if name in known]
        n_unknown = len(ratings.items) - len(shared) - len({*ratings.items} & {*self.left_out_})
        if n_unknown > 0:
            warnings.warn(
                f"{who}: ratings of items that were not in the fit ({n_unknown:,}) are ignored.",
                UserWarning,
                stacklevel=3,
            )
        part = ratings.matrix[:, shared].tocoo()
        columns = np.array([known[ratings.items[place]] for place in shared], dtype=np.int64)[part.col]
        data = (part.data >= self.threshold_).astype(np.float32)
        shape = (len(ratings.users), len(self.items_))
        rated = sparse.csr_matrix((data, (part.row, columns)), shape=shape)
        rated.sort_indices()
        return ratings.users, rated

    def scores_of_likes(self, likes: Sparse) -> np.ndarray:
        """Scores of all items, shape (n_users, n_items), from a sparse matrix of likes of the items of the fit."""
        scores = np.asarray(likes @ self.weights_)
        if self.network_ is not None:
            scores = standardised(scores) + self.network_weight_ * standardised(self.network_.scores(likes))
        return (scores + POPULAR * self.popularity_).astype(np.float32)

    @property
    def _at_once(self) -> int:
        return max(1, BLOCK_CELLS // len(self.items_))


def _likes_of(rated: Sparse) -> Sparse:
    likes = rated.copy()
    likes.eliminate_zeros()
    return likes


def _are_names(X: Any) -> bool:
    """Whether X is a list of users rather than ratings."""
    if isinstance(X, Interactions) or sparse.issparse(X) or hasattr(X, "columns"):
        return False
    entries = list(X) if isinstance(X, (list, tuple)) else X
    return getattr(X, "ndim", None) == 1 or (
        isinstance(entries, list) and all(isinstance(one, (str, int, np.integer)) for one in entries)
    )


def _threshold(values: np.ndarray, asked: float | None) -> float:
    return float(np.median(values)) if asked is None else float(asked)


def _ratings_of(X: Any, who: str, *, every_item: bool = True) -> Interactions:
    """Ratings from any form that `fit` takes."""
    if isinstance(X, Interactions):
        return X
    if sparse.issparse(X):
        return _of_matrix(X, who, every_item=every_item)
    if hasattr(X, "columns") and hasattr(X, "shape"):
        if not 2 <= X.shape[1] <= 3:
            raise ValueError(
                f"{who}: a DataFrame of ratings has two or three columns, users, items and values, got {X.shape[1]}; "
                "choose them first."
            )
        parts = [X[name] for name in X.columns]
        found = interactions(*(part.to_numpy() for part in parts), who=who)
        return replace(found, columns=tuple(map(str, X.columns)))
    if isinstance(X, (tuple, list)) and 2 <= len(X) <= 3:
        return interactions(*X, who=who)
    raise ValueError(
        f"{who}: takes ratings as a DataFrame or a tuple of users, items and values, or as a sparse matrix of users by "
        f"items, got {type(X).__name__}; of an array whose zeros are unrated, scipy.sparse.csr_matrix(X) makes one."
    )


def _of_matrix(X: Any, who: str, *, every_item: bool) -> Interactions:
    matrix = sparse.csr_matrix(X, dtype=np.float64, copy=True)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not np.isfinite(matrix.data).all():
        raise ValueError(f"{who}: the matrix of ratings holds NaN or infinity; leave out missing ratings.")
    empty = np.flatnonzero(np.diff(matrix.tocsc().indptr) == 0)
    if every_item and len(empty):
        some = ", ".join(map(str, empty[:5])) + (", …" if len(empty) > 5 else "")
        raise ValueError(
            f"{who}: nobody rated {len(empty):,} of the {matrix.shape[1]:,} items (column {some}), so nothing can be "
            "learned about them; leave such columns out."
        )
    return Interactions(matrix, tuple(map(str, range(matrix.shape[0]))), tuple(map(str, range(matrix.shape[1]))))
