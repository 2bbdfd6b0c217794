"""Every loader as a function of bytes: it returns, or raises an error for the user; anything else is a finding.

A folder is one input, its files separated by markers. Checksums are corrected, and those of ZIP and PNG ignored;
otherwise no change would get past them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from isthmus.cli.outcome import CommandError
from isthmus.cli.run_folder import open_run
from isthmus.storage import StorageError, load
from isthmus.storage.checkpoints import read_checkpoint
from isthmus.storage.safe_reading import checksum
from isthmus.tables import DataError, bounds, open_table, read

__all__ = ["LOADERS", "MARK", "OF_FOLDERS", "Find", "joined"]

MARK = b"\n#### "  # followed by the name of the file and a newline
SENTENCES = (DataError, StorageError, CommandError)
# what a bug in the library would raise; an error for the user caused by one is a finding, too
SLIPS = (AttributeError, IndexError, AssertionError, NameError, ZeroDivisionError, RecursionError)
UNPACKED = 64 << 20  # instead of 1 GiB, so a refusal stays cheap
MOST_BLOCKS = 20
PLACE = Path(tempfile.gettempdir() if not Path("/dev/shm").is_dir() else "/dev/shm")


class Find(Exception):  # noqa: N818
    """An input for which a loader breaks its promise."""


def joined(files: dict[str, bytes]) -> bytes:
    """The files of a folder as one input."""
    return b"".join(MARK + name.encode() + b"\n" + data for name, data in files.items())


def _attempt(call: Callable[[], object], *, own: bool) -> None:
    try:
        call()
    except SENTENCES as error:
        text = str(error)
        if "\n" in text.strip() or not text.strip():
            raise Find(f"no sentence: {text!r}") from error
        if own and isinstance(error.__cause__, SLIPS):
            raise Find(f"a bug: {error.__cause__!r}") from error
    except MemoryError:
        pass  # of the operating system, for which the command line has a sentence


def _read(name: str, data: bytes, **asked: object) -> None:
    folder = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        (folder / name).write_bytes(data)
        own = name.endswith((".csv", "-ubyte", ".gz", ".json", ".arff", ".vec", ".svm", ".mtx", ".wav"))
        _attempt(lambda: read(folder / name, **asked), own=own)
        _attempt(lambda: _streamed(folder / name, **asked), own=own)
    finally:
        shutil.rmtree(folder)


def _streamed(path: Path, **asked: object) -> None:
    stream = open_table(path, held_bytes=1, **asked)
    for _, block in zip(range(MOST_BLOCKS), stream, strict=False):
        if block.shape[1] != stream.width:
            raise Find(f"a block of {block.shape[1]} columns, not {stream.width}")


def csv(data: bytes) -> None:
    """Comma-separated text, or whatever it looks like."""
    _read("t.csv", data)


def npy(data: bytes) -> None:
    """One array."""
    _read("t.npy", data)


def npz(data: bytes) -> None:
    """Several arrays."""
    _read("t.npz", data)


def parquet(data: bytes) -> None:
    """Parquet."""
    _read("t.parquet", data)


def idx(data: bytes) -> None:
    """Pictures of the MNIST kind, plain and gzipped."""
    _read("t-images-idx3-ubyte.gz" if data[:2] == b"\x1f\x8b" else "t-images-idx3-ubyte", data)


def json_records(data: bytes) -> None:
    """JSON: records, or one per line."""
    _read("t.json", data)


def arff(data: bytes) -> None:
    """ARFF."""
    _read("t.arff", data)


def excel(data: bytes) -> None:
    """A workbook."""
    _read("t.xlsx", data)


def matlab(data: bytes) -> None:
    """MATLAB arrays."""
    _read("t.mat", data)


def hdf5(data: bytes) -> None:
    """HDF5."""
    _read("t.h5", data)


def word_vectors(data: bytes) -> None:
    """Word vectors, text or binary."""
    _read("t.vec", data)


def svmlight(data: bytes) -> None:
    """Sparse rows of indices and values."""
    _read("t.svm", data)


def matrix_market(data: bytes) -> None:
    """A Matrix Market file."""
    _read("t.mtx", data)


def feather(data: bytes) -> None:
    """Feather, and an Arrow stream."""
    _read("t.feather", data)


def packed(data: bytes) -> None:
    """A compressed table, or an archive of several."""
    _read("t.csv.gz", data)


def sound(data: bytes) -> None:
    """A folder of one sound."""
    folder = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        (folder / "a.wav").write_bytes(data)
        _attempt(lambda: read(folder), own=True)
    finally:
        shutil.rmtree(folder)


def several(data: bytes) -> None:
    """A folder of tables."""
    _folder(data, read)


def image(data: bytes) -> None:
    """A folder of one picture; the first byte of the input chooses its format."""
    suffixes = (".png", ".jpg", ".bmp", ".gif", ".tif", ".webp")
    folder = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        (folder / f"a{suffixes[data[0] % len(suffixes)] if data else '.png'}").write_bytes(data[1:])
        _attempt(lambda: read(folder), own=False)
    finally:
        shutil.rmtree(folder)


def _folder(data: bytes, call: Callable[[Path], object]) -> None:
    folder = Path(tempfile.mkdtemp(dir=PLACE))
    try:
        for part in data.split(MARK)[1:]:
            head, _, content = part.partition(b"\n")
            name = head.decode("latin-1")
            if name and all(letter.isalnum() or letter in "._/" for letter in name) and ".." not in name:
                path = folder / name.lstrip("/")
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
                except OSError:
                    continue
        _make_checksums_fit(folder)
        _attempt(lambda: call(folder), own=True)
    finally:
        shutil.rmtree(folder)


FIRST_FORMAT = (
    ("config.json", "config_sha256", "tensors_sha256", "model.safetensors"),
    ("detector.json", "facts_sha256", "arrays_sha256", "detector.safetensors"),
    ("denoiser.json", "facts_sha256", None, None),
    ("training.json", "facts_sha256", "tensors_sha256", "training.safetensors"),
)


def _make_checksums_fit(folder: Path) -> None:
    for path in sorted(folder.rglob("*.json"), key=lambda path: -len(path.parts)):  # outer ones cover inner ones
        try:
            facts = json.loads(path.read_bytes())
            if "sha256" in facts and "format" in facts and facts["sha256"] is not None:
                del facts["sha256"]
                for name in facts["files"] if isinstance(facts.get("files"), dict) else ():
                    if (path.parent / name).is_file():
                        facts["files"][name] = hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
                path.write_text(json.dumps(facts | {"sha256": checksum(facts)}))
        except (OSError, ValueError, TypeError, RecursionError):
            continue
    for name, own, others, beside in FIRST_FORMAT:
        for path in folder.rglob(name):
            try:
                facts = json.loads(path.read_bytes())
                if own in facts and facts[own] is not None:
                    del facts[own]
                    if others is not None and others in facts:
                        facts[others] = hashlib.sha256((path.parent / beside).read_bytes()).hexdigest()
                    path.write_text(json.dumps(facts | {own: checksum(facts)}))
            except (OSError, ValueError, TypeError, RecursionError):
                continue


def model(data: bytes) -> None:
    """A model folder."""
    _folder(data, load)


def detector(data: bytes) -> None:
    """A detector's folder."""
    _folder(data, load)


def denoiser(data: bytes) -> None:
    """A denoiser's folder."""
    _folder(data, load)


def head(data: bytes) -> None:
    """A pretrained classifier's or regressor's folder."""
    _folder(data, load)


def checkpoint(data: bytes) -> None:
    """A checkpoint: the best model so far, and the state of the run."""
    _folder(data, read_checkpoint)


def run(data: bytes) -> None:
    """A run folder: its model, its record, its held-out rows."""

    def read(folder: Path) -> None:
        found = open_run(folder)
        found.load()
        found.test_rows()

    _folder(data, read)


OF_FOLDERS = (model, detector, denoiser, head, checkpoint, run)
OF_FILES = (
    csv, npy, npz, parquet, idx, json_records, arff, excel, matlab, hdf5, word_vectors, svmlight, matrix_market,
    feather, packed, sound, several, image,
)  # fmt: skip
LOADERS = {one.__name__: one for one in (*OF_FOLDERS, *OF_FILES)}


def prepare() -> None:
    """Bounds small enough for fuzzing, and no checksums of archives and pictures."""
    from PIL import PngImagePlugin

    bounds.ALWAYS_UNPACKED = UNPACKED
    zipfile.ZipExtFile._update_crc = lambda *_: None
    PngImagePlugin.ChunkStream.crc = PngImagePlugin.ChunkStream.crc_skip
