"""Writing the page: results are gathered for each model, the template is filled, and one file is written."""

from __future__ import annotations

import dataclasses
import html
import json
import math
import re
import zlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation import Evaluation, evaluate
from isthmus.evaluation.principal_errors import PrincipalErrors
from isthmus.explorer.conditions import conditions_facts
from isthmus.explorer.items import (
    COLOUR_ROOM,
    LINES_ROOM,
    ROOM,
    TABLE_ROOM,
    Items,
    channels_first,
    choose_items,
    class_indices,
    exact_divisor,
    fields_of,
    grey_range,
    items_facts,
    named,
    plain_words,
    probe_rows,
)
from isthmus.explorer.packing import Packer, as_text
from isthmus.explorer.places import find_places
from isthmus.explorer.principal_model import principal_model
from isthmus.explorer.programs import UnknownLayerError
from isthmus.explorer.row_kind import row_kind
from isthmus.explorer.tab import LARGE_NETWORK, View, row_errors, tab_facts
from isthmus.inference.missing import completed
from isthmus.plots.class_colours import colours_of_codes
from isthmus.rows.conditions import given_for
from isthmus.tables.atomic import atomic_write
from isthmus.tables.row_shape import RowShape
from isthmus.tables.stream import TableStream

__all__ = ["write_explorer"]

TEMPLATE = "page.html"
MORE = re.compile(r"<script data-more>.*?</script>\n", re.DOTALL)  # only for series and sounds
MAX_CURVE = 64
MAX_DRAWN = 20_000  # rows of a stream that are read for the page


def write_explorer(
    estimator: BaseAutoencoder | Mapping[str, BaseAutoencoder],
    path: str | Path,
    X: Any,
    y: Any = None,
    *,
    given: Any = None,
    X_train: Any = None,
    given_train: Any = None,
    ids: Any = None,
    image_shape: tuple[int, ...] | None = None,
    columns: Any = None,
    title: str = "",
    label_name: str = "class",
    evaluations: Mapping[str, Evaluation] | None = None,
    row_shape: RowShape | None = None,
    evaluated_rows: Any = None,
    beside: Callable[[np.ndarray, Packer], Mapping[str, Any]] | None = None,
    overwrite: bool = True,
) -> None:
    """Write one offline page that shows fitted estimators on held-out rows.

    Parameters
    ----------
    estimator
        Fitted; or several on the same columns, by the names of their tabs. PCA gets a tab of its own.
    path
        The .html file, written atomically.
    X, y
        Held-out rows, and their classes if any. For a `TableStream` figures are those of all rows, and a sample of
        20,000 is shown and ranked.
    given, given_train
        Conditions of the held-out and of the training rows, for models fitted with ``given``.
    X_train
        Training rows, from which uncertainty and axes are computed; by default the training codes stored in the model.
    ids
        A name for each held-out row; by default its number.
    image_shape
        (height, width) or (channels, height, width) if rows are pictures; by default the estimator's own.
    columns
        Names of the columns.
    title, label_name
        Names of the data and of the classes.
    evaluations
        Evaluations by tab, if they are already known.
    evaluated_rows
        The rows of X that the evaluations are of, as a mask; by default all.
    row_shape
        Sizes and kinds of a row's axes; by default the estimator's own.
    beside
        Returns more entries of the items for the page's JSON, from the indices of the items and the packer.

    Raises
    ------
    UnknownLayerError
        If the page cannot run a part of the model.
    DataError
        If the file cannot be written.
    """
    models = {"model": estimator} if isinstance(estimator, BaseAutoencoder) else dict(estimator)
    for one in models.values():
        if one.fitted_.model.likelihood.counts_deviance:
            raise UnknownLayerError("the page cannot run a model of counts yet; isthmus evaluate and encode can.")
    if not models:
        raise ValueError("write_explorer: needs at least one fitted estimator.")
    for model in models.values():
        check_is_fitted(model)
    first = next(iter(models.values()))
    known = evaluations or {}
    conditions = given_for(first, given, _count(X))
    evaluated = {name: known.get(name) or evaluate(model, X, given=conditions) for name, model in models.items()}
    title = plain_words(title)
    n_held_out, n_training = _count(X), 0 if X_train is None else _count(X_train)
    for what, entries in (("y", y), ("ids", ids)):
        if entries is not None and len(entries) != n_held_out:
            raise ValueError(f"write_explorer: {what} has {len(entries)} entries, X has {n_held_out} rows.")
    row_shape = row_shape or first.fitted_.row_shape
    if row_shape is not None and len(row_shape.grid) == 2:  # pictures, and spectrograms as pictures
        image_shape = image_shape or row_shape.sizes
    if row_shape is None or len(row_shape.grid) != 1:  # a line is not drawn as a picture one pixel high
        image_shape = image_shape or first.image_shape or getattr(X, "image_shape", None)
    X, y, ids, conditions = _in_memory(X, y, ids, conditions, MAX_DRAWN)
    rows, training, conditions_train = _numbers(first, X), None, None
    if X_train is not None:
        conditions_train = given_for(first, given_train, n_training)
        X_train, _, _, conditions_train = _in_memory(X_train, None, None, conditions_train, MAX_DRAWN)
        training = _numbers(first, X_train)
    shape = channels_first(image_shape)
    if shape is not None and math.prod(shape) != rows.shape[1]:
        raise ValueError(
            f"write_explorer: image_shape={image_shape} has {math.prod(shape)} pixels, a row {rows.shape[1]}."
        )
    if columns is not None and len(columns) != rows.shape[1]:
        raise ValueError(f"write_explorer: columns has {len(columns)} names, X has {rows.shape[1]} columns.")
    size = next(iter(evaluated.values())).pca_components
    errors, _ = row_errors(first, rows, size, conditions)
    span = grey_range(rows)
    small = first.fitted_.n_weights < 2 * LARGE_NETWORK
    room = TABLE_ROOM if shape is None else ROOM
    room = COLOUR_ROOM if shape is not None and shape[0] > 1 else room if small else room // 2
    kind = row_kind(row_shape, is_picture=shape is not None, has_words=ids is not None)
    overlap = kind.lines is not None and kind.sound is None
    room = LINES_ROOM if overlap else COLOUR_ROOM if kind.sound is not None else room
    places = choose_items(errors, rows.shape[1], exact_divisor(rows[:64]) is not None, room)
    mean = first.scaling_.undo(first.principal_.mean.double().cpu().numpy())
    probes = {}
    if kind.lines is None and kind.sound is None:  # a mean sound or window makes no sense
        probes = probe_rows(np.where(np.isnan(rows[places[0]]), mean, rows[places[0]]), mean, span, shape)
    labels, classes = (None, ()) if y is None else class_indices(y)
    items = Items(
        kind=kind,
        rows=np.concatenate([rows[places], *(row[None] for row in probes.values())]),
        places=places,
        ids=[str(place) for place in places]
        if ids is None
        else [named(entry) for entry in np.asarray(ids)[places].tolist()],
        labels=None if labels is None else labels[places],
        classes=classes,
        probes=tuple(probes),
        columns=_names(first, columns, rows.shape[1]),
        image_shape=shape,
        span=span,
        n_held_out=n_held_out,
        n_ranked=len(rows),
        n_training=n_training,
        title=title or "your data",
        label_name=label_name,
        fields=fields_of(first.fitted_.layout),
        given=None if conditions is None else _with_probes(conditions[places], first, len(probes)),
    )
    if not first.fitted_.architecture.linear:
        models["PCA"] = principal_model(first, size)
        evaluated["PCA"] = _as_pca(next(iter(evaluated.values())))
    views = [
        _view(
            name,
            model,
            evaluated[name],
            items,
            (rows, conditions),
            (training, conditions_train),
            is_pca=name == "PCA" and model is not estimator,
        )
        for name, model in models.items()
    ]
    if labels is not None:
        items = dataclasses.replace(
            items, colours=tuple(colours_of_codes(views[0].held_out_codes, labels, len(classes)))
        )
    packer = Packer()
    of_figures = slice(None) if evaluated_rows is None else np.asarray(evaluated_rows)
    curve = _curve(first, rows[of_figures], None if conditions is None else conditions[of_figures])
    center, spread = first.scaling_.center, first.scaling_.spread
    if overlap:  # unscaled, the steps that windows share are the same bytes, which compress
        center, spread = np.zeros_like(center), np.ones_like(spread)
    facts: dict[str, Any] = {"format": 1, "items": items_facts(items, packer, center, spread)}
    facts["items"] |= {} if beside is None else beside(places, packer)
    facts["items"]["given"] = conditions_facts(first.fitted_, conditions, items.given, packer)
    facts["tabs"] = [tab_facts(view, items, packer) | {"curve": curve} for view in views]
    with atomic_write(path, overwrite=overwrite) as temporary:
        temporary.write_text(_filled(facts, packer, title), encoding="utf-8")


def _view(
    name: str,
    model: BaseAutoencoder,
    evaluation: Evaluation,
    items: Items,
    held_out_rows: tuple[np.ndarray, np.ndarray | None],
    training_rows: tuple[np.ndarray | None, np.ndarray | None],
    *,
    is_pca: bool,
) -> View:
    codes_of, (rows, given), (training, given_train) = model.fitted_.encode, held_out_rows, training_rows
    held_out = codes_of(rows, given)
    if training is not None:
        known = codes_of(training, given_train)
    else:
        known = model.fitted_.training_codes
        known = held_out if known is None else known
    size = evaluation.pca_components
    errors, pca_errors = row_errors(model, rows, size, given)
    n_real = len(items.places)
    probe_errors = probe_pca = np.empty(0)
    if items.probes:
        probe_errors, probe_pca = row_errors(
            model, items.rows[n_real:], size, None if items.given is None else items.given[n_real:]
        )
    codes = codes_of(items.rows, items.given)
    return View(
        name,
        model,
        evaluation,
        find_places(known),
        held_out,
        codes,
        errors,
        pca_errors,
        probe_errors,
        probe_pca,
        rows,
        is_pca,
        given,
    )


def _with_probes(given: np.ndarray, model: BaseAutoencoder, n_probes: int) -> np.ndarray:
    """Conditions of the items and the probes: the mean for the mean row, that of the first row for the others."""
    scaling = model.fitted_.given
    assert scaling is not None  # only called for models with conditions
    return np.concatenate([given, scaling.center[None], np.repeat(given[:1], max(0, n_probes - 1), 0)])[
        : len(given) + n_probes
    ]


def _in_memory(
    X: Any, y: Any, ids: Any, given: np.ndarray | None, most: int, seed: int = 0
) -> tuple[Any, Any, Any, np.ndarray | None]:
    """Rows, classes, names and conditions; for a stream a sample of them."""
    if not isinstance(X, TableStream):
        return X, y, ids, given
    places = np.arange(len(X))
    if len(X) > most:
        places = np.sort(np.random.default_rng(seed).choice(len(X), most, replace=False, shuffle=False))
    table = X.take(places)
    y = table.labels if y is None else np.asarray(y)[places]
    ids = table.ids if ids is None else np.asarray(ids)[places]
    return table.rows, y, places if ids is None else ids, None if given is None else given[places]


def _count(X: Any) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _numbers(model: BaseAutoencoder, X: Any) -> np.ndarray:
    rows = model.to_numbers(X)
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=np.float64)


def _names(model: BaseAutoencoder, columns: Any, count: int) -> tuple[str, ...]:
    if model.fitted_.layout is not None:
        return tuple(named(name) for name in model.fitted_.layout.encoded_names)
    names = columns if columns is not None else getattr(model, "feature_names_in_", None)
    return tuple(f"x{place}" for place in range(count)) if names is None else tuple(named(name) for name in names)


def _as_pca(evaluation: Evaluation) -> Evaluation:
    """The same evaluation with PCA in place of the model."""

    def swapped(error: Any) -> Any:
        return None if error is None else dataclasses.replace(error, model=error.pca)

    from isthmus.evaluation import CodeUse

    return dataclasses.replace(
        evaluation,
        n_components=evaluation.pca_components,
        code=CodeUse(),
        data=swapped(evaluation.data),
        scaled=swapped(evaluation.scaled),
    )


def _curve(model: BaseAutoencoder, rows: np.ndarray, given: np.ndarray | None) -> list[float]:
    """PCA's mean squared error per feature with 0, 1, 2 … components, in the units of the evaluation."""
    scaling, pca = model.scaling_, PrincipalErrors(model.principal_)
    weights = np.ones(len(scaling.spread))
    if model.fitted_.is_in_user_units:
        weights = scaling.spread**2
    units, missing = (completed(model.fitted_, rows, given) - scaling.center) / scaling.spread, np.isnan(rows)
    pca.add(units, model.fitted_.given_units(given), missing)
    return (pca.curve(weights)[: MAX_CURVE + 1] / (~missing).sum()).tolist()


def _filled(facts: Mapping[str, Any], packer: Packer, title: str) -> str:
    """The template with its four slots filled; user data is escaped, so it can't end the block it is in."""
    template = files("isthmus.explorer").joinpath(TEMPLATE).read_text(encoding="utf-8")
    if facts["items"].get("series") is None and facts["items"]["sound"] is None:
        template = MORE.sub("", template, count=1)
    text = json.dumps(_finite(facts), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    sentence = "".join(
        f"<b>{html.escape(words)}</b>" if kind == "strong" else html.escape(words)
        for kind, words in facts["tabs"][0]["sentence"]
    )
    slots = {
        "@title@": html.escape(title or "your data"),
        "@sentence@": sentence,
        "@numbers@": packer.text(),
        "@facts@": as_text(zlib.compress(text.encode("ascii"), 9)),
    }
    # in one pass, so the contents of a slot are never searched for another
    return re.sub("@(title|sentence|numbers|facts)@", lambda slot: slots[slot.group()], template)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
