"""How a trained linear model gets ordered principal coordinates."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.rows.rows import Batch

__all__ = ["order_linear_code"]


@torch.no_grad()
def order_linear_code(model: AutoencoderModel, records: Callable[[], Iterable[Batch]]) -> None:
    """Turn a linear model's code into ordered principal coordinates; its reconstructions do not change.

    Training finds PCA's subspace but not its axes: any invertible matrix may mix z if the decoder undoes it.
    With the decoder's columns D = QR and V the eigenvectors of the covariance of R z, the code
    Vᵀ R (z - mean z) has uncorrelated latents in order of variance, and orthonormal directions Q V.
    """
    encoder, decoder = model.encoder, model.decoder
    n_latents = encoder.skip.weight.shape[0]
    if n_latents > decoder.skip.weight.shape[0]:
        return  # there are fewer directions than latents
    code_scale = 1.0 if encoder.output_scale is None else encoder.output_scale.double()
    read_weight = (encoder.skip.weight.double().T * code_scale).T
    read_bias = encoder.skip.bias.double() * code_scale
    write_weight = decoder.skip.weight[:, :n_latents].double() / code_scale
    basis, mixing = torch.linalg.qr(write_weight)
    device = read_weight.device
    count, total, squares = 0.0, torch.zeros_like(read_bias), torch.zeros_like(mixing)
    for batch in records():
        x, given, weight, *_ = batch.to(device)
        rows = x if given is None else torch.cat([x, given], 1)
        codes = rows.double() @ read_weight.T  # without the bias, so the squares lose little precision
        weighted = codes if weight is None else codes * weight.double()[:, None]
        count += len(codes) if weight is None else float(weight.double().sum())
        total, squares = total + weighted.sum(0), squares + weighted.T @ codes
    mean = total / count + read_bias
    covariance = squares / count - torch.outer(total, total) / count**2
    _, axes = torch.linalg.eigh(mixing @ covariance @ mixing.T)
    axes = axes.flip(1)
    directions = (basis @ axes).T
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    turn = signs * (axes.T @ mixing)
    encoder.skip.weight.copy_(turn @ read_weight)
    encoder.skip.bias.copy_(turn @ (read_bias - mean))
    decoder.skip.bias.add_(write_weight @ mean)
    decoder.skip.weight[:, :n_latents] = (signs * directions).T
    for scale in (encoder.output_scale, decoder.input_scale):
        if scale is not None:
            scale.fill_(1.0)
