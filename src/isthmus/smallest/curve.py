"""The whole answer: `rate_distortion` chooses a size and measures error against size on test rows.

The curve comes from one nested code, and lies above that of codes fitted for a single size; that gap is measured at the
sizes shown. PCA's curve is that of the same training rows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation.principal_errors import equal_error_size
from isthmus.evaluation.written import dimensions
from isthmus.hyperparameter import hyperparameters
from isthmus.inner_fit import uninterrupted
from isthmus.size_search import grid
from isthmus.smallest.bits import RatePoint, cheapest, lower_hull, rate_points
from isthmus.smallest.choice import Choice
from isthmus.smallest.choosing import Target, choose
from isthmus.smallest.encoded import encoded_rows
from isthmus.smallest.result import Bits, RateDistortion, SizeErrors
from isthmus.smallest.splits import model_units, pca_errors_of, row_errors
from isthmus.tables import split_rows
from isthmus.text_table import counted
from isthmus.variants.nested import NestedAutoencoder
from isthmus.variants.vanilla import Autoencoder

__all__ = ["rate_distortion"]

MIN_ROWS, MIN_COLUMNS = 20, 2
SPARE = 2  # the nested code is this many times the size chosen, so the curve shows what more dimensions would bring
ROUNDING = 1.1  # ratio of the error at which bits are compared to the chosen code's own


def rate_distortion(
    X: Any,
    *,
    keep: float | None = None,
    max_error: float | None = None,
    as_good_as: int | None = None,
    sizes: Iterable[int] = (),
    n_seeds: int = 3,
    test_size: float = 0.2,
    split: tuple[np.ndarray, np.ndarray] | None = None,
    random_state: int = 0,
    say: Callable[[str], None] = lambda text: None,
    doing: Callable[[str], None] = lambda text: None,
    keep_models: bool = True,
    **settings: Any,
) -> RateDistortion:
    """Find the smallest code that still reconstructs rows well, and what it costs.

    Without a target the size is the one the data support: by the evidence of held-out rows if all columns have the same
    noise, else by their hidden cells, predicted from the others (`isthmus.smallest.supported`). With a target, it is
    the smallest size that reaches it on held-out training rows. Test rows take no part in the choice.

    Parameters
    ----------
    X
        Rows, shape (n_samples, n_features), at least 20: an array, a DataFrame or a table of `isthmus.read`. Mixed-type
        columns are encoded and missing cells filled first (`isthmus.smallest.encoded`).
    keep
        Share of the variance to keep, above 0 and below 1.
    max_error
        Largest squared error per feature, in the units of X (with ``scale``, in those units).
    as_good_as
        As good as PCA with this many dimensions.
    sizes
        Further sizes to fit models for, besides the size chosen.
    n_seeds
        Splits to choose by, and models a size.
    test_size
        Share of the rows the errors are stated on.
    split
        Indices of the training and of the test rows, instead of ``test_size``.
    random_state
        Seed of splits and training.
    say
        Called with a sentence about each finding.
    doing
        Called before each fit with a line that shows progress.
    keep_models
        If columns were encoded or cells filled, fit the models of the result again to the rows as given. Without it
        they are those of the encoded rows, which is faster.
    **settings
        Of `Autoencoder`: ``scale``, ``max_iter``, ``hidden_layer_sizes`` …
    """
    target = _target(keep, max_error, as_good_as)
    _require_settings(n_seeds, settings)

    def parts(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        return split_rows(n_rows, test_size=test_size, seed=random_state) if split is None else split

    rows, split = encoded_rows(X, settings, parts, least=(MIN_ROWS, MIN_COLUMNS), say=say)
    X, sizes = rows.values, _checked(rows.values, sizes, target)
    own, scale = dict(settings), rows.scale
    settings = {**settings, "scale": None if rows.is_encoded else scale}
    train, test = X[split[0]], X[split[1]]
    if len(train) < MIN_ROWS // 2 or not len(test):
        raise ValueError(f"rate_distortion: {len(train)} training and {len(test)} test rows are too few; add rows.")
    choice = choose(train, target, settings, n_splits=n_seeds, seed=random_state, say=say, doing=doing)

    most = min(train.shape)
    shown = sorted({size for size in (choice.size, *sizes) if size})
    longest = min(most, max([SPARE * (choice.size or choice.pca_size or 1), 4, *shown]))
    say(f"fitting one nested code of {longest} dimensions, for the whole curve …")
    nested = uninterrupted(NestedAutoencoder(longest, **settings, random_state=random_state), train)
    if shown:
        say(f"fitting {counted(n_seeds, 'model')} for each of these sizes: {', '.join(map(str, shown))} …")
    seeds = range(random_state, random_state + n_seeds)
    alone: dict[int, list[BaseAutoencoder]] = {size: [] for size in shown}
    for size, seed in itertools.product(shown, seeds):
        doing(f"fitting {dimensions(size)}, seed {seed} …")
        alone[size].append(uninterrupted(Autoencoder(size, **settings, random_state=seed), train))
    doing("comparing errors and bits …")
    pca = pca_errors_of(nested, test)
    errors = {size: [float(row_errors(model, test).mean()) for model in models] for size, models in alone.items()}
    curve = tuple(_at(size, nested, errors.get(size), pca, test) for size in range(1, longest + 1))
    model = alone[choice.size][0] if choice.size else None
    chosen = float(np.mean(errors[choice.size])) if choice.size else float(pca[0])
    pca_needs = equal_error_size(pca, chosen)
    bits = None if model is None else _bits(model, nested, choice, chosen, pca_needs or 0, train, test)
    if rows.given is not None and keep_models:
        say("fitting the models to keep to the rows as given …")
        known = rows.taken(split[0])
        if choice.size:
            model = uninterrupted(Autoencoder(choice.size, **own, random_state=random_state), known)
        nested = uninterrupted(NestedAutoencoder(longest, **own, random_state=random_state), known)
    return RateDistortion(
        n_features=X.shape[1],
        n_train=len(train),
        n_test=len(test),
        n_seeds=n_seeds,
        scale=scale,
        variation=float(pca[0]),
        curve=curve,
        choice=choice,
        pca_needs=pca_needs,
        n_directions=len(pca) - 1,
        bits=bits,
        model=model,
        nested=nested,
    )


def _target(keep: float | None, max_error: float | None, as_good_as: int | None) -> Target:
    given = {"keep": keep, "max_error": max_error, "as_good_as": as_good_as}
    asked = [(rule, value) for rule, value in given.items() if value is not None]
    if len(asked) > 1:
        raise ValueError(f"rate_distortion: give one target, not {' and '.join(rule for rule, _ in asked)}.")
    if not asked:
        return Target("evidence")
    rule, value = asked[0]
    sound = {
        "keep": (lambda: 0 < value < 1, "a share above 0 and below 1"),
        "max_error": (lambda: 0 < value < float("inf"), "a number above 0"),
        "as_good_as": (lambda: value >= 1 and value == int(value), "a whole number of at least 1"),
    }
    holds, what = sound[rule]
    if not holds():
        raise ValueError(f"rate_distortion: {rule} must be {what}, got {value!r}.")
    return Target(rule, float(value))


def _require_settings(n_seeds: int, settings: Mapping[str, Any]) -> None:
    unknown = [name for name in settings if name not in hyperparameters(Autoencoder) or name == "n_components"]
    if unknown:
        raise ValueError(f"rate_distortion: {unknown[0]!r} is not a setting of Autoencoder that can be given here.")
    if settings.get("likelihood", "gaussian") != "gaussian" or settings.get("start", "principal") != "principal":
        raise ValueError("rate_distortion: errors are squared errors from PCA on; leave likelihood and start alone.")
    if n_seeds < 1:
        raise ValueError(f"rate_distortion: n_seeds must be at least 1, got {n_seeds}.")


def _checked(X: np.ndarray, sizes: Iterable[int], target: Target) -> list[int]:
    most, sizes = X.shape[1], list(sizes)
    wrong = [size for size in sizes if not 1 <= size <= most]
    if wrong:
        raise ValueError(f"rate_distortion: sizes must be from 1 to {most}, the columns of X, got {wrong[0]}.")
    if target.rule == "as_good_as" and (target.value or 0) > most:
        raise ValueError(f"rate_distortion: as_good_as must be at most {most}, the columns of X, got {target.value:g}.")
    if not X.std(0).any():
        raise ValueError("rate_distortion: these rows do not vary, so there is nothing to encode.")
    return sizes


def _at(size: int, nested: BaseAutoencoder, alone: list[float] | None, pca: np.ndarray, test: np.ndarray) -> SizeErrors:
    return SizeErrors(
        size=size,
        error=None if alone is None else float(np.mean(alone)),
        lowest=None if alone is None else min(alone),
        highest=None if alone is None else max(alone),
        nested=float(row_errors(nested, test, size).mean()),
        pca=float(pca[min(size, len(pca) - 1)]),
    )


def _bits(
    model: BaseAutoencoder,
    nested: BaseAutoencoder,
    choice: Choice,
    error: float,
    pca_needs: int,
    train: np.ndarray,
    test: np.ndarray,
) -> Bits:
    """Rate against distortion of both codes and of PCA's."""
    unit = np.sqrt(model_units(model))

    def in_error_units(X: np.ndarray) -> np.ndarray:
        return X / nested.scaling_.spread * unit

    def points_of(estimator: BaseAutoencoder, size: int) -> Iterable[RatePoint]:
        known, codes = (estimator.transform(X)[:, :size] for X in (train, test))
        return rate_points(
            lambda code: in_error_units(estimator.inverse_transform(code)), known, codes, in_error_units(test)
        )

    longest = min(max(2 * pca_needs, nested.n_components_), min(train.shape), len(nested.principal_.directions))
    settings: dict[str, Any] = {"scale": nested.scale, "hidden_layer_sizes": (), "random_state": 0}
    linear = NestedAutoencoder(longest, **settings).fit(train)  # PCA's code, truncated at every size
    nothing = RatePoint(0, 0.0, float(pca_errors_of(nested, test)[0]))  # no code at all: the mean row
    ours = [nothing, *points_of(model, choice.size or 0)]
    for size in grid(nested.n_components_):
        ours += points_of(nested, size)
    theirs = [nothing, *(point for size in grid(longest) for point in points_of(linear, size))]
    curve, pca_curve = lower_hull(ours), lower_hull(theirs)
    compared = ROUNDING * error
    return Bits(curve, pca_curve, compared, cheapest(curve, compared), cheapest(pca_curve, compared))
