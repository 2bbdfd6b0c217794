"""All numbers of a page in one block: concatenated arrays, compressed, as text.

The text uses 91 characters, two of them for thirteen bits (91² > 2¹³), and is a twelfth shorter than base64.

Weights are stored as whole numbers times one scale per row, w_ij = s_i q_ij with |q_ij| ≤ levels, with only as many
bits as accurate decoding needs (`isthmus.explorer.rounding`). Whole numbers are zigzag encoded (0, -1, 1, -2 …) in
planes of bytes, lowest first: high planes are nearly all zeros and vanish when compressed.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

__all__ = ["Packer", "as_text", "rounded_rows"]

CODES_LEVELS = (1 << 11) - 1  # a 4,000th of the range of training codes is far below their distances
ALPHABET = bytes(sorted(set(range(0x21, 0x7F)) - set(b"<&\\")))  # no character with a meaning in HTML
FLOAT_LEVELS = 1 << 23  # from here on float32 is not larger


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
    """Collects arrays; each method returns a small dict for the page's JSON, by which the page finds the array."""

    def __init__(self) -> None:
        self._compressed, self._compressor = bytearray(), zlib.compressobj(9)
        self._size = 0

    @property
    def characters(self) -> int:
        """Approximate length of the text so far."""
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
        """An array rounded row by row to ``levels`` steps on either side of 0; float32 if that is not larger."""
        weights = np.asarray(weights)
        if levels >= FLOAT_LEVELS:
            return self.floats(weights)
        whole, scales = rounded_rows(weights, levels)
        zigzag = ((whole << 1) ^ (whole >> 31)).astype(np.uint32)
        n_planes = max(1, (int(zigzag.max(initial=0)).bit_length() + 7) // 8)
        planes = b"".join((zigzag >> (8 * place)).astype(np.uint8).tobytes() for place in range(n_planes))
        return self._kept("rows", weights.shape, planes) | {"planes": n_planes, "scales": self.floats(scales)}

    def text(self) -> str:
        """All arrays so far, compressed, as text."""
        return as_text(bytes(self._compressed) + self._compressor.copy().flush())

    def _kept(self, kind: str, shape: tuple[int, ...], content: bytes) -> dict[str, Any]:
        place = {"kind": kind, "shape": list(shape), "at": self._size}
        content += bytes(-len(content) % 4)  # the page reads float32 in place, aligned to multiples of four
        self._compressed += self._compressor.compress(content)
        self._size += len(content)
        return place


def as_text(content: bytes) -> str:
    """Bytes as text, thirteen bits in two characters, lowest first; a rest of at most five bits in one.

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
