"""Ratings read from a file with one rating per row: a column of users, one of items, and perhaps one of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isthmus.ratings.interactions import Interactions, interactions
from isthmus.tables.asked_flags import FLAG, sensible
from isthmus.tables.dialect import NAMES
from isthmus.tables.errors import DataError, said
from isthmus.tables.opening import open_table
from isthmus.tables.request import Request

__all__ = ["read_ratings"]

SEPARATORS = ",\t;"
OF_WORDS = ("separator", "encoding", "missing_marks")  # options for a file of text alone


def read_ratings(source: str, columns: Sequence[str], options: Mapping[str, Any] | None = None) -> Interactions:
    """The ratings in a file; ``columns`` are those of users, items and optionally values.

    A `DataError` says what is wrong with the file.
    """
    if not 2 <= len({*columns}) == len(columns) <= 3:
        raise DataError(f"ratings are in two or three different columns, user, item and value, got {said(columns)}.")
    user, item = columns[:2]
    how = dict(options or {})
    try:
        if len(columns) == 2:
            found = interactions(*_words(source, user, item, how), who=repr(source))
            return replace(found, columns=tuple(columns))
        asked: dict[str, Any] = {"ids": user, "labels": item, "columns": (columns[2],)}
        how["kinds"] = {columns[2]: "number"} | how.get("kinds", {})
        table: Any = open_table(source, **asked, **how).load()
        found = interactions(table.ids, table.labels, table.values[:, 0], who=repr(source))
        return replace(found, columns=tuple(columns))
    except DataError:  # a ValueError itself
        raise
    except ValueError as error:
        raise DataError(str(error)) from error


def _words(source: str, user: str, item: str, how: Mapping[str, Any]) -> tuple[list[Any], list[Any]]:
    """Two columns as text. `open_table` would refuse a file without a column of numbers."""
    import pyarrow
    from pyarrow import csv, parquet

    path = Path(source)
    is_parquet = path.suffix.lower() == ".parquet"
    faults = sensible(Request.of(**how))[1]
    unused = [f"--{FLAG.get(name, name)}" for name in how if is_parquet or name not in OF_WORDS]
    if unused:
        kind = "a Parquet file" if is_parquet else "a text file"
        faults.append(f"ratings without values are read from {kind} as text, so leave out {', '.join(unused)}")
    if faults:
        raise DataError(f"{source!r}: {'; '.join(faults)}.")
    encoding = how.get("encoding", "utf-8-sig")
    if is_parquet:
        table = parquet.read_table(path)
    elif not path.is_file():
        raise DataError(f"{source!r}: ratings without values are read from a text or Parquet file, and this is none.")
    else:
        with path.open(encoding=encoding, errors="replace") as text:
            head = text.readline()
        asked = how.get("separator")
        separator = max(SEPARATORS, key=head.count) if asked is None else NAMES.get(asked.lower(), asked)
        names = [name.strip().strip('"') for name in head.rstrip("\r\n").split(separator)]
        kinds = dict.fromkeys(names, pyarrow.string())
        try:
            table = csv.read_csv(
                path,
                read_options=csv.ReadOptions(encoding=encoding.removesuffix("-sig")),
                parse_options=csv.ParseOptions(delimiter=separator),
                convert_options=csv.ConvertOptions(
                    column_types=kinds,
                    strings_can_be_null=True,
                    null_values=[*csv.ConvertOptions().null_values, *how.get("missing_marks", ())],
                ),
            )
        except pyarrow.ArrowInvalid as error:
            raise DataError(f"{source!r}: not readable as a table of text ({str(error).splitlines()[0]}).") from error
    absent = [name for name in (user, item) if name not in table.column_names]
    if absent:
        raise DataError(f"{source!r}: there is no column {said(absent)}; the columns are {said(table.column_names)}.")
    return table.column(user).to_pylist(), table.column(item).to_pylist()
