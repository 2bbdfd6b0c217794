"""The roles of columns: those to learn from, the labels, the row ids, and those left out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from isthmus.tables.cells import texts
from isthmus.tables.column_names import quoted
from isthmus.tables.errors import DataError, said
from isthmus.tables.request import Request
from isthmus.tables.table import Table, row_location

__all__ = ["choose_columns", "known_part", "require_known", "said", "words_of"]

MAX_CHARACTERS, MAX_CHARACTERS_IN_ALL = 256, 1 << 26  # of an id or label; of all, each as wide as the longest
WHOLE_NUMBER = "^(?:0|-?[1-9][0-9]{0,17})$"


def require_known(names: Sequence[str], request: Request, where: str, beside: Sequence[str | None] = ()) -> None:
    """Refuse a request for absent columns, or with two uses of one: one message with all of them.

    ``beside`` names the labels and ids that came with the rows; they are listed first, and cannot be asked for here.
    """
    faults = known_part(names, request, beside)[1]
    if faults:
        raise DataError(f"{where}: {'; '.join(faults)}.")


def known_part(names: Sequence[str], request: Request, beside: Sequence[str | None] = ()) -> tuple[Request, list[str]]:
    """The request without absent columns and those with two uses, and what is wrong with it."""
    faults = []
    roles = {"--labels": request.labels, "--ids": request.ids}
    named = [name for name in roles.values() if name is not None]
    absent = [
        name for name in dict.fromkeys([*named, *request.drop, *request.columns, *request.kinds]) if name not in names
    ]
    if absent:
        listed = [*(name for name in beside if name is not None), *names]
        word = "no column" if len(absent) == 1 else "no columns"
        text = ", ".join(f"{name!r}{_guess(name, listed)}" for name in absent)
        faults.append(f"{word} {text}; the columns are {said(listed)}")
    flags_of: dict[str, list[str]] = {}
    for flag, name in roles.items():
        if name is not None:
            flags_of.setdefault(name, []).append(flag)
    for name, kind in request.kinds.items():
        flags_of.setdefault(name, []).append(f"--kind {quoted(name)}={kind}")
    for name in request.columns:
        flags_of.setdefault(name, []).append("the columns to learn from")
    for name in request.drop:
        flags_of.setdefault(name, []).append("--drop")
    conflicting = []
    for name, flags in flags_of.items():
        dropped, not_learned = "--drop" in flags and len({*flags}) > 1, name in named and len({*flags}) > 1
        if dropped or not_learned:
            conflicting.append(name)
            why = "" if dropped or len({*flags} & {*roles}) > 1 else ", and is then not learned from"
            faults.append(f"{name!r} is named by {' and '.join(dict.fromkeys(flags))}{why}; leave one of them out")
    wrong = {*absent, *conflicting}
    if not wrong:
        return request, faults
    kept = replace(
        request,
        labels=None if request.labels in wrong else request.labels,
        ids=None if request.ids in wrong else request.ids,
        drop=tuple(name for name in request.drop if name not in wrong),
        columns=tuple(name for name in request.columns if name not in wrong),
        kinds={name: kind for name, kind in request.kinds.items() if name not in wrong},
    )
    return kept, faults


def _guess(name: str, names: Sequence[str]) -> str:
    folded = {one.lower(): one for one in reversed(names)}
    close = difflib.get_close_matches(name.lower(), list(folded), n=1)
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""


def choose_columns(table: Table, request: Request, where: str) -> Table:
    """Apply a request to a table whose columns are all numbers, such as an array.

    Labels and ids that the table came with stay, unless the request names others.
    """
    if request.labels is not None and request.labels == table.label_name:
        request = replace(request, labels=None)
    if request.ids is not None and request.ids == table.id_name:
        request = replace(request, ids=None)
    if table.label_name in request.drop:
        request = replace(request, drop=tuple(name for name in request.drop if name != table.label_name))
        table = replace(table, labels=None, label_name=None)
    if table.id_name in request.drop:
        request = replace(request, drop=tuple(name for name in request.drop if name != table.id_name))
        table = replace(table, ids=None, id_name=None)
    if not (request.labels or request.ids or request.drop or request.columns):
        return table
    require_known(table.columns, request, where, beside=(table.label_name, table.id_name))
    position = {name: index for index, name in enumerate(table.columns)}
    chosen = table
    if request.labels is not None:
        chosen = replace(chosen, labels=_numbers(table, position[request.labels]), label_name=request.labels)
    if request.ids is not None:
        chosen = replace(chosen, ids=_numbers(table, position[request.ids]), id_name=request.ids)
    used = {request.labels, request.ids, *request.drop}
    kept = request.columns or tuple(name for name in table.columns if name not in used)
    if not kept:
        raise DataError(f"{where}: no column is left to learn from; name fewer columns in --drop.")
    if kept == table.columns:
        return chosen
    values = np.ascontiguousarray(table.values[:, [position[name] for name in kept]])
    return replace(chosen, cells=values, columns=tuple(kept), image_shape=None, row_shape=None, layout=None)


def _numbers(table: Table, index: int) -> np.ndarray:
    column = np.array(table.values[:, index])
    whole = np.all(column == np.rint(column)) and np.all(np.abs(column) < 2**53)
    return column.astype(np.int64) if whole else column


def words_of(
    cells: Any,
    what: str,
    line_of: Callable[[int], int | None] | None = None,
    first_row: int = 0,
    *,
    whole: bool | None = None,
) -> np.ndarray:
    """Ids or labels, shape (rows,), never as Python objects, which .npz files can't hold.

    Texts stay as they are written, such as ``007``, unless ``whole``: then all are plain whole numbers; None checks.
    """
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(cells.type):
        cells = cells.cast(cells.type.value_type)
    if types.is_nested(cells.type) or types.is_binary(cells.type) or types.is_large_binary(cells.type):
        raise DataError(f"{what} holds {cells.type}; it must hold words, numbers or dates.")
    missing = [row for row, cell in enumerate(cells.to_pylist()) if cell is None or cell == ""]
    if missing:
        count = "1 empty cell" if len(missing) == 1 else f"{len(missing)} empty cells, the first"
        location = row_location(first_row + missing[0], line_of)
        raise DataError(f"{what} has {count} in {location}; fill it, or use --drop.")
    if types.is_string(cells.type) and (whole or (whole is None and are_whole_numbers(cells))):
        cells = cells.cast(pyarrow.int64())
    entries = cells.to_numpy() if isinstance(cells, pyarrow.ChunkedArray) else cells.to_numpy(zero_copy_only=False)
    if entries.dtype != object:
        return entries
    if not types.is_string(cells.type) and not types.is_large_string(cells.type):
        entries = texts(cells).to_numpy(zero_copy_only=False)
    # every entry is as wide as the longest
    longest = max(map(len, entries))
    if longest > MAX_CHARACTERS and longest * len(entries) > MAX_CHARACTERS_IN_ALL:
        raise DataError(f"{what} has a cell of {longest:,} characters; ids and labels are words, shorten it.")
    return entries.astype(np.str_)


def are_whole_numbers(cells: Any) -> bool:
    """Whether every cell is a plain whole number, without leading zeros."""
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are generated at import
    return not len(cells) or bool(compute.all(compute.match_substring_regex(cells, WHOLE_NUMBER)).as_py())
