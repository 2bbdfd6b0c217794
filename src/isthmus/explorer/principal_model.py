"""PCA as one of the models of a page: the same estimator with the closed form in place of its networks."""

from __future__ import annotations

import copy
import dataclasses

from torch import nn

from isthmus.estimator import BaseAutoencoder
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.bottleneck import PointBottleneck
from isthmus.parts.corruption import NoCorruption
from isthmus.parts.likelihoods.gaussian import GaussianLikelihood
from isthmus.parts.network import Network, init_from_closed_form

__all__ = ["principal_model"]


def principal_model(estimator: BaseAutoencoder, size: int) -> BaseAutoencoder:
    """The PCA of ``size`` dimensions that a fitted estimator is compared with, as a fitted estimator."""
    fitted = estimator.fitted_
    n_features = len(fitted.principal.mean)
    effect = fitted.principal.effect
    n_given = 0 if effect is None else effect.shape[1]
    encoder = Network(nn.Linear(n_features + n_given, size), None, output_size=size)
    decoder = Network(nn.Linear(size + n_given, n_features), None, input_size=size + n_given)
    start = PointBottleneck().principal_start(fitted.principal, size)
    init_from_closed_form(encoder, decoder, start if effect is None else start.conditioned(effect))
    model = AutoencoderModel(
        NoCorruption(), encoder, PointBottleneck(), decoder, GaussianLikelihood(), fitted.model.completion
    )
    architecture = dataclasses.replace(fitted.architecture, n_latents=size, hidden_widths=(), channels=())
    linear = copy.copy(estimator)
    linear.fitted_ = dataclasses.replace(
        fitted,
        n_components=size,
        architecture=architecture,
        model=model.to(fitted.device),
        codes=None,
        spread=None,
        whitened=False,
    )
    return linear
