"""What a person says of a file, as far as it can be wrong by itself: all of it at once, before the file is read."""

from __future__ import annotations

from isthmus.tables.asked_kinds import ASKABLE
from isthmus.tables.dialect import FIRM, NAMES
from isthmus.tables.errors import DataError
from isthmus.tables.request import Request

__all__ = ["require_sense"]


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
