"""The nested autoencoder: an ordered code, whose first k latents are the best k (Rippel, Gelbart & Adams 2014).

PCA has this for free: its first k coordinates are PCA-k. A plain autoencoder must be fitted again for every size.
Here each row of a batch is reconstructed from its first k latents alone, with k drawn at random,

    E_k ‖x - g(f(x) ⊙ [1…1 0…0])‖²,    k ones

so one fit gives the whole curve of error against size: ``transform(X, size=k)``. It starts at PCA's curve.
"""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import Bottleneck, NestedBottleneck

__all__ = ["NestedAutoencoder"]


class NestedAutoencoder(BaseAutoencoder):
    """Minimises the squared error from the first k latents, averaged over k (arXiv:1402.0915)."""

    size_decay: float = hyper(
        0.5, "d, where training draws size k with probability proportional to k^-d; 0: all sizes equally", at_least=0
    )

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """A point code, truncated in training."""
        return NestedBottleneck(self.size_decay)
