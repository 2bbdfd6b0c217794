"""From settings and data to a model at its start.

Here the choices a user makes in words (``likelihood="bernoulli"``) and those left open (``None``) become
parts. Whatever does not fit together is refused in one sentence, before anything is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.likelihood import BernoulliLikelihood, GaussianLikelihood, Likelihood
from isthmus.parts.mixed_likelihood import MixedLikelihood
from isthmus.parts.network import Architecture, begin
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.training import plan as automatic

if TYPE_CHECKING:
    from isthmus.mixed.layout import Blocks
    from isthmus.parts.principal import Principal
    from isthmus.rows.scaling import ColumnStatistics, Scaling

__all__ = [
    "assemble",
    "choose_architecture",
    "choose_plan",
    "choose_size",
    "closed_form_is_best",
    "order_linear_code",
    "require_consistent",
]

MOST_UNITS_PER_FEATURE = 64
LARGEST, SMALLEST = 1e37, 1e-30  # of the data, in float32 with room for their squares in units of the spread
SQUARED_ERROR_VARIANCE = 0.5  # with σ² = 1/2 the Gaussian -log p is ‖x - x̂‖² and a constant


def require_consistent(settings: AutoencoderSettings, size: int, columns: ColumnStatistics, names: list[str]) -> None:
    """Raise a `ValueError` if the settings contradict each other or the data."""
    who, n_features = type(settings).__name__, len(columns.mean)
    _require_float32(who, columns, names)
    if _squeezes_only(settings):
        most = min(columns.n_rows, n_features)
        if size > most:
            raise ValueError(
                f"{who}: n_components={size} squeezes nothing; it must be at most {most}, the smaller of "
                f"n_samples={columns.n_rows} and n_features={n_features}."
            )
    elif size > MOST_UNITS_PER_FEATURE * n_features:
        raise ValueError(
            f"{who}: n_components={size} is more than {MOST_UNITS_PER_FEATURE} units a feature "
            f"(n_features={n_features}); ask for at most {MOST_UNITS_PER_FEATURE * n_features}."
        )
    shape = settings.image_shape
    if shape is not None and (len(shape) not in (2, 3) or math.prod(shape) != n_features):
        raise ValueError(
            f"{who}: image_shape={tuple(shape)} must be (height, width) or (channels, height, width) with a "
            f"product of n_features={n_features}."
        )
    if settings.channels and shape is None:
        raise ValueError(f"{who}: channels={tuple(settings.channels)} needs image_shape, the shape of one row.")
    if settings.output_activation == "sigmoid" and settings.start == "principal":
        raise ValueError(
            f"{who}: output_activation='sigmoid' needs start='random'; a model that begins at PCA has PCA's "
            f"unbounded output."
        )
    if settings.likelihood == "bernoulli":
        _require_unit_range(settings, columns, names)


def _require_float32(who: str, columns: ColumnStatistics, names: list[str]) -> None:
    """Codes and rebuilt rows are float32: data must fit, the columns' spread as well as their size."""
    size = np.maximum(np.abs(columns.low), np.abs(columns.high))
    if not size.max() < LARGEST:
        column = names[int(size.argmax())]
        raise ValueError(
            f"{who}: X has numbers too large for float32 in column {column}, {size.max():.3g}; divide it first."
        )
    spread = (columns.high - columns.low).max()
    if 0 < spread < SMALLEST:
        raise ValueError(
            f"{who}: X's columns spread too little for float32, {spread:.3g} at most; multiply them first."
        )


def _squeezes_only(settings: AutoencoderSettings) -> bool:
    """Whether nothing but the code's size keeps the model from copying its input."""
    no_range = torch.zeros(1)
    return (
        settings.make_bottleneck().outputs_per_latent == 1
        and not settings.make_bottleneck().sparse
        and not settings.make_penalties()
        and type(settings.make_corruption(no_range, no_range)).__name__ == "NoCorruption"
    )


def _require_unit_range(settings: AutoencoderSettings, columns: ColumnStatistics, names: list[str]) -> None:
    who = type(settings).__name__
    if settings.scale == "standard":
        raise ValueError(f"{who}: likelihood='bernoulli' needs values in [0, 1]; use scale='minmax', not 'standard'.")
    outside = (columns.low < 0) | (columns.high > 1)
    if settings.scale is None and outside.any():
        column = int(outside.argmax())
        raise ValueError(
            f"{who}: likelihood='bernoulli' needs values in [0, 1], but column {names[column]} runs from "
            f"{columns.low[column]:g} to {columns.high[column]:g}; use scale='minmax' or likelihood='gaussian'."
        )


def choose_size(settings: AutoencoderSettings, columns: ColumnStatistics) -> int:
    """The size of the code where the user left it open: two numbers, or twice the features where few are on."""
    if settings.n_components is not None:
        return int(settings.n_components)
    n_features = len(columns.mean)
    return 2 * n_features if settings.make_bottleneck().sparse else min(2, n_features, columns.n_rows)


def choose_architecture(settings: AutoencoderSettings, size: int, n_features: int) -> Architecture:
    """The networks' shape, with what the user left open filled in."""
    bottleneck = settings.make_bottleneck()
    widths = settings.hidden_layer_sizes
    if widths is None:
        widths = () if settings.channels else automatic.automatic_widths(n_features)
    return Architecture(
        n_features=n_features,
        n_latents=size,
        outputs_per_latent=bottleneck.outputs_per_latent,
        hidden_widths=tuple(int(width) for width in widths),
        activation=settings.activation,
        image_shape=None if settings.image_shape is None else tuple(settings.image_shape),
        channels=tuple(settings.channels),
        principal=settings.start == "principal",
        sparse=bottleneck.sparse,
    )


def choose_plan(settings: AutoencoderSettings, n_rows: int, unexplained: float) -> automatic.Plan:
    """The training run, with what the user left open filled in; ``unexplained`` is the share PCA leaves out."""
    n_training = n_rows - validation_count(n_rows, settings.validation_fraction)
    batch_size = settings.batch_size or automatic.automatic_batch_size(n_training)
    epochs = settings.max_iter
    if epochs is None:
        epochs = automatic.automatic_epochs(n_training, batch_size)
    decay = settings.weight_decay
    if decay is None:
        decay = automatic.automatic_weight_decay(n_training, unexplained) if settings.start == "principal" else 0.0
    patience = settings.n_iter_no_change or max(5, epochs // 3)
    return automatic.Plan(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=settings.learning_rate,
        schedule=settings.schedule,
        weight_decay=decay,
        gradient_clip=settings.gradient_clip,
        patience=patience if settings.early_stopping and n_training < n_rows else None,
        precision=settings.precision,
        guards_start=settings.start == "principal",
    )


def assemble(
    settings: AutoencoderSettings,
    architecture: Architecture,
    columns: ColumnStatistics,
    scaling: Scaling,
    principal: Principal | None,
    blocks: Blocks | None = None,
) -> AutoencoderModel:
    """The model at its start: at PCA where ``principal`` is given, else at random weights.

    ``blocks`` says what the columns are where they are of several kinds.
    """
    low = torch.from_numpy(scaling.apply(columns.low))
    high = torch.from_numpy(scaling.apply(columns.high))
    bottleneck = settings.make_bottleneck()
    corruption = settings.make_corruption(low, high)
    if corruption.restoring:
        corruption.in_data_units(torch.from_numpy(scaling.center).float(), torch.from_numpy(scaling.spread).float())
    encoder, decoder = architecture.build_encoder(), architecture.build_decoder()
    likelihood = _make_likelihood(settings, scaling)
    if blocks is not None and isinstance(likelihood, GaussianLikelihood):
        likelihood = MixedLikelihood(blocks, likelihood, soft_clip=settings.start == "principal")
    if principal is not None and architecture.principal:
        start = corruption.begin(bottleneck.principal_start(principal, architecture.n_latents), principal)
        begin(encoder, decoder, start)
        if isinstance(likelihood, (GaussianLikelihood, MixedLikelihood)):
            noise = start.noise_variance or principal.noise_variance(architecture.n_latents)
            likelihood.begin_at(noise)
    return AutoencoderModel(corruption, encoder, bottleneck, decoder, likelihood)


def _make_likelihood(settings: AutoencoderSettings, scaling: Scaling) -> Likelihood:
    if settings.likelihood == "bernoulli":
        return BernoulliLikelihood(soft_clip=settings.start == "principal")
    variance = SQUARED_ERROR_VARIANCE
    if isinstance(settings.variance, (int, float)):
        variance = float(settings.variance) / scaling.unit**2
    return GaussianLikelihood(
        variance,
        learned=settings.variance == "learned",
        bounded=settings.output_activation == "sigmoid",
    )


def closed_form_is_best(settings: AutoencoderSettings, architecture: Architecture) -> bool:
    """Whether PCA already minimises the loss over all such models (Baldi & Hornik 1989): then no step can help."""
    return (
        architecture.linear
        and architecture.principal
        and _squeezes_only(settings)
        and settings.likelihood == "gaussian"
        and settings.variance is None
    )


@torch.no_grad()
def order_linear_code(model: AutoencoderModel, batches: Callable[[], Iterable[Tensor]]) -> None:
    """Turn a linear model's code into ordered principal coordinates; what it rebuilds does not change.

    Training finds PCA's subspace but not its axes: z may be mixed by any invertible matrix, undone by the
    decoder. With the decoder's columns D = QR and V the eigenvectors of the covariance of R z, the code
    Vᵀ R (z - mean z) has uncorrelated numbers in order of variance, and orthonormal directions Q V.
    """
    encoder, decoder = model.encoder, model.decoder
    if decoder.straight.weight.shape[1] > decoder.straight.weight.shape[0]:
        return  # more units than features: there are not that many directions to order
    code_scale = 1.0 if encoder.output_scale is None else encoder.output_scale.double()
    read_weight = (encoder.straight.weight.double().T * code_scale).T
    read_bias = encoder.straight.bias.double() * code_scale
    write_weight = decoder.straight.weight.double() / code_scale
    basis, mixing = torch.linalg.qr(write_weight)
    device = read_weight.device
    n_rows, total, squares = 0, torch.zeros_like(read_bias), torch.zeros_like(mixing)
    for batch in batches():
        codes = batch.to(device).double() @ read_weight.T  # without the bias: little is lost in the squares
        n_rows, total, squares = n_rows + len(codes), total + codes.sum(0), squares + codes.T @ codes
    mean = total / n_rows + read_bias
    covariance = squares / n_rows - torch.outer(total, total) / n_rows**2
    _, axes = torch.linalg.eigh(mixing @ covariance @ mixing.T)
    axes = axes.flip(1)
    directions = (basis @ axes).T
    signs = directions.gather(1, directions.abs().argmax(1, keepdim=True)).sign()
    turn = signs * (axes.T @ mixing)
    encoder.straight.weight.copy_(turn @ read_weight)
    encoder.straight.bias.copy_(turn @ (read_bias - mean))
    decoder.straight.bias.add_(write_weight @ mean)
    decoder.straight.weight.copy_((signs * directions).T)
    for scale in (encoder.output_scale, decoder.input_scale):
        if scale is not None:
            scale.fill_(1.0)
