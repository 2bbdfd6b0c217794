"""How pictures and sounds are read, where the default will not do; what a fit was told holds for later commands too."""

from __future__ import annotations

import re
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.outcome import UsageError
from isthmus.storage.record import fact, record

__all__ = ["Pad", "ReadingOptions", "Size", "SkipUnreadable", "Waveform", "Window", "reading_options"]

Size = Annotated[
    str | None,
    Parameter(help="Bring pictures to this size, such as 64 or 64x48 (width x height).", show_default=False),
]
Pad = Annotated[
    bool,
    Parameter(help="Give pictures of another shape black borders instead of cutting them.", show_default=False),
]
SkipUnreadable = Annotated[
    bool, Parameter(help="Leave out files of a folder that can't be read, and name them.", show_default=False)
]
Window = Annotated[
    float | None,
    Parameter(help="Cut sounds into windows of so many seconds.", validator=Number(gt=0), show_default=False),
]
Waveform = Annotated[
    bool, Parameter(help="Read sounds as samples, not as log-magnitudes by frequency and time.", show_default=False)
]


@record
class ReadingOptions:
    """The options of `isthmus.open_table` for pictures and sounds; ``size`` is (width, height)."""

    size: tuple[int, ...] | None = fact(at_least=1, at_most=1 << 16, lengths=(2, 2), default=None)
    pad: bool = fact(default=False)
    skip_unreadable: bool = fact(default=False)
    window: float | None = fact(above=0, default=None)
    waveform: bool = fact(default=False)

    def asked(self) -> dict[str, Any]:
        """Those that say something."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


def reading_options(
    size: str | None, *, pad: bool, skip_unreadable: bool, window: float | None, waveform: bool
) -> ReadingOptions:
    """The flags as a record."""
    if size is None:
        return ReadingOptions(None, pad, skip_unreadable, window, waveform)
    found = re.fullmatch(r"([1-9][0-9]{0,4})(?:[x,×]([1-9][0-9]{0,4}))?", size.strip().lower())
    if found is None:
        raise UsageError(f"--size must be a number of pixels, or width x height such as 64x48, got {size!r}.")
    return ReadingOptions((int(found[1]), int(found[2] or found[1])), pad, skip_unreadable, window, waveform)
