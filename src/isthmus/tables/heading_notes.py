"""Notes for the user on the rows above a table and the names of its columns."""

from __future__ import annotations

from isthmus.tables.heading import Heading

__all__ = ["heading_notes"]


def heading_notes(heading: Heading, *, first: str = "", guessed: bool) -> list[str]:
    """Sentences on rows above the table, missing names, units and duplicate names.

    Parameters
    ----------
    first
        The first line of the file, where its rows are lines.
    guessed
        Whether the heading was inferred.
    """
    notes = []
    if heading.above:
        row = "line" if first else "row"
        count = f"1 {row}" if len(heading.above) == 1 else f"{len(heading.above)} {row}s"
        notes.append(f"{count} above the table left out" + (f", the first {first[:40]!r}" if first else ""))
    notes += [note for note in heading.notes if guessed]
    if not heading.named and guessed:
        notes.append("no row of names: the columns are x0, x1, … (--header 1 if the first row is names)")
    if heading.units:
        units = [f"{name} in {unit}" for name, unit in zip(heading.names, heading.units, strict=True) if unit]
        notes.append(f"units below the names: {', '.join(units[:4])}{' …' if len(units) > 4 else ''}")
    parts = {name: name.rpartition(".") for name in heading.names}
    numbered = [name for name, (base, _, count) in parts.items() if count.isdigit() and base in parts]
    if numbered and heading.named:
        notes.append(
            f"names that come more than once are numbered: {', '.join(numbered[:4])}{' …' * (len(numbered) > 4)}"
        )
    return notes
