"""Reading untrusted files: regular files only, and strict JSON.

What is wrong inside a file is a `ValueError` with a short clause; `reading` turns it into a `StorageError` that names
the folder.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

__all__ = ["StorageError", "checksum", "open_regular_file", "parse_object", "reading", "reason_of", "shortened"]

MAX_DIGITS = 18


class StorageError(ValueError):
    """A model folder that cannot be written or read: which, why, and what to do."""


@contextmanager
def reading(where: Path) -> Iterator[None]:
    """Turn any error inside into one `StorageError` about the folder ``where``."""
    try:
        yield
    except (StorageError, MemoryError):
        raise
    except Exception as error:  # an untrusted file may make anything raise
        raise StorageError(f"{str(where)!r} is damaged: {reason_of(error)}; save it again.") from error


def reason_of(error: Exception) -> str:
    """The first line of an error, shortened, without its full stop."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".; ")


def open_regular_file(folder: Path, name: str) -> BinaryIO:
    """Open ``folder/name`` for reading if it is a regular file, else raise a `StorageError`.

    Links, pipes and folders are refused without being opened.
    """
    path = folder / name
    try:
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            kind = "a link" if stat.S_ISLNK(found.st_mode) else "no plain file"
            raise StorageError(f"{str(folder)!r} cannot be read: its {name} is {kind}, and only plain files are read.")
        # It may have been replaced since: a link is not followed, a pipe not waited for.
        careful = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
        handle = os.open(path, os.O_RDONLY | careful)
    except FileNotFoundError:
        raise StorageError(f"{str(folder)!r} is not a folder that isthmus saved: it has no {name}.") from None
    except OSError as error:
        raise StorageError(f"{str(folder)!r} cannot be read: {name}: {error.strerror or error}.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StorageError(f"{str(folder)!r} cannot be read: its {name} is no plain file any more.")
    return os.fdopen(handle, "rb")


def parse_object(data: bytes, what: str) -> dict[str, Any]:
    """A JSON object of finite numbers and unique keys; ``what`` names it in the `ValueError`."""
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
    if len(text) > MAX_DIGITS:
        raise ValueError(f"holds a whole number of more than {MAX_DIGITS} digits")
    return int(text)


def checksum(facts: Mapping[str, Any]) -> str:
    """SHA-256 of the facts, whatever the order of keys and the white space in the file."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def shortened(value: Any) -> str:
    """A value as quoted in a message, in at most sixty characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
