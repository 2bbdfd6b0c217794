"""The contractive autoencoder: a code that hardly moves when the input does (Rifai et al. 2011).

The penalty is the squared Frobenius norm of the encoder's Jacobian, Σ_j ‖∂z_j/∂x‖², in the model's units. At a
principal start ‖J‖²_F = n_components exactly, as the directions are orthonormal.
"""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import hyper
from isthmus.parts.penalty import Contraction, Penalty

__all__ = ["ContractiveAutoencoder"]


class ContractiveAutoencoder(BaseAutoencoder):
    """Adds λ ‖∂f(x)/∂x‖²_F to the loss."""

    contraction: float = hyper(0.1, "weight λ of the squared norm of the encoder's Jacobian", at_least=0)
    jacobian: str = hyper(
        "auto",
        "computation of the penalty: exact, an unbiased estimate, or auto, exact if there are few latents",
        choices=("auto", "exact", "estimate"),
    )

    def make_penalties(self) -> dict[str, Penalty]:
        """The squared norm of the Jacobian."""
        return {"contraction": Contraction(self.contraction, self.jacobian)}
