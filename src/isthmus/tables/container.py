"""A file, compressed or not: plain, gzip, bzip2, xz, zstd, lz4, or the single file of a zip or tar archive.

The compression is recognized by the first bytes, never by the file name. An archive of several files is unpacked into a
scratch folder and read as a folder.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO, Any

from isthmus.tables import bounds
from isthmus.tables.errors import DataError

__all__ = ["HEAD_BYTES", "File", "Scratch", "archive_kind", "unpacked", "without_packing"]

HEAD_BYTES = 1 << 18
BLOCK = 1 << 20
ZIP = b"PK\x03\x04"
WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
PACKED = (
    (b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
)  # fmt: skip
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip", ".tar", ".tgz", ".tbz2", ".txz")
MAX_MEMBERS = 200_000
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
SKIPPED = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")


class Scratch:
    """A temporary folder, removed with the last reference to it, or with the process."""

    def __init__(self, parent: Path | None = None):
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        self.path = Path(tempfile.mkdtemp(prefix="isthmus-", dir=parent))
        self._remove = weakref.finalize(self, shutil.rmtree, str(self.path), True)

    def close(self) -> None:
        """Remove it now."""
        self._remove()


class File:
    """A file that can be read from its beginning any number of times, decompressed on the fly."""

    def __init__(self, path: Path, where: str | None = None, scratch: Path | None = None):
        self.path, self.where, self._scratch_parent = path, where or repr(str(path)), scratch
        self.packing = packing_of(_first_bytes(path, 512))
        self._member: str | None = None
        self.zip_format = zip_format(path) if self.packing == "zip" else None
        if self.zip_format is not None:
            self.packing = None
        elif self.packing == "zip":
            self._member = _only_member(path, self.where)
        self.name = _bare_name(self._member or path.name)
        self._kept: list[Scratch] = []

    @property
    def stem(self) -> str:
        """The name of a table in it."""
        return self.name.rpartition(".")[0] or self.name

    @property
    def suffix(self) -> str:
        """The suffix of the unpacked file, in lower case."""
        return PurePosixPath(self.name).suffix.lower()

    @cached_property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    @cached_property
    def head(self) -> bytes:
        """Its first bytes, unpacked."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)

    @property
    def is_whole(self) -> bool:
        """Whether the first bytes are all there are."""
        return len(self.head) < HEAD_BYTES

    @contextmanager
    def open(self) -> Iterator[Any]:
        """The unpacked bytes as a stream from the beginning; errors name the file."""
        try:
            with self._opened() as stream:
                yield stream if self.packing is None else _Bounded(stream, self.size, self.where)
        except (*DAMAGED, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:  # raised by the disk, not by a decompressor
                raise
            raise DataError(
                f"{self.where}: not readable, its compression is damaged ({error}); get it again."
            ) from error

    def _opened(self) -> Any:
        if self.packing is None:
            return self.path.open("rb")
        if self.packing == "zip":
            archive = zipfile.ZipFile(self.path)
            return archive.open(self._member or "")
        if self.packing in ("zstd", "lz4"):
            import pyarrow

            return pyarrow.CompressedInputStream(pyarrow.OSFile(str(self.path)), self.packing)
        openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bz2": bz2.open, "xz": lzma.open}
        return openers[self.packing](self.path, "rb")

    def on_disk(self) -> Path:
        """A plain file with its unpacked bytes: itself, or an unpacked copy."""
        if self.packing is None:
            return self.path
        if not self._kept:
            self._kept.append(Scratch(self._scratch_parent))
            with self.open() as stream, (self._kept[0].path / (self.name or "file")).open("wb") as copy:
                while block := stream.read(BLOCK):
                    copy.write(block)
        return self._kept[0].path / (self.name or "file")

    def bytes(self) -> bytes:
        """All its unpacked bytes."""
        parts = []
        with self.open() as stream:
            while block := stream.read(BLOCK):
                parts.append(block)
        return b"".join(parts)


class _Bounded(io.RawIOBase):
    """A stream of unpacked bytes that refuses implausibly many."""

    def __init__(self, stream: Any, file_bytes: int, where: str):
        self.stream, self.file_bytes, self.where, self.count = stream, file_bytes, where, 0

    def read(self, size: int = -1) -> bytes:  # pyrefly: ignore[bad-override]
        parts, left = [], size if size >= 0 else sys.maxsize
        while left > 0 and (part := self.stream.read(min(left, BLOCK))):
            parts.append(part)
            left -= len(part)
            self.count += len(part)
            bounds.require_room(self.count, self.file_bytes, self.where)
        return b"".join(parts)

    def readable(self) -> bool:
        return True


def packing_of(head: bytes) -> str | None:
    """The compression of a file by its first bytes; None if there is none."""
    return "zip" if head.startswith(ZIP) else next((name for mark, name in PACKED if head.startswith(mark)), None)


def zip_format(path: Path) -> str | None:
    """The format of a zip archive as a whole: "npz" or "excel"; None for an archive of ordinary files."""
    names = _members(path)
    if not {*names}.isdisjoint(WORKBOOKS):
        return "excel"
    return "npz" if any(name.endswith(".npy") for name in names) else None


def archive_kind(path: Path) -> str | None:
    """Whether a file is an archive of several files: "zip" or "tar"."""
    head = _first_bytes(path, 512)
    if head.startswith(ZIP):
        return "zip" if zip_format(path) is None and (len(_members(path)) != 1 or _holds_zip(path)) else None
    if packing_of(head) in ("gzip", "bz2", "xz") or head[257:262] == b"ustar":
        try:
            with tarfile.open(path) as archive:
                return "tar" if archive.next() is not None else None
        except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, ValueError):
            return None
    return None


def _holds_zip(path: Path) -> bool:
    """Whether the single file of an archive is a zip archive itself, such as a spreadsheet."""
    damaged = (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, zlib.error, EOFError)
    with suppress(*damaged), zipfile.ZipFile(path) as archive, archive.open(_members(path)[0]) as inside:
        return inside.read(4) == ZIP
    return False


def unpacked(path: Path, kind: str, scratch: Scratch) -> Path:
    """Unpack an archive into a scratch folder; return its single file, or the innermost folder that holds several."""
    where = repr(str(path))
    try:
        (_unpack_zip if kind == "zip" else _unpack_tar)(path, scratch.path, where)
    except (*DAMAGED, tarfile.TarError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{where}: not readable as an archive ({error}); get it again.") from error
    inside = scratch.path
    while len(entries := list(inside.iterdir())) == 1 and entries[0].is_dir():
        inside = entries[0]
    if not entries:
        raise DataError(f"{where}: the archive is empty; pack the data again.")
    return entries[0] if len(entries) == 1 else inside


def _unpack_zip(path: Path, folder: Path, where: str) -> None:
    with zipfile.ZipFile(path) as archive:
        members = _files_in(archive)
        _require_modest(len(members), sum(one.file_size for one in members), path, where)
        for one in members:
            with archive.open(one) as source:
                _write(source, folder, one.filename, where, one.file_size)


def _unpack_tar(path: Path, folder: Path, where: str) -> None:
    count = total = 0
    with tarfile.open(path) as archive:
        for one in archive:
            if not one.isfile() or _is_skipped(one.name):
                continue
            count, total = count + 1, total + one.size
            _require_modest(count, total, path, where)
            source = archive.extractfile(one)
            if source is not None:
                with source:
                    _write(source, folder, one.name, where, one.size)


def _write(source: IO[bytes], folder: Path, name: str, where: str, size: int) -> None:
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or not inside.name or "\0" in name or ":" in name:
        raise DataError(
            f"{where}: the archive holds {name!r}, which would be written outside its folder; unpack it yourself."
        )
    target = folder / inside
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as copy:
        left = size
        while left > 0 and (block := source.read(min(BLOCK, left))):
            copy.write(block)
            left -= len(block)


def _require_modest(count: int, total: int, path: Path, where: str) -> None:
    if count > MAX_MEMBERS:
        raise DataError(f"{where}: more than {MAX_MEMBERS:,} files; unpack it yourself.")
    bounds.require_room(total, path.stat().st_size, where)


def _only_member(path: Path, where: str) -> str:
    names = _members(path)
    if len(names) != 1:
        raise DataError(f"{where}: an archive of {len(names)} files; unpack it.")
    return names[0]


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [one.filename for one in _files_in(archive)]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DataError(f"{str(path)!r}: not readable as an archive ({error}); get it again.") from error


def _files_in(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in an archive without those of operating systems, and without unnamed ones, which break zipfile."""
    named = [one for one in archive.infolist() if one.filename]
    return [one for one in named if not one.is_dir() and not _is_skipped(one.filename)]


def _is_skipped(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part in SKIPPED or part.startswith("._") for part in parts)


def _bare_name(name: str) -> str:
    name = PurePosixPath(name.replace("\\", "/")).name
    while name.lower().endswith(SUFFIXES) and "." in name[1:]:
        name = name[: name.rindex(".")]
    return name


def _first_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def without_packing(name: str) -> str:
    """A file name in lower case, without the suffix of a compressed file.

    >>> without_packing("Labels.CSV.gz")
    'labels.csv'
    """
    lower = name.lower()
    for packed in (".gz", ".bz2", ".xz", ".zst", ".lz4", ".zip"):
        lower = lower.removesuffix(packed)
    return lower
