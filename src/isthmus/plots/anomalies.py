"""Why a row is an anomaly: which columns, what they hold, and what was expected in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.plots.style import FAINT, INK, MODEL_COLOUR, as_text, bare_figure, caption, tidy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_anomalies"]

MOST_COLUMNS = 8
MOST_ROWS = 6


def plot_anomalies(
    contributions: Any,
    values: Any,
    expected: Any,
    columns: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
) -> Figure:
    """The first rows, each with the columns that add most to its score; all arrays have shape (n, n_features).

    Parameters
    ----------
    contributions
        What each column adds to each row's score; the sum over a row is its score.
    values, expected
        The rows, and the rows as reconstructed, in the units of the data.
    columns, names
        Names of the columns and of the rows; None counts them.
    """
    contributions = np.asarray(contributions, dtype=float)
    values, expected = np.asarray(values, dtype=float), np.asarray(expected, dtype=float)
    shapes = (contributions.shape, values.shape, expected.shape)
    if contributions.ndim != 2 or len({*shapes}) > 1 or not len(contributions):
        raise ValueError(
            f"plot_anomalies: contributions, values and expected must have one shape (n, n_features) and a row, "
            f"got {shapes}."
        )
    n_rows, n_features = min(len(contributions), MOST_ROWS), contributions.shape[1]
    column_names = as_text(columns if columns is not None else [f"column {place}" for place in range(n_features)])
    row_names = as_text(names if names is not None else [f"row {place}" for place in range(n_rows)])
    n_shown = min(MOST_COLUMNS, n_features)
    across = min(3, n_rows)
    down = -(-n_rows // across)
    figure = bare_figure(3.4 * across + 0.6, (0.3 * n_shown + 0.8) * down + 0.9)
    for place in range(n_rows):
        axes = figure.add_subplot(down, across, place + 1)
        _draw_row(
            axes, contributions[place], values[place], expected[place], column_names, f"{row_names[place]}", n_shown
        )
    left_out = f" The {n_shown} of {n_features} columns that add most." if n_features > n_shown else ""
    caption(
        figure,
        "Which column, and what was expected",
        f"Bars: what a column adds to the row's score. Numbers: its value, and the value expected.{left_out}",
    )
    return figure


def _draw_row(
    axes: Any,
    contributions: np.ndarray,
    values: np.ndarray,
    expected: np.ndarray,
    columns: list[str],
    name: str,
    n_shown: int,
) -> None:
    tidy(axes)
    chosen = np.argsort(-contributions, kind="stable")[:n_shown]
    places = np.arange(n_shown)[::-1]
    axes.barh(places, contributions[chosen], height=0.62, color=MODEL_COLOUR)
    for place, column in zip(places, chosen, strict=True):
        axes.text(
            max(contributions[column], 0.0),
            place,
            f" {values[column]:.4g}, expected {expected[column]:.4g}",
            fontsize=7,
            va="center",
            color="#555b63",
        )
    most = max(float(contributions.max()), 1e-12)
    axes.set_xlim(min(0.0, float(contributions[chosen].min())) * 1.05, 2.0 * most)
    axes.set_yticks(places, [columns[column] for column in chosen], fontsize=8)
    axes.set_xticks([])
    axes.spines["bottom"].set_color(FAINT)
    axes.set_ylim(-0.7, n_shown - 0.3)
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{name}: score {contributions.sum():.4g}", fontsize=9, color=INK, loc="left")
