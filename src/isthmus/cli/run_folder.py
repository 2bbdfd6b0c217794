"""The run folder: what `isthmus fit` writes and every other command reads.

    RUN/model/            the fitted model, as `isthmus.storage` writes it
    RUN/data.json         how the data were read: rows, columns and their kinds, what was left out and why
    RUN/run.json          what later commands need to know of the data: a `DataRecord`
    RUN/test_rows.csv     the held-out rows, counted from 0 in the data
    RUN/history.csv       one row per epoch
    RUN/evaluation.json   figures on the held-out rows
    RUN/figures/          pictures, where matplotlib is installed
    RUN/explorer.html     the explorer page

A run of ``isthmus fit --time`` is the same, with a `SeriesRecord` in run.json and windows among the held-out rows.

It is written to a temporary folder and moved in one step at the end, so a fit that fails leaves nothing, and an earlier
run stays unchanged. Only a run whose every file isthmus wrote is replaced.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isthmus.cli.data_record import DataRecord
from isthmus.cli.outcome import CommandError, say
from isthmus.cli.series_record import SERIES_RUN, SeriesRecord
from isthmus.storage.folder_writing import Owned, building, finish_replacement, require_free, saved_files
from isthmus.storage.manifest import manifest_bytes, read_manifest
from isthmus.storage.record import from_plain
from isthmus.storage.safe_reading import StorageError, open_regular_file, parse_object, reason_of
from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "DATA",
    "EVALUATION",
    "FIGURES",
    "HISTORY",
    "MODEL",
    "NESTED",
    "PAGE",
    "RECORD",
    "RESULT",
    "STANDARD_INPUT",
    "TEST_ROWS",
    "Run",
    "data_record_bytes",
    "fingerprint",
    "keep_run",
    "lasting_source",
    "open_run",
    "places_sha256",
    "read_data_record",
    "recorded_sentence",
    "require_free_run",
    "written_run",
]

FORMAT = "isthmus run"
RECORD, MODEL, FIGURES, PAGE = "run.json", "model", "figures", "explorer.html"
DATA = "data.json"  # in runs of the first format the record
TEST_ROWS, EVALUATION, HISTORY = "test_rows.csv", "evaluation.json", "history.csv"
STANDARD_INPUT = "standard input"  # as the source of a run: it can't be read again
RESULT, NESTED = "smallest.json", "nested"  # of isthmus smallest
FIGURE_NAMES = (
    "samples",
    "history",
    "latent_plane",
    "reconstructions",
    "decode_grid",
    "error_by_feature",
    "rate_distortion",
    "loadings",
    "series",
)
OWNED = Owned(
    "a run folder",
    saved_files(MODEL)
    | saved_files(NESTED)
    | {RECORD, DATA, TEST_ROWS, EVALUATION, HISTORY, PAGE, RESULT, *(f"{FIGURES}/{name}.png" for name in FIGURE_NAMES)},
    (RECORD, DATA),
)
CONFIG = "config.json"
OWNED_OF_RATINGS = Owned("a run folder", saved_files(MODEL) | {EVALUATION}, (f"{MODEL}/{CONFIG}",))
MAX_EVALUATION_BYTES = 16 << 20
OTHER_KINDS = {
    "AutoencoderOutlierDetector": "an outlier detector; use it with isthmus detect DATA --model",
    "Denoiser": "a denoiser; use it with isthmus denoise DATA --model",
    "ItemAutoencoder": "a model of ratings; use it with isthmus recommend",
    "WindowedAutoencoder": (
        "a model of the windows of a series, which this command does not take; isthmus encode, reconstruct, impute, "
        "score, sample, evaluate, plot, explore and info do, as isthmus info"
    ),
}
CHUNK_CELLS = 4_000_000
WINDOWED_WITHIN = 200  # bytes of a manifest, whose format comes first
FIRST_COLUMN: dict[str, Any] = {"usecols": 0, "ndmin": 1, "comments": None, "quotechar": '"'}


@dataclass(frozen=True)
class Run:
    """A run folder, or a model folder alone; then there is no record."""

    path: Path
    model_path: Path
    record: DataRecord | None
    library_version: str | None = None
    series: SeriesRecord | None = None

    @property
    def is_of_series(self) -> bool:
        """Whether the model is one of windows, as ``isthmus fit --time`` writes it."""
        if self.series is not None:
            return True
        try:
            with open_regular_file(self.model_path, CONFIG) as file:
                return b'"isthmus windowed autoencoder"' in file.read(WINDOWED_WITHIN)
        except (OSError, ValueError):
            return False

    def load(self) -> Any:
        """The fitted autoencoder."""
        return self.require_autoencoder(self.load_any())

    def load_any(self) -> Any:
        """Whatever was saved there."""
        from isthmus.storage import load

        return load(self.model_path)

    def require_autoencoder(self, found: Any) -> Any:
        """The loaded object; a `CommandError` unless it is an autoencoder that fits the record."""
        from isthmus.estimator import BaseAutoencoder

        if not isinstance(found, BaseAutoencoder):
            kind = type(found).__name__
            what = OTHER_KINDS.get(kind, f"a {kind}; use it in Python, with isthmus.load")
            raise CommandError(f"{str(self.path)!r} is {what} {str(self.path)!r}.")
        record, known = self.record, getattr(found, "n_features_in_", None)
        if record is not None and known is not None and not record.describes(known):
            raise CommandError(f"{str(self.path / RECORD)!r} is not that of the model beside it; use the model alone.")
        return found

    def test_rows(self) -> np.ndarray:
        """Indices of the held-out rows, shape (n,)."""
        import numpy as np

        path = self.path / TEST_ROWS
        try:
            with open_regular_file(self.path, TEST_ROWS) as file:
                found = np.loadtxt(file, dtype=np.int64, delimiter=",", skiprows=1, **FIRST_COLUMN)
            if self.record is not None and self.record.test_sha256 not in (None, places_sha256(found)):
                raise ValueError("other rows than were written")
            return found
        except (OSError, ValueError, OverflowError) as error:
            raise CommandError(f"{str(path)!r} is missing or damaged; name the data to use after the run.") from error


def open_run(path: str | Path) -> Run:
    """The run at ``path``, which may be the run folder or the model folder in it."""
    path = Path(path)
    finish_replacement(path)
    if (path / MODEL / CONFIG).is_file() and not _is_saved(path):
        return _run(path, path / MODEL, path)
    if _is_saved(path):
        inside = path.resolve().parent if path.resolve().name == MODEL else None
        if inside is not None and (inside / record_name(inside)).is_file():
            return _run(inside, path, inside)
        return Run(path, path, None)
    if not path.exists():
        raise CommandError(f"{str(path)!r}: no such run folder; isthmus fit makes one.")
    raise CommandError(f"{str(path)!r} is not a run folder: there is no {MODEL}/{CONFIG} in it; isthmus fit makes one.")


def require_free_run(path: Path, *, overwrite: bool) -> None:
    """Refuse a path that holds something that may not be replaced."""
    if os.path.lexists(path) and not path.is_dir():
        raise CommandError(f"{str(path)!r} is a file; name a folder for the run with -o.")
    if not overwrite and path.is_dir() and any(path.iterdir()):
        raise CommandError(f"{str(path)!r} exists; pass --overwrite to replace it, or name another folder with -o.")
    require_free(path, _owned_at(path), overwrite=overwrite)


def _owned_at(path: Path) -> Owned:
    """What may be replaced at ``path``: a run without a record is one of ratings."""
    return OWNED if any(os.path.lexists(path / name) for name in (RECORD, DATA)) else OWNED_OF_RATINGS


def written_run(path: Path, write: Callable[[Path], None], *, overwrite: bool) -> None:
    """Write the run ``path``: ``write`` fills an empty folder, which is then moved there.

    If that fails, because the disk is full or something else has been put at ``path``, the run is not lost: it is
    written to another place, and a `CommandError` says where.
    """
    try:
        require_free_run(path, overwrite=overwrite)
        with building(path, _owned_at(path), overwrite=overwrite) as folder:
            write(folder)
    except (CommandError, StorageError, DataError, OSError) as error:
        elsewhere = _written_elsewhere(path.absolute().name, write)
        if elsewhere is None:
            raise
        raise CommandError(f"{error} The run is in {str(elsewhere)!r} instead; move it where it belongs.") from error


def _written_elsewhere(name: str, write: Callable[[Path], None]) -> Path | None:
    """The run in the folder for temporary files, or in the user's own; None if there is no room either."""
    say("the run can't be written where it belongs; trying another place …")
    for root in (tempfile.gettempdir(), Path.home()):
        try:
            place = Path(tempfile.mkdtemp(prefix="isthmus-", dir=root)) / name
        except OSError:
            continue
        try:
            with building(place, OWNED, overwrite=False) as folder:
                write(folder)
            return place
        except (StorageError, DataError, OSError):
            place.parent.rmdir()
    return None


def keep_run(
    folder: Path, estimator: Any, record: DataRecord, facts: dict[str, Any], test_places: np.ndarray, ids: Any
) -> None:
    """Write what every run folder has: the model, its history, the held-out rows and where they came from."""
    import numpy as np

    from isthmus.storage import save
    from isthmus.tables import write_table

    save(estimator, folder / MODEL)
    columns = estimator.history_.columns
    write_table(folder / HISTORY, np.column_stack(list(columns.values())), list(columns))
    write_table(folder / TEST_ROWS, test_places[:, None], ["row"], labels=ids, label_name="id")
    (folder / RECORD).write_bytes(data_record_bytes(record))
    (folder / DATA).write_text(json.dumps(facts, indent=1, ensure_ascii=True), encoding="ascii")


def fingerprint(values: np.ndarray) -> str:
    """SHA-256 of a table's numbers, read a few megabytes at a time."""
    import numpy as np

    digest = hashlib.sha256(f"{values.shape} {values.dtype.str}".encode())
    height = max(1, CHUNK_CELLS // max(1, values.shape[1]))
    for start in range(0, len(values), height):
        digest.update(np.ascontiguousarray(values[start : start + height]).tobytes())
    return digest.hexdigest()


def lasting_source(source: str) -> str:
    """The name of a bundled data set or of standard input, else an absolute path: valid in every working folder."""
    from isthmus.tables import BUNDLED

    if source == "-":
        return STANDARD_INPUT
    return source if source in BUNDLED else str(Path(source).resolve())


def data_record_bytes(record: DataRecord) -> bytes:
    """The text of ``run.json``."""
    return manifest_bytes(FORMAT, record)


def read_data_record(folder: Path) -> tuple[DataRecord, str]:
    """The record in ``folder/run.json``, and the version of isthmus that wrote it; a `ValueError` if it is damaged."""
    manifest = read_manifest(folder, record_name(folder), (FORMAT,))
    return from_plain(DataRecord, manifest.record), manifest.library_version


def record_name(folder: Path) -> str:
    """The name of the file that holds a run's record: runs of the first format have another."""
    return DATA if not os.path.lexists(folder / RECORD) and os.path.lexists(folder / DATA) else RECORD


def places_sha256(places: np.ndarray) -> str:
    """SHA-256 of the row numbers held out."""
    return hashlib.sha256(places.astype("<i8").tobytes()).hexdigest()


def _is_saved(path: Path) -> bool:
    return (path / CONFIG).is_file() or (path / "denoiser.json").is_file()


def _run(path: Path, model_path: Path, folder: Path) -> Run:
    """The run whose record is in ``folder``, if there is one."""
    place = folder / record_name(folder)
    if not os.path.lexists(place):
        return Run(path, model_path, None)
    try:
        manifest = read_manifest(folder, record_name(folder), (FORMAT, SERIES_RUN))
        if manifest.format == SERIES_RUN:
            series = from_plain(SeriesRecord, manifest.record)
            return Run(path, model_path, None, manifest.library_version, series)
        return Run(path, model_path, from_plain(DataRecord, manifest.record), manifest.library_version)
    except ValueError as error:
        raise CommandError(
            f"{str(place)!r} is damaged or another program's ({reason_of(error)}); use the model folder beside it."
        ) from error


def recorded_sentence(run: Run) -> str | None:
    """The sentence of a run's evaluation; None if it cannot be read."""
    try:
        with open_regular_file(run.path, EVALUATION) as file:
            return str(parse_object(file.read(MAX_EVALUATION_BYTES), EVALUATION)["sentence"])
    except (OSError, ValueError, KeyError):
        return None
