"""Column names from heading rows: joined if there are several rows, and made unique."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

__all__ = ["cleaned", "is_complete", "joined", "once_each"]


def is_complete(row: Sequence[str]) -> bool:
    """Whether all cells of a row are filled, and all different."""
    cells = [cell.strip() for cell in row]
    return all(cells) and len({*cells}) == len(cells)


def joined(rows: Sequence[Sequence[str]]) -> list[str]:
    """One name per column from several heading rows; a group heading also applies to the columns after it."""
    if len(rows) == 1:
        return [cell.strip() for cell in rows[0]]
    filled = []
    for row in rows[:-1]:
        cells, last = [], ""
        sparse = sum(bool(cell.strip()) for cell in row) < len(row)
        for cell in row:
            last = cell.strip() or (last if sparse else "")
            cells.append(last)
        filled.append(cells)
    parts = [*filled, [cell.strip() for cell in rows[-1]]]
    return [".".join(part for part in column if part) for column in zip(*parts, strict=True)]


def cleaned(names: Sequence[str]) -> tuple[str, ...]:
    """Names stripped of spaces and made unique; a column without a name is called by its position."""
    plain = [
        " ".join(name.replace("\ufeff", "").split()).strip("\"'") if len(name.strip()) > 1 else name.strip()
        for name in names
    ]
    plain = [name.lstrip("# ") if place == 0 and name.startswith("#") else name for place, name in enumerate(plain)]
    return once_each([name or f"column {place + 1}" for place, name in enumerate(plain)])


def once_each(names: Sequence[str]) -> tuple[str, ...]:
    """Names with duplicates numbered: name, name.1, name.2.

    >>> once_each(["a", "b", "a", "a.1"])
    ('a', 'b', 'a.2', 'a.1')
    """
    taken, found = set(names), []
    seen: Counter[str] = Counter()
    for name in names:
        new = name
        while name and seen[name] and (new == name or new in taken):
            new = f"{name}.{seen[name]}"
            seen[name] += 1
        seen[name] += name == new
        taken.add(new)
        found.append(new)
    return tuple(found)
