"""The baseline for models of the digits: the tutorial's own recipe on its own data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isthmus.cli.data_split import DataSplit

__all__ = ["BASELINE", "fitted_baseline", "is_tutorial_data"]

BASELINE, TUTORIAL_DATA = "tutorial", "digits"


def is_tutorial_data(source: str, rows: DataSplit) -> bool:
    """Whether the rows are the bundled digits."""
    return rows.table.name == TUTORIAL_DATA and source == TUTORIAL_DATA


def fitted_baseline(n_components: int, seed: int, rows: DataSplit) -> Any:
    """The tutorial's recipe, fitted; Ctrl-C stops the command, since half a fit is no fair comparison."""
    from isthmus.inner_fit import uninterrupted
    from isthmus.tutorial import tutorial_recipe

    return uninterrupted(tutorial_recipe(n_components, seed), rows.training)
