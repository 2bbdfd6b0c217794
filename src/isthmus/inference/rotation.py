"""Varimax: turn a linear model's latents until each is told by few columns (Kaiser 1958).

The rows a linear model gives stay the same when its code is turned and its decoder is turned back, z' = Rᵀz and
W' = W R with R orthogonal. So the axes may be those that read best: varimax makes the squared entries of W' as unequal
as can be,

    max over R of  Σ_k [ mean_j W'_jk⁴ - (mean_j W'_jk²)² ]

W has a column for each unit step in a latent. For a code in the data's units these are the orthonormal directions, and
the turned code keeps all distances. For a whitened code they are the loadings W = U Λ^½, as in factor analysis, and the
turned latents stay uncorrelated with variance 1.
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

MAX_STEPS, SETTLED = 1000, 1e-12


def varimax(loadings: Tensor) -> Tensor:
    """The orthogonal matrix R, shape (p, p), that makes ``loadings`` R of shape (n_features, p) simple.

    Each step takes the orthogonal matrix nearest to the criterion's gradient (Lawley & Maxwell 1962), as scikit-learn's
    `FactorAnalysis` does.
    """
    n_features, n_latents = loadings.shape
    rotation, reached = torch.eye(n_latents, dtype=loadings.dtype), 0.0
    for _ in range(MAX_STEPS):
        turned = loadings @ rotation
        gradient = loadings.T @ (turned**3 - turned * (turned.square().sum(0) / n_features))
        left, sizes, right = torch.linalg.svd(gradient)
        rotation = left @ right
        before, reached = reached, float(sizes.sum())
        if reached <= before * (1 + SETTLED):
            break
    return rotation


@torch.no_grad()
def rotate_linear_code(model: AutoencoderModel, spread: CodeSpread, *, whitened: bool) -> tuple[Tensor, CodeSpread]:
    """Write the turned code into a linear model; give the map T from old codes to new, (p, p), and the new spread.

    Latents come in order of the variance they explain, each with its largest loading positive.
    """
    assert spread.variances is not None  # a linear fit learns them
    encoder, decoder = model.encoder, model.decoder
    n_latents, device = len(spread.variances), encoder.skip.weight.device
    scale = torch.ones(n_latents, dtype=torch.float64) if encoder.output_scale is None else encoder.output_scale
    reading, bias = encoder.skip.weight.double().cpu(), encoder.skip.bias.double().cpu()
    writing, scale = decoder.skip.weight[:, :n_latents].double().cpu(), scale.double().cpu()
    step = spread.deviations if whitened else torch.ones(n_latents, dtype=torch.float64)
    loadings = writing / scale * step
    rotation = varimax(loadings)
    variances = rotation.square().T @ (spread.variances / step.square())
    turned = loadings @ rotation
    order = (variances * turned.square().sum(0)).argsort(descending=True)
    largest = turned.gather(0, turned.abs().argmax(0, keepdim=True))[0]
    rotation = (rotation * torch.where(largest < 0, -1.0, 1.0))[:, order]
    onward = rotation.T / step
    encoder.skip.weight.copy_((onward @ (scale[:, None] * reading)).to(device))
    encoder.skip.bias.copy_((onward @ (scale * bias)).to(device))
    decoder.skip.weight[:, :n_latents] = (loadings @ rotation).float().to(device)
    if encoder.output_scale is not None:
        encoder.output_scale.fill_(1.0)
    if decoder.input_scale is not None:
        decoder.input_scale[:n_latents] = 1.0
    return onward, dataclasses.replace(spread, variances=variances[order])


def recoded(buffer: CodeBuffer, onward: Tensor) -> CodeBuffer:
    """What was kept of a fit, for codes that were mapped by ``onward``, shape (p, p), in the model's units."""
    kept, state = buffer.kept, buffer.inference
    return CodeBuffer.of(_mapped(kept, onward), buffer.errors, None if state is None else _recoded(state, onward))


def _recoded(state: InferenceState, onward: Tensor) -> InferenceState:
    polishing, density = state.polishing, state.density
    if polishing is not None:
        metric = _mapped(_mapped(polishing.metric, onward).T, onward)
        polishing = dataclasses.replace(polishing, metric=metric, bank=_mapped(polishing.bank, onward))
    if density is not None:
        covariance = _mapped(_mapped(density.covariance, onward).T, onward)
        density = CodeDensity(_mapped(density.mean, onward), covariance)
    return dataclasses.replace(state, polishing=polishing, density=density)


def _mapped(codes: Tensor, onward: Tensor) -> Tensor:
    """Codes in rows, mapped one by one."""
    return (codes.double().cpu() @ onward.T).to(codes)
