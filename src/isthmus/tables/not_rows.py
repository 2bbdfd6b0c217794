"""What is given in the place of rows but isn't any, and what to pass instead: a path, a dict, text in an array."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from isthmus.tables.errors import DataError

__all__ = ["NUMBERS_ONLY", "numbers_required", "require_rows"]

NUMBERS_ONLY = "this takes numbers only, such as the codes that an Autoencoder makes of a DataFrame"
NO_NUMBER = "could not convert string to float: "  # NumPy's, before the cell


def require_rows(X: Any, who: str | None = None) -> None:
    """Refuse, by a `DataError`, what names rows or may hold them by column; ``who`` is named in the message."""
    caller = "" if who is None else f"{who}: "
    if isinstance(X, (str, os.PathLike)):
        path = repr(os.fspath(X))
        raise DataError(
            f"{caller}X is {path}, a path and no rows; pass isthmus.read({path}), or isthmus.open_table({path}) if it "
            "doesn't fit in memory."
        )
    if isinstance(X, Mapping) and not hasattr(X, "shape"):  # a sparse matrix may be a dict of its cells
        raise DataError(f"{caller}X is a dict; if it holds columns by name, pass pandas.DataFrame(X).")


@contextmanager
def numbers_required(who: str, cure: str = "pass a DataFrame, whose columns of text are categories") -> Iterator[None]:
    """Within, NumPy's error about text in an array says what to pass instead."""
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(NO_NUMBER):
            raise
        cell = str(error).removeprefix(NO_NUMBER).removeprefix("np.str_(").removesuffix(")")
        raise ValueError(f"{who}: X holds text, such as {cell}; {cure}.") from error
