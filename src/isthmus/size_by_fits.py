"""The size of a code, found by fits of several sizes, for ``n_components=0.95`` and ``n_components="auto"``.

**The fewest latents that keep a share of the variance.** PCA's answer follows from its spectrum: the variances of
the directions kept, over all. The share that a nonlinear code keeps must be measured on held-out rows,

    share(k) = 1 - Σ‖x - x̂_k‖² / Σ‖x - μ‖²        over held-out rows, x̂_k decoded from k latents, μ the training mean

One nested fit, whose first k latents are a code of their own for every k, estimates the share for all sizes at once. A
code trained for a single size keeps more, so fits of single sizes then find the smallest that keeps the share; few are
needed, since a larger code keeps no less. PCA's curve on the held-out rows is considered too, since no fit should be
worse than PCA.

**As many latents as the data support.** The smallest size whose evidence on held-out rows is within one standard error
of the highest (`isthmus.evidence_by_size`).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from isthmus.choices import is_linear
from isthmus.distributed import ProcessGroup
from isthmus.evidence_by_size import evidence_by_size
from isthmus.fitted import FittedState
from isthmus.inference.code_spread import left_out_by_size
from isthmus.initialization import rows_for_fitted
from isthmus.parts.bottleneck import NestedBottleneck
from isthmus.rows.rows import Rows
from isthmus.settings import AutoencoderSettings
from isthmus.size_search import smallest_below
from isthmus.tables.input_rows import ValidRows

__all__ = ["fewest_keeping", "supported"]

MAX_ROWS = 1 << 14  # training rows of the search; more would hardly change the answer
HELD_OUT, MAX_HELD_OUT, ENOUGH_HELD_OUT = 0.2, 2048, 1000
MAX_SPLITS, LINEAR_SPLITS = 3, 5
SPARE = 1.25  # times PCA's answer on the training rows, since held-out rows keep less
ALONE = 0.6  # share of a nested code's latents that about suffices if trained for a single size
DECAY = 0.5  # of the nested code's sizes, as in `NestedAutoencoder`

Fit = Callable[[Any, ValidRows], FittedState]


def fewest_keeping(settings: AutoencoderSettings, source: ValidRows, group: ProcessGroup, fit: Fit) -> int:
    """The smallest size of a code that keeps ``settings.n_components``, a share, of the variance of held-out rows.

    ``fit`` returns the fitted record of settings on rows. A `ValueError` says which share can be kept, if less.
    """
    share, ((learned, held_out),) = float(settings.n_components), _splits(settings, source, group)  # type: ignore[arg-type]
    cap = min(learned.shape[0], _n_features(learned))

    def kept(fitted: FittedState, size: int, *, nested: bool = False) -> float:
        rows = rows_for_fitted(settings, held_out, fitted, group)

        def codes_of(x: Tensor, given: Tensor | None) -> Tensor:
            return fitted.model.encode(x, given).mean if nested else fitted.codes_of(x, given)

        return 1 - float(left_out_by_size(fitted.model, codes_of, fitted.principal, rows, fitted.device, [size])[0])

    linear = _variation(settings, hidden_layer_sizes=(), channels=(), max_iter=0)
    size, answer = round(SPARE * fit(linear, learned).n_components) + 1, None
    while answer is None:
        size = min(cap, size)
        fitted = fit(_nested(settings, size), learned)
        by_nested = smallest_below(lambda k, fitted=fitted: kept(fitted, k, nested=True) >= share, size, size)
        left_out = _left_out_by_pca(fitted, rows_for_fitted(settings, held_out, fitted, group))
        by_pca = np.flatnonzero(1 - left_out[:cap] >= share)[:1] + 1
        answer = min([*([] if by_nested is None else [by_nested]), *map(int, by_pca)], default=None)
        if answer is None and size == cap:
            raise ValueError(
                f"{type(settings).__name__}: n_components={share:g} can't be kept: {cap} latents, as many as "
                f"{learned.shape[0]} rows of {_n_features(learned)} columns allow, keep "
                f"{max(kept(fitted, cap, nested=True), 0):.1%} of the variance of held-out rows. Ask for a smaller "
                "share, give the number of latents, or fit more rows."
            )
        size *= 2

    def keeps(size: int) -> bool:
        return kept(fit(_variation(settings, n_components=size), learned), size) >= share

    found = smallest_below(keeps, cap, round(ALONE * answer))
    return answer if found is None else found


def supported(settings: AutoencoderSettings, source: ValidRows, group: ProcessGroup, fit: Fit) -> int:
    """The smallest code whose evidence on held-out rows is within one standard error of the highest.

    Around its maximum the evidence is flat, and the position of the maximum is partly chance (Breiman et al. 1984).
    If a split holds out few rows, there are as many splits as give a thousand, at most three, or five for a linear
    model, whose fits cost nothing.
    """
    most = LINEAR_SPLITS if is_linear(settings) else MAX_SPLITS
    splits = _splits(settings, source, group, enough=ENOUGH_HELD_OUT, most=most)
    evaluated = [_rows_and_conditions(held_out) for _, held_out in splits]
    learned = splits[0][0]

    def attempt(size: int) -> tuple[np.ndarray, float]:
        trial = _variation(settings, n_components=size, refit=False)  # sizes compare the same without
        fitted = [fit(trial, learned) for learned, _ in splits]
        scores = [one.log_evidence(*rows) for one, rows in zip(fitted, evaluated, strict=True)]
        known = [score for score in scores if score is not None]
        if len(known) < len(scores):
            raise ValueError(
                f"{type(settings).__name__}: n_components='auto' compares sizes by score, and the density of a row is "
                "not known under this model; give the number of latents."
            )
        return np.stack(known), float(np.mean([one.noise_variance for one in fitted]))

    found = evidence_by_size(attempt, max(1, min(learned.shape[0], _n_features(learned)) - 1))
    return max(1, min(found.within))


def _rows_and_conditions(source: ValidRows) -> tuple[Any, np.ndarray | None]:
    """Rows and their conditions, separated."""
    if source.widths is None:
        return source.values, None
    rows, given, _ = np.split(np.arange(source.widths.total), np.cumsum(source.widths)[:2])
    conditions = source.values[:, given]
    conditions = conditions.toarray() if hasattr(conditions, "toarray") else conditions
    return source.values[:, rows], conditions if len(given) else None


def _splits(
    settings: AutoencoderSettings, source: ValidRows, group: ProcessGroup, *, enough: int = 1, most: int = 1
) -> list[tuple[ValidRows, ValidRows]]:
    """Splits into training and evaluation rows in memory: as many as hold out ``enough`` rows, but at most ``most``."""
    seed = int(group.broadcast_(torch.tensor(int(check_random_state(settings.random_state).randint(2**31 - 1)))))
    n_rows = source.shape[0]
    order = np.random.default_rng([seed, MAX_ROWS]).permutation(n_rows)[: MAX_ROWS + MAX_HELD_OUT]
    n_held_out = min(max(2, round(HELD_OUT * len(order))), MAX_HELD_OUT, len(order) - 2)
    if n_held_out < 2:
        raise ValueError(
            f"{type(settings).__name__}: n_components={settings.n_components!r} holds out rows to find the size of the "
            f"code, but X has only {n_rows}; give the number of latents."
        )

    def at(indices: np.ndarray) -> ValidRows:
        indices = np.sort(indices)
        values = source.values[indices] if source.stream is None else source.stream.take(indices).values
        return dataclasses.replace(source, values=values, stream=None)

    starts = range(0, len(order) - n_held_out, n_held_out)[: min(most, -(-enough // n_held_out))]
    folds = [slice(start, start + n_held_out) for start in starts]
    return [(at(np.delete(order, fold)), at(order[fold])) for fold in folds]


def _n_features(source: ValidRows) -> int:
    return source.shape[1] if source.widths is None else source.widths.features


def _variation(settings: AutoencoderSettings, **changed: Any) -> Any:
    """A copy with other settings, neither whitened nor rotated."""
    varied = copy.copy(settings)
    for name, value in {"whiten": False, "rotate": None, "budget": None, **changed}.items():
        setattr(varied, name, value)
    return varied


def _nested(settings: AutoencoderSettings, size: int) -> Any:
    """The same settings with an ordered code of ``size`` latents."""
    nested = _variation(settings, n_components=size, polish=0, refit=False)
    nested.make_bottleneck = lambda n_latents: NestedBottleneck(DECAY)
    return nested


@torch.no_grad()
def _left_out_by_pca(fitted: FittedState, rows: Rows) -> np.ndarray:
    """Share of rows' variance that PCA leaves out, for 1, 2, … directions."""
    principal, total = fitted.principal, torch.zeros((), dtype=torch.float64)
    kept = torch.zeros(len(principal.directions), dtype=torch.float64)
    for batch in rows.records():
        x, given, weight, *_ = batch
        away: Tensor = (fitted.model.complete(x.to(fitted.device)).cpu() - principal.expected(given)).double()
        away = away if weight is None else away * weight.double().sqrt()[:, None]
        total = total + away.square().sum()
        kept += (away @ principal.directions.double().T).square().sum(0)
    return (1 - kept.cumsum(0) / total.clamp(min=torch.finfo(torch.float64).tiny)).numpy()
