"""How the figures of an evaluation are formatted: numbers, counts, and shares of the variance."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isthmus.text_table import counted

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["NO_FIGURE", "Figure", "as_text", "dimensions", "kept"]

NO_FIGURE = "–"
MAX_DECIMALS = 4
MAX_WIDTH = 100  # of a table that Python prints


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``kind`` is "number", "share" (of 1) or "count"; None if it doesn't apply."""

    name: str
    model: float | str | None
    pca: float | None
    kind: str = "number"

    def written(self) -> tuple[str, str, str]:
        """Name, the model's figure and PCA's, as printed."""
        return self.name, _written(self.model, self.kind), _written(self.pca, self.kind)


def _written(value: float | str | None, kind: str) -> str:
    if value is None or isinstance(value, str):
        return value or NO_FIGURE
    if kind == "share" and 0.9995 <= value < 1:
        return "over 99.9%"
    return {"share": f"{100 * value:.1f}%", "count": f"{value:.0f}", "number": f"{value:.4g}"}[kind]


def dimensions(count: int) -> str:
    """The size of a code: "2 dimensions"."""
    return counted(count, "dimension")


def kept(*shares: float) -> list[str]:
    """Shares of the variance in per cent, with enough decimals to differ from each other and from 100."""
    texts: list[str] = []
    for decimals in range(MAX_DECIMALS + 1):
        texts = [_per_cent(share, decimals) for share in shares]
        whole = any(share < 1 and text.startswith(("100", "over")) for share, text in zip(shares, texts, strict=True))
        if not whole and len(set(texts)) == len(set(shares)):
            break
    return texts


def _per_cent(share: float, decimals: int) -> str:
    if share <= 0:
        return "nothing"
    text = f"{100 * share:.{decimals}f}%"
    if share < 1 and decimals == MAX_DECIMALS and text.startswith("100"):
        return f"over {100 - 10.0**-decimals:.{decimals}f}%"
    return "100%" if share == 1 else text


def as_text(table: Table, sentence: str) -> str:
    """A table and the sentence that sums it up, as Python prints an object."""
    from rich.console import Console

    printed = io.StringIO()
    Console(file=printed, width=MAX_WIDTH, color_system=None).print(table)
    return f"{printed.getvalue()}{sentence}"
