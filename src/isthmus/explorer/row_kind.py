"""The kind of a row on the page, its nouns and how it is drawn: picture, lines over time, sound, word or table row.

It depends only on the shape of a row and the kinds of its axes, so a new reader needs nothing here.
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
    """Nouns for a row and one of its numbers, and what the page needs to draw it.

    Attributes
    ----------
    noun, part : str
        A row, and one of its numbers.
    shown : str
        What the page draws of a decoded row, for its opening sentence.
    lines : dict or None
        For lines: names of the channels, steps, and steps per unit of time.
    sound : dict or None
        For sounds: sampling rate, samples, and the frames of the spectrogram.
    closed_form : str
        The name of the PCA of such rows, if it has one of its own.
    """

    noun: str = "row"
    part: str = "column"
    shown: str = "the blue bars are"
    lines: dict[str, Any] | None = field(default=None)
    sound: dict[str, Any] | None = field(default=None)
    closed_form: str = ""

    def facts(self) -> dict[str, Any]:
        """The entries for the page's JSON."""
        return {"noun": self.noun, "part": self.part, "lines": self.lines, "sound": self.sound}


TABLE_ROW = RowKind()
PICTURE = RowKind("picture", "pixel", "the middle picture is")


def row_kind(row_shape: RowShape | None, *, is_picture: bool, has_words: bool = False) -> RowKind:
    """The kind of rows of a shape; ``is_picture`` if they are drawn as pictures in any case."""
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
