"""All numbers of a page in one block: arrays one after another, compressed, as text.

The text is of 91 characters, thirteen bits in two of them (91² > 2¹³): a twelfth shorter than base64, which spends
its share of four megabytes on nothing.

Weights are kept as whole numbers times one scale a row, w_ij = s_i q_ij with |q_ij| ≤ levels, so they take only
the bits that what they decode needs (`isthmus.explorer.rounding`). Whole numbers are written zigzag (0, -1, 1, -2 …)
in planes of bytes, lowest first: high planes are nearly all zeros and vanish when compressed.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

__all__ = ["Packer", "as_text", "rounded_rows"]

CODES_LEVELS = (1 << 11) - 1  # a 4,000th of the range of training codes is far below what separates them
ALPHABET = bytes(sorted(set(range(0x21, 0x7F)) - set(b"<&\\")))  # no character that means something to HTML
FLOAT_LEVELS = 1 << 23  # from here on float32 itself is no larger


def rounded_rows(weights: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers q and scales s, one for each entry of the first axis: weights ≈ s · q, |q| ≤ levels.

    >>> rounded_rows(np.array([[0.5, -1.0], [0.0, 0.0]]), 2)[0].tolist()
    [[1, -2], [0, 0]]
    """
    flat = np.asarray(weights, np.float64).reshape(len(weights), -1)
    scales = np.abs(flat).max(1, initial=0).astype(np.float32) / np.float32(levels)
    whole = np.rint(flat / np.where(scales > 0, scales, 1).astype(np.float64)[:, None])
    return np.clip(whole, -levels, levels).astype(np.int32), scales


class Packer:
    """Takes arrays and answers with what the page needs to find them: a small dict for its JSON."""

    def __init__(self) -> None:
        self._compressed, self._squeeze = bytearray(), zlib.compressobj(9)
        self._size = 0

    @property
    def characters(self) -> int:
        """How long the text is so far, about."""
        return len(self._compressed) * 16 // 13

    def floats(self, values: Any) -> dict[str, Any]:
        """An array as float32."""
        values = np.asarray(values, dtype="<f4")
        return self._kept("f32", values.shape, values.tobytes())

    def whole_numbers(self, values: Any) -> dict[str, Any]:
        """An array of integers as int32."""
        values = np.asarray(values, dtype="<i4")
        return self._kept("i32", values.shape, values.tobytes())

    def shares(self, values: np.ndarray, divisor: float) -> dict[str, Any]:
        """An array of k/divisor, k from 0 to 255, a byte each."""
        small = np.rint(np.asarray(values, np.float64) * divisor).astype(np.uint8)
        return self._kept("u8", small.shape, small.tobytes()) | {"divisor": divisor}

    def rows(self, weights: Any, levels: int = CODES_LEVELS) -> dict[str, Any]:
        """An array rounded row by row to ``levels`` steps to either side; float32 where that is no larger."""
        weights = np.asarray(weights)
        if levels >= FLOAT_LEVELS:
            return self.floats(weights)
        whole, scales = rounded_rows(weights, levels)
        zigzag = ((whole << 1) ^ (whole >> 31)).astype(np.uint32)
        n_planes = max(1, (int(zigzag.max(initial=0)).bit_length() + 7) // 8)
        planes = b"".join((zigzag >> (8 * place)).astype(np.uint8).tobytes() for place in range(n_planes))
        return self._kept("rows", weights.shape, planes) | {"planes": n_planes, "scales": self.floats(scales)}

    def text(self) -> str:
        """Everything taken so far, compressed, as base64."""
        return as_text(bytes(self._compressed) + self._squeeze.copy().flush())

    def _kept(self, kind: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
        place = {"kind": kind, "shape": list(shape), "at": self._size}
        content += bytes(-len(content) % 4)  # the page reads float32 in place, which begins at multiples of four
        self._compressed += self._squeeze.compress(content)
        self._size += len(content)
        return place


def as_text(content: bytes) -> str:
    """Bytes as text, thirteen bits at a time, lowest first, in two characters; a rest of five or fewer in one.

    >>> as_text(bytes([1])), as_text(bytes([0, 32]))
    ('"!', '!!"')
    """
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    spare = -len(bits) % 13
    bits = np.concatenate([bits, np.zeros(spare, np.uint8)]).reshape(-1, 13)
    values = bits @ (1 << np.arange(13))
    pairs = np.stack([values % 91, values // 91], axis=1)
    text = np.frombuffer(ALPHABET, np.uint8)[pairs].tobytes().decode("ascii")
    return text[:-1] if spare >= 8 else text
