"""The variational autoencoder: a code that can be sampled (Kingma & Welling 2013, arXiv:1312.6114).

The encoder gives N(μ(x), diag σ²(x)); the loss is the negative evidence lower bound

    E_q[ -log p(x|z) ] + β KL( q(z|x) ‖ N(0, I) ),     KL = ½ Σ_j (μ_j² + σ_j² - 1 - log σ_j²)

The decoder's variance is learned, so the data determine the balance of the two terms; with a fixed variance the code
often ignores either the prior or the data. The principal start is probabilistic PCA, whose bound is tight.
"""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import Bottleneck, GaussianBottleneck
from isthmus.parts.penalty import Divergence, Penalty

__all__ = ["VariationalAutoencoder"]


class VariationalAutoencoder(BaseAutoencoder):
    """Maximises the evidence lower bound; `sample` draws new rows."""

    variance: float | str | None = hyper(
        "learned",
        "decoder variance σ²: a number in the data's units, or 'learned'",
        choices=("learned",),
        above=0,
    )
    beta: float = hyper(1.0, "weight β of the divergence from the prior; 1 is the bound itself", at_least=0)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """A mean and a variance for each latent."""
        return GaussianBottleneck()

    def make_penalties(self) -> dict[str, Penalty]:
        """The divergence from N(0, I)."""
        return {"divergence": Divergence(self.beta)}
