"""The flags that override how a file is read; every one that is left out is found from the file itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from isthmus.cli.outcome import UsageError

__all__ = ["READ_BY_ITSELF", "Reading", "ReadingFlags", "TableFlags", "TableReading"]

GROUP = Group("Reading the file", sort_key=3)
OF_FILES = ("size", "pad", "skip_unreadable", "window", "waveform")
KINDS = "number, count, category, date, boolean, text or id"


@dataclass(frozen=True)
class TableFlags:
    """What a user says of a file that holds a table."""

    kind: Annotated[
        tuple[str, ...],
        Parameter(help=f"NAME=KIND: how to read a column ({KINDS}); repeat for more.", show_default=False),
    ] = ()
    header: Annotated[bool | None, Parameter(help="Whether the first row holds the columns' names.")] = None
    separator: Annotated[str | None, Parameter(help="What separates cells: a character, or tab, space.")] = None
    decimal: Annotated[str | None, Parameter(help="The decimal mark, . or ,")] = None
    encoding: Annotated[str | None, Parameter(help="The encoding of the text, such as latin-1.")] = None
    missing_marks: Annotated[
        str | None, Parameter(help="Further marks of a missing cell, separated by commas: '?,-9999'.")
    ] = None

    def options(self) -> dict[str, Any]:
        """The same as options of `isthmus.open_table`; those that were left out are not among them."""
        given: dict[str, Any] = {
            "header": self.header,
            "separator": self.separator,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "kinds": self._kinds() or None,
            "missing_marks": None if self.missing_marks is None else tuple(self.missing_marks.split(",")),
        }
        return {name: value for name, value in given.items() if value is not None}

    def _kinds(self) -> dict[str, str]:
        kinds = {}
        for text in self.kind:
            name, equals, kind = text.rpartition("=")
            if not equals or not name or not kind:
                raise UsageError(f"--kind must be NAME=KIND, where KIND is {KINDS}, got {text!r}.")
            kinds[name] = kind
        return kinds


@dataclass(frozen=True)
class ReadingFlags(TableFlags):
    """What a user says of a file, which may be a table, pictures or sounds."""

    size: Annotated[
        str | None, Parameter(help="Bring pictures to this size, such as 64 or 64x48 (width x height).")
    ] = None
    pad: Annotated[
        bool | None,
        Parameter(help="Pad pictures of another shape with black borders instead of cropping them.", negative=()),
    ] = None
    skip_unreadable: Annotated[
        bool | None, Parameter(help="Leave out files of a folder that can't be read, and name them.", negative=())
    ] = None
    window: Annotated[
        float | None,
        Parameter(
            help="Length of a window: seconds for sounds, steps for a series (--time).",
            validator=Number(gt=0),
        ),
    ] = None
    waveform: Annotated[
        bool | None,
        Parameter(help="Read sounds as samples, not as log-magnitudes by frequency and time.", negative=()),
    ] = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> ReadingFlags:
        """The flags that were stored."""
        return cls(**(given or {}))

    def options(self) -> dict[str, Any]:
        return super().options() | self.of_files | ({} if self.size is None else {"size": self._size()})

    @property
    def of_files(self) -> dict[str, bool | float | str]:
        """The flags for pictures and sounds that were given, which hold for later commands too."""
        given = {name: getattr(self, name) for name in OF_FILES}
        return {name: value for name, value in given.items() if value is not None}

    def _size(self) -> tuple[int, int] | None:
        """(width, height)."""
        if self.size is None:
            return None
        found = re.fullmatch(r"([1-9][0-9]{0,4})(?:[x,×]([1-9][0-9]{0,4}))?", self.size.strip().lower())
        if found is None:
            raise UsageError(f"--size must be a number of pixels, or width x height such as 64x48, got {self.size!r}.")
        return int(found[1]), int(found[2] or found[1])


READ_BY_ITSELF = ReadingFlags()
Reading = Annotated[ReadingFlags, Parameter(name="*", group=GROUP)]
TableReading = Annotated[TableFlags, Parameter(name="*", group=GROUP)]
