"""The vanilla autoencoder: only a bottleneck. Each of the other variants adds one thing."""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder

__all__ = ["Autoencoder"]


class Autoencoder(BaseAutoencoder):
    """Encodes rows in ``n_components`` dimensions and reconstructs them: ‖x - x̂‖² (arXiv:2003.05991)."""
