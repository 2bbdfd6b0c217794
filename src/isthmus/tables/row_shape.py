"""The shape of a row and the kinds of its axes: how pictures, sounds and embeddings are read, learned and drawn.

    (height, width)   (channel, height, width)     pictures
    (time)            (channel, time)              waveforms, series
    (frequency, time)                              spectrograms
    (feature)                                      embeddings, and rows without another shape

A row is stored flat, its last axis fastest. Neighbours along height, width, frequency and time belong together, and a
convolution runs along these; channels and features are in no order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Axis", "RowShape", "Signal"]

Axis = Literal["channel", "height", "width", "time", "frequency", "feature"]
ORDERED = ("height", "width", "frequency", "time")


@dataclass(frozen=True)
class Signal:
    """How a row is played as sound.

    Attributes
    ----------
    rate : int
        Samples per second.
    length : int
        Samples in a row.
    fft, hop : int
        Samples in a frame of the spectrogram and from one frame to the next; 0 for a waveform.
    """

    rate: int = field(metadata={"at_least": 1})
    length: int = field(metadata={"at_least": 1})
    fft: int = field(default=0, metadata={"at_least": 0})
    hop: int = field(default=0, metadata={"at_least": 0})

    @property
    def is_spectrogram(self) -> bool:
        """Whether rows are magnitudes by frequency and time, and not samples."""
        return self.fft > 0

    @property
    def seconds(self) -> float:
        """How long a row lasts."""
        return self.length / self.rate


@dataclass(frozen=True)
class RowShape:
    """Sizes and kinds of a row's axes.

    >>> RowShape.of_picture((3, 32, 32))
    RowShape(sizes=(3, 32, 32), axes=('channel', 'height', 'width'), signal=None)
    >>> str(RowShape((128, 63), ("frequency", "time"), Signal(8000, 4000, 256, 64)))
    'spectrograms of 128×63, 0.5 s at 8,000 Hz'
    """

    sizes: tuple[int, ...] = field(metadata={"at_least": 1, "lengths": (1, 3)})
    axes: tuple[Axis, ...] = field(metadata={"lengths": (1, 3)})
    signal: Signal | None = None

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.axes):
            raise ValueError(f"a row of sizes {self.sizes} needs as many kinds of axes, got {self.axes}")

    @classmethod
    def of_picture(cls, image_shape: tuple[int, ...]) -> RowShape:
        """(height, width) or (channels, height, width)."""
        return cls(tuple(map(int, image_shape)), ("channel", "height", "width")[-len(image_shape) :])

    @classmethod
    def of_features(cls, count: int) -> RowShape:
        """Features in no particular order."""
        return cls((count,), ("feature",))

    def __str__(self) -> str:
        sides = "×".join(f"{size:,}" for size in self.sizes)
        heard = "" if self.signal is None else f", {self.signal.seconds:.3g} s at {self.signal.rate:,} Hz"
        return f"{self.noun} of {sides}{' samples' if self.noun == 'waveforms' else ''}{heard}"

    @property
    def noun(self) -> str:
        """What rows are, in the plural."""
        if self.axes[-1] == "width":
            return "pictures"
        if self.axes[0] == "frequency":
            return "spectrograms"
        if self.axes[-1] == "time":
            return "waveforms" if self.signal is not None else "series"
        return "vectors"

    @property
    def n_numbers(self) -> int:
        """Numbers in a row."""
        return math.prod(self.sizes)

    @property
    def n_channels(self) -> int:
        """Numbers at each position."""
        return self.sizes[0] if self.axes[0] == "channel" else 1

    @property
    def grid(self) -> tuple[int, ...]:
        """Sizes of the axes along which neighbours belong together: none, one or two."""
        return tuple(size for size, axis in zip(self.sizes, self.axes, strict=True) if axis in ORDERED)

    @property
    def image_shape(self) -> tuple[int, ...] | None:
        """(height, width) or (channels, height, width) where rows are pictures, else None."""
        return self.sizes if self.axes[-1] == "width" else None

    @property
    def is_mirrored(self) -> bool:
        """Whether a mirrored row is as likely: true of photos, which have colour, not of letters."""
        return self.axes == ("channel", "height", "width") and self.sizes[0] in (3, 4)

    def number_names(self) -> tuple[str, ...] | None:
        """What each number of a picture or a sound is; None for rows of another kind.

        >>> RowShape.of_picture((1, 2)).number_names()
        ('pixel_0_0', 'pixel_0_1')
        >>> RowShape((2, 2), ("frequency", "time"), Signal(8000, 64, 4, 32)).number_names()
        ('0 Hz at 0 s', '0 Hz at 0.004 s', '2000 Hz at 0 s', '2000 Hz at 0.004 s')
        """
        signal = self.signal
        if self.image_shape is not None:
            return pixel_names(self.image_shape)
        if signal is None:
            return None
        if not signal.is_spectrogram:
            return tuple(f"{place / signal.rate:.6g} s" for place in range(self.n_numbers))
        bands, frames = self.sizes
        return tuple(
            f"{band * signal.rate / signal.fft:.0f} Hz at {frame * signal.hop / signal.rate:.3g} s"
            for band in range(bands)
            for frame in range(frames)
        )


def pixel_names(image_shape: tuple[int, ...]) -> tuple[str, ...]:
    """A name for each number of a flattened picture.

    >>> pixel_names((1, 2)), pixel_names((3, 1, 1))
    (('pixel_0_0', 'pixel_0_1'), ('red_0_0', 'green_0_0', 'blue_0_0'))
    """
    height, width = image_shape[-2:]
    planes = ("pixel",) if len(image_shape) == 2 else ("red", "green", "blue", "alpha")[: image_shape[0]]
    if len(image_shape) == 3 and image_shape[0] > 4:
        planes = tuple(f"channel{place}" for place in range(image_shape[0]))
    return tuple(f"{plane}_{y}_{x}" for plane in planes for y in range(height) for x in range(width))
