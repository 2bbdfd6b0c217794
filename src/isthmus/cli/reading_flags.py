"""Flags that override how a file is read; whatever is left out is inferred from the file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter
from cyclopts.validators import Number

from isthmus.cli.outcome import UsageError

__all__ = ["OF_ROWS", "OF_TABLES", "READ_BY_ITSELF", "Reading", "ReadingFlags", "TableFlags", "TableReading"]

GROUP = Group("Reading the file", sort_key=3)
OF_TABLES = ("kind", "header", "no_header", "separator", "decimal", "encoding", "missing_marks")
OF_FILES = ("size", "pad", "skip_unreadable", "window", "waveform")
OF_ROWS = ("ids", "labels", "drop", "given", *OF_TABLES, *OF_FILES)  # and the roles of columns
SIZE = re.compile(r"([1-9][0-9]{0,4})(?:[x,×]([1-9][0-9]{0,4}))?")
KINDS = "number, count, category, date, boolean, text or id"


@dataclass(frozen=True)
class TableFlags:
    """How a table is to be read, as the user says."""

    kind: Annotated[
        tuple[str, ...],
        Parameter(help=f"NAME=KIND: how to read a column ({KINDS}); repeat for more.", show_default=False),
    ] = ()
    header: Annotated[int | None, Parameter(help="How many rows hold the columns' names: 1, 2, … or 0 for none.")] = (
        None
    )
    no_header: Annotated[bool | None, Parameter(help="No row holds names; the same as --header 0.", negative=())] = None
    separator: Annotated[str | None, Parameter(help="What separates cells: a character, or tab, space.")] = None
    decimal: Annotated[str | None, Parameter(help="The decimal mark, . or ,")] = None
    encoding: Annotated[str | None, Parameter(help="The encoding of the text, such as latin-1.")] = None
    missing_marks: Annotated[
        tuple[str, ...],
        Parameter(help="Further marks of a missing cell, separated by commas: '?,-9999'.", show_default=False),
    ] = ()

    def options(self) -> dict[str, Any]:
        """The flags that were given, as options of `isthmus.open_table`."""
        faults = self._faults()
        if faults:
            raise UsageError(f"{'; '.join(faults)}.")
        marks = [mark for text in self.missing_marks for mark in (text.split(",") if text.strip(",") else [text])]
        header = 0 if self.no_header else self.header
        given: dict[str, Any] = {
            "header": bool(header) if header in (0, 1) else header,
            "separator": self.separator,
            "decimal": self.decimal,
            "encoding": self.encoding,
            "kinds": {name: kind for name, _, kind in (text.rpartition("=") for text in self.kind)} or None,
            "missing_marks": tuple(marks) or None,
        }
        return {name: value for name, value in given.items() if value is not None}

    def _faults(self) -> list[str]:
        """What is wrong, a clause each."""
        parts = [(text, *text.rpartition("=")) for text in self.kind]
        unclear = [text for text, name, _, kind in parts if not name or not kind]
        faults = [f"--kind must be NAME=KIND, where KIND is {KINDS}, got {', '.join(map(repr, unclear))}"] * bool(
            unclear
        )
        kinds: dict[str, set[str]] = {}
        for _, name, _, kind in parts:
            kinds.setdefault(name, set()).add(kind)
        twice = [f"{name}={'|'.join(sorted(kind))}" for name, kind in kinds.items() if len(kind) > 1]
        faults += [f"--kind {', '.join(twice)}: a column is of one kind; leave one of them out"] * bool(twice)
        if self.no_header and self.header:
            faults.append(f"--no-header and --header {self.header} contradict each other; leave one of them out")
        return faults


@dataclass(frozen=True)
class ReadingFlags(TableFlags):
    """How a table, pictures or sounds are to be read, as the user says."""

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

    def _faults(self) -> list[str]:
        wrong = self.size is not None and SIZE.fullmatch(self.size.strip().lower()) is None
        fault = f"--size must be a number of pixels, or width x height such as 64x48, got {self.size!r}"
        return [*super()._faults(), *[fault] * wrong]

    @property
    def of_files(self) -> dict[str, bool | float | str]:
        """The flags for pictures and sounds that were given, which hold for later commands too."""
        given = {name: getattr(self, name) for name in OF_FILES}
        return {name: value for name, value in given.items() if value is not None}

    def _size(self) -> tuple[int, int] | None:
        """(width, height)."""
        if self.size is None:
            return None
        found = SIZE.fullmatch(self.size.strip().lower())
        assert found is not None  # else it was refused
        return int(found[1]), int(found[2] or found[1])


READ_BY_ITSELF = ReadingFlags()
Reading = Annotated[ReadingFlags, Parameter(name="*", group=GROUP)]
TableReading = Annotated[TableFlags, Parameter(name="*", group=GROUP)]
