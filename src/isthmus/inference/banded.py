"""Reconstructions with prediction bands that contain a stated share of new cells (`isthmus.inference.bands`)."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from isthmus.fitted import FittedState

__all__ = ["with_bands"]


def with_bands(
    fitted: FittedState,
    rows: Any,
    given: np.ndarray | None,
    like: Any,
    *,
    share: float,
    size: int | None,
    who: str,
) -> tuple[Any, Any, Any]:
    """Reconstructions of rows, and the lower and upper limits of their bands, in the form of ``like``.

    Booleans and categories have no band: both limits are the reconstruction.
    """
    bands = fitted.bands
    if size is not None:
        raise ValueError(f"{who}: reconstruct has bands for the whole code only; leave out size or interval.")
    if bands is None:
        raise ValueError(
            f"{who}: reconstruct has no bands, as no rows were held out of training; fit again, with "
            "validation_fraction=0.2 or its default."
        )
    if not isinstance(share, numbers.Real) or isinstance(share, bool) or not 0 < share <= bands.widest:
        raise ValueError(
            f"{who}: reconstruct takes an interval above 0 and at most {bands.widest:.3g}, the most that "
            f"{bands.n_rows} rows support, got {share!r}."
        )
    half = bands.half_widths(float(share)).double().numpy() * fitted.scaling.spread
    if fitted.layout is not None:
        half *= np.isin(np.arange(len(half)), fitted.layout.blocks.scaled)
    center = fitted.scaling.undo(fitted.map_rows(rows, fitted.reconstructed, given))
    low, high = center - half, center + half
    if fitted.model.likelihood.draws_whole:  # counts
        low = low.clip(0)
    rows, low, high = (fitted.in_user_format(each.astype(fitted.dtype), like) for each in (center, low, high))
    return rows, low, high
