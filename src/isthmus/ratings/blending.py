"""The closed form and the network together, where held-out users say that it helps.

Scores of both are standardised for each user over all items and added, the network's with a weight w. The network's
epoch and w are chosen by the nDCG@100 of users who were held out, and the network is kept only if the mean gain over
the closed form is more than one standard error of it: else the closed form stands alone, and is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.ratings.interactions import Sparse
from isthmus.ratings.network import LikesNetwork, train_network
from isthmus.ratings.ranking import Ranked, ranked

__all__ = ["Blend", "choose_blend", "standardised"]

WEIGHTS = (0.15, 0.3, 0.5, 0.75, 1.0)
MOST_EPOCHS, EVERY, PATIENCE = 120, 5, 5  # epochs, between two looks, looks without a gain
LEAST_JUDGES = 20  # users held out, below which no network is tried


@dataclass(frozen=True)
class Blend:
    """What held-out users say.

    Attributes
    ----------
    weight : float
        Of the network; 0 where the closed form stands alone.
    epochs : int
        For which the network is trained.
    network, blend : Ranked or None
        Of held-out users, at the epoch and weight that were best: the network alone, and both together.
    """

    weight: float
    epochs: int
    network: Ranked | None = None
    blend: Ranked | None = None


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each user's scores with mean 0 and variance 1; of scores that are all alike 0."""
    away = scores - scores.mean(1, keepdims=True)
    spread = away.std(1, keepdims=True)
    return away / np.where(spread > 0, spread, 1)


def choose_blend(
    likes: Sparse,
    known: Sparse,
    hidden: Sparse,
    closed_form: np.ndarray,
    seed: int,
    most_epochs: int = MOST_EPOCHS,
) -> Blend:
    """The network's weight and epochs.

    Parameters
    ----------
    likes
        Of the users to learn from.
    known, hidden
        Of users held out: what they are known by, and what is to be found.
    closed_form
        The closed form's scores of the same users.
    """
    if known.shape[0] < LEAST_JUDGES or most_epochs < 1:
        return Blend(0.0, 0)
    by_closed_form = standardised(closed_form)
    alone = ranked(by_closed_form, known, hidden).ndcg
    best, since = Blend(0.0, 0), 0

    def look(epoch: int, network: LikesNetwork) -> bool:
        nonlocal best, since
        if epoch % EVERY and epoch != most_epochs:
            return False
        scores = network.scores(known)
        by_network = standardised(scores)
        since += 1
        for weight in WEIGHTS:
            found = ranked(by_closed_form + weight * by_network, known, hidden)
            if best.blend is None or found.ndcg.mean() > best.blend.ndcg.mean():
                best, since = Blend(weight, epoch, ranked(scores, known, hidden), found), 0
        return since >= PATIENCE

    train_network(likes, most_epochs, seed, look)
    assert best.blend is not None  # there was a look
    gain = best.blend.ndcg - alone
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return best if gain.mean() > error else Blend(0.0, 0, best.network, best.blend)
