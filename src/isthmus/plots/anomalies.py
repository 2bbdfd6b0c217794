"""The figure that explains anomalies: the columns that contribute most, their values, and the expected values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_anomalies"]

MAX_COLUMNS = 8
MAX_ROWS = 6
MAX_CHARACTERS = 70  # of a reason
NORMAL_COLOUR = "#b9c0c8"


def plot_anomalies(
    contributions: Any,
    values: Any,
    expected: Any,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    *,
    p_values: Any = None,
    alarms: Any = None,
    threshold: float | None = None,
    reasons: Sequence[str] | None = None,
) -> Figure:
    """Plot the first rows, each with the columns that add most to its score; arrays have shape (n, n_features).

    Parameters
    ----------
    contributions
        What each column adds to each row's score; the sum over a row is its score.
    values, expected
        The rows, and the expected value of each cell, in the units of the data; numbers or strings.
    columns, names
        Names of the columns and of the rows; None numbers them.
    p_values, alarms
        Of the rows, shape (n,).
    threshold
        The score above which a row is an alarm.
    reasons
        One text per row.
    """
    contributions = np.asarray(contributions, dtype=float)
    values, expected = np.asarray(values), np.asarray(expected)
    shapes = (contributions.shape, values.shape, expected.shape)
    if contributions.ndim != 2 or len({*shapes}) > 1 or not len(contributions):
        raise ValueError(
            "plot_anomalies: contributions, values and expected must have the same shape (n, n_features), n at least "
            f"1, got {shapes}."
        )
    n_rows, n_features = min(len(contributions), MAX_ROWS), contributions.shape[1]
    column_names = as_text(columns if columns is not None else [f"column {place}" for place in range(n_features)])
    row_names = as_text(names if names is not None else [f"row {place}" for place in range(n_rows)])
    n_shown = min(MAX_COLUMNS, n_features)
    across = min(2, n_rows)
    down = -(-n_rows // across)
    figure = bare_figure(5.2 * across + 0.6, (0.3 * n_shown + 1.1) * down + 1.1)
    scale = _scale(contributions[:n_rows], threshold)
    for place in range(n_rows):
        title = f"{row_names[place]}: score {contributions[place].sum():.4g}"
        if p_values is not None:
            title += f", p {float(p_values[place]):.2g}"
        normal = alarms is not None and not alarms[place]
        if alarms is not None:
            title += ", no alarm" if normal else ", alarm"
        if reasons is not None:
            title += f"\n{_shortened(as_text([reasons[place]])[0])}"
        axes = figure.add_subplot(down, across, place + 1)
        cells = contributions[place], values[place], expected[place]
        _draw_row(axes, *cells, column_names, title, n_shown, scale, NORMAL_COLOUR if normal else MODEL_COLOUR)
        if threshold is not None and 0 < threshold <= scale:
            axes.axvline(threshold, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    left_out = f" Shown are the {n_shown} of {n_features} columns that add most." if n_features > n_shown else ""
    line = f" Dashed: the threshold of the whole score, {threshold:.4g}." if threshold is not None else ""
    caption(
        figure,
        "Which column, and what was expected",
        f"Bars: what a column adds to the row's score, all on one scale.{line} Text: its value, and the expected "
        f"value.{left_out}",
    )
    return figure


def _scale(contributions: np.ndarray, threshold: float | None) -> float:
    """The right end of the common axis: the largest bar, or the threshold if it is not far beyond."""
    most = max(float(contributions.max()), 1e-12)
    return most if threshold is None or threshold > 3 * most else max(most, 1.1 * threshold)


def _shortened(text: str) -> str:
    """A reason cut to the width of its panel."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def _as_text(cell: Any) -> str:
    return str(cell) if isinstance(cell, str) else f"{float(cell):.4g}"


def _draw_row(
    axes: Any,
    contributions: np.ndarray,
    values: np.ndarray,
    expected: np.ndarray,
    columns: list[str],
    title: str,
    n_shown: int,
    scale: float,
    colour: str,
) -> None:
    tidy(axes)
    chosen = np.argsort(-contributions, kind="stable")[:n_shown]
    places = np.arange(n_shown)[::-1]
    axes.barh(places, contributions[chosen], height=0.62, color=colour)
    for place, column in zip(places, chosen, strict=True):
        axes.text(
            max(contributions[column], 0.0),
            place,
            f" {_as_text(values[column])}, expected {_as_text(expected[column])}",
            fontsize=7,
            va="center",
            color="#555b63",
        )
    axes.set_xlim(min(0.0, float(contributions[chosen].min())) * 1.05, 1.7 * scale)
    axes.set_yticks(places, [columns[column] for column in chosen], fontsize=8)
    axes.tick_params(axis="x", labelsize=7)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_ylim(-0.7, n_shown - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.set_title(title, fontsize=9, color=INK, loc="left")
