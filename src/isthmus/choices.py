"""The choices a user may leave open (code size, networks, training plan), and the combinations that are refused.

Settings that contradict each other or the data are refused in one sentence, before anything is computed.
"""

from __future__ import annotations

import math
import numbers

import numpy as np
import torch

from isthmus.fitted import FittedState
from isthmus.inference.alternation import Turns, can_alternate, no_turns, share_out
from isthmus.parts.likelihood import Columns, Likelihood
from isthmus.parts.network import Architecture
from isthmus.rows.rows import Rows
from isthmus.rows.scaling import Scaling
from isthmus.rows.validation import validation_count
from isthmus.settings import AutoencoderSettings
from isthmus.training import plan as automatic

__all__ = [
    "asked_share",
    "choose_architecture",
    "choose_plan",
    "choose_size",
    "choose_turns",
    "is_linear",
    "needs_search",
    "require_consistent",
]

MOST_UNITS_PER_FEATURE = 64
LARGEST, SMALLEST = 1e37, 1e-30  # values that float32 can hold, with room for their squares in units of the spread


# ---- what is refused ------------------------------------------------------------------------------------


def require_consistent(
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
            f"{who}: n_components={size} is more than {MOST_UNITS_PER_FEATURE} latents per feature "
            f"(n_features={n_features}); use at most {MOST_UNITS_PER_FEATURE * n_features}."
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
    if settings.rotate is not None and not (is_linear(settings) and _is_plain_point(settings, size)):
        raise ValueError(
            f"{who}: rotate={settings.rotate!r} is for linear models with a plain point code: a rotation leaves their "
            "rows as they are. Give hidden_layer_sizes=() too, or leave rotate out."
        )
    likelihood.check(who, columns, scaling)


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
    """Whether only the size of the code keeps the model from copying its input."""
    no_range = torch.zeros(1)
    return (
        settings.make_bottleneck(size).limits_size
        and not settings.make_penalties()
        and settings.make_corruption(no_range, no_range).is_identity
    )


def needs_search(settings: AutoencoderSettings) -> bool:
    """Whether the size of the code is to be found by fits; a `ValueError` where it can't be.

    For a linear model that is to keep a share of the variance the spectrum of PCA is enough.
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
    """The share of the variance that the code is to keep, where ``n_components`` is one."""
    asked = settings.n_components
    return float(asked) if isinstance(asked, numbers.Real) and not isinstance(asked, numbers.Integral) else None


def choose_size(settings: AutoencoderSettings, columns: Columns) -> int:
    """The number of latent dimensions; the bottleneck's default if the user left it open."""
    if asked_share(settings) is not None:
        return 1  # for now: PCA's spectrum will say
    if settings.n_components is not None:
        return int(settings.n_components)
    statistics = columns.statistics
    return settings.make_bottleneck(1).default_size(len(statistics.mean), statistics.n_rows)


def choose_architecture(settings: AutoencoderSettings, size: int, n_features: int, n_given: int = 0) -> Architecture:
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
        n_given=n_given,
    )


def choose_turns(settings: AutoencoderSettings, rows: Rows, fitted: FittedState, plan: automatic.Plan) -> Turns:
    """The same run with its second half given to the decoder and the best codes of its rows, where that can be."""
    alternates = (
        settings.polish != 0
        and can_alternate(fitted.model, rows)
        and not settings.make_penalties()
        and validation_count(len(rows), settings.validation_fraction) > 0
    )
    return share_out(plan, settings.n_iter_no_change) if alternates else no_turns(plan)


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
