"""The tutorial's recipe as an estimator: a baseline for the benchmarks.

64-32-16-2 and back, ReLU inside, a sigmoid at the end, PyTorch's initial weights, Adam at 0.001 without a
schedule, batches of 128, 100 epochs, no validation: 5,346 parameters on the digits.
"""

from __future__ import annotations

from typing import Any

from isthmus.variants.vanilla import Autoencoder

__all__ = ["tutorial_recipe"]


def tutorial_recipe(n_components: int = 2, random_state: Any = None) -> Autoencoder:
    """An unfitted estimator as the tutorial's Part 6 trains it, for rows in [0, 1] of shape (n_samples, n_features).

    n → 32 → 16 → n_components → 16 → 32 → n with ReLU between layers and a sigmoid at the end, from random weights;
    Adam at 0.001, 128 rows per step, 100 epochs, nothing held out, codes without polishing. It is a baseline for the
    benchmarks, not a recommendation.
    """
    return Autoencoder(
        n_components,
        hidden_layer_sizes=(32, 16),
        activation="relu",
        output_activation="sigmoid",
        start="random",
        max_iter=100,
        batch_size=128,
        learning_rate=1e-3,
        schedule="constant",
        gradient_clip=None,
        validation_fraction=0.0,
        polish=0,
        random_state=random_state,
    )
