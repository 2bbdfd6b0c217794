"""Initialization: from settings and rows to a model at its closed-form start.

The columns' statistics give the scaling, the closed form is fitted, the settings become parts, and the model is built
from them with the closed form's weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state

from isthmus.choices import (
    asked_share,
    choose_candidates,
    choose_size,
    require_consistent,
    require_numeric_settings_unset,
)
from isthmus.distributed import ProcessGroup
from isthmus.fitted import FittedState
from isthmus.network_trial import better_network
from isthmus.partial_closed_form import closed_form, require_something_left
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion
from isthmus.parts.count_columns import find_counts
from isthmus.parts.draws import OwnDraws, seeded
from isthmus.parts.likelihood import Columns, Likelihood, StartRows
from isthmus.parts.network import Architecture, init_from_closed_form
from isthmus.parts.principal import Principal
from isthmus.rows.augmented import augmenting
from isthmus.rows.rows import Batch, Rows, rows_of
from isthmus.rows.scaling import (
    ColumnStatistics,
    Scaling,
    column_statistics,
    concatenate_scalings,
    fit_scaling,
    observed_statistics,
)
from isthmus.rows.streamed import StreamedRows, Survey, survey
from isthmus.rows.units import UnitChoice, choose_scale
from isthmus.settings import AutoencoderSettings
from isthmus.tables.input_rows import ValidRows, Widths
from isthmus.training.completion import complete_records, learn_completion
from isthmus.training.devices import choose_device, threads_for
from isthmus.training.plan import automatic_weight_decay

__all__ = [
    "as_encoded",
    "build_model",
    "closed_form_is_best",
    "closed_form_kept",
    "initialize",
    "rows_for_fitted",
    "some_at_once",
]

BASELINE_DIRECTIONS, BASELINE_DIRECTIONS_OF_WIDE_TABLES = 256, 64  # length of PCA's error curve
WIDE = 4096
MIN_TRIAL_ROWS, TRIAL_CELLS = 512, 1 << 25  # of a stream's sample on which networks are compared


def initialize(
    settings: AutoencoderSettings, source: ValidRows, group: ProcessGroup, size: int | None = None
) -> tuple[Rows, FittedState]:
    """Rows in the model's units, and the fitted record before the first step.

    ``size`` is the number of latents if it was searched for; for a linear model that must explain a share of the
    variance, it is found here from PCA's spectrum.
    """
    if source.layout is not None:
        require_numeric_settings_unset(settings)
    device = choose_device(settings.device)
    seed = torch.tensor(int(check_random_state(settings.random_state).randint(2**31 - 1)))
    seed = int(group.broadcast_(seed))
    widths = source.widths or Widths(source.shape[1])
    surveyed = _surveyed(settings, source, seed, group)
    masked = surveyed.gaps if source.masked is None and surveyed is not None else bool(source.masked)
    statistics, dtype = _statistics(source, surveyed, masked=masked)
    own = statistics.of(slice(0, widths.features))
    layout = find_counts(type(settings).__name__, settings.likelihood, source.layout, own)
    columns = Columns(own, source.features, None if layout is None else layout.blocks)
    n_latents = choose_size(settings, columns) if size is None else size
    likelihood = settings.make_likelihood(columns)
    choice = _choose_scale(settings, source, columns, likelihood)
    scaling = _scaling(settings, source, columns, likelihood, choice.scale)
    require_consistent(settings, n_latents, columns, likelihood, scaling, source.row_shape, masked=masked)
    features = (block[:, : widths.features] for block in source.blocks())
    likelihood.learn_rows(type(settings).__name__, columns.names, features)
    given = None
    if widths.given:
        of_given = statistics.of(slice(widths.features, widths.features + widths.given))
        given = fit_scaling(of_given, "standard", centred=True)
    rows = _rows(source, scaling, given, surveyed, group, masked=masked)
    start = settings.make_start()
    mean = torch.from_numpy((own.mean - scaling.center) / scaling.spread)
    with seeded(seed), threads_for(min(len(rows), rows.batch_rows) * widths.features**2):
        completion, owners = None, layout.owners if layout else None
        if masked:
            completion, mean = learn_completion(rows, owners)
        known = BASELINE_DIRECTIONS if rows.n_features <= WIDE else BASELINE_DIRECTIONS_OF_WIDE_TABLES

        def found_closed_form(limit: int) -> Principal:
            seen = as_encoded(likelihood, rows, completion)
            found = closed_form(start, seen, rows, likelihood.linear_mean(mean), limit, own.weight, group)
            require_something_left(type(settings).__name__, found)
            return found

        principal = found_closed_form(max(n_latents, known))
        if size is None and (share := asked_share(settings)) is not None:
            while (found := principal.fewest_keeping(share)) is None and len(principal.directions) < principal.rank:
                principal = found_closed_form(4 * len(principal.directions))
            n_latents = found or principal.rank
        if settings.start == "principal" and not rows.is_sharded:
            likelihood.learn_start(lambda count: some_at_once(rows, count), principal, n_latents, scaling)
    shape = None if layout is not None or masked else source.row_shape
    candidates = choose_candidates(settings, n_latents, widths.features, widths.given, shape, len(rows))

    def built(architecture: Architecture) -> AutoencoderModel:
        with seeded(seed), OwnDraws():
            own = copy.deepcopy(likelihood)  # a trial must not change the fit's noise
            return build_model(settings, architecture, columns, scaling, own, principal, completion)

    architecture = candidates[0]
    if len(candidates) > 1 and not group.is_distributed:
        sample = _trial_rows(source, rows, scaling, seed)
        decay = automatic_weight_decay(len(rows), principal.unexplained(n_latents), widths.features)
        augmented = augmenting(settings, source.row_shape, scaling)
        architecture = better_network(candidates, built, sample, augmented, settings, device, seed, decay)
    model = built(architecture)
    noise_variance = principal.noise_variance(n_latents) * scaling.unit**2
    return rows, FittedState(
        n_components=n_latents,
        scaling=scaling,
        architecture=architecture,
        model=model,
        principal=principal,
        layout=layout,
        device=device,
        dtype=np.dtype(dtype),
        seed=seed,
        noise_variance=noise_variance,
        given=given,
        given_layout=source.given_layout,
        form=source.form,
        names=source.names if layout is None else None,
        image_shape=None if source.row_shape is None else source.row_shape.image_shape,
        scale=choice.scale,
        scale_reason=choice.why,
        whitened=settings.whiten,
        row_shape=source.row_shape,
        array_shape=source.array_shape,
    )


def _trial_rows(source: ValidRows, rows: Rows, scaling: Scaling, seed: int) -> Rows:
    """Rows on which networks are compared: all rows, or a sample of a stream."""
    if source.stream is None or rows.random_access:
        return rows
    count = min(len(source.stream), max(MIN_TRIAL_ROWS, TRIAL_CELLS // source.stream.width))
    indices = np.sort(np.random.default_rng([seed, 2]).choice(len(source.stream), count, replace=False, shuffle=False))
    return rows_of(source.stream.take(indices).values, scaling)


def rows_for_fitted(settings: AutoencoderSettings, source: ValidRows, fitted: FittedState, group: ProcessGroup) -> Rows:
    """Rows in the units of a model that is already initialized."""
    surveyed = _surveyed(settings, source, fitted.seed, group, masked=fitted.masked)
    return _rows(source, fitted.scaling, fitted.given, surveyed, group, masked=fitted.masked)


def _surveyed(
    settings: AutoencoderSettings, source: ValidRows, seed: int, group: ProcessGroup, *, masked: bool | None = None
) -> Survey | None:
    if source.stream is None:
        return None
    who, weighted, missing = type(settings).__name__, _is_weighted(source), source.masked if masked is None else masked
    return survey(source.stream, who, seed, settings.validation_fraction, group, missing=missing, weighted=weighted)


def _is_weighted(source: ValidRows) -> bool:
    return source.widths is not None and source.widths.weights > 0


def _statistics(source: ValidRows, surveyed: Survey | None, *, masked: bool) -> tuple[ColumnStatistics, Any]:
    """Statistics of all columns, metadata included, and the number format of the rows."""
    weighted = _is_weighted(source)
    if surveyed is not None and surveyed.columns is not None:
        return surveyed.columns, surveyed.dtype
    dtype = source.values.dtype if surveyed is None else surveyed.dtype
    if masked:
        return observed_statistics(source.blocks, weighted=weighted), dtype
    return column_statistics(source.blocks(), weighted=weighted), dtype


def _rows(
    source: ValidRows,
    scaling: Scaling,
    given: Scaling | None,
    surveyed: Survey | None,
    group: ProcessGroup,
    *,
    masked: bool,
) -> Rows:
    if source.widths is not None:
        weight = [Scaling(np.zeros(1), np.ones(1), 1.0)] * source.widths.weights
        scaling = concatenate_scalings([scaling, *([] if given is None else [given]), *weight])
    if source.stream is None:
        return rows_of(source.values, scaling, source.widths)
    return StreamedRows(source.stream, scaling, group, surveyed=surveyed, widths=source.widths, masked=masked)


def some_at_once(rows: Rows, count: int) -> StartRows:
    """At most ``count`` rows, with their conditions and weights."""
    sample = rows.some(count)
    batch = sample.batch_of(torch.cat(list(sample.raw_batches())))
    return batch.x, batch.given, batch.weight


def as_encoded(likelihood: Likelihood, rows: Rows, completion: Completion | None) -> Callable[[], Iterable[Batch]]:
    """Rows as the encoder sees them, with their weights in the closed form."""

    def seen() -> Iterator[Batch]:
        for batch in complete_records(rows, completion)():
            own = likelihood.row_weight(batch.x)
            weight = batch.weight if own is None else own if batch.weight is None else own * batch.weight
            yield batch._replace(x=likelihood.encoder_input(batch.x), weight=weight)

    return seen


def _choose_scale(
    settings: AutoencoderSettings, source: ValidRows, columns: Columns, likelihood: Likelihood
) -> UnitChoice:
    """The requested scaling; for "auto", the one suggested by the columns' units if rows are from `isthmus.read`."""
    if settings.scale != "auto":
        return UnitChoice(settings.scale, "")
    if source.layout is not None or not source.was_read or not likelihood.takes_any_scale:
        return UnitChoice(None, "")
    if source.row_shape is not None:
        return UnitChoice(None, f"{source.row_shape.noun} are of one unit")
    return choose_scale(columns.statistics, source.features, source.image_shape or settings.image_shape)


def _scaling(
    settings: AutoencoderSettings, source: ValidRows, columns: Columns, likelihood: Likelihood, scale: str | None
) -> Scaling:
    if source.layout is not None:
        return Scaling(*source.layout.scaling(columns.statistics, scale), 1.0)
    centred = settings.start == "principal" and likelihood.takes_any_scale
    return fit_scaling(columns.statistics, scale, centred=centred)


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
    """The model at its start: at the closed form if ``principal`` is given, otherwise at random weights."""
    low = torch.from_numpy(scaling.apply(columns.statistics.low))
    high = torch.from_numpy(scaling.apply(columns.statistics.high))
    bottleneck = settings.make_bottleneck(architecture.n_latents)
    corruption = settings.make_corruption(low, high)
    if corruption.restoring:
        corruption.in_data_units(torch.from_numpy(scaling.center).float(), torch.from_numpy(scaling.spread).float())
    encoder, decoder = settings.make_networks(architecture)
    likelihood.in_model_units(scaling)
    if architecture.principal:
        likelihood.prepare(encoder, decoder)
    if principal is not None:
        start = settings.make_start().linear(principal, bottleneck, corruption, architecture.n_latents)
        if start is not None:
            init_from_closed_form(encoder, decoder, likelihood.linear_start(start, bottleneck))
            likelihood.init_noise(start.noise_variance or principal.noise_variance(architecture.n_latents))
    likelihood.some_missing = completion is not None
    return AutoencoderModel(corruption, encoder, bottleneck, decoder, likelihood, completion).eval()


def closed_form_kept(fitted: FittedState, best_epoch: int) -> Principal | None:
    """PCA, if the model's codes and reconstructions are still PCA's."""
    model = fitted.model
    plain = model.bottleneck.is_identity and model.corruption.is_identity and model.completion is None
    plain = plain and model.likelihood.starts_at_principal
    at_start = best_epoch == 0 and fitted.architecture.principal and fitted.given is None
    return fitted.principal if plain and at_start else None


def closed_form_is_best(settings: AutoencoderSettings, fitted: FittedState) -> bool:
    """Whether PCA already minimizes the loss over all such models (Baldi & Hornik 1989), so training can't help."""
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
