"""The vanilla autoencoder: nothing but the bottleneck. The others are this one with one thing added."""

from __future__ import annotations

from isthmus.estimator import BaseAutoencoder

__all__ = ["Autoencoder"]


class Autoencoder(BaseAutoencoder):
    """Squeezes rows to ``n_components`` numbers and rebuilds them: ‖x - x̂‖² (Bank et al. 2020, arXiv:2003.05991)."""
