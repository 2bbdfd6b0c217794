"""The options given for a file that are invalid, or make no sense for its format: all faults at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from isthmus.tables.asked_kinds import ASKABLE
from isthmus.tables.dialect import NAMES, UNAMBIGUOUS
from isthmus.tables.request import Request
from isthmus.tables.row_shape import RowShape

__all__ = ["FLAG", "OF_PICTURES", "OF_SOUNDS", "OF_TEXT", "array_faults", "sensible", "table_faults"]

OF_PICTURES, OF_SOUNDS = ("size", "pad", "skip_unreadable"), ("window", "waveform", "skip_unreadable")
OF_TEXT = ("header", "separator", "decimal", "encoding")
OF_TABLES = ("kinds", "missing_marks")
MAX_NAMES = 20  # rows of column names
MEANT_FOR = {
    **dict.fromkeys(("size", "pad"), "files of pictures"),
    **dict.fromkeys(("window", "waveform"), "files of sounds"),
    "skip_unreadable": "folders of pictures or sounds",
    "header": "text and spreadsheets",
    **dict.fromkeys(("separator", "decimal", "encoding"), "text"),
    **dict.fromkeys(OF_TABLES, "tables of columns"),
}
FLAG = {"kinds": "kind"}


def sensible(request: Request) -> tuple[Request, list[str]]:
    """The request without invalid options, and the faults found, each a clause."""
    faults, without = [], dict[str, Any]()
    separator = request.separator
    mark = None if separator is None else NAMES.get(separator.lower(), separator)
    if mark is not None and (len(mark) != 1 or mark in "\r\n\"'\0"):
        faults.append(f"--separator must be one character, no quote, or a name such as tab, got {separator!r}")
        without["separator"] = None
    if request.decimal not in (None, *UNAMBIGUOUS):
        faults.append(f"--decimal must be '.' or ',', got {request.decimal!r}")
        without["decimal"] = None
    if request.header is not None and not 0 <= int(request.header) <= MAX_NAMES:
        faults.append(f"--header must be a number of rows from 0 to {MAX_NAMES}, got {int(request.header)}")
        without["header"] = None
    if request.encoding is not None:
        try:
            b"a".decode(request.encoding)
        except UnicodeError:  # an encoding with at least two bytes per character
            pass
        except LookupError:
            known = "utf-8, cp1252, utf-16, gb18030, …"
            faults.append(f"--encoding {request.encoding!r} is not known; it may be {known}")
            without["encoding"] = None
    unknown = {name: kind for name, kind in request.kinds.items() if kind.partition(":")[0] not in ASKABLE}
    if unknown:
        listed = ", ".join(f"{name}={kind}" for name, kind in unknown.items())
        faults.append(f"--kind {listed}: a column may be {', '.join(ASKABLE)}")
        without["kinds"] = {name: kind for name, kind in request.kinds.items() if name not in unknown}
    return replace(request, **without), faults


def table_faults(request: Request, flags: Collection[str]) -> list[str]:
    """Options that a file of columns does not take; ``flags`` are those that its format takes."""
    return _faults(request, {*flags, *OF_TABLES}, "a table" if "separator" in flags else "a table that is not text")


def array_faults(request: Request, row_shape: RowShape | None, flags: Collection[str] = ()) -> list[str]:
    """The same for an array of numbers, or files of pictures or sounds."""
    if flags:
        what = "of pictures" if "size" in flags else "of sounds"
    else:
        is_picture = row_shape is not None and row_shape.image_shape is not None
        what = "an array of pictures" if is_picture else "an array of numbers"
    return _faults(request, flags, what)


def _faults(request: Request, meant: Collection[str], what: str) -> list[str]:
    # options for pictures or sounds at fit do no harm to a later array of the same rows
    asked = OF_TEXT if request.row_shape is not None else tuple(MEANT_FOR)
    wrong = [name for name in asked if name not in meant and getattr(request, name) not in (None, False, (), {})]
    if request.header is False and "header" not in meant:
        wrong.append("header")
    if not wrong:
        return []
    groups: dict[str, list[str]] = {}
    for name in wrong:
        groups.setdefault(MEANT_FOR[name], []).append(f"--{FLAG.get(name, name).replace('_', '-')}")
    uses = ", ".join(f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} for {kinds}"
                     for kinds, names in groups.items())  # fmt: skip
    series = "; for windows of a series, name its column of times with --time" if request.window else ""
    return [f"it is {what}, but {uses}; leave {'it' if len(wrong) == 1 else 'them'} out{series}"]
