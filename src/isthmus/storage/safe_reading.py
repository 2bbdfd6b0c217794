"""Reading what a stranger may have written: strict JSON, and a tensor file checked before it is believed.

A safetensors file is eight bytes (the header's length), a JSON header (each tensor's type, shape and place)
and the numbers. The format runs no code, but its own reader takes a header of 99 MB, two hundred thousand
empty tensors, the same key twice and a flipped bit without a word. Here all of it is bounded, and compared
with the file's true size, before anything of that size is allocated. What is wrong inside a file is a
`ValueError` that says so in half a sentence; whoever knows which file it is makes a `StorageError` of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

__all__ = [
    "StorageError",
    "TensorKind",
    "checksum",
    "open_regular_file",
    "parse_object",
    "read_header",
    "require_keys",
    "shortened",
]

MOST_HEADER_BYTES = 1 << 20
MOST_TENSORS = 4096
MOST_DIGITS = 18
MOST_DIMENSIONS = 8
BYTES_A_NUMBER = {"F32": 4, "F64": 8}


class StorageError(ValueError):
    """A model folder that cannot be written or read: one sentence saying which, why, and what to do."""


@dataclass(frozen=True)
class TensorKind:
    """What a tensor is before its numbers are read: its type, ``"F32"`` or ``"F64"``, and its shape."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Room its numbers take."""
        return BYTES_A_NUMBER[self.dtype] * math.prod(self.shape)


def open_regular_file(folder: Path, name: str) -> BinaryIO:
    """Open ``folder/name`` for reading if it is a plain file, else raise a `StorageError`.

    Links, pipes and folders are refused unopened.
    """
    path = folder / name
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
            raise StorageError(f"{str(folder)!r} cannot be read: its {name} is {kind}, and only plain files are read.")
        # The name may have changed hands since: a link is not followed, a pipe not waited for.
        careful = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        handle = os.open(path, os.O_RDONLY | careful)
    except FileNotFoundError:
        raise StorageError(f"{str(folder)!r} is not an isthmus model folder: it has no {name}.") from None
    except OSError as error:
        raise StorageError(f"{str(folder)!r} cannot be read: {name}: {error.strerror or error}.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageError(f"{str(folder)!r} cannot be read: its {name} is no plain file any more.")
    return os.fdopen(handle, "rb")


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """One JSON object of finite numbers and keys that occur once; ``what`` names it in the `ValueError`."""
    try:
        parsed = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_of_few_digits,
        )
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{what} is not JSON") from error
    except ValueError as error:
        raise ValueError(f"{what} {error}") from error
    if not isinstance(parsed, dict):
        raise ValueError(f"{what} holds no JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"has the key {shortened(twice)} twice")
    return found


def _refuse_constant(word: str) -> float:
    raise ValueError(f"holds {word}, which is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"holds {shortened(text)}, which is beyond all bounds")
    return number


def _of_few_digits(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"holds a whole number of more than {MOST_DIGITS} digits")
    return int(text)


def read_header(file: BinaryIO, what: str) -> dict[str, TensorKind]:
    """What a safetensors file says it holds, after checking that the file is exactly as long as that.

    Parameters
    ----------
    file
        Open at its first byte; left behind the header.
    what
        Its name, as the `ValueError` is to give it.
    """
    n_bytes = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if n_bytes < 8 or length > n_bytes - 8:
        raise ValueError(f"{what} ends inside its header")
    if length > MOST_HEADER_BYTES:
        raise ValueError(f"{what} has a header of {length:,} bytes, and {MOST_HEADER_BYTES:,} is the most read")
    header = parse_object(file.read(length), f"the header of {what}")
    header.pop("__metadata__", None)
    if len(header) > MOST_TENSORS:
        raise ValueError(f"{what} holds {len(header):,} tensors, and {MOST_TENSORS:,} is the most read")
    kinds = {name: _kind(entry, f"{what}: the tensor {shortened(name)}") for name, entry in header.items()}
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        if entry["data_offsets"] != [end, end + kinds[name].n_bytes]:
            raise ValueError(f"{what}: the tensor {shortened(name)} is not where its size puts it")
        end += kinds[name].n_bytes
    if 8 + length + end != n_bytes:
        raise ValueError(f"{what} has {n_bytes:,} bytes where its header speaks of {8 + length + end:,}")
    return kinds


def _kind(entry: Any, what: str) -> TensorKind:
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError(f"{what} is described in other words than dtype, shape and data_offsets")
    if entry["dtype"] not in tuple(BYTES_A_NUMBER):
        raise ValueError(f"{what} is of type {shortened(entry['dtype'])}, not {' or '.join(BYTES_A_NUMBER)}")
    for key, lengths in (("shape", range(MOST_DIMENSIONS + 1)), ("data_offsets", (2,))):
        sizes = entry[key]
        if not isinstance(sizes, list) or len(sizes) not in lengths:
            raise ValueError(f"{what} has no list of sizes as its {key}")
        if not all(type(size) is int and size >= 0 for size in sizes):
            raise ValueError(f"{what} has no list of sizes as its {key}")
    return TensorKind(entry["dtype"], tuple(entry["shape"]))


def checksum(facts: Mapping[str, Any]) -> str:
    """SHA-256 of the facts themselves: neither the order of keys nor white space counts."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def require_keys(found: Mapping[str, Any], required: set[str], what: str, *, optional: Iterable[str] = ()) -> None:
    """Raise a `ValueError` that names a key of ``what`` too many or too few."""
    for unknown in sorted(set(found) - required - set(optional)):
        raise ValueError(f"{what} has the unknown key {shortened(unknown)}; a newer isthmus may know it")
    for missing in sorted(required - set(found)):
        raise ValueError(f"{what} lacks the key {missing!r}")


def shortened(value: Any) -> str:
    """A value as a message quotes it: in sixty letters at most."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
