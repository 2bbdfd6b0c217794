"""Training and held-out rows: split once by `isthmus fit`, recovered by the other commands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from isthmus.cli.data_record import DataRecord
from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.quick_imports import ready_pyarrow, ready_sklearn
from isthmus.cli.reading_flags import OF_ROWS, READ_BY_ITSELF, ReadingFlags
from isthmus.cli.run_folder import STANDARD_INPUT, Run, fingerprint, lasting_source, places_sha256
from isthmus.cli.series_hint import say_if_series
from isthmus.cli.torch_ahead import import_torch_while_reading
from isthmus.cli.typed_flags import typed_among
from isthmus.tables.column import Column
from isthmus.tables.generated_names import pattern_of_names
from isthmus.tables.layout import layout_of
from isthmus.text_table import counted

if TYPE_CHECKING:
    import numpy as np

    from isthmus.evaluation import Evaluation
    from isthmus.tables import Table
    from isthmus.tables.dialect import Dialect
    from isthmus.tables.stream import TableStream

__all__ = ["DataRequest", "DataSplit", "held_out_again", "read_and_split", "require_data"]

MAX_HELD_OUT, MAX_SHOWN = 100_000, 10_000  # rows of data larger than memory


@dataclass(frozen=True)
class DataRequest:
    """The data to read, the columns not to train on, and how to draw the held-out rows.

    A table larger than ``memory`` bytes is left on disk.
    """

    source: str
    labels: str | None = None
    ids: str | None = None
    drop: tuple[str, ...] = ()
    test_size: float = 0.2
    seed: int = 42
    memory: int | None = None
    reading: ReadingFlags = READ_BY_ITSELF
    given: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class DataSplit:
    """A table, with the indices of the training rows and of those held out.

    For data larger than memory the table holds the held-out rows and a sample of the training rows; ``stream`` has all
    training rows, ``whole`` all rows, and ``places`` gives the positions of the held-out rows in it. ``request`` is
    None for rows recovered from a run.
    """

    table: Table
    train: np.ndarray
    test: np.ndarray
    stream: TableStream | None = None
    whole: TableStream | None = None
    places: np.ndarray | None = None
    dialect: Dialect | None = None
    request: DataRequest | None = None

    @cached_property
    def training(self) -> Any:
        """The training rows, or a sample of them: an array, or a frame where columns are of several kinds."""
        return self.table.take(self.train).rows

    @property
    def to_learn_from(self) -> Any:
        """All training rows: a table, or a stream."""
        return self.table.take(self.train) if self.stream is None else self.stream

    @cached_property
    def training_given(self) -> Any:
        """Conditions of the rows of ``training`` as an Arrow table; None without any."""
        return self.table.take(self.train).given

    @property
    def given_to_learn_from(self) -> Any:
        """The same for all training rows."""
        if self.whole is None or self.places is None or self.table.given is None:
            return self.training_given
        import numpy as np

        return self.whole.given.take(np.setdiff1d(np.arange(len(self.whole)), self.places))

    @property
    def has_gaps(self) -> bool:
        """Whether a cell is missing in any of the rows."""
        table = self.table if self.whole is None else self.whole
        return table.description is not None and table.description.missing > 0

    def require_counts(self, who: str) -> None:
        """Refuse columns of numbers that are no counts: a `ValueError` names the rows as the file counts them."""
        from isthmus.tables.count_faults import require_counts
        from isthmus.tables.finite import chunks

        if not self.table.is_mixed:
            blocks = chunks(self.table.values) if self.whole is None else iter(self.whole)
            require_counts(blocks, self.table.columns, who)

    @property
    def test_places(self) -> np.ndarray:
        """Positions of the held-out rows in the data, counted from 0."""
        return self.test if self.places is None else self.places

    @cached_property
    def held_out(self) -> Table:
        """The rows of the evaluation."""
        return self.table.take(self.test)

    @cached_property
    def held_out_named(self) -> Table:
        """The rows of the evaluation; without ids of their own they are named by their index in the data."""
        return self.held_out if self.held_out.ids is not None else replace(self.held_out, ids=self.test_places)

    def evaluate(self, estimator: Any, seed: int) -> Evaluation:
        """Figures on the held-out rows, with labels where there are any."""
        from isthmus.evaluation import evaluate

        labels = self.table.labels
        known: dict[str, Any] = {}
        if estimator.fitted_.given is not None:
            known["given"] = self.held_out.given
        if labels is not None:
            known |= {"X_train": self.training, "y_train": labels[self.train]}
            known |= {"given_train": self.training_given} if "given" in known else {}
        return evaluate(estimator, self.held_out.rows, self.held_out.labels, **known, random_state=seed)

    @cached_property
    def record(self) -> DataRecord:
        """What a run folder keeps of these rows."""
        request = self.request
        assert request is not None  # only a fit writes a record
        table, whole = self.table, self.whole
        described = table.description if whole is None else whole.description
        layout = table.layout
        named = described is not None and bool(described.findings)
        plain = layout is None or all(column == Column(column.name, "number") for column in layout.columns)
        return DataRecord(
            source=lasting_source(request.source),
            name=table.name,
            n_rows=len(table) if whole is None else len(whole),
            columns=table.columns if named else pattern_of_names(table.columns) or table.columns,
            label_name=table.label_name,
            id_name=table.id_name,
            drop=request.drop,
            image_shape=table.image_shape,
            official_split=table.official_test is not None,
            test_size=request.test_size,
            seed=request.seed,
            sha256=fingerprint(table.values) if whole is None else whole.fingerprint(),
            mixed=table.frame is not None,
            test_sha256=places_sha256(self.test_places),
            reading=request.reading.of_files or None,
            given=None if table.given is None else layout_of(table.given, words=True),
            layout=None if plain else layout,
            dialect=self.dialect,
            passed_over=()
            if described is None
            else tuple(one.name for one in described.findings if not one.learned and one.kind != "given"),
            named_columns=named,
        )

    def facts(self) -> dict[str, Any]:
        """How the data were read, for JSON."""
        table = self.table if self.whole is None else self.whole
        known: dict[str, Any] = {"n_rows": len(table), "columns": [], "left_out": [], "cells_missing": 0, "notes": []}
        if table.description is not None:
            known |= table.description.to_facts()
        if not known["columns"]:
            one: dict[str, Any] = {"kind": "pixel" if table.image_shape is not None else "number", "learned": True}
            names = pattern_of_names(table.columns)
            known["columns"] = (
                [{"name": name} | one for name in table.columns]
                if names is None
                else {"names": names, "count": table.n_columns} | one
            )
        image_shape = None if table.image_shape is None else list(table.image_shape)
        return known | {"image_shape": image_shape, "id_name": table.id_name, "label_name": table.label_name}


def read_and_split(request: DataRequest) -> DataSplit:
    """Read a table and draw the held-out rows, at most 100,000 of a large one; print their numbers."""
    from isthmus.tables import split_table

    ready_pyarrow()
    import_torch_while_reading(request.source)
    options = request.reading.options() | {"held_bytes": request.memory, "drop": request.drop}
    stream = _opened(request.source, request.given, labels=request.labels, ids=request.ids, **options)
    if stream.description is not None:
        for line in stream.description.lines():
            say(line)
    if not stream.fits_in_memory:
        return replace(_of_large(stream, request), request=request)
    table = stream.load()
    _require_classes(table, request.source)
    say_if_series(table)
    if table.labels is not None:  # else the split needs no scikit-learn
        ready_sklearn()
    train, test = split_table(table, request.test_size, request.seed)
    if len(train) < 2:
        raise CommandError(f"{request.source!r}: too few rows: {len(table)} leave {len(train)} for training; add rows.")
    say(f"{counted(len(train), 'training row')}, {len(test):,} held out.")
    return DataSplit(table, train, test, dialect=stream.dialect, request=request)


def _opened(source: str, given: tuple[str, ...], **options: Any) -> TableStream:
    from isthmus.tables import open_table
    from isthmus.tables.given import open_with_given

    return open_with_given(source, given, **options) if given else open_table(source, **options)


def _of_large(stream: TableStream, request: DataRequest) -> DataSplit:
    import math

    import numpy as np

    count = min(math.ceil(request.test_size * len(stream)), MAX_HELD_OUT)
    places = np.sort(np.random.default_rng(request.seed).choice(len(stream), count, replace=False, shuffle=False))
    rows = _large_rows(stream, places, request.seed)
    _require_classes(rows.table, request.source)
    say(
        f"{len(stream):,} rows do not fit in memory: {len(stream) - count:,} training rows are read from disk, "
        f"{count:,} are held out."
    )
    return rows


def _large_rows(stream: TableStream, places: np.ndarray, seed: int) -> DataSplit:
    """Rows held out at ``places`` of a stream, and a sample of the others for plots and comparisons."""
    import numpy as np

    from isthmus.tables.table import joined

    others = stream.without(places)
    count = min(MAX_SHOWN, len(others))
    sample = np.sort(np.random.default_rng([seed, 1]).choice(len(others), count, replace=False, shuffle=False))
    table = joined([others.take(sample), stream.take(places)])
    return DataSplit(table, np.arange(count), np.arange(count, len(table)), others, stream, places, stream.dialect)


def _require_classes(table: Table, data: str) -> None:
    """Refuse labels that cannot be classes before training, although they are used after it."""
    labels = table.labels
    if labels is not None and labels.dtype.kind == "f" and (labels != labels.round()).any():
        raise CommandError(
            f"{data!r}: --labels {table.label_name!r} holds fractions, and labels are classes; learn from the "
            "column, or leave it out with --drop."
        )


def require_data(*names: str) -> None:
    """Refuse flags of the rows of a file, and ``names``, where no file is named and the rows are those of the fit."""
    if flags := typed_among(*OF_ROWS, *names):
        raise UsageError(f"{', '.join(flags)}: for rows of a file; name the data after the run.")


def held_out_again(run: Run) -> DataSplit:
    """The data a run was fitted on, read again; a `CommandError` if they are missing or have changed."""
    import numpy as np

    from isthmus.tables import DataError, open_table, split_table
    from isthmus.tables.given import beside, conditions_in

    record = run.record
    if record is None:
        raise CommandError(f"{str(run.path)!r} is a model without its run folder; name the data to use after it.")
    if record.source == STANDARD_INPUT:
        raise CommandError(f"{str(run.path)!r} was fitted on standard input; name the data to use after the run.")
    try:
        say(f"reading {record.source!r}, the data of {str(run.path)!r} …")
        roles: dict[str, Any] = {"labels": record.label_name, "ids": record.id_name}
        if record.known_layout is None:
            roles["columns"] = record.column_names  # which leaves out what was dropped
        else:
            roles |= {"layout": record.known_layout, "dialect": record.dialect, "passed_over": record.passed_over}
        reading = ReadingFlags.of(record.reading).options()
        stream = open_table(record.source, **roles, **reading)
        if record.given is not None:
            how = reading | {"dialect": record.dialect, "layout": record.given}
            stream = beside(stream, conditions_in(record.source, record.given.names, stream, how))
        table = stream.load() if stream.fits_in_memory else None
    except DataError as error:
        raise CommandError(f"{error} The data of the run are gone; name the data to use after it.") from error
    test = run.test_rows()
    inside = len(test) > 0 and test.min() >= 0 and test.max() < len(stream)
    if not inside or (stream.fingerprint() if table is None else fingerprint(table.values)) != record.sha256:
        raise CommandError(
            f"{record.source!r} has changed since the fit, so its held-out rows are no longer known; name "
            "the data to use after the run."
        )
    if table is None:
        return _large_rows(stream, test, record.seed)
    train, drawn = split_table(table, record.test_size, record.seed)
    if not np.array_equal(np.sort(drawn), np.sort(test)):  # split by another version
        train = np.setdiff1d(np.arange(len(table)), test)
    return DataSplit(table, train, test)  # in training order: another fit gives the same result
