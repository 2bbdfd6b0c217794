"""Varimax: rotate a linear model's latents so each has large loadings on few columns (Kaiser 1958).

A linear model's reconstructions don't change if its code is rotated and its decoder rotated back, z' = Rᵀz and W' = W R
with R orthogonal. So the most interpretable axes can be chosen: varimax maximizes the variance of the squared entries
of each column of W',

    max over R of  Σ_k [ mean_j W'_jk⁴ - (mean_j W'_jk²)² ]

For a code in the data's units the columns of W are the orthonormal directions, and the rotated code preserves all
distances. For a whitened code they are the loadings W = U Λ^½, as in factor analysis, and the rotated latents remain
uncorrelated with variance 1.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from isthmus.inference.code_buffer import CodeBuffer
from isthmus.inference.code_spread import CodeSpread
from isthmus.inference.evidence import CodeDensity
from isthmus.inference.state import InferenceState
from isthmus.parts.autoencoder import AutoencoderModel

__all__ = ["recoded", "rotate_linear_code", "varimax"]

MAX_STEPS, TOLERANCE = 1000, 1e-12


def varimax(loadings: Tensor) -> Tensor:
    """The orthogonal matrix R, shape (p, p), that maximizes the varimax criterion of ``loadings`` R, (n_features, p).

    Each step takes the orthogonal matrix nearest to the criterion's gradient (Lawley & Maxwell 1962), as in
    scikit-learn's `FactorAnalysis`.
    """
    n_features, n_latents = loadings.shape
    rotation, criterion = torch.eye(n_latents, dtype=loadings.dtype), 0.0
    for _ in range(MAX_STEPS):
        rotated = loadings @ rotation
        gradient = loadings.T @ (rotated**3 - rotated * (rotated.square().sum(0) / n_features))
        left, singular_values, right = torch.linalg.svd(gradient)
        rotation = left @ right
        before, criterion = criterion, float(singular_values.sum())
        if criterion <= before * (1 + TOLERANCE):
            break
    return rotation


@torch.no_grad()
def rotate_linear_code(model: AutoencoderModel, spread: CodeSpread, *, whitened: bool) -> tuple[Tensor, CodeSpread]:
    """Rotate the code of a linear model; return the map T from old codes to new, (p, p), and the new spread.

    Latents are ordered by the variance they explain, each with its largest loading positive.
    """
    assert spread.variances is not None  # a linear fit computes them
    encoder, decoder = model.encoder, model.decoder
    n_latents, device = len(spread.variances), encoder.skip.weight.device
    scale = torch.ones(n_latents, dtype=torch.float64) if encoder.output_scale is None else encoder.output_scale
    reading, bias = encoder.skip.weight.double().cpu(), encoder.skip.bias.double().cpu()
    writing, scale = decoder.skip.weight[:, :n_latents].double().cpu(), scale.double().cpu()
    step = spread.deviations if whitened else torch.ones(n_latents, dtype=torch.float64)
    loadings = writing / scale * step
    rotation = varimax(loadings)
    variances = rotation.square().T @ (spread.variances / step.square())
    rotated = loadings @ rotation
    order = (variances * rotated.square().sum(0)).argsort(descending=True)
    largest = rotated.gather(0, rotated.abs().argmax(0, keepdim=True))[0]
    rotation = (rotation * torch.where(largest < 0, -1.0, 1.0))[:, order]
    transform = rotation.T / step
    encoder.skip.weight.copy_((transform @ (scale[:, None] * reading)).to(device))
    encoder.skip.bias.copy_((transform @ (scale * bias)).to(device))
    decoder.skip.weight[:, :n_latents] = (loadings @ rotation).float().to(device)
    if encoder.output_scale is not None:
        encoder.output_scale.fill_(1.0)
    if decoder.input_scale is not None:
        decoder.input_scale[:n_latents] = 1.0
    return transform, dataclasses.replace(spread, variances=variances[order])


def recoded(buffer: CodeBuffer, transform: Tensor) -> CodeBuffer:
    """The buffer for codes mapped by ``transform``, shape (p, p), in the model's units."""
    kept, state = buffer.kept, buffer.inference
    return CodeBuffer.of(_mapped(kept, transform), buffer.errors, None if state is None else _recoded(state, transform))


def _recoded(state: InferenceState, transform: Tensor) -> InferenceState:
    polishing, density = state.polishing, state.density
    if polishing is not None:
        metric = _mapped(_mapped(polishing.metric, transform).T, transform)
        polishing = dataclasses.replace(polishing, metric=metric, bank=_mapped(polishing.bank, transform))
    if density is not None:
        covariance = _mapped(_mapped(density.covariance, transform).T, transform)
        density = CodeDensity(_mapped(density.mean, transform), covariance)
    return dataclasses.replace(state, polishing=polishing, density=density)


def _mapped(codes: Tensor, transform: Tensor) -> Tensor:
    """Codes, one per row, multiplied by ``transform``."""
    return (codes.double().cpu() @ transform.T).to(codes)
