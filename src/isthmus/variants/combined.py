"""Any combination of parts: a denoising sparse variational autoencoder is an argument list, not a class."""

from __future__ import annotations

from torch import Tensor

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.bottleneck import (
    BOTTLENECKS,
    Bottleneck,
    GaussianBottleneck,
    PointBottleneck,
    RectifiedBottleneck,
    TopKBottleneck,
)
from isthmus.parts.corruption import CORRUPTIONS, Corruption, make_corruption
from isthmus.parts.penalty import ActivationRate, Contraction, Dependence, Divergence, Penalty, Sparsity

__all__ = ["CombinedAutoencoder"]


class CombinedAutoencoder(BaseAutoencoder):
    """-log p(x|z) plus every penalty of positive weight; without penalties, the vanilla autoencoder."""

    bottleneck: str = hyper("point", "kind of code", choices=BOTTLENECKS)
    top_k: int = hyper(8, "number of latents kept per row, for a top-k bottleneck", at_least=1)
    corruption: str = hyper("none", "corruption of the input during training", choices=CORRUPTIONS)
    corruption_level: float = hyper(
        0.3,
        "gaussian: standard deviation of the noise, 1 = the data's own; others: share of corrupted cells",
        at_least=0,
    )
    sparsity: float = hyper(0.0, "weight λ of the L1 penalty on the code", at_least=0)
    activation_rate: float = hyper(0.1, "target mean activity of each latent", above=0, below=1)
    rate_weight: float = hyper(0.0, "weight of the KL penalty towards activation_rate", at_least=0)
    contraction: float = hyper(0.0, "weight λ of the squared norm of the encoder's Jacobian", at_least=0)
    dependence: float = hyper(
        0.0, "weight of a penalty on dependence between the code and the given columns", at_least=0
    )
    divergence: float = hyper(1.0, "weight β of the divergence from N(0, I), for a gaussian bottleneck", at_least=0)

    def make_corruption(self, low: Tensor, high: Tensor) -> Corruption:
        """The corruption of this name."""
        return make_corruption(self.corruption, self.corruption_level, low, high)

    def make_bottleneck(self, n_latents: int) -> Bottleneck:
        """The bottleneck of this name."""
        made = {
            "point": PointBottleneck,
            "gaussian": GaussianBottleneck,
            "rectified": RectifiedBottleneck,
            "top_k": lambda: TopKBottleneck(min(self.top_k, n_latents)),
        }
        return made[self.bottleneck]()

    def make_penalties(self) -> dict[str, Penalty]:
        """The penalties of positive weight."""
        weighted: dict[str, Penalty] = {
            "sparsity": Sparsity(self.sparsity),
            "activation_rate": ActivationRate(self.rate_weight, self.activation_rate),
            "contraction": Contraction(self.contraction),
            "dependence": Dependence(self.dependence),
            "divergence": Divergence(self.divergence if self.bottleneck == "gaussian" else 0.0),
        }
        return {name: penalty for name, penalty in weighted.items() if penalty.weight > 0}
