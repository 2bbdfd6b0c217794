"""The flags that override how a file is read; every one that is left out is found from the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Group, Parameter

from isthmus.cli.outcome import UsageError

__all__ = ["READ_BY_ITSELF", "Reading", "ReadingFlags"]

GROUP = Group("Reading the file", sort_key=3)
KINDS = "number, category, date, boolean, text or id"


@dataclass(frozen=True)
class ReadingFlags:
    """What a user says of a file."""

    kind: Annotated[
        tuple[str, ...],
        Parameter(help=f"NAME=KIND: what a column is taken for ({KINDS}); repeat for more.", show_default=False),
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


READ_BY_ITSELF = ReadingFlags()
Reading = Annotated[ReadingFlags, Parameter(name="*", group=GROUP)]
