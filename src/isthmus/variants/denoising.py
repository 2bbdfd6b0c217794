"""The denoising autoencoder: corrupt the input, rebuild the clean row (Vincent et al. 2008).

The best such rebuilder is E[x|x̃]; for small Gaussian noise r(x̃) - x̃ points up the gradient of the data's log
density, σ²∇log p(x̃) (Alain & Bengio 2014, arXiv:1211.4246).
"""

from __future__ import annotations

from torch import Tensor

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.corruption import CORRUPTIONS, Corruption, make_corruption

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(BaseAutoencoder):
    """Minimises E over x̃ ~ q(x̃|x) of ‖x - g(f(x̃))‖²."""

    corruption: str = hyper("gaussian", "what is done to the input while training", choices=CORRUPTIONS)
    corruption_level: float = hyper(
        0.3,
        "noise: standard deviation, 1 = the data's own; other corruptions: share of cells hit",
        at_least=0,
    )
    corruption_varies: bool = hyper(False, "each row draws a level of its own, from 0 to corruption_level")
    restoring: bool = hyper(
        False,
        "made to undo the corruption in your data: the level is in their units, a masked cell is 0, and training "
        "begins at the best linear restoration instead of PCA",
    )

    def make_corruption(self, low: Tensor, high: Tensor) -> Corruption:
        """The one asked for."""
        return make_corruption(
            self.corruption,
            self.corruption_level,
            low,
            high,
            restoring=self.restoring,
            varying=self.corruption_varies,
        )
