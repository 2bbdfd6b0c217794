"""From settings and rows to a model at its start: all that is decided before the first step.

Here the choices a user makes in words (``likelihood="bernoulli"``) and those left open (``None``) become parts. What
doesn't fit together is refused in one sentence before anything is computed. Then the columns' statistics give the
scaling, the closed form is fitted, and the model is built at it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.inference.alternation import Turns, can_alternate, no_turns, share_out
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion
from isthmus.parts.draws import OwnDraws, seeded
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.parts.network import Architecture, init_from_closed_form
from isthmus.parts.principal import Principal
from isthmus.rows.rows import Rows, rows_of
from isthmus.rows.scaling import Scaling, column_statistics, fit_scaling, observed_statistics
from isthmus.rows.source import Source
from isthmus.rows.streamed import StreamedRows, Survey, survey
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.training import plan as automatic
from isthmus.training.completion import complete_batches, learn_completion
from isthmus.training.devices import choose_device, threads_for

__all__ = [
    "build_model",
    "choose_architecture",
    "choose_plan",
    "choose_turns",
    "closed_form_is_best",
    "closed_form_kept",
    "initialize",
    "order_linear_code",
    "rows_again",
]

BASELINE_DIRECTIONS, BASELINE_DIRECTIONS_OF_WIDE_TABLES = 256, 64  # how far PCA's error curve is known
WIDE = 4096
MOST_UNITS_PER_FEATURE = 64
LARGEST, SMALLEST = 1e37, 1e-30  # of the data, in float32 with room for their squares in units of the spread


def initialize(settings: AutoencoderSettings, source: Source, group: ProcessGroup) -> tuple[Rows, FittedState]:
    """Rows in the model's units, and everything known before the first step."""
    device = choose_device(settings.device)
    seed = torch.tensor(int(check_random_state(settings.random_state).randint(2**31 - 1)))
    seed = int(group.broadcast_(seed))
    masked = settings.missing == "mask"
    surveyed = _surveyed(settings, source, seed, group)
    if surveyed is not None:
        statistics, dtype = surveyed.columns or observed_statistics(source.blocks), surveyed.dtype
    else:
        statistics = observed_statistics(source.blocks) if masked else column_statistics(source.blocks())
        dtype = source.values.dtype
    layout = source.layout
    columns = Columns(statistics, source.names, None if layout is None else layout.blocks)
    n_rows, n_features = source.shape
    n_latents = _choose_size(settings, columns)
    likelihood = settings.make_likelihood(columns)
    scaling = _scaling(settings, source, columns, likelihood)
    _require_consistent(settings, n_latents, columns, likelihood, scaling)
    rows = _rows(source, scaling, surveyed, group)
    mean = torch.from_numpy((statistics.mean - scaling.center) / scaling.spread)
    known = BASELINE_DIRECTIONS if n_features <= WIDE else BASELINE_DIRECTIONS_OF_WIDE_TABLES
    limit, completion = max(n_latents, known), None
    start = settings.make_start()
    with seeded(seed), threads_for(min(n_rows, rows.batch_rows) * n_features**2):
        if masked:
            completion, mean = learn_completion(rows, layout.owners if layout else None)
            principal = start.closed_form(complete_batches(rows, completion), mean, n_rows, limit)
        else:
            principal = start.closed_form(
                rows.own_batches,
                mean,
                n_rows,
                limit,
                all_reduce_=group.all_reduce_ if rows.is_shared else lambda numbers: numbers,
                held=not rows.is_shared,
            )
    architecture = choose_architecture(settings, n_latents, n_features)
    with seeded(seed), OwnDraws():
        model = build_model(settings, architecture, columns, scaling, likelihood, principal, completion)
    noise_variance = principal.noise_variance(n_latents) * scaling.unit**2
    return rows, FittedState(
        n_latents, scaling, architecture, model, principal, layout, device, np.dtype(dtype), seed, noise_variance
    )


def rows_again(settings: AutoencoderSettings, source: Source, fitted: FittedState, group: ProcessGroup) -> Rows:
    """Rows in the units of a model that has its start already."""
    return _rows(source, fitted.scaling, _surveyed(settings, source, fitted.seed, group), group)


def _surveyed(settings: AutoencoderSettings, source: Source, seed: int, group: ProcessGroup) -> Survey | None:
    if source.stream is None:
        return None
    who, masked = type(settings).__name__, settings.missing == "mask"
    return survey(source.stream, who, seed, settings.validation_fraction, group, missing=masked)


def _rows(source: Source, scaling: Scaling, surveyed: Survey | None, group: ProcessGroup) -> Rows:
    if source.stream is None:
        return rows_of(source.values, scaling)
    return StreamedRows(source.stream, scaling, group, surveyed=surveyed)


def _scaling(settings: AutoencoderSettings, source: Source, columns: Columns, likelihood: Likelihood) -> Scaling:
    if source.layout is not None:
        return source.layout.scaling(columns.statistics, settings.scale)
    centred = settings.start == "principal" and likelihood.takes_any_scale
    return fit_scaling(columns.statistics, settings.scale, centred=centred)


# ---- what is refused ------------------------------------------------------------------------------------


def _require_consistent(
    settings: AutoencoderSettings, size: int, columns: Columns, likelihood: Likelihood, scaling: Scaling
) -> None:
    """Raise a `ValueError` if the settings contradict each other or the data."""
    who, n_features, n_rows = type(settings).__name__, len(columns.statistics.mean), columns.statistics.n_rows
    _require_float32(who, columns)
    if _only_size_limits(settings, size):
        most = min(n_rows, n_features)
        if size > most:
            raise ValueError(
                f"{who}: n_components={size} compresses nothing; it must be at most {most}, the smaller of "
                f"n_samples={n_rows} and n_features={n_features}."
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
            f"{who}: output_activation='sigmoid' needs start='random'; a model that starts at PCA has PCA's "
            f"unbounded output."
        )
    likelihood.check(who, columns, scaling)


def _require_float32(who: str, columns: Columns) -> None:
    """Codes and reconstructions are float32: data must fit, the columns' spread as well as their size."""
    statistics = columns.statistics
    size = np.maximum(np.abs(statistics.low), np.abs(statistics.high))
    if not size.max() < LARGEST:
        column = columns.names[int(size.argmax())]
        raise ValueError(
            f"{who}: X has numbers too large for float32 in column {column}, {size.max():.3g}; divide it first."
        )
    spread = (statistics.high - statistics.low).max()
    if 0 < spread < SMALLEST:
        raise ValueError(
            f"{who}: X's columns spread too little for float32, {spread:.3g} at most; multiply them first."
        )


def _only_size_limits(settings: AutoencoderSettings, size: int) -> bool:
    """Whether nothing but the code's size keeps the model from copying its input."""
    no_range = torch.zeros(1)
    return (
        settings.make_bottleneck(size).limits_size
        and not settings.make_penalties()
        and settings.make_corruption(no_range, no_range).is_identity
    )


# ---- what is chosen -------------------------------------------------------------------------------------


def _choose_size(settings: AutoencoderSettings, columns: Columns) -> int:
    """The size of the code, where the user left it open the bottleneck's own choice."""
    if settings.n_components is not None:
        return int(settings.n_components)
    statistics = columns.statistics
    return settings.make_bottleneck(1).default_size(len(statistics.mean), statistics.n_rows)


def choose_architecture(settings: AutoencoderSettings, size: int, n_features: int) -> Architecture:
    """The networks' shape, with what the user left open filled in."""
    bottleneck = settings.make_bottleneck(size)
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
        own_encoder="encoder" in settings.own_modules(),
        own_decoder="decoder" in settings.own_modules(),
    )


def choose_plan(settings: AutoencoderSettings, n_rows: int, fitted: FittedState) -> automatic.Plan:
    """The training run, with what the user left open filled in."""
    n_training = n_rows - validation_count(n_rows, settings.validation_fraction)
    batch_size = settings.batch_size or automatic.automatic_batch_size(n_training)
    epochs = settings.max_iter
    if epochs is None:
        epochs = automatic.automatic_epochs(n_training, batch_size)
    decay = settings.weight_decay
    if decay is None:
        closed = settings.start == "principal"
        decay = automatic.automatic_weight_decay(n_training, fitted.unexplained) if closed else 0.0
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


def choose_turns(settings: AutoencoderSettings, rows: Rows, fitted: FittedState, plan: automatic.Plan) -> Turns:
    """The same run with its second half given to the decoder and the best codes of its rows, where that can be."""
    alternates = (
        settings.polish != 0
        and plan.epochs > 0
        and can_alternate(fitted.model, rows)
        and not settings.make_penalties()
        and validation_count(len(rows), settings.validation_fraction) > 0
    )
    return share_out(plan, settings.n_iter_no_change) if alternates else no_turns(plan)


def closed_form_kept(fitted: FittedState, best_epoch: int) -> Principal | None:
    """PCA, if codes and reconstructions are still its."""
    model = fitted.model
    is_start = best_epoch == 0 and fitted.architecture.principal and model.completion is None
    return fitted.principal if is_start and model.bottleneck.is_identity and model.corruption.is_identity else None


# ---- the model ------------------------------------------------------------------------------------------


def build_model(
    settings: AutoencoderSettings,
    architecture: Architecture,
    columns: Columns,
    scaling: Scaling,
    likelihood: Likelihood,
    principal: Principal | None,
    completion: Completion | None = None,
) -> AutoencoderModel:
    """The model at its start: at the closed form where ``principal`` is given, else at random weights."""
    low = torch.from_numpy(scaling.apply(columns.statistics.low))
    high = torch.from_numpy(scaling.apply(columns.statistics.high))
    bottleneck = settings.make_bottleneck(architecture.n_latents)
    corruption = settings.make_corruption(low, high)
    if corruption.restoring:
        corruption.in_data_units(torch.from_numpy(scaling.center).float(), torch.from_numpy(scaling.spread).float())
    encoder, decoder = settings.make_networks(architecture)
    likelihood.in_model_units(scaling)
    if principal is not None:
        start = settings.make_start().linear(principal, bottleneck, corruption, architecture.n_latents)
        if start is not None:
            init_from_closed_form(encoder, decoder, start)
            likelihood.init_noise(start.noise_variance or principal.noise_variance(architecture.n_latents))
    likelihood.some_missing = completion is not None
    return AutoencoderModel(corruption, encoder, bottleneck, decoder, likelihood, completion).eval()


def closed_form_is_best(settings: AutoencoderSettings, fitted: FittedState) -> bool:
    """Whether PCA already minimises the loss over all such models (Baldi & Hornik 1989): then no step can help."""
    model = fitted.model
    return (
        fitted.architecture.linear
        and fitted.architecture.principal
        and fitted.layout is None
        and model.bottleneck.is_gate
        and model.bottleneck.limits_size
        and model.corruption.is_identity
        and model.likelihood.is_squared_error
        and model.likelihood.noise_variance is None
        and not settings.make_penalties()
    )


@torch.no_grad()
def order_linear_code(model: AutoencoderModel, batches: Callable[[], Iterable[Tensor]]) -> None:
    """Turn a linear model's code into ordered principal coordinates; its reconstructions do not change.

    Training finds PCA's subspace but not its axes: z may be mixed by any invertible matrix, undone by the
    decoder. With the decoder's columns D = QR and V the eigenvectors of the covariance of R z, the code
    Vᵀ R (z - mean z) has uncorrelated numbers in order of variance, and orthonormal directions Q V.
    """
    encoder, decoder = model.encoder, model.decoder
    if decoder.skip.weight.shape[1] > decoder.skip.weight.shape[0]:
        return  # more units than features: there are not that many directions to order
    code_scale = 1.0 if encoder.output_scale is None else encoder.output_scale.double()
    read_weight = (encoder.skip.weight.double().T * code_scale).T
    read_bias = encoder.skip.bias.double() * code_scale
    write_weight = decoder.skip.weight.double() / code_scale
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
    encoder.skip.weight.copy_(turn @ read_weight)
    encoder.skip.bias.copy_(turn @ (read_bias - mean))
    decoder.skip.bias.add_(write_weight @ mean)
    decoder.skip.weight.copy_((signs * directions).T)
    for scale in (encoder.output_scale, decoder.input_scale):
        if scale is not None:
            scale.fill_(1.0)
