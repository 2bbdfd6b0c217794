"""What a row is called on the page, and how it is drawn: a picture, lines over time, a sound, a word, a table row.

Decided by the shape of a row and the kinds of its axes alone, so a new reader needs nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from isthmus.tables.row_shape import RowShape
from isthmus.tables.spectrogram import FLOOR

__all__ = ["TABLE_ROW", "RowKind", "row_kind"]

SINGULAR_SPECTRUM = "singular spectrum analysis, the PCA of windows"
CHANNELS_NAMED = "channel {}"


@dataclass(frozen=True)
class RowKind:
    """Words for a row and one of its numbers, and what the page needs beside the numbers to show it.

    Attributes
    ----------
    noun, part : str
        A row, and one of its numbers.
    shown : str
        What the page draws of a decoded row, in its opening sentence.
    lines : dict or None
        Of rows that are lines: names of the channels, steps, and how many steps make a unit of time.
    sound : dict or None
        Of rows that can be heard: sampling rate, samples, and the frames of the spectrogram.
    closed_form : str
        What the PCA of such rows is called, where it has a name of its own.
    """

    noun: str = "row"
    part: str = "column"
    shown: str = "the blue bars are"
    lines: dict[str, Any] | None = field(default=None)
    sound: dict[str, Any] | None = field(default=None)
    closed_form: str = ""

    def facts(self) -> dict[str, Any]:
        """As the page's JSON has it."""
        return {"noun": self.noun, "part": self.part, "lines": self.lines, "sound": self.sound}


TABLE_ROW = RowKind()
PICTURE = RowKind("picture", "pixel", "the middle picture is")


def row_kind(row_shape: RowShape | None, *, is_picture: bool, has_words: bool = False) -> RowKind:
    """The kind of rows of a shape; ``is_picture`` where they are drawn as pictures whatever it says."""
    if row_shape is None:
        return PICTURE if is_picture else TABLE_ROW
    signal = row_shape.signal
    sound = None if signal is None else {**vars(signal), "floor": FLOOR}
    if is_picture:
        return PICTURE if sound is None else RowKind("clip", "cell", "the middle spectrogram is", sound=sound)
    if len(row_shape.grid) == 1:
        names = [CHANNELS_NAMED.format(place + 1) for place in range(row_shape.n_channels)]
        rate, unit = (1, "step") if signal is None else (signal.rate, "s")
        lines = {"channels": names, "length": row_shape.grid[0], "center": None, "spread": None} | {
            "unit": unit,
            "rate": rate,
        }
        closed_form = SINGULAR_SPECTRUM if signal is None else ""
        return RowKind("window" if signal is None else "clip", "value", "the blue line is", lines, sound, closed_form)
    return RowKind("word", "number") if has_words else TABLE_ROW
