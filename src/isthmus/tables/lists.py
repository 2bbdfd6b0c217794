"""A column of lists of numbers, such as embeddings, becomes one column per entry.

The new columns are named NAME_0, NAME_1, …, or x0, x1, … if the table has no other column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.tables.bounds import require_columns
from isthmus.tables.errors import DataError

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ListColumns", "list_widths"]


def list_widths(arrow: pyarrow.Table) -> dict[str, int]:
    """The length of the lists in each column of lists of numbers, by the first row."""
    from pyarrow import types

    widths = {}
    for entry in arrow.schema:
        kind = entry.type
        if types.is_fixed_size_list(kind) and _is_number(kind.value_type):
            widths[entry.name] = kind.list_size
        elif (types.is_list(kind) or types.is_large_list(kind)) and _is_number(kind.value_type):
            first = next((cell for cell in arrow.column(entry.name)[:1].to_pylist() if cell), None)
            widths[entry.name] = len(first or ())
    require_columns(sum(widths.values()), "A column of lists")
    return {name: width for name, width in widths.items() if width}


@dataclass(frozen=True)
class ListColumns:
    """Which columns of a file are lists, how long these are, and whether their entries are named x0, x1, …."""

    widths: Mapping[str, int] = field(default_factory=dict)
    alone_named: bool = False

    def names(self, columns: Sequence[str]) -> list[str]:
        """The names of all columns, with an entry for each number of a list."""
        return [entry for name in columns for entry in self._entries(name)]

    def owners(self, entries: Sequence[str]) -> list[str]:
        """The columns of the file that these entries come from."""
        known = self._sources
        return list(dict.fromkeys(known[entry][0] if entry in known else entry for entry in entries))

    def _entries(self, name: str) -> list[str]:
        if name not in self.widths:
            return [name]
        return [f"x{place}" if self.alone_named else f"{name}_{place}" for place in range(self.widths[name])]

    @property
    def _sources(self) -> dict[str, tuple[str, int]]:
        return {entry: (name, place) for name in self.widths for place, entry in enumerate(self._entries(name))}

    def alone(self, arrow: pyarrow.Table, entries: Sequence[str], where: str, first_row: int) -> np.ndarray | None:
        """The numbers of a single column of lists without missing ones, not copied; None for anything else."""
        import pyarrow

        if not self.widths or not entries or entries[0] not in self._sources:
            return None
        name = self._sources[entries[0]][0]
        if list(entries) != self._entries(name):
            return None
        flat = _flat_lists(arrow, name, self.widths[name], where, first_row)
        if flat.type not in (pyarrow.float32(), pyarrow.float64()) or flat.null_count:
            return None
        return flat.to_numpy(zero_copy_only=False).reshape(-1, self.widths[name])

    def flat(self, arrow: pyarrow.Table, where: str, first_row: int) -> pyarrow.Table:
        """The same table with a column for each entry of a list."""
        import pyarrow

        held = [name for name in self.widths if name in arrow.column_names]
        if not held:
            return arrow
        flat = {name: _flat_lists(arrow, name, self.widths[name], where, first_row) for name in held}
        columns: dict[str, Any] = {}
        for name in arrow.column_names:
            if name not in flat:
                columns[name] = arrow.column(name)
                continue
            width = self.widths[name]
            for place, entry in enumerate(self._entries(name)):
                columns[entry] = flat[name].take(pyarrow.array(np.arange(place, len(flat[name]), width)))
        return pyarrow.table(columns)


def _flat_lists(arrow: pyarrow.Table, name: str, width: int, where: str, first_row: int) -> Any:
    """The entries of all lists of a column, one list after the other; all lists must have the same length."""
    import pyarrow
    from pyarrow.compute import call_function

    lists = arrow.column(name).combine_chunks()
    lists = lists if isinstance(lists, pyarrow.Array) else pyarrow.concat_arrays(lists.chunks)
    lengths = call_function("list_value_length", [lists]).fill_null(0).to_numpy(zero_copy_only=False)
    odd = np.flatnonzero(lengths != width)
    if len(odd):
        raise DataError(
            f"{where}: column {name!r} has lists of {width} numbers, but {lengths[odd[0]]} in row "
            f"{first_row + odd[0]}; make them the same length, or leave the column out."
        )
    return lists.flatten()


def _is_number(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    return types.is_floating(kind) or types.is_integer(kind)
