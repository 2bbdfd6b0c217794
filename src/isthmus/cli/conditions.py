"""Conditions on the command line: columns at fit by ``--given batch,plate``, values later by ``--given batch=A``.

The columns are named once, at ``isthmus fit``; later commands find them in their files. ``--given batch=A`` instead
sets the value for all rows: to decode codes of one batch as another's, or to draw new rows under a condition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli.outcome import CommandError, UsageError
from isthmus.cli.run_folder import Run

if TYPE_CHECKING:
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["Conditions", "GivenColumns", "GivenValues", "UnusedGiven", "columns_asked"]

GivenColumns = Annotated[
    tuple[str, ...],
    Parameter(
        "--given",
        help="Covariates: columns, separated by commas, that encoder and decoder are given, so the code need not hold "
        "them. They are not reconstructed.",
        show_default=False,
    ),
]
GivenValues = Annotated[
    tuple[str, ...],
    Parameter(
        "--given",
        help="COLUMN=VALUE, for a model fitted with --given: use this value for all rows instead of the file's column; "
        "repeat for more.",
        show_default=False,
    ),
]

UnusedGiven = Annotated[
    tuple[str, ...], Parameter("--given", show=False)
]  # of commands that say why they don't take it


def columns_asked(given: Sequence[str]) -> tuple[str, ...]:
    """The columns of ``--given``, whether in one flag or several."""
    names = [name.strip() for part in given for name in part.split(",")]
    if any(not name or "=" in name for name in names):
        raise UsageError(f"--given takes columns of the data, such as --given batch,age, got {','.join(given)!r}.")
    return tuple(dict.fromkeys(names))


class Conditions:
    """The conditions of a run's rows: columns of a file, or values from the command line."""

    def __init__(self, run: Run, estimator: Any, asked: Sequence[str] = ()):
        layout = estimator.fitted_.given_layout
        self.estimator, self.layout, self.path = estimator, layout, str(run.path)
        self.names: tuple[str, ...] = () if layout is None else layout.names
        self.fixed: dict[str, str] = {}
        if estimator.fitted_.given is not None and layout is None:
            raise CommandError(
                f"{self.path!r} was fitted in Python with conditions that have no names; use it there, or fit it again "
                "with a DataFrame as given."
            )
        for part in asked:
            name, equals, value = part.partition("=")
            if not equals or not name or not value:
                raise UsageError(f"--given must be COLUMN=VALUE, such as --given batch=A, got {part!r}.")
            self.fixed[name] = value
        unknown = [name for name in self.fixed if name not in self.names]
        if unknown:
            from isthmus.tables.errors import said

            known = f"it is given {said(self.names)}" if self.names else "it was fitted without --given"
            raise UsageError(f"--given {unknown[0]}: {self.path!r} has no such condition; {known}.")

        for name, value in self.fixed.items():
            self._require_known(name, value)

    def _require_known(self, name: str, value: str) -> None:
        """Refuse a typed value that was not there at fit, or is of another kind."""
        import numpy as np
        import pyarrow

        from isthmus.tables import DataError

        assert self.layout is not None  # the name is one of its columns
        chosen = self.layout.select((name,))
        (column,) = chosen.columns
        try:
            known = np.isfinite(chosen.encode(pyarrow.table({name: [value]}), unseen="missing")).all()
        except DataError:
            known = False
        if not known and column.categories:
            from isthmus.tables.errors import said

            levels = said([str(level) for level in column.categories])
            raise UsageError(f"--given {name}={value}: the levels of {name!r} at fit were {levels}.")
        if not known:
            example = ", such as 2024-12-31" if column.kind == "date" else ""
            raise UsageError(f"--given {name}={value}: {name!r} was a {column.kind} at fit{example}.")

    @property
    def read(self) -> tuple[str, ...]:
        """The columns to read from a file."""
        return tuple(name for name in self.names if name not in self.fixed)

    def beside(self, stream: TableStream, source: str, options: Mapping[str, Any]) -> TableStream:
        """The rows of a file with those of their conditions that are in it."""
        if not self.read:
            return stream
        import numpy as np

        from isthmus.tables import DataError
        from isthmus.tables.errors import said
        from isthmus.tables.given import beside, conditions_in

        absent = [name for name in self.read if name not in (*stream.all_columns, stream.label_name)]
        if absent:
            raise CommandError(
                f"{source!r}: the model's rows are given {said(self.names)}, and the file has no {said(absent)}; add "
                f"the column, or say --given {absent[0]}=VALUE for all rows."
            )
        assert self.layout is not None  # or nothing would be read
        layout = self.layout.select(self.read)
        try:
            cells = conditions_in(source, self.read, stream, {**options, "layout": layout})
        except DataError as error:
            raise CommandError(str(error)) from error
        if cells.num_rows != len(stream):  # a share of the rows
            cells = cells.take(np.asarray(stream.row_numbers))
        return beside(stream, cells)

    def of(self, rows: Table) -> Any:
        """The conditions of a table's rows as an Arrow table; None without any."""
        return self.repeated(len(rows), rows.given)

    def repeated(self, n_rows: int, cells: Any = None) -> Any:
        """Conditions of ``n_rows`` rows: the typed values, and columns of ``cells`` for the others."""
        if not self.names:
            return None
        import pyarrow

        columns = []
        for name in self.names:
            if name in self.fixed:
                columns.append(pyarrow.array([self.fixed[name]] * n_rows))
            elif cells is not None:
                columns.append(cells.column(name))
            else:
                raise UsageError(f"{self.path!r} was fitted with --given; say {self.examples()}.")
        return pyarrow.table(columns, names=list(self.names))

    def written(self, rows: Table, values: Any, names: Sequence[str]) -> Any:
        """``values`` of these rows to write, with their conditions as further columns."""
        if not self.names:
            return values
        from isthmus.tables.layout import TableLayout, plain_layout
        from isthmus.tables.table import Table

        assert self.layout is not None  # there are names
        beside = [name for name in self.names if name != rows.label_name]  # labels are written anyway
        columns = [column for column in self.layout.columns if column.name in beside]
        layout = TableLayout((*plain_layout(names).columns, *columns))
        cells, given = plain_layout(names).decode(values), self.repeated(len(rows), rows.given)
        for name in beside:
            cells = cells.append_column(name, given.column(name))
        return Table(cells, layout.names, layout=layout)

    def examples(self) -> str:
        """The flags that would set the missing conditions, with values seen at fit."""
        assert self.layout is not None  # there are names
        flags = []
        for column in self.layout.select(self.read).columns:
            levels = [str(level) for level in column.categories]
            value = "0" if not levels else "|".join(levels[:6]) + ("|…" if len(levels) > 6 else "")
            flags.append(f"--given {column.name}={value}")
        return " ".join(flags)
