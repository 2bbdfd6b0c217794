"""The training history: one row per epoch, one column per part of the loss.

Row 0 is the start, before any step: for a principal start it is the closed form itself, so every
later row shows the gain over PCA. Training and validation columns are measured in the same way: at the end of the
epoch, with the same weights, without dropout, on the same number of rows.

Ordinary epochs are measured with the encoder's codes, as in training. If turns of decoder and codes follow
(`isthmus.inference.alternation`), each turn is a row and is measured with polished codes, as at inference, so the error
drops at the first by the effect of polishing. The history is that of the run that chose the epoch. `reconstruct`
reproduces the error in the row of ``best_epoch_`` if codes are the encoder's (``polish=0``), nothing was refitted and
evaluation draws no noise; otherwise the encoder's last epochs, polishing and the refit change it further.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import overload

from isthmus.text_table import ELLIPSIS, aligned

__all__ = ["History"]

SHOWN = 4  # rows at either end of a long history, where it is printed


@dataclass(repr=False)
class History:
    """A small table of numbers: ``history["validation_loss"]`` is a column, ``history[-1]`` a row.

    >>> history = History()
    >>> history.append({"epoch": 0, "validation_loss": 2.0})
    >>> history.append({"epoch": 1, "validation_loss": 1.5})
    >>> history["validation_loss"]
    [2.0, 1.5]
    >>> history[-1]["epoch"], len(history)
    (1, 2)
    >>> history
     epoch  validation_loss
         0                2
         1              1.5
    """

    columns: dict[str, list[float]] = field(default_factory=dict)

    def append(self, row: Mapping[str, float]) -> None:
        """Add one row; every row has the same columns."""
        if self.columns and set(row) != set(self.columns):
            raise ValueError(f"History: a row must have the columns {sorted(self.columns)}, got {sorted(row)}.")
        for name, value in row.items():
            self.columns.setdefault(name, []).append(value)

    @overload
    def __getitem__(self, key: str) -> list[float]: ...

    @overload
    def __getitem__(self, key: int) -> dict[str, float]: ...

    def __getitem__(self, key: str | int) -> list[float] | dict[str, float]:
        if isinstance(key, str):
            return self.columns[key]
        return {name: values[key] for name, values in self.columns.items()}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))

    def __iter__(self) -> Iterator[dict[str, float]]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        if not self.columns:
            return "History()"
        kept = range(len(self)) if len(self) <= 2 * SHOWN else [*range(SHOWN), *range(len(self) - SHOWN, len(self))]
        lines = [[f"{values[index]:.5g}" for values in self.columns.values()] for index in kept]
        if len(self) > len(kept):
            lines.insert(SHOWN, [ELLIPSIS] * len(self.columns))
        return aligned(list(self.columns), lines)
