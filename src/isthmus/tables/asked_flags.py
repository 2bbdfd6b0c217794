"""What a person says of a file, as far as it can be wrong by itself: all of it at once, before the file is read."""

from __future__ import annotations

from isthmus.tables.asked_kinds import ASKABLE
from isthmus.tables.dialect import FIRM, NAMES
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request
from isthmus.tables.row_shape import RowShape

__all__ = ["require_kind_of_file", "require_sense"]

OF_PICTURES, OF_SOUNDS = ("size", "pad", "skip_unreadable"), ("window", "waveform", "skip_unreadable")


def require_sense(request: Request) -> None:
    """Refuse values that no file could have: a `DataError` names all of them."""
    faults = []
    separator = request.separator
    if separator is not None and len(NAMES.get(separator.lower(), separator)) != 1:
        faults.append(f"--separator must be one character, or a name such as tab, got {separator!r}")
    if request.decimal not in (None, *FIRM):
        faults.append(f"--decimal must be '.' or ',', got {request.decimal!r}")
    if request.encoding is not None:
        try:
            b"a".decode(request.encoding)
        except UnicodeError:  # it takes two bytes or more
            pass
        except LookupError:
            known = "utf-8, cp1252, utf-16, gb18030, …"
            faults.append(f"--encoding {request.encoding!r} is not known; it may be {known}")
    unknown = [f"{name}={kind}" for name, kind in request.kinds.items() if kind.partition(":")[0] not in ASKABLE]
    if unknown:
        faults.append(f"--kind {', '.join(unknown)}: a column may be {', '.join(ASKABLE)}")
    if faults:
        raise DataError(f"{'; '.join(faults)}.")


def require_kind_of_file(request: Request, row_shape: RowShape | None, where: str) -> None:
    """Refuse what was said of pictures or sounds where the file is of another kind, instead of ignoring it."""
    if request.row_shape is not None:  # said by a fit, which may have been of pictures
        return
    is_picture = row_shape is not None and row_shape.image_shape is not None
    meant = () if row_shape is None else OF_PICTURES if is_picture else OF_SOUNDS
    names = dict.fromkeys((*OF_PICTURES, *OF_SOUNDS))
    wrong = [f"--{name.replace('_', '-')}" for name in names if name not in meant and getattr(request, name)]
    if wrong:
        kinds = {(): "pictures and sounds", OF_PICTURES: "sounds", OF_SOUNDS: "pictures"}[meant]
        series = "; for windows of a series, name its column of times with --time" if request.window else ""
        what = "a table" if row_shape is None else "of pictures" if is_picture else "of sounds"
        raise DataError(
            f"{where} is {what}, and {', '.join(wrong)} {'is' if len(wrong) == 1 else 'are'} for {kinds}{series}."
        )
