"""The denoising autoencoder: corrupt the input, reconstruct the clean row (Vincent et al. 2008).

The best reconstruction is r(x̃) = E[x|x̃]; for small Gaussian noise r(x̃) - x̃ is σ²∇log p(x̃), which points up the
gradient of the data's log density (Alain & Bengio 2014, arXiv:1211.4246).
"""

from __future__ import annotations

from torch import Tensor

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.corruption import CORRUPTIONS, Corruption, make_corruption

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(BaseAutoencoder):
    """Minimises E over x̃ ~ q(x̃|x) of ‖x - g(f(x̃))‖²."""

    corruption: str = hyper("gaussian", "corruption of the input during training", choices=CORRUPTIONS)
    corruption_level: float = hyper(
        0.3,
        "gaussian: standard deviation of the noise, 1 = the data's own; others: share of corrupted cells",
        at_least=0,
    )
    corruption_varies: bool = hyper(False, "each row draws its own level, from 0 to corruption_level")
    restoring: bool = hyper(
        False,
        "train to remove this corruption from real data: the level is in the data's units, a masked cell is 0, and "
        "training starts at the best linear restoration instead of PCA",
    )

    def make_corruption(self, low: Tensor, high: Tensor) -> Corruption:
        """The corruption of this name."""
        return make_corruption(
            self.corruption,
            self.corruption_level,
            low,
            high,
            restoring=self.restoring,
            varying=self.corruption_varies,
        )
