"""The run folder: what `isthmus fit` leaves behind and every other command begins from.

    RUN/model/            the fitted model, as `isthmus.storage` writes it
    RUN/data.json         where the data came from and which column is what: a `DataRecord`
    RUN/test_rows.csv     the rows held out, counted from 0 in the data
    RUN/history.csv       one row an epoch
    RUN/evaluation.json   figures on the held-out rows
    RUN/figures/          pictures, where matplotlib is installed
    RUN/explorer.html     the page that shows what was learned

It is written beside its place and moved there at the end, so that a fit which fails leaves nothing, and a run
that stood there stays as it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from isthmus import __version__
from isthmus.cli.outcome import CommandError
from isthmus.tables.atomic import beside, replace_folder

if TYPE_CHECKING:
    import numpy as np

    from isthmus.cli.data_split import DataSplit

__all__ = [
    "EVALUATION",
    "FIGURES",
    "HISTORY",
    "MODEL",
    "PAGE",
    "RECORD",
    "TEST_ROWS",
    "DataRecord",
    "Run",
    "fingerprint",
    "keep_run",
    "new_run",
    "open_run",
    "record_of",
    "require_free",
]

FORMAT = "isthmus run"
RECORD, MODEL, FIGURES, PAGE = "data.json", "model", "figures", "explorer.html"
TEST_ROWS, EVALUATION, HISTORY = "test_rows.csv", "evaluation.json", "history.csv"
LATER = {"mixed", "test_sha256"}  # which the records of earlier versions have not
CHUNK_CELLS = 4_000_000
MOST_RECORD_BYTES = 16 << 20
FIRST_COLUMN: dict[str, Any] = {"usecols": 0, "ndmin": 1, "comments": None, "quotechar": '"'}


@dataclass(frozen=True)
class DataRecord:
    """What later commands need to know of the data a run was fitted on.

    ``source`` is a bundled name or an absolute path; ``sha256`` is that of the values, so that held-out rows
    are never looked up in data that have changed, and ``test_sha256`` that of which rows those are.
    """

    source: str
    name: str
    n_rows: int
    columns: tuple[str, ...]
    label_name: str | None
    id_name: str | None
    drop: tuple[str, ...]
    image_shape: tuple[int, ...] | None
    official_split: bool
    test_size: float
    seed: int
    sha256: str
    library_version: str = __version__
    mixed: bool = False
    test_sha256: str | None = None

    def describes(self, n_columns: int) -> bool:
        """Whether a model of so many columns can have been fitted on such data."""
        shape = self.image_shape
        return len(self.columns) == n_columns and (shape is None or math.prod(shape) == n_columns)

    def to_json(self) -> str:
        """The record as the text of ``data.json``."""
        return json.dumps({"format": FORMAT, **dataclasses.asdict(self)}, indent=1)


@dataclass(frozen=True)
class Run:
    """A run folder, or a model folder alone; then there is no record."""

    path: Path
    model_path: Path
    record: DataRecord | None

    def load(self) -> Any:
        """The fitted autoencoder."""
        found = self.load_any()
        if hasattr(found, "decision_function"):
            raise CommandError(f"{str(self.path)!r} is an outlier detector; use it with isthmus detect DATA --model.")
        record, layout = self.record, getattr(found, "_layout", None)
        known = getattr(found, "n_features_in_", None) if layout is None else len(layout.columns)
        if record is not None and known is not None and not record.describes(known):
            raise CommandError(f"{str(self.path / RECORD)!r} is not that of the model beside it; use the model alone.")
        return found

    def load_any(self) -> Any:
        """The fitted autoencoder or outlier detector."""
        from isthmus.storage import load

        return load(self.model_path)

    def test_rows(self) -> np.ndarray:
        """Indices of the rows held out, shape (n,)."""
        import numpy as np

        from isthmus.storage.safe_reading import StorageError, open_regular_file

        path = self.path / TEST_ROWS
        try:
            with open_regular_file(self.path, TEST_ROWS) as file:
                found = np.loadtxt(file, dtype=np.int64, delimiter=",", skiprows=1, **FIRST_COLUMN)
            if self.record is not None and self.record.test_sha256 not in (None, _places_sha256(found)):
                raise ValueError("other rows than were written")
            return found
        except (OSError, ValueError, StorageError, OverflowError) as error:
            raise CommandError(f"{str(path)!r} is missing or damaged; name the data to use after the run.") from error


def open_run(path: str | Path) -> Run:
    """The run at ``path``, which may be the run folder or the model folder in it."""
    path = Path(path)
    if (path / MODEL / "config.json").is_file():
        return Run(path, path / MODEL, _read_record(path))
    if (path / "config.json").is_file():
        inside = path.resolve().parent if path.resolve().name == MODEL else None
        if inside is not None and (inside / RECORD).is_file():
            return Run(inside, path, _read_record(inside))
        return Run(path, path, None)
    if not path.exists():
        raise CommandError(f"{str(path)!r}: no such run folder; isthmus fit makes one.")
    raise CommandError(
        f"{str(path)!r} is not a run folder: there is no {MODEL}/config.json in it; isthmus fit makes one."
    )


def require_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where something stands that may not be replaced."""
    if not os.path.lexists(path):
        return
    if not path.is_dir():
        raise CommandError(f"{str(path)!r} is a file; name a folder for the run with -o.")
    if not any(path.iterdir()):
        return
    if not overwrite:
        raise CommandError(f"{str(path)!r} exists; pass --overwrite to replace it, or name another folder with -o.")
    if not _is_run(path):
        raise CommandError(f"{str(path)!r} is not a run folder, so it is not replaced; name another folder with -o.")


@contextmanager
def new_run(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give an empty folder beside ``path`` to build the run in; it becomes ``path`` when all went well."""
    require_free(path, overwrite=overwrite)
    target = Path(os.path.realpath(path))
    made = [folder for folder in target.parents if not folder.exists()]
    building = beside(target)
    try:
        building.mkdir(parents=True)
        yield building
        require_free(path, overwrite=overwrite)
        replace_folder(building, target)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        with suppress(OSError):  # a folder that something else has come into stays
            for folder in made:
                folder.rmdir()
        raise


def keep_run(folder: Path, estimator: Any, rows: DataSplit, record: DataRecord) -> None:
    """Write what every run folder has: the model, its history, the rows held out and where they came from."""
    import numpy as np

    from isthmus.storage import save
    from isthmus.tables import write_table

    save(estimator, folder / MODEL)
    columns = estimator.history_.columns
    write_table(folder / HISTORY, np.column_stack(list(columns.values())), list(columns))
    write_table(folder / TEST_ROWS, rows.test_places[:, None], ["row"], labels=rows.held_out.ids, label_name="id")
    (folder / RECORD).write_text(record.to_json(), encoding="utf-8")


def fingerprint(values: np.ndarray) -> str:
    """SHA-256 of a table's numbers, read a few megabytes at a time."""
    import numpy as np

    digest = hashlib.sha256(f"{values.shape} {values.dtype.str}".encode())
    height = max(1, CHUNK_CELLS // max(1, values.shape[1]))
    for start in range(0, len(values), height):
        digest.update(np.ascontiguousarray(values[start : start + height]).tobytes())
    return digest.hexdigest()


def record_of(rows: DataSplit, source: str, drop: tuple[str, ...], *, test_size: float, seed: int) -> DataRecord:
    """The record of rows that were read from ``source``."""
    from isthmus.tables import BUNDLED

    table, whole = rows.table, rows.whole

    return DataRecord(
        source=source if source in BUNDLED else str(Path(source).resolve()),
        name=table.name,
        n_rows=len(table) if whole is None else len(whole),
        columns=table.columns,
        label_name=table.label_name,
        id_name=table.id_name,
        drop=drop,
        image_shape=table.image_shape,
        official_split=table.official_test is not None,
        test_size=test_size,
        seed=seed,
        sha256=fingerprint(table.values) if whole is None else whole.fingerprint(),
        mixed=table.frame is not None,
        test_sha256=_places_sha256(rows.test_places),
    )


def _places_sha256(places: np.ndarray) -> str:
    return hashlib.sha256(places.astype("<i8").tobytes()).hexdigest()


def _is_run(path: Path) -> bool:
    return (path / MODEL / "config.json").is_file() and (path / RECORD).is_file()


def _read_record(folder: Path) -> DataRecord | None:
    from isthmus.storage.safe_reading import open_regular_file, parse_object

    path = folder / RECORD
    if not os.path.lexists(path):
        return None
    hints = get_type_hints(DataRecord)
    try:
        with open_regular_file(folder, RECORD) as file:
            stored = parse_object(file.read(MOST_RECORD_BYTES), RECORD)
        if stored.pop("format") != FORMAT or set(stored) | LATER != set(hints):
            raise ValueError("another format")
        if not all(_is_a(stored[name], hint) for name, hint in hints.items() if name in stored):
            raise ValueError("entries of the wrong kind")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise CommandError(f"{str(path)!r} is damaged or another program's; use the model folder beside it.") from error
    entries: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    return DataRecord(**entries)


def _is_a(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON is what the annotation says, lists standing for tuples."""
    if get_origin(hint) is UnionType:
        return any(_is_a(value, member) for member in get_args(hint))
    if get_origin(hint) is tuple:
        return type(value) is list and all(type(entry) is get_args(hint)[0] for entry in value)
    return type(value) is hint
