"""The closed form and the network combined, if the network helps on held-out users.

Scores of both are standardised for each user over all items and added, the network's with a weight w. The number of
epochs and w are chosen by nDCG@100 on held-out users, and the network is kept only if the mean gain over the closed
form is more than its standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isthmus.ratings.interactions import Sparse
from isthmus.ratings.network import LikesNetwork, train_network
from isthmus.ratings.ranking import Ranked, ranked

__all__ = ["Blend", "choose_blend", "standardised"]

WEIGHTS = (0.15, 0.3, 0.5, 0.75, 1.0)
MAX_EPOCHS, EVERY, PATIENCE = 120, 5, 5  # epochs, epochs between evaluations, evaluations without a gain
MIN_HELD_OUT = 20  # users, below which no network is tried


@dataclass(frozen=True)
class Blend:
    """How to combine the network with the closed form.

    Attributes
    ----------
    weight : float
        Of the network; 0 if only the closed form is used.
    epochs : int
        Number of epochs to train the network.
    network, blend : Ranked or None
        The ranking for held-out users at the best epoch and weight: by the network alone, and by both.
    """

    weight: float
    epochs: int
    network: Ranked | None = None
    blend: Ranked | None = None


def standardised(scores: np.ndarray) -> np.ndarray:
    """Each user's scores with mean 0 and variance 1; 0 if all are equal."""
    centred = scores - scores.mean(1, keepdims=True)
    spread = centred.std(1, keepdims=True)
    return centred / np.where(spread > 0, spread, 1)


def choose_blend(
    likes: Sparse,
    known: Sparse,
    hidden: Sparse,
    closed_form: np.ndarray,
    seed: int,
    most_epochs: int = MAX_EPOCHS,
) -> Blend:
    """Choose the network's weight and epochs.

    Parameters
    ----------
    likes
        Of the users to learn from.
    known, hidden
        Of held-out users: the likes that are given, and those to be predicted.
    closed_form
        The closed form's scores for held-out users.
    """
    if known.shape[0] < MIN_HELD_OUT or most_epochs < 1:
        return Blend(0.0, 0)
    by_closed_form = standardised(closed_form)
    alone = ranked(by_closed_form, known, hidden).ndcg
    best, since = Blend(0.0, 0), 0

    def evaluate(epoch: int, network: LikesNetwork) -> bool:
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

    train_network(likes, most_epochs, seed, evaluate)
    assert best.blend is not None  # the last epoch is evaluated
    gain = best.blend.ndcg - alone
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return best if gain.mean() > error else Blend(0.0, 0, best.network, best.blend)
