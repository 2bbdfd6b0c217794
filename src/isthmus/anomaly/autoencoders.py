"""The autoencoder of a detector: the one it was given, or a small one that is fitted in a moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from isthmus.anomaly.scores import StandardUnits

__all__ = ["fitted_autoencoder"]

SHARE_OF_VARIANCE = 0.5  # that PCA explains with the default number of components
# The default autoencoder: a refit and polished codes would find no more anomalies, at four times the cost.
SMALL = {"hidden_layer_sizes": (64,), "max_iter": 20, "batch_size": 128, "refit": False, "polish": 0}


def fitted_autoencoder(detector: Any, values: np.ndarray, seed: int, *, common: bool) -> Any:
    """A copy of the detector's autoencoder, or the default one, fitted to rows without gaps.

    ``common`` says that the columns have one unit.
    """
    from isthmus.inner_fit import unfitted_copy

    units = StandardUnits.of(values, common=common).apply(values)
    if detector.autoencoder is None:
        from isthmus.variants.vanilla import Autoencoder

        scale = None if common else "standard"
        return Autoencoder(_code_size(units), scale=scale, random_state=seed, **SMALL).fit(values)
    chosen = unfitted_copy(detector.autoencoder, type(detector).__name__, seed)
    if chosen.n_components is None and not chosen.make_bottleneck(1).sparse:
        chosen.set_params(n_components=_code_size(units))
    return chosen.fit(values)


def _code_size(U: np.ndarray) -> int:
    """The number of components with which PCA explains half of the variance of rows in standard units; at least 1."""
    variances = np.linalg.svd(U - U.mean(0), compute_uv=False) ** 2
    if variances.sum() == 0:
        return 1
    explained = np.cumsum(variances) / variances.sum()
    return min(int(np.searchsorted(explained, SHARE_OF_VARIANCE)) + 1, *U.shape)
