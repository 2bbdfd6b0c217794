"""How settings that the user leaves open are chosen (code size, networks, training plan), and which are refused.

Settings that contradict each other or the data are refused in one sentence, before anything is computed.
"""

from __future__ import annotations

import math
import numbers

import numpy as np
import torch

from isthmus.fitted import FittedState
from isthmus.inference.alternation import Turns, can_alternate, no_turns, plan_turns
from isthmus.parts.convolution import automatic_stages
from isthmus.parts.count_columns import OF_COUNTS
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.parts.network import Architecture
from isthmus.rows.rows import Rows
from isthmus.rows.scaling import Scaling
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.tables.row_shape import RowShape
from isthmus.training import plan as automatic
from isthmus.training.budget import budget_epochs

__all__ = [
    "asked_share",
    "choose_architecture",
    "choose_candidates",
    "choose_plan",
    "choose_refit",
    "choose_size",
    "choose_turns",
    "is_linear",
    "needs_search",
    "require_consistent",
    "require_numeric_settings_unset",
]

MAX_UNITS_PER_FEATURE = 64
CHANNELS = (1, 3, 4)  # of a picture
REFIT_ROWS = 2000  # up to which a fit ends with a refit by default: with more, held-out rows matter less
LARGEST, SMALLEST = 1e37, 1e-30  # range of float32 values, with room for their squares in units of the spread


# ---- what is refused ------------------------------------------------------------------------------------


def require_consistent(
    settings: AutoencoderSettings,
    size: int,
    columns: Columns,
    likelihood: Likelihood,
    scaling: Scaling,
    row_shape: RowShape | None = None,
    *,
    masked: bool = False,
) -> None:
    """Raise a `ValueError` if the settings contradict each other or the data."""
    who, n_features, n_rows = type(settings).__name__, len(columns.statistics.mean), columns.statistics.n_rows
    _require_float32(who, columns)
    if settings.budget is not None and settings.max_iter is not None:
        raise ValueError(
            f"{who}: budget={settings.budget!r} and max_iter={settings.max_iter} both say how long to train; give one."
        )
    if _only_size_limits(settings, size):
        most = min(n_rows, n_features)
        if size > most:
            raise ValueError(
                f"{who}: n_components={size} compresses nothing; it must be at most {most}, the smaller of "
                f"n_samples={n_rows} and n_features={n_features}."
            )
    elif size > MAX_UNITS_PER_FEATURE * n_features:
        raise ValueError(
            f"{who}: n_components={size} is more than {MAX_UNITS_PER_FEATURE} latents per feature "
            f"(n_features={n_features}); use at most {MAX_UNITS_PER_FEATURE * n_features}."
        )
    shape = settings.image_shape
    if shape is not None and _is_channels_last(shape) and (row_shape is None or row_shape.sizes == tuple(shape)):
        height, width, channels = shape
        raise ValueError(
            f"{who}: image_shape={tuple(shape)} has its channels last, but the values of a row are ordered by channel; "
            f"give X as an array of shape (n, {height}, {width}, {channels}), or "
            f"image_shape=({channels}, {height}, {width}) and rows in that order."
        )
    if shape is not None and (len(shape) not in (2, 3) or math.prod(shape) != n_features):
        raise ValueError(
            f"{who}: image_shape={tuple(shape)} must be (height, width) or (channels, height, width) with a "
            f"product of n_features={n_features}."
        )
    if settings.channels and _image_shape(settings, row_shape) is None:
        raise ValueError(f"{who}: channels={tuple(settings.channels)} needs image_shape, the shape of one row.")
    if settings.output_activation == "sigmoid" and settings.start == "principal":
        raise ValueError(
            f"{who}: output_activation='sigmoid' needs start='random'; a model that starts at PCA has PCA's "
            f"unbounded output."
        )
    if settings.rotate is not None and not (is_linear(settings) and _is_plain_point(settings, size)):
        raise ValueError(
            f"{who}: rotate={settings.rotate!r} is for linear models with a plain point code, whose reconstructions a "
            "rotation doesn't change. Give hidden_layer_sizes=() too, or leave rotate out."
        )
    likelihood.check(who, columns, scaling)
    if likelihood.draws_whole:
        _require_plain_counts(settings, masked=masked)


def _require_plain_counts(settings: AutoencoderSettings, *, masked: bool) -> None:
    """Refuse missing cells, corruption and another output activation for counts."""
    who = f"{type(settings).__name__}: likelihood={settings.likelihood!r}"
    no_range = torch.zeros(1)
    if masked:
        raise ValueError(
            f"{who} takes no missing cells, as a row's total would be unknown; fill them, with 0 where nothing was "
            "counted."
        )
    if not settings.make_corruption(no_range, no_range).is_identity:
        raise ValueError(
            f"{who} takes no corruption: the noise of counts is in the likelihood already; use Autoencoder or "
            "VariationalAutoencoder."
        )
    if settings.output_activation != "identity":
        raise ValueError(f"{who} and output_activation={settings.output_activation!r} exclude one another.")


def _is_channels_last(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] in CHANNELS and shape[0] not in CHANNELS


def _require_float32(who: str, columns: Columns) -> None:
    """Codes and reconstructions are float32, so the columns' values and their spread must fit it."""
    statistics = columns.statistics
    size = np.maximum(np.abs(statistics.low), np.abs(statistics.high))
    if not size.max() < LARGEST:
        column = columns.names[int(size.argmax())]
        raise ValueError(
            f"{who}: X has values too large for float32 in column {column}, {size.max():.3g}; divide the column first."
        )
    spread = (statistics.high - statistics.low).max()
    if 0 < spread < SMALLEST:
        raise ValueError(
            f"{who}: the range of X's columns is too small for float32, {spread:.3g} at most; multiply X first."
        )


def is_linear(settings: AutoencoderSettings) -> bool:
    """Whether the settings ask for networks without hidden layers."""
    widths = settings.hidden_layer_sizes
    return widths is not None and not len(widths) and not settings.channels and not settings.own_modules()


def _is_plain_point(settings: AutoencoderSettings, size: int) -> bool:
    bottleneck = settings.make_bottleneck(size)
    return bottleneck.is_gate and not bottleneck.ordered


def _only_size_limits(settings: AutoencoderSettings, size: int) -> bool:
    """Whether only the size of the code prevents the model from copying its input."""
    no_range = torch.zeros(1)
    return (
        settings.make_bottleneck(size).limits_size
        and not settings.make_penalties()
        and settings.make_corruption(no_range, no_range).is_identity
    )


def needs_search(settings: AutoencoderSettings) -> bool:
    """Whether the size of the code must be found by fits; a `ValueError` if that is impossible.

    For a linear model and a share of the variance, PCA's spectrum is enough.
    """
    if not isinstance(settings.n_components, str) and asked_share(settings) is None:
        return False
    _require_searchable(settings)
    return isinstance(settings.n_components, str) or not is_linear(settings)


def _require_searchable(settings: AutoencoderSettings) -> None:
    who, asked = type(settings).__name__, settings.n_components
    bottleneck = settings.make_bottleneck(1)
    if own := settings.own_modules():
        raise ValueError(
            f"{who}: n_components={asked!r} needs networks of any size, and the {' and '.join(own)} given has one; "
            "give the number of latents."
        )
    if bottleneck.has_prior:
        raise ValueError(
            f"{who}: n_components={asked!r} is for codes that only their size limits. A variational code switches off "
            "the latents it doesn't need: give a generous number, and read latent_report(X).active_units."
        )
    if not (bottleneck.limits_size and bottleneck.is_gate):
        raise ValueError(
            f"{who}: n_components={asked!r} is for codes that only their size limits, and this one is limited by how "
            "few of its units are active; give the number of latents."
        )


# ---- what is chosen -------------------------------------------------------------------------------------


def asked_share(settings: AutoencoderSettings) -> float | None:
    """``n_components`` if it is a share of the variance, else None."""
    asked = settings.n_components
    return float(asked) if isinstance(asked, numbers.Real) and not isinstance(asked, numbers.Integral) else None


def choose_size(settings: AutoencoderSettings, columns: Columns) -> int:
    """The number of latent dimensions; the bottleneck's default if the user left it open."""
    if asked_share(settings) is not None:
        return 1  # replaced once PCA's spectrum is known
    if settings.n_components is not None:
        return int(settings.n_components)
    statistics = columns.statistics
    return settings.make_bottleneck(1).default_size(len(statistics.mean), statistics.n_rows)


def choose_architecture(
    settings: AutoencoderSettings,
    size: int,
    n_features: int,
    n_given: int = 0,
    shape: RowShape | None = None,
    stages: tuple[int, ...] = (),
) -> Architecture:
    """The architecture, with open settings chosen; ``stages`` are the widths of convolutions over rows with a shape."""
    bottleneck = settings.make_bottleneck(size)
    widths = settings.hidden_layer_sizes
    if widths is None:
        widths = () if settings.channels or stages else automatic.automatic_widths(n_features)
    return Architecture(
        n_features=n_features,
        n_latents=size,
        outputs_per_latent=bottleneck.outputs_per_latent,
        hidden_widths=tuple(int(width) for width in widths),
        activation=settings.activation,
        image_shape=_image_shape(settings, shape),
        channels=tuple(settings.channels),
        principal=settings.start == "principal",
        sparse=bottleneck.sparse,
        own_encoder="encoder" in settings.own_modules(),
        own_decoder="decoder" in settings.own_modules(),
        n_given=n_given,
        grid=shape.grid if stages and shape is not None else (),
        stages=tuple(stages),
    )


def _image_shape(settings: AutoencoderSettings, shape: RowShape | None) -> tuple[int, ...] | None:
    """(height, width) or (channels, height, width), from the rows or the settings, if known."""
    if shape is not None and shape.image_shape is not None:
        return shape.image_shape
    if settings.image_shape is not None:
        return tuple(settings.image_shape)
    return shape.sizes if settings.channels and shape is not None and len(shape.grid) == 2 else None


def choose_candidates(
    settings: AutoencoderSettings, size: int, n_features: int, n_given: int, shape: RowShape | None, n_rows: int
) -> list[Architecture]:
    """The candidate networks: the perceptron, and convolutions if the rows have a suitable shape.

    A `ValueError` says why requested convolutions can't be built.
    """
    perceptron = choose_architecture(settings, size, n_features, n_given, shape)
    open_ = settings.hidden_layer_sizes is None and not settings.channels and not settings.own_modules()
    if settings.network == "convolution" and not settings.channels:
        _require_possible(settings, perceptron, shape)
    if settings.network == "perceptron" or not open_ or perceptron.sparse or n_given or shape is None:
        return [perceptron]
    forced = settings.network == "convolution"
    stages = automatic_stages(shape.grid, n_rows, n_channels=shape.n_channels, forced=forced)
    if not stages:
        return [perceptron]
    convolution = choose_architecture(settings, size, n_features, n_given, shape, stages)
    return [convolution] if forced else [perceptron, convolution]


def _require_possible(settings: AutoencoderSettings, architecture: Architecture, shape: RowShape | None) -> None:
    """Refuse requested convolutions that can't be built."""
    who = f"{type(settings).__name__}: network='convolution'"
    if settings.hidden_layer_sizes is not None or settings.own_modules():
        raise ValueError(f"{who} and layers of your own exclude one another; leave one out.")
    if architecture.sparse or architecture.n_given:
        what = "a sparse code" if architecture.sparse else "given"
        raise ValueError(f"{who} and {what} exclude one another; use network='perceptron'.")
    if shape is None or len(shape.grid) not in (1, 2):
        actual = "these have none" if shape is None else f"these are {shape}"
        raise ValueError(f"{who} needs rows with an order along one axis or two, and {actual}; give image_shape.")


def choose_turns(settings: AutoencoderSettings, rows: Rows, fitted: FittedState, plan: automatic.Plan) -> Turns:
    """The plan's division into training of both networks and, if possible, turns of the decoder and its best codes.

    Convolutions take none: the codes of all rows cost several epochs, which lower the error more.
    """
    alternates = (
        settings.polish != 0
        and not fitted.architecture.stages
        and can_alternate(fitted.model, rows)
        and not settings.make_penalties()
        and validation_count(len(rows), settings.validation_fraction) > 0
    )
    return plan_turns(plan, settings.n_iter_no_change) if alternates else no_turns(plan)


def choose_refit(settings: AutoencoderSettings, rows: Rows) -> bool:
    """Whether the model is trained again on all rows, including those held out: by default if there are few."""
    wanted = len(rows) <= REFIT_ROWS if settings.refit is None else settings.refit
    return wanted and rows.random_access


def choose_plan(
    settings: AutoencoderSettings, n_rows: int, fitted: FittedState, epochs: int | None = None, *, copies: int = 1
) -> automatic.Plan:
    """The training plan, with open settings chosen.

    ``epochs`` is the number that a time budget allows; each training row has ``copies`` augmented copies.
    """
    architecture, counts = fitted.architecture, fitted.model.likelihood.counts_deviance
    n_training = n_rows - validation_count(n_rows, settings.validation_fraction)
    batch_size = settings.batch_size or automatic.automatic_batch_size(n_training * copies)
    for asked in (settings.max_iter, budget_epochs(settings.budget)):
        epochs = asked if epochs is None else epochs
    if epochs and settings.batch_size is None:
        batch_size = automatic.batch_size_of_short_run(batch_size, n_training * copies, epochs)
    if epochs is None:
        steps = automatic.automatic_steps(architecture.products if architecture.stages else None)
        epochs = automatic.automatic_epochs(n_training * copies, batch_size, steps)
        if settings.make_bottleneck(architecture.n_latents).has_prior:
            epochs = automatic.epochs_of_noisy_codes(epochs, n_training * copies, batch_size)
    decay = settings.weight_decay
    if decay is None:
        if architecture.stages:
            decay = automatic.DECAY_OF_STAGES
        elif settings.start == "principal":
            decay = automatic.automatic_weight_decay(n_training, fitted.unexplained, architecture.n_features)
        else:
            decay = 0.0
    patience = settings.n_iter_no_change or automatic.automatic_patience(epochs)
    return automatic.Plan(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=settings.learning_rate * (automatic.RATE_OF_STAGES if architecture.stages else 1.0),
        schedule=settings.schedule,
        weight_decay=decay,
        gradient_clip=settings.gradient_clip,
        patience=patience if settings.early_stopping and n_training < n_rows else None,
        precision=settings.precision,
        backtracks=automatic.BACKTRACKS_OF_COUNTS if counts and settings.start == "principal" else 0,
        guards_start=settings.start == "principal",
    )


def require_numeric_settings_unset(settings: AutoencoderSettings) -> None:
    """Refuse settings that don't apply to a mixed-type table."""
    of_counts = settings.likelihood in OF_COUNTS
    for name, given, why in (
        (
            "likelihood",
            settings.likelihood != "gaussian" and not of_counts,
            "each column of a mixed-type table has its own",
        ),
        ("output_activation", settings.output_activation != "identity", "it doesn't apply to a mixed-type table"),
        ("image_shape", settings.image_shape is not None, "a mixed-type table isn't a picture"),
    ):
        if given:
            raise ValueError(f"{type(settings).__name__}: {name}={getattr(settings, name)!r}, but {why}.")
