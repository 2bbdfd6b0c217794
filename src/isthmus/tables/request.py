"""What was asked of a reader: which column is what, and how the file is written where that is known."""

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
    """Options of reading; every one that is left alone is found out.

    Attributes
    ----------
    labels, ids : str or None
        The column of classes, and the one that names the rows; neither is learned from.
    drop : tuple of str
        Columns to leave out.
    columns : tuple of str
        The columns to learn from, in this order; none given means all that can be learned from.
    kinds : dict
        What a column is to be taken for, by its name: number, count, category, date, boolean, text, id; a form after a
        colon, as ``date:%d/%m/%Y``.
    header : bool, int or None
        Whether there is a row of names, or how many.
    separator, decimal, encoding : str or None
        How a text is written.
    missing_marks : tuple of str
        What else stands for a missing cell, in every column.
    layout, dialect : TableLayout and Dialect, or None
        What the columns of the fit are, and how its file was written: tried first.
    passed_over : tuple of str
        Columns that were in the file of the fit and not used for training.
    size : (int, int) or None
        Width and height that pictures are brought to.
    pad : bool
        Whether pictures of another shape get borders, and are not cut to the middle.
    skip_unreadable : bool
        Whether files of a folder that can't be read are left out.
    window : float or None
        Seconds of a row of sound.
    waveform : bool
        Whether sounds are read as samples, not as magnitudes by frequency and time.
    row_shape : RowShape or None
        Of the fit: pictures and sounds are brought to it.
    held_bytes, scratch
        How much may be held in memory, and where the rest may be kept.
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
        """The same from lists, and from None for nothing."""
        given = {name: value for name, value in others.items() if value is not None}
        marks = given.pop("missing_marks", ())
        return cls(drop=tuple(drop), columns=tuple(columns or ()), missing_marks=tuple(marks), **given)  # pyrefly: ignore
