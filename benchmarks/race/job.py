"""What a competitor is asked to do, and its answer, as JSON between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any

__all__ = ["Job", "Result"]


@dataclass(frozen=True)
class Job:
    """One fit.

    Attributes
    ----------
    data : str
        "digits", "fashion-mnist" or "table".
    rows, columns : int or None
        How many of the training rows to use; for "table" also its number of columns.
    widths : tuple of int
        The encoder's layers after the input, the code last; the decoder mirrors them.
    epochs : int or None
        None leaves the choice to the competitor.
    curve : bool
        Measure the test error after every epoch, with the clock stopped.
    looks : bool
        Measure it within epochs too, after 4, 8, 12, … steps at first, then every 32.
    stop_below : float or None
        Only for isthmus: stop when the error on its own held-out rows is lower.
    budget : float or None
        Seconds after which the fit is interrupted.
    settings : dict
        Settings of a single competitor.
    """

    data: str = "digits"
    rows: int | None = None
    columns: int = 100
    widths: tuple[int, ...] = (32, 16, 2)
    batch_size: int = 128
    epochs: int | None = 100
    threads: int = 1
    seed: int = 42
    curve: bool = False
    looks: bool = False
    stop_below: float | None = None
    budget: float | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Job:
        asked = json.loads(text)
        return Job(**asked | {"widths": tuple(asked["widths"])})


@dataclass(frozen=True)
class Result:
    """One fit, measured.

    Attributes
    ----------
    seconds : float
        Measured time; imports, data, a small warm-up fit and the measuring are not included.
    test_mse : float or None
        Squared error per feature on the test rows at the end; None if nothing is reconstructed.
    epoch_seconds : float or None
        Median, without the first epoch if there are several.
    curve : list of [seconds, test_mse]
        One point per epoch, if requested.
    peak_rss_mb, rss_before_mb : float
        Memory of the process: its peak during the fit, and just before it with the data loaded.
    """

    seconds: float
    test_mse: float | None
    epoch_seconds: float | None
    curve: list[list[float]]
    peak_rss_mb: float
    rss_before_mb: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Result:
        answered = json.loads(text)
        return Result(**{entry.name: answered[entry.name] for entry in fields(Result)})
