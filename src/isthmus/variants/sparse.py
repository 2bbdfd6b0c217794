"""The sparse autoencoder: many latents, few of them active at a time.

An L1 penalty on a linear code never gives exact zeros, and a small code with a large decoder evades it. Here the code
is rectified, so zeros are exact, and the decoder's columns have unit norm. The code is usually overcomplete: it has
more latents than features.
"""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import Bottleneck, RectifiedBottleneck, TopKBottleneck
from isthmus.parts.penalty import ActivationRate, Penalty, Sparsity

__all__ = ["SparseAutoencoder"]


class SparseAutoencoder(BaseAutoencoder):
    """Adds λ Σ|z| to the loss, or a target activation rate, or keeps only the k largest latents."""

    sparsity: float = hyper(0.5, "weight λ of the L1 penalty on the code", at_least=0)
    activation_rate: float | None = hyper(
        None, "target mean activity of each latent, for a KL penalty", above=0, below=1
    )
    rate_weight: float = hyper(1.0, "weight of the KL penalty towards activation_rate", at_least=0)
    top_k: int | None = hyper(None, "keep only this many latents per row; then no L1 penalty is needed", at_least=1)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """Rectified, or top-k."""
        return RectifiedBottleneck() if self.top_k is None else TopKBottleneck(min(self.top_k, n_latents))

    def make_penalties(self) -> dict[str, Penalty]:
        """L1, unless top-k replaces it; the activation rate if one is set."""
        penalties: dict[str, Penalty] = {}
        if self.top_k is None and self.sparsity > 0:
            penalties["sparsity"] = Sparsity(self.sparsity)
        if self.activation_rate is not None:
            penalties["activation_rate"] = ActivationRate(self.rate_weight, self.activation_rate)
        return penalties
