"""The most anomalous rows for a person at a terminal: one line per row, with the columns that stand out.

A program, a pipe or a file gets every row in full (`isthmus.cli.detection_output`).
"""

from __future__ import annotations

import sys
from typing import Any

from isthmus.cli.outcome import escaped, show

__all__ = ["reads_a_person", "show_episodes", "show_most_anomalous"]

SHOWN = 10
MIDNIGHT = " 00:00:00"
CHANNEL_PARTS = ("channel", "contribution", "value", "expected", "focus")
SHOWN_SHARE = 0.2  # of the largest contribution: smaller ones are not shown


def reads_a_person() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def show_most_anomalous(columns: dict[str, list[Any]]) -> None:
    """Show the first rows of the written ``columns``, and say how to get the others.

    The first column names the rows; the others are those of ``isthmus detect -o``.
    """
    from rich.table import Table

    name = next(iter(columns))
    count = len(columns[name])
    table = Table(header_style="")  # no escape sequences of our own among those of a hostile file
    for heading in (name, "p-value", "alarm", "why", "columns that stand out: value (expected)"):
        table.add_column(_plain(heading), justify="right" if heading == "p-value" else "left")
    for row in range(min(count, SHOWN)):
        table.add_row(
            _plain(columns[name][row]),
            f"{columns['p_value'][row]:.2g}",
            "yes" if columns["alarm"][row] else "",
            _plain(columns["reason"][row]),
            _plain(", ".join(_standing_out(columns, row))),
        )
    show(table)
    if count > SHOWN:
        show(f"The {SHOWN} most anomalous of {count:,} rows. All of them, with scores: add -o scores.csv")


def show_episodes(columns: dict[str, list[Any]]) -> None:
    """Show the episodes of a series: when, how anomalous, and the channels that stand out at the peak."""
    from rich.table import Table

    names = [name for name in columns if name.partition("_")[0] not in CHANNEL_PARTS]
    table = Table(header_style="")
    for heading in (*names, "channels that stand out: value (expected)"):
        table.add_column(_plain(heading), justify="right" if heading == "score" else "left")
    named = {name.replace("channel_", "feature_"): cells for name, cells in columns.items()}
    dates = all(str(cell).endswith(MIDNIGHT) for name in ("start", "end", "peak") for cell in columns[name])
    for row in range(len(columns["score"])):
        cells = [f"{columns[name][row]:.3g}" if name == "score" else str(columns[name][row]) for name in names]
        if dates:
            cells = [cell.removesuffix(MIDNIGHT) for cell in cells]
        table.add_row(*map(_plain, cells), _plain(", ".join(_standing_out(named, row))))
    show(table, "Every step of the series, with its score: add -o scores.csv")


def _plain(text: Any) -> str:
    from rich.markup import escape

    return escape(escaped(str(text)))


def _standing_out(columns: dict[str, list[Any]], row: int) -> list[str]:
    """The columns that contribute to the score of a row: ``weight 6050 (5832)``."""
    said = []
    largest = columns["contribution_1"][row]
    rank = 1
    while f"feature_{rank}" in columns and columns[f"contribution_{rank}"][row] >= SHOWN_SHARE * largest:
        value, expected = (_short(columns[f"{part}_{rank}"][row]) for part in ("value", "expected"))
        said.append(f"{columns[f'feature_{rank}'][row]} {value}" + ("" if value == expected else f" ({expected})"))
        rank += 1
    return said


def _short(cell: Any) -> str:
    """A number with four significant digits; text unchanged."""
    if cell is None:
        return "missing"
    try:
        number = float(cell)
    except ValueError:
        return str(cell)
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.4g}"
