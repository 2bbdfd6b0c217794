"""PCA as one of the models of a page: the same estimator with the closed-form answer in place of its networks."""

from __future__ import annotations

import copy

from torch import nn

from isthmus.estimator import BaseAutoencoder
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.bottleneck import PointBottleneck
from isthmus.parts.corruption import NoCorruption
from isthmus.parts.likelihood import GaussianLikelihood
from isthmus.parts.network import Network, begin

__all__ = ["principal_model"]


def principal_model(estimator: BaseAutoencoder, size: int) -> BaseAutoencoder:
    """The PCA that a fitted estimator is compared with, of ``size`` numbers, as an estimator to transform with."""
    linear = copy.copy(estimator)
    n_features = len(estimator.principal_.mean)
    encoder = Network(nn.Linear(n_features, size), None, output_size=size)
    decoder = Network(nn.Linear(size, n_features), None, input_size=size)
    begin(encoder, decoder, PointBottleneck().principal_start(estimator.principal_, size))
    completion = estimator.model_.completion
    parts = (NoCorruption(), encoder, PointBottleneck(), decoder, GaussianLikelihood())
    linear.model_ = AutoencoderModel(*parts, completion).to(estimator._device)
    linear.n_components_, linear._code_unit = size, estimator.scaling_.unit
    linear._memory = linear._seen = linear._density = None
    return linear
