"""Flags that mean something else beside ``--time``, where they describe the windows of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.cli.outcome import UsageError
from isthmus.cli.reading_flags import ReadingFlags

__all__ = ["network_of_windows", "window_length"]


def window_length(reading: ReadingFlags) -> int | str:
    """``--window`` in steps, or "auto"; a `UsageError` unless it is a whole number from 2."""
    length = reading.window
    if length is None:
        return "auto"
    if length < 2 or length != int(length):
        raise UsageError(f"--window must be a whole number of steps of a series, at least 2, got {length:g}.")
    return int(length)


def network_of_windows(settings: Mapping[str, Any]) -> str:
    """``--network`` as `WindowedAutoencoder` takes it; "auto" where it was left out."""
    from isthmus.series.windowed import NETWORKS

    network = settings.get("network") or "auto"
    if network not in NETWORKS:
        raise UsageError(f"--network must be one of {', '.join(NETWORKS)} for a series, got {network!r}.")
    return network
