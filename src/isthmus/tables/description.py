"""How a file was read: one line per column for the terminal, and the same as JSON."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus.tables.finding import Finding
from isthmus.tables.row_shape import RowShape

__all__ = ["Description", "placed"]

MAX_LINES = 40
SHOWN_NAME, SHOWN_WHY = 32, 100
PLURALS = {
    "category": "categories", "boolean": "booleans", "number": "numbers", "count": "counts", "date": "dates",
    "time": "times",
}  # fmt: skip
ROW = re.compile(r"\{row (\d+)\}")


@dataclass(frozen=True)
class Description:
    """A summary of a table and of how it was read.

    Attributes
    ----------
    name : str
        Name of the table.
    n_rows : int
    findings : tuple of Finding
        One per column of the file; none for an array, whose columns are all numbers.
    notes : tuple of str
        Remarks on the file as a whole, a sentence each.
    n_numbers : int
        Numbers in a row where there are no findings.
    image_shape : tuple of int or None
    row_shape : RowShape or None
    id_name, label_name : str or None
    """

    name: str
    n_rows: int
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    n_numbers: int = 0
    image_shape: tuple[int, ...] | None = None
    id_name: str | None = None
    label_name: str | None = None
    n_missing: int = field(default=0)
    row_shape: RowShape | None = None

    def __str__(self) -> str:
        return "\n".join(self.lines())

    @property
    def learned(self) -> tuple[Finding, ...]:
        """The columns that are learned from."""
        return tuple(finding for finding in self.findings if finding.learned)

    @property
    def left_out(self) -> tuple[Finding, ...]:
        """The columns that are not learned from, without ids, labels and given ones."""
        roles = (self.id_name, self.label_name)
        return tuple(one for one in self.findings if not one.learned and one.name not in roles and one.kind != "given")

    @property
    def missing(self) -> int:
        """How many cells are missing in the columns that are learned from."""
        return sum(finding.n_missing for finding in self.learned) + self.n_missing

    def sentence(self) -> str:
        """The summary in one line.

        >>> Description("f", 3, n_numbers=64, image_shape=(8, 8)).sentence()
        'f: 3 rows, pictures of 8×8.'
        """
        rows = "1 row" if self.n_rows == 1 else f"{self.n_rows:,} rows"
        if not self.findings:
            shape = self.row_shape or (None if self.image_shape is None else RowShape.of_picture(self.image_shape))
            what = f"{self.n_numbers:,} columns of numbers" if shape is None else str(shape)
        else:
            counts = Counter(finding.kind for finding in self.learned)
            parts = [f"{count:,} {PLURALS.get(kind, kind) if count > 1 else kind}" for kind, count in counts.items()]
            total = len(self.learned)
            what = f"{total:,} {'column' if total == 1 else 'columns'} used for training ({', '.join(parts)})"
            names = [finding.name for finding in self.left_out]
            if names:
                what += f"; left out: {_few(names)}"
            given = [finding.name for finding in self.findings if finding.kind == "given"]
            if given:
                what += f"; given: {_few(given)}"
        roles = [
            f"{what} in {name!r}"
            for what, name in (("ids", self.id_name), ("labels", self.label_name))
            if name is not None
        ]
        text = f"{self.name}: {rows}, {what}{'; ' if roles else ''}{', '.join(roles)}."
        if self.missing:
            text += f" {self.missing:,} {'cell is' if self.missing == 1 else 'cells are'} missing."
        return text

    def lines(self) -> list[str]:
        """The sentence, then one line per column, then notes."""
        shown = self._shown()
        width = max((min(len(finding.name), SHOWN_NAME) for finding in shown), default=0)
        lines = [self.sentence()]
        for finding in shown:
            name = finding.name if len(finding.name) <= SHOWN_NAME else finding.name[: SHOWN_NAME - 1] + "…"
            lines.append(f"  {name:<{width}}  {finding.kind:<8}  {self._remarks(finding)}".rstrip())
        if len(shown) < len(self.findings):
            rest = Counter(finding.kind for finding in self.findings if finding not in shown)
            counts = ", ".join(f"{count:,} {PLURALS.get(kind, kind)}" for kind, count in rest.items())
            lines.append(f"  and {counts} more")
        return [*lines, *(f"  note: {note}" for note in self.notes)]

    def _shown(self) -> list[Finding]:
        """All columns; of very many, only those with remarks."""
        if len(self.findings) <= MAX_LINES:
            return list(self.findings)
        notable = [one for one in self.findings if one.notes or not one.learned or one.kind != "number"]
        return notable[:MAX_LINES] or list(self.findings[:3])

    def _remarks(self, finding: Finding) -> str:
        if finding.name == self.label_name:
            return "the labels, not used for training"
        if finding.name == self.id_name:
            why = f" ({finding.why})" if finding.why.startswith("counts") else ""
            return f"the names of the rows, not used for training{why}"
        if finding.kind == "given":
            return finding.why
        parts = [f"left out: {finding.why}"] if not finding.learned else []
        if finding.learned and finding.n_missing:
            parts.append(f"{finding.n_missing:,} missing")
        text = "; ".join([*parts, *finding.notes])
        return text if len(text) <= 2 * SHOWN_WHY else text[: 2 * SHOWN_WHY - 1] + "…"

    def to_facts(self) -> dict[str, Any]:
        """The description as a JSON object."""
        columns = [
            {
                "name": one.name,
                "kind": one.kind,
                "learned": one.learned,
                **({"why": one.why} if one.why else {}),
                **({"missing": one.n_missing} if one.n_missing else {}),
                **({"notes": list(one.notes)} if one.notes else {}),
            }
            for one in self.findings
        ]
        left_out = [{"name": one.name, "why": one.why} for one in self.left_out]
        return {
            "n_rows": self.n_rows,
            "columns": columns,
            "left_out": left_out,
            "cells_missing": self.missing,
            "notes": list(self.notes),
            **(
                {}
                if self.row_shape is None
                else {"shape": dict(zip(self.row_shape.axes, self.row_shape.sizes, strict=True))}
            ),
        }


def placed(text: str, line_of: Callable[[int], int | None]) -> str:
    """A note with ``{row 7}`` replaced by the line in the file, or by ``row 7`` if the line is not known."""

    def line_or_row(found: re.Match[str]) -> str:
        row = int(found[1])
        line = line_of(row)
        return f"row {row}" if line is None else f"line {line}"

    return ROW.sub(line_or_row, text)


def _few(names: Sequence[str], limit: int = 5) -> str:
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
