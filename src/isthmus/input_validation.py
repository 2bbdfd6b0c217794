"""How an estimator validates its input, and how its methods are applied block by block to large streams."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data  # pyrefly: ignore[missing-module-attribute]

from isthmus.parts import likelihoods
from isthmus.rows.conditions import given_for
from isthmus.tables.array_forms import array_and_shape
from isthmus.tables.errors import DataError, said
from isthmus.tables.finite import has_gaps
from isthmus.tables.fit_columns import FitColumns
from isthmus.tables.frames import is_frame
from isthmus.tables.input_rows import InputRules, input_rows, large_stream
from isthmus.tables.layout import TableLayout, layout_of
from isthmus.tables.not_rows import numbers_required, require_rows
from isthmus.tables.table import Table, joined

__all__ = [
    "blockwise",
    "feature_names",
    "fit_columns",
    "flat_rows",
    "input_rules",
    "require_complete_numbers",
    "set_columns",
    "without_name_warnings",
]

Method = TypeVar("Method", bound=Callable[..., Any])


def require_complete_numbers(estimator: Any, X: Any, *, gaps: bool = False) -> None:
    """Raise a `ValueError` that names columns that are not numeric, or says how to fill missing cells."""
    who = type(estimator).__name__
    try:
        require_rows(X)
        if not is_frame(X) and not isinstance(X, Table):
            return
        rows = input_rows(X)
        layout = None if rows.cells is None else rows.layout or layout_of(rows.cells)
    except DataError as error:
        raise ValueError(f"{who}: {error}") from error
    if layout is not None and not layout.is_plain:
        others = [f"{column.name} ({column.kind})" for column in layout.columns if column.kind != "number"]
        raise ValueError(
            f"{who}: takes numbers, and X has {said(others, 6)}; leave these columns out, or pass the codes that an "
            "Autoencoder makes of all columns."
        )
    if not gaps and rows.values is not None and has_gaps(np.asarray(rows.values, dtype=np.float64)):
        raise ValueError(f"{who}: X has missing cells; fill them first, as Autoencoder().fit(X).impute(X) does.")


def flat_rows(who: str, X: Any, image_shape: tuple[int, ...] | None) -> tuple[Any, tuple[int, ...] | None]:
    """X with one axis of columns, channels first, and the shape of a picture, if rows are pictures."""
    try:
        rows, shape = array_and_shape(X, image_shape)
    except DataError as error:
        raise ValueError(f"{who}: {error}") from error
    return rows, image_shape if shape is None else shape.image_shape


def blockwise(method: Method) -> Method:
    """Decorator: for a stream larger than memory, apply the method block by block and concatenate its results."""

    @functools.wraps(method)
    def over_blocks(self: Any, X: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            stream = large_stream(X)
            if stream is None:
                return method(self, X, *args, **kwargs)
            check_is_fitted(self)
            stream = fit_columns(self, self.fitted_.layout).arranged(stream)
        except DataError as error:
            raise ValueError(f"{type(self).__name__}: {error}") from error
        answers, tables, start, given = [np.empty(0)], [], 0, kwargs.pop("given", None)
        if given is not None:
            given = given_for(self, given, len(stream))
        with without_name_warnings():
            for block in stream.blocks():
                conditions = {} if given is None else {"given": given[start : start + len(block)]}
                found = method(self, block.rows, *args, **kwargs, **conditions)
                start += len(block)
                parts = found if isinstance(found, tuple) else (found,)
                if isinstance(parts[0], Table):
                    tables.append(parts)
                    continue
                if start == len(block):
                    answers = [np.empty((len(stream), *part.shape[1:]), part.dtype) for part in parts]
                for answer, part in zip(answers, parts, strict=True):
                    answer[start - len(block) : start] = part
        answers = [joined(list(parts)) for parts in zip(*tables, strict=True)] if tables else answers
        return answers[0] if len(answers) == 1 else tuple(answers)

    return over_blocks  # type: ignore[return-value]


def feature_names(estimator: Any, n_columns: int) -> list[str]:
    """The columns' names at fit, or their positions if they have none."""
    return [str(name) for name in getattr(estimator, "feature_names_in_", range(n_columns))]


def set_columns(estimator: Any, n_columns: int, names: Sequence[str] | None) -> None:
    """Set an estimator's ``n_features_in_`` and, if the columns have names, ``feature_names_in_``."""
    estimator.n_features_in_ = n_columns
    estimator.__dict__.pop("feature_names_in_", None)  # of an earlier fit
    if names is not None:
        estimator.feature_names_in_ = np.array(names, dtype=object)


def fit_columns(estimator: Any, layout: TableLayout | None) -> FitColumns:
    """The columns of a fitted estimator, from its scikit-learn attributes and its ``layout``."""
    names = getattr(estimator, "feature_names_in_", None)
    return FitColumns(estimator.n_features_in_, None if names is None else tuple(map(str, names)), layout)


def input_rules(estimator: Any, *, reset: bool) -> InputRules:
    """How an autoencoder validates its rows; with ``reset`` its scikit-learn attributes are set from them."""

    def validate(values: Any, named: bool) -> Any:
        # Names have been compared already.
        with without_name_warnings() if named else nullcontext(), numbers_required(type(estimator).__name__):
            return validate_data(
                estimator,
                values,
                accept_sparse="csr",
                dtype=[np.float64, np.float32],
                ensure_all_finite=False,
                ensure_min_samples=2 if reset else 1,
                reset=reset,
            )

    who, unseen = type(estimator).__name__, estimator.unseen
    if reset:
        counts = (
            estimator.likelihood in likelihoods.names() and likelihoods.likelihood(estimator.likelihood).draws_whole
        )
        return InputRules(who, validate, estimator.missing, unseen, estimator.image_shape, counts)
    fitted = estimator.fitted_
    unseen = "missing" if unseen == "auto" and fitted.masked else unseen
    counts = fitted.model.likelihood.draws_whole
    return InputRules(who, validate, estimator.missing, unseen, fitted.image_shape, counts)


@contextmanager
def without_name_warnings() -> Iterator[None]:
    """A context without scikit-learn's warning about missing column names, for rows whose names were checked."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield
