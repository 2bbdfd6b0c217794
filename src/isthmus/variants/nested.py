"""The nested autoencoder: an ordered code, whose first k numbers are the best k (Rippel, Gelbart & Adams 2014).

PCA has this for free: its first k coordinates are PCA-k. A plain autoencoder has not, and must be fitted anew for
every size. Here each row of a batch is rebuilt from its first k numbers alone, k drawn at random,

    E_k ‖x - g(f(x) ⊙ [1…1 0…0])‖²,    k ones

so one fit gives the whole curve of error against size: ``transform(X, size=k)``. At the start it is PCA's.
"""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import Bottleneck, NestedBottleneck

__all__ = ["NestedAutoencoder"]


class NestedAutoencoder(BaseAutoencoder):
    """Minimises the squared error of the first k numbers, averaged over k (arXiv:1402.0915)."""

    size_decay: float = hyper(
        0.5, "in training size k is drawn in proportion to k to the power of minus this; 0: all alike", at_least=0
    )

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """A point code, cut short in training."""
        return NestedBottleneck(self.size_decay)
