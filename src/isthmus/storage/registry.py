"""Save and load: the list of what can be saved, and the layout of its folders.

    save(estimator, "my-model")         load("my-model").transform(X)

Every kind of estimator is one entry of `KINDS`, and every folder looks the same:

    config.json           a manifest (`isthmus.storage.manifest`) of the kind's own record
    model.safetensors     its tensors
    timing.json           how long its fit took, not covered by the checksums; not of every kind
    NAME/                 an estimator in it, again such a folder

Nothing in a folder is code and nothing is unpickled: only classes of the library are used, by name. A file is checked
before it is trusted: settings, tensor headers and file sizes must agree before anything is allocated, so memory is
bounded by the size of the files; and checksums find every flipped bit. That guards against damage and against running
code, not against a stranger's model being a bad model.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from isthmus.storage import format_1
from isthmus.storage.denoiser_folder import DenoiserKind
from isthmus.storage.detector_folder import DetectorKind
from isthmus.storage.folder_writing import finish_replacement, new_folder
from isthmus.storage.head_folder import HeadKind
from isthmus.storage.kind import Kind, Opened, Timing
from isthmus.storage.manifest import manifest_bytes, read_manifest
from isthmus.storage.model_folder import AutoencoderKind
from isthmus.storage.ratings_folder import RatingsKind
from isthmus.storage.record import from_plain
from isthmus.storage.safe_reading import StorageError, open_regular_file, reading, reason_of
from isthmus.storage.series_folder import SeriesDetectorKind
from isthmus.storage.tensor_file import TensorFile, tensor_bytes
from isthmus.storage.windowed_folder import WindowedKind

__all__ = [
    "CONFIG_FILE",
    "KINDS",
    "TENSOR_FILE",
    "TIMING_FILE",
    "files_of",
    "load",
    "load_autoencoder",
    "read_timing",
    "save",
    "timing_bytes",
]

CONFIG_FILE, TENSOR_FILE, TIMING_FILE = "config.json", "model.safetensors", "timing.json"
TIMING = "isthmus timing"
KINDS: tuple[Kind, ...] = (
    AutoencoderKind(),
    DetectorKind(),
    DenoiserKind(),
    HeadKind(),
    SeriesDetectorKind(),
    WindowedKind(),
    RatingsKind(),
)


def save(estimator: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a fitted estimator to the folder ``path`` atomically, and return the folder's path.

    Parameters
    ----------
    estimator
        Fitted: one of the library's variants, an outlier detector, a denoiser, a pretrained classifier or regressor.
    path
        A new folder; missing parents are made.
    overwrite
        Replace what isthmus saved there before, in one step, when the new folder is complete. A folder that holds
        anything else is never replaced.

    Raises
    ------
    StorageError
        If the folder exists or can't be written, the class is not one of the library's own, a weight is not finite, or
        the settings were changed since `fit`.

    Notes
    -----
    The same fit gives the same bytes, except timing.json. A ``random_state`` that is a generator is stored as None (the
    seed drawn from it is kept). The optimiser's state is not stored: `partial_fit` continues from the same weights with
    a new one.
    """
    return new_folder(path, files_of(estimator), overwrite=overwrite)


def load(path: str | os.PathLike[str], *, encoder: Any = None, decoder: Any = None) -> Any:
    """The estimator that `save` wrote to the folder ``path``, ready to use.

    A model with a user's own network needs that module again, as ``encoder`` or ``decoder``: a folder holds its weights
    and its class name, but no code. The weights of the module given don't matter.

    The model goes to the device its settings ask for if it is available, else to the CPU. Links inside the folder are
    not followed.

    Raises
    ------
    StorageError
        If the folder is missing, not isthmus's, of a newer format, or damaged in any way.
    """
    given = {"encoder": encoder, "decoder": decoder}
    autoencoder = AutoencoderKind({name: module for name, module in given.items() if module is not None})
    return _loaded(Path(path), (autoencoder, *KINDS[1:]))


def load_autoencoder(path: str | os.PathLike[str], modules: Mapping[str, Any] | None = None) -> Any:
    """As `load`, but only an autoencoder; ``modules`` are the user's own, by name."""
    return _loaded(Path(path), (AutoencoderKind(modules),))


def files_of(estimator: Any) -> dict[str, bytes]:
    """The files of a fitted estimator, by name; "part/name" lies in a subfolder."""
    kind = next((kind for kind in KINDS if kind.owns(estimator)), None)
    who = f"{type(estimator).__name__} cannot be saved"
    if kind is None:
        raise StorageError(f"{who}: it is none of isthmus's own estimators.")
    check_is_fitted(estimator)
    try:
        parts = kind.take_apart(estimator)
        inside = {
            f"{name}/{file}": data for name, inner in parts.inner.items() for file, data in files_of(inner).items()
        }
        tensors = {TENSOR_FILE: tensor_bytes(parts.tensors)}
        described = tensors | {name: inside[name] for name in map(_config_of, parts.inner)}
        config = manifest_bytes(kind.format, parts.record, described)
    except StorageError:
        raise
    except (ValueError, TypeError, RuntimeError) as error:
        raise StorageError(f"{who}: {reason_of(error)}; fit it again first.") from error
    timing = {} if parts.timing is None else {TIMING_FILE: timing_bytes(parts.timing)}
    return {**tensors, **timing, **inside, CONFIG_FILE: config}


def timing_bytes(timing: Timing) -> bytes:
    """The file of how long a fit took."""
    return manifest_bytes(TIMING, timing)


def read_timing(folder: Path) -> Timing | None:
    """How long the fit took, if the folder says so."""
    if not os.path.lexists(folder / TIMING_FILE):
        return None
    return from_plain(Timing, read_manifest(folder, TIMING_FILE, (TIMING,)).record)


def _config_of(inner: str) -> str:
    return f"{inner}/{CONFIG_FILE}"


def _loaded(folder: Path, kinds: Sequence[Kind]) -> Any:
    """The estimator in a folder of one of these kinds; read again if the folder is replaced meanwhile."""
    finish_replacement(folder)
    while True:
        before = _identity(folder)
        try:
            with reading(folder):
                return _put_together(folder, kinds)
        except StorageError:
            if _identity(folder) == before:
                raise


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def _put_together(folder: Path, kinds: Sequence[Kind]) -> Any:
    _require_folder(folder)
    opened = _opened(folder, kinds)
    kind = next(kind for kind in kinds if kind.format == opened.format)
    record = from_plain(kind.record, opened.record)
    inner = {name: _loaded(place, kinds[:1]) for name, place in opened.inner.items()}  # the first is an autoencoder's
    return kind.put_together(record, opened.tensors, inner, opened.timing)


def _opened(folder: Path, kinds: Sequence[Kind]) -> Opened:
    """A folder's JSON and tensor headers."""
    formats = [kind.format for kind in kinds]
    first = format_1.opened_by_its_own_file(folder, formats)
    if first is not None:
        return first
    manifest = read_manifest(folder, CONFIG_FILE, formats)
    if manifest.format_version == 1:
        return format_1.opened_model(folder, manifest)
    kind = next(kind for kind in kinds if kind.format == manifest.format)
    expected = {TENSOR_FILE, *map(_config_of, kind.inner)}
    if not expected <= manifest.files.keys() <= expected | {*map(_config_of, kind.more)}:
        raise ValueError(f"files in {CONFIG_FILE} must be {', '.join(sorted(expected))}")
    names = [name for name in (*kind.inner, *kind.more) if _config_of(name) in manifest.files]
    for name in names:
        _require_inner(folder, _config_of(name), manifest.files[_config_of(name)])
    tensors = TensorFile(folder, TENSOR_FILE, manifest.files[TENSOR_FILE])
    inner = {name: folder / name for name in names}
    return Opened(manifest.format, manifest.record, tensors, inner, read_timing(folder))


def _require_inner(folder: Path, name: str, sha256: str) -> None:
    """Refuse an inner estimator other than the one that was saved there."""
    place = folder / Path(name).parent
    if place.is_symlink() or not place.is_dir():
        raise ValueError(f"its {place.name} is no folder")
    with open_regular_file(place, CONFIG_FILE) as file:
        if hashlib.sha256(file.read()).hexdigest() != sha256:
            raise ValueError(f"{name} is not as it was saved (its checksum differs)")


def _require_folder(folder: Path) -> None:
    where = repr(str(folder))
    try:
        if not folder.is_dir():
            what = "is a file, and models are saved as folders" if folder.exists() else "does not exist"
            raise StorageError(f"{where} {what}; name a folder that isthmus wrote.")
    except OSError as error:
        raise StorageError(f"{where} cannot be read: {error.strerror or error}.") from error
