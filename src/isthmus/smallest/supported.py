"""How many latents do the data support, without a target? Two criteria, from the same fits.

evidence        log p(x) of held-out rows: every latent costs, so it has a maximum (`isthmus.evidence_by_size`)
hidden cells    of held-out rows, predicted from the others (`isthmus.smallest.held_out_entries`)

The evidence is the sharper of the two: it compares whole rows, and estimates the noise. But it assumes the same noise
in all columns, and gives a noisier column a latent of its own. Such a latent helps to predict no other column, so
hidden cells do not ask for it. If the evidence asks for more latents than hidden cells do, the number of columns that
gain by each of them is estimated, with d_j the decrease of column j's squared error, as

    (Σ d_j)² / Σ d_j²  over the number of further latents

and if it is below two they are noise, and hidden cells are trusted.

Hidden cells may ask for no latent at all although the columns depend on each other: of a circle, a torus or a Swiss
roll, two coordinates leave two or more values open for the third, so their expectation is no better than the mean. The
evidence may ask for latents although the columns are independent, as a curve through all columns can follow their own
skewed densities. So there the evidence is trusted if held-out rows are more probable than the same rows with each
column permuted, which only columns that depend on each other can make them.

The search for the best evidence stops as soon as latents are noise for two sizes in a row while the evidence still
rises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.written import dimensions
from isthmus.evidence_by_size import evidence_by_size
from isthmus.size_search import Trial, best_of, trials_around, within_one_error
from isthmus.smallest.choice import Choice, Criterion
from isthmus.smallest.held_out_entries import entry_errors
from isthmus.smallest.splits import LINEAR, Splits, model_units

__all__ = ["choose_supported", "pca_log_densities"]

SHARED = 2.0  # columns that must gain by each further latent
PERMUTATIONS = 20
DEVIATIONS = 2.5  # standard deviations of the mean over permuted rows beyond which held-out rows are more probable
MIN_NOISE = 1e-10  # relative to the variance of the columns, for rows without noise


@dataclass(frozen=True, eq=False)
class _Fits:
    """Results of the models of one size, one per split, on their held-out rows; arrays of shape (n_splits, n_rows)."""

    scores: np.ndarray
    cells: np.ndarray
    noise_variance: float
    column_errors: np.ndarray
    models: tuple[BaseAutoencoder, ...] = ()


def choose_supported(splits: Splits) -> Choice:
    """The size by the criterion to trust, and the results of both."""
    starts = [splits.fitted(1, place, max_iter=0) for place in range(len(splits.parts))]
    most = max(1, splits.most - 1)
    fits = {0: _of_no_code(splits, starts)}

    def at(size: int) -> _Fits:
        if size not in fits:
            fits[size] = found = _fits_of(splits, size)
            splits.say(
                f"{dimensions(size)}: evidence of held-out rows "
                f"{found.scores.mean():.4g} nats per row, noise variance {found.noise_variance:.3g}"
            )
        return fits[size]

    def scored(size: int) -> tuple[np.ndarray, float]:
        return at(size).scores, at(size).noise_variance

    pca_size = _pca_size(splits, starts, most)
    cells = _hidden_cells(lambda size: at(size).cells, most, fits[0].cells)
    fewer = within_one_error(cells)

    @cache
    def shared(size: int) -> bool:
        served = _columns_a_latent(fits, size, fewer)
        if served is None:
            return True
        return served >= SHARED if fewer else _is_dependent(fits[size], splits)

    def unshared(trials: Mapping[int, Trial]) -> bool:
        """Whether the evidence still rises, but by latents that serve too few columns each."""
        last = sorted(trials)[-2:]
        few = all((_columns_a_latent(fits, size, fewer) or 0.0) < SHARED for size in last)
        return few and best_of(trials) in last and not any(shared(size) for size in last)

    evidence = evidence_by_size(scored, most, known={0: scored(0)}, also=(pca_size,), decided=unshared)
    linear = _hidden_cells(lambda size: _cells_of(splits, size, **LINEAR)[0], most, fits[0].cells)
    served = _columns_a_latent(fits, evidence.size, fewer)
    criteria = {
        "evidence": Criterion(
            evidence.size,
            pca_size,
            evidence.within,
            tuple((size, *figures) for size, figures in sorted(evidence.evidence.items())),
            tuple(_alone(evidence.trials, place, best_of) for place in range(len(splits.parts))),
            at_least=max(evidence.trials) < most and unshared(evidence.trials),
        ),
        "entries": Criterion(
            fewer,
            within_one_error(linear),
            _level(cells),
            tuple((size, trial.mean, trial.standard_error) for size, trial in sorted(cells.items())),
            tuple(_alone(cells, place, within_one_error) for place in range(len(splits.parts))),
        ),
    }
    rule = "evidence" if shared(evidence.size) else "entries"
    used = criteria[rule]
    return Choice(
        rule=rule,
        target=None,
        size=used.size,
        pca_size=used.pca_size,
        tried=used.tried,
        votes=used.votes,
        criteria=criteria,
        noise_variance=evidence.noise_variance if rule == "evidence" else None,
        columns_a_latent=served,
        columns_depend=None if fewer or not evidence.size else shared(evidence.size),
    )


def _columns_a_latent(fits: Mapping[int, _Fits], more: int, fewer: int) -> float | None:
    """How many columns gain by each latent that ``more`` has beyond ``fewer``; None if it has none."""
    if more <= fewer:
        return None
    gained = np.maximum(fits[fewer].column_errors - fits[more].column_errors, 0)
    if not gained.any():
        return 0.0
    return float(gained.sum() ** 2 / np.square(gained).sum() / (more - fewer))


def _of_no_code(splits: Splits, starts: list[BaseAutoencoder]) -> _Fits:
    """The results of the mean row with one variance for all columns."""
    held_out = [rows for _, rows in splits.parts]
    scores = np.stack([pca_log_densities(start, rows)[:, 0] for start, rows in zip(starts, held_out, strict=True)])
    cells = np.stack(
        [
            entry_errors(start, rows, splits.seed + place, encoded=False)
            for place, (start, rows) in enumerate(zip(starts, held_out, strict=True))
        ]
    )
    variance = np.mean([start.principal_.noise_variance(0) * model_units(start) for start in starts])
    away = [
        np.square((rows - start.scaling_.center) / start.scaling_.spread - start.principal_.mean.cpu().numpy()).mean(0)
        for start, rows in zip(starts, held_out, strict=True)
    ]
    return _Fits(scores, cells, float(variance), np.mean(away, 0))


def _fits_of(splits: Splits, size: int) -> _Fits:
    cells, models = _cells_of(splits, size)
    scores, errors, noise = [], [], []
    for model, (_, rows) in zip(models, splits.parts, strict=True):
        scores.append(model.score_samples(rows))
        errors.append(np.square((model.reconstruct(rows) - rows) / model.scaling_.spread).mean(0))
        noise.append(model.noise_variance_ / model.scaling_.unit**2 * model_units(model))
    return _Fits(np.stack(scores), cells, float(np.mean(noise)), np.mean(errors, 0), tuple(models))


def _is_dependent(fits: _Fits, splits: Splits) -> bool:
    """Whether held-out rows are more probable than with their columns permuted, beyond chance in every split."""
    for place, (model, scores, (_, rows)) in enumerate(zip(fits.models, fits.scores, splits.parts, strict=True)):
        rng = np.random.default_rng([splits.seed, place])
        permuted = [float(model.score_samples(rng.permuted(rows, axis=0)).mean()) for _ in range(PERMUTATIONS)]
        if not float(scores.mean()) > np.mean(permuted) + DEVIATIONS * np.std(permuted, ddof=1):
            return False
    return True


def _cells_of(splits: Splits, size: int, **changed: Any) -> tuple[np.ndarray, list[BaseAutoencoder]]:
    models = [splits.fitted(size, place, **changed) for place in range(len(splits.parts))]
    errors = [entry_errors(model, splits.parts[place][1], splits.seed + place) for place, model in enumerate(models)]
    return np.stack(errors), models


def _hidden_cells(errors: Callable[[int], np.ndarray], most: int, of_no_code: np.ndarray) -> dict[int, Trial]:
    return trials_around(lambda size: Trial(size, errors(size)), most, within_one_error, {0: Trial(0, of_no_code)})


def _level(trials: Mapping[int, Trial]) -> tuple[int, ...]:
    """The sizes tried whose mean error is within one standard error of the best."""
    best = min(trials.values(), key=lambda trial: trial.mean)
    limit = best.mean + best.standard_error
    return tuple(size for size, trial in sorted(trials.items()) if trial.mean <= limit)


def _alone(trials: Mapping[int, Trial], place: int, chosen: Callable[[Mapping[int, Trial]], int]) -> int:
    return chosen({size: Trial(size, trial.errors[place : place + 1]) for size, trial in trials.items()})


def _pca_size(splits: Splits, starts: list[BaseAutoencoder], most: int) -> int:
    """The size with the highest evidence of probabilistic PCA, on the same rows."""
    curves = [pca_log_densities(start, rows).mean(0) for start, (_, rows) in zip(starts, splits.parts, strict=True)]
    longest = min(most + 1, *map(len, curves))
    return int(np.mean([curve[:longest] for curve in curves], 0).argmax())


def pca_log_densities(start: BaseAutoencoder, X: np.ndarray) -> np.ndarray:
    """Log p(x) of probabilistic PCA with 0, 1, 2 … directions: shape (n_rows, n_directions + 1)."""
    principal, scaling = start.principal_, start.scaling_
    away = (X - scaling.center) / scaling.spread - principal.mean.double().cpu().numpy()
    coordinates = away @ principal.directions.double().cpu().numpy().T
    n_columns = X.shape[1]
    longest = min(len(principal.directions), n_columns - 1, principal.rank - 1)
    variances = np.maximum(principal.variances.double().cpu().numpy()[:longest], np.finfo(np.float32).tiny)
    squares = np.square(coordinates[:, :longest])
    noise = np.maximum([principal.noise_variance(size) for size in range(longest + 1)], MIN_NOISE)

    def up_to(each: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros((*each.shape[:-1], 1)), np.cumsum(each, -1)], -1)

    left = np.maximum(np.square(away).sum(1)[:, None] - up_to(squares), 0)
    spare = n_columns - np.arange(longest + 1)
    log_det = up_to(np.log(variances)) + spare * np.log(noise)
    exponent = up_to(squares / variances) + left / noise
    return -0.5 * (exponent + log_det + n_columns * np.log(2 * np.pi)) - scaling.log_volume
