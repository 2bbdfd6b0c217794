"""Arrow tables read as rows of numbers, a column of lists standing for as many columns as a list has entries.

Embeddings are kept so: one column of 768 floats a row. They are learned from as 768 columns, named NAME_0, NAME_1, …,
or x0, x1, … where nothing else is learned from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from isthmus.tables.bounds import require_columns as require_columns_within
from isthmus.tables.columns import Request, Roles, assign_roles, said, table_from_arrow
from isthmus.tables.table import DataError, Table, check_finite

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ArrowRows", "list_widths"]


def list_widths(arrow: pyarrow.Table) -> dict[str, int]:
    """Entries of a list in each column of lists of numbers, as the first row has them."""
    from pyarrow import types

    widths = {}
    for field in arrow.schema:
        kind = field.type
        if types.is_fixed_size_list(kind):
            widths[field.name] = kind.list_size
        elif (types.is_list(kind) or types.is_large_list(kind)) and _is_number(kind.value_type):
            first = next((cell for cell in arrow.column(field.name)[:1].to_pylist() if cell), None)
            widths[field.name] = len(first or ())
    require_columns_within(sum(widths.values()), "A column of lists")
    return {name: width for name, width in widths.items() if width}


@dataclass(frozen=True)
class ArrowRows:
    """Which columns of an Arrow table are what, and how its rows become a `Table`.

    ``sources`` gives, for each number of a row that is an entry of a list, the column and the place in the list.
    """

    roles: Roles
    sources: Mapping[str, tuple[str, int]]
    widths: Mapping[str, int]
    missing: bool = False
    mixed: bool | None = None

    @classmethod
    def of(cls, names: tuple[str, ...], widths: Mapping[str, int], request: Request, where: str) -> ArrowRows:
        """Settle what was asked for against the columns that there are."""
        widths = {
            name: width
            for name, width in widths.items()
            if name not in (request.labels, request.ids, *request.drop) and not request.mixed
        }
        others = {name for name in names if name not in (request.labels, request.ids, *request.drop)} - set(widths)
        chosen = request.columns
        alone = len(widths) == 1 and (not others or bool(chosen))
        if alone and chosen:  # named as the fit named them
            only = next(iter(widths))
            alone = only not in chosen and f"{only}_0" not in chosen and "x0" not in names
        sources = {
            f"x{place}" if alone else f"{name}_{place}": (name, place)
            for name, width in widths.items()
            for place in range(width)
        }
        entries: dict[str, list[str]] = {}
        for entry, (name, _) in sources.items():
            entries.setdefault(name, []).append(entry)
        offered = [entry for name in names for entry in entries.get(name, [name])]
        wanted = tuple(entry for name in chosen for entry in entries.get(name, [name]))
        roles = assign_roles(offered, replace(request, columns=wanted), where)
        used = {name: sources[name] for name in roles.values if name in sources}
        kept = {name: widths[name] for name, _ in used.values()}
        return cls(roles, used, kept, request.missing, request.mixed)

    @property
    def value_columns(self) -> list[str]:
        """The table's own columns that numbers come from."""
        return list(
            dict.fromkeys(self.sources[name][0] if name in self.sources else name for name in self.roles.values)
        )

    @property
    def all_columns(self) -> list[str]:
        """The same with those of ids and labels."""
        words = [name for name in (self.roles.labels, self.roles.ids) if name is not None]
        return list(dict.fromkeys([*self.value_columns, *words]))

    def table(
        self,
        arrow: pyarrow.Table,
        where: str,
        name: str,
        *,
        first_row: int = 0,
        line_of: Callable[[int], int | None] | None = None,
    ) -> Table:
        """The rows with their ids and labels; a `DataError` counts them from ``first_row``."""
        return table_from_arrow(
            self._flat(arrow, where, first_row),
            self.roles,
            where=where,
            name=name,
            line_of=line_of,
            missing=self.missing,
            mixed=self.mixed,
            first_row=first_row,
        )

    def values(self, arrow: pyarrow.Table, where: str, *, first_row: int = 0) -> np.ndarray:
        """The numbers alone, as fast as they can be had."""
        values = self._lists_alone(arrow, where, first_row)
        if values is None:
            bare = replace(self, roles=Roles(self.roles.values, None, None))
            return bare.table(arrow, where, "", first_row=first_row).values
        check_finite(values, self.roles.values, where, missing=self.missing, first_row=first_row)
        return values

    def _lists_alone(self, arrow: pyarrow.Table, where: str, first_row: int) -> np.ndarray | None:
        """The numbers of a single column of lists without a gap, as they lie in memory."""
        import pyarrow

        if len(self.widths) != 1 or len(self.sources) != len(self.roles.values):
            return None
        ((name, width),) = self.widths.items()
        if [place for _, place in self.sources.values()] != list(range(width)):
            return None
        flat = _entries(arrow, name, width, where, first_row)
        if flat.type not in (pyarrow.float32(), pyarrow.float64()):
            return None
        return flat.to_numpy(zero_copy_only=False).reshape(-1, width)

    def _flat(self, arrow: pyarrow.Table, where: str, first_row: int) -> pyarrow.Table:
        """The same table with a column for each entry of a list that is used."""
        import pyarrow

        if not self.sources:
            return arrow
        flat = {name: _entries(arrow, name, width, where, first_row) for name, width in self.widths.items()}
        columns = {name: arrow.column(name) for name in arrow.column_names if name not in flat}
        for entry, (name, place) in self.sources.items():
            step = np.arange(place, len(flat[name]), self.widths[name])
            columns[entry] = pyarrow.chunked_array([flat[name].take(pyarrow.array(step))])
        return pyarrow.table(columns)


def _entries(arrow: pyarrow.Table, name: str, width: int, where: str, first_row: int) -> pyarrow.Array:
    """The entries of all lists of a column, one list after the other; all lists must be of one length."""
    import pyarrow
    from pyarrow.compute import call_function

    lists = arrow.column(name).combine_chunks()
    lists = lists if isinstance(lists, pyarrow.Array) else pyarrow.concat_arrays(lists.chunks)
    lengths = call_function("list_value_length", [lists]).fill_null(0).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(lengths != width)
    if len(odd):
        raise DataError(
            f"{where}: column {name!r} has lists of {width} numbers, but {lengths[odd[0]]} in row "
            f"{first_row + odd[0]}; make them of one length, or leave the column out."
        )
    return lists.flatten()


def _is_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_floating(kind) or types.is_integer(kind)


def require_columns(names: tuple[str, ...], present: list[str], where: str) -> None:
    """Refuse a table without some of the columns that the first one has."""
    absent = [name for name in names if name not in present]
    if absent:
        raise DataError(f"{where}: no column {said(absent)}, which the first has; the columns are {said(present)}.")
