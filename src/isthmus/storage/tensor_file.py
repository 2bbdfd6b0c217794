"""A file of tensors, checked before any number in it is trusted.

A safetensors file is eight bytes (the header's length), a JSON header (each tensor's type, shape and offsets) and the
numbers. The format runs no code, but its own reader accepts a header of 99 MB, two hundred thousand empty tensors,
duplicate keys and flipped bits without complaint. Here all of that is bounded, and compared with the size of the file,
before anything of that size is allocated.
"""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from isthmus.storage.record import fact, from_plain, record
from isthmus.storage.safe_reading import open_regular_file, parse_object, shortened

__all__ = [
    "MAX_TENSORS",
    "HeldTensors",
    "StoredTensors",
    "TensorFile",
    "TensorKind",
    "kinds_of",
    "tensor_bytes",
    "tensors_from",
]

MAX_HEADER_BYTES = 1 << 20
MAX_TENSORS = 4096
MAX_DIMENSIONS = 8
KINDS = {
    torch.float32: "F32",
    torch.float64: "F64",
    # of a user's own module
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
BYTES_A_NUMBER = {kind: dtype.itemsize for dtype, kind in KINDS.items()}


@dataclass(frozen=True)
class TensorKind:
    """Type, such as ``"F32"``, and shape of a tensor."""

    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"

    @property
    def n_bytes(self) -> int:
        """Size of its numbers."""
        return BYTES_A_NUMBER[self.dtype] * math.prod(self.shape)


@record
class _Entry:
    """One tensor in the header of a file."""

    dtype: Literal["F32", "F64", "F16", "BF16", "I64", "I32", "I16", "I8", "U8", "BOOL"]
    shape: tuple[int, ...] = fact(at_least=0, lengths=(0, MAX_DIMENSIONS))
    data_offsets: tuple[int, int] = fact(at_least=0)


class StoredTensors(ABC):
    """Tensors whose ``kinds`` are known, and whose numbers are read if the kinds are as expected."""

    kinds: Mapping[str, TensorKind]

    @abstractmethod
    def read(self, expected: Mapping[str, TensorKind]) -> dict[str, Tensor]:
        """All of them by name; a `ValueError` if they are not as expected, or damaged."""


class TensorFile(StoredTensors):
    """The tensors of a safetensors file with a known checksum.

    Parameters
    ----------
    folder, name
        The file.
    sha256
        Of its bytes.
    renamed
        From a tensor's name in the file to its present name.
    """

    def __init__(self, folder: Path, name: str, sha256: str, renamed: Callable[[str], str] = str):
        self._folder, self._name, self._sha256, self._renamed = folder, name, sha256, renamed
        with open_regular_file(folder, name) as file:
            kinds, self._head = _read_header(file, name)
        self.kinds = {renamed(found): kind for found, kind in kinds.items()}

    def read(self, expected: Mapping[str, TensorKind]) -> dict[str, Tensor]:
        _require_kinds(self.kinds, expected, self._name)
        with open_regular_file(self._folder, self._name) as file:
            data = file.read()
        if hashlib.sha256(data).hexdigest() != self._sha256 or not data.startswith(self._head):
            raise ValueError(f"{self._name} is not as it was saved (its checksum differs)")
        try:
            # Copied, so every tensor is aligned as torch does: the same bits come out again.
            return {self._renamed(name): tensor.clone() for name, tensor in safetensors.load(data).items()}
        except SafetensorError as error:
            raise ValueError(f"{self._name} cannot be read ({error})") from error


class HeldTensors(StoredTensors):
    """Tensors in memory."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        self._tensors, self.kinds = dict(tensors), kinds_of(tensors)

    def read(self, expected: Mapping[str, TensorKind]) -> dict[str, Tensor]:
        _require_kinds(self.kinds, expected, "the folder")
        return self._tensors


def kinds_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorKind]:
    """Type and shape of each tensor."""
    return {name: TensorKind(KINDS[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}


def tensors_from(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """NumPy arrays as tensors."""
    return {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in arrays.items()}


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of a safetensors file; the same tensors give the same bytes."""
    # Copied, as the format refuses tensors that share memory.
    return safetensors.save({name: part.detach().cpu().contiguous().clone() for name, part in tensors.items()})


def _require_kinds(found: Mapping[str, TensorKind], expected: Mapping[str, TensorKind], what: str) -> None:
    if found == expected:
        return
    name = next(name for name in [*expected, *found] if found.get(name) != expected.get(name))
    wanted, got = (kinds.get(name, "none") for kinds in (expected, found))
    raise ValueError(f"{what}: the tensor {shortened(name)} must be {wanted}, got {got}")


def _read_header(file: BinaryIO, what: str) -> tuple[dict[str, TensorKind], bytes]:
    """The kinds in the header, if the file has exactly the size they imply, and the bytes of the header."""
    n_bytes = os.fstat(file.fileno()).st_size
    head = file.read(8)
    length = int.from_bytes(head, "little")
    if n_bytes < 8 or length > n_bytes - 8:
        raise ValueError(f"{what} ends inside its header")
    if length > MAX_HEADER_BYTES:
        raise ValueError(f"{what} has a header of {length:,} bytes, and {MAX_HEADER_BYTES:,} is the most read")
    head += file.read(length)
    header = parse_object(head[8:], f"the header of {what}")
    header.pop("__metadata__", None)
    if len(header) > MAX_TENSORS:
        raise ValueError(f"{what} holds {len(header):,} tensors, and {MAX_TENSORS:,} is the most read")
    entries = {
        name: from_plain(_Entry, entry, f"{what}: the tensor {shortened(name)}") for name, entry in header.items()
    }
    kinds = {name: TensorKind(entry.dtype, entry.shape) for name, entry in entries.items()}
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        if entry.data_offsets != (end, end + kinds[name].n_bytes):
            raise ValueError(f"{what}: the tensor {shortened(name)} is not where its size puts it")
        end += kinds[name].n_bytes
    if 8 + length + end != n_bytes:
        raise ValueError(f"{what} has {n_bytes:,} bytes, and its header describes {8 + length + end:,}")
    return kinds, head
