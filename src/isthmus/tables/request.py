"""The options of reading: the roles of columns, and how the file is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from isthmus.tables.dialect import Dialect
from isthmus.tables.layout import TableLayout
from isthmus.tables.row_shape import RowShape

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """Options of reading; each one that is not given is inferred.

    Attributes
    ----------
    labels, ids : str or None
        The column of classes, and the one that names the rows; neither is learned from.
    drop : tuple of str
        Columns to leave out.
    columns : tuple of str
        The columns to learn from, in this order; if empty, all that can be learned from.
    kinds : dict
        The kinds of columns by name: number, count, category, date, boolean, text, id; a form after a colon, as in
        ``date:%d/%m/%Y``.
    header : bool, int or None
        Whether there is a row of names, or how many there are.
    separator, decimal, encoding : str or None
        How a text file is written.
    missing_marks : tuple of str
        Further marks of a missing cell, in every column.
    layout, dialect : TableLayout and Dialect, or None
        The columns of the fit, and how its file was written; tried first.
    passed_over : tuple of str
        Columns of the fit's file that were not used for training.
    size : (int, int) or None
        Width and height that pictures are resized to.
    pad : bool
        Whether pictures of another shape are padded, and not cropped to the middle.
    skip_unreadable : bool
        Whether unreadable files of a folder are skipped.
    window : float or None
        Seconds of sound in a row.
    waveform : bool
        Whether sounds are read as samples, not as spectrograms.
    row_shape : RowShape or None
        From the fit: pictures and sounds are brought to this shape.
    held_bytes, scratch
        Bytes that may be held in memory, and the folder for the rest.
    """

    labels: str | None = None
    ids: str | None = None
    drop: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    header: bool | int | None = None
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    missing_marks: tuple[str, ...] = ()
    layout: TableLayout | None = None
    dialect: Dialect | None = None
    passed_over: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    pad: bool = False
    skip_unreadable: bool = False
    window: float | None = None
    waveform: bool = False
    row_shape: RowShape | None = None
    held_bytes: int | None = None
    scratch: Path | None = None

    @classmethod
    def of(cls, *, drop: Sequence[str] = (), columns: Sequence[str] | None = None, **others: object) -> Request:
        """A request from lists, where None means not given."""
        given = {name: value for name, value in others.items() if value is not None}
        marks = given.pop("missing_marks", ())
        return cls(drop=tuple(drop), columns=tuple(columns or ()), missing_marks=tuple(marks), **given)  # pyrefly: ignore
