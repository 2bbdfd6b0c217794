"""The answer to a question: ratios, each of two runs of the same repeat, and the runs themselves."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from race.job import Result

__all__ = ["Answer", "Ratio", "described", "epoch_seconds_of", "paired", "seconds_of"]


@dataclass(frozen=True)
class Ratio:
    """One row of the table.

    Attributes
    ----------
    values : list of float
        One per repeat.
    wanted : str
        "≥" or "≤" and a number; empty if nothing was promised.
    ours, theirs : str
        The two measurements in words.
    at_least : bool
        The competitor was interrupted: the true ratio is larger.
    """

    work: str
    against: str
    values: list[float]
    wanted: str = ""
    ours: str = ""
    theirs: str = ""
    at_least: bool = False

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def kept(self) -> bool | None:
        """Whether the median is as wanted; None if nothing was promised."""
        if not self.wanted:
            return None
        bound = float(self.wanted[1:])
        return self.median >= bound if self.wanted[0] == "≥" else self.median <= bound


@dataclass
class Answer:
    """Rows of the table, and everything measured, by name."""

    rows: list[Ratio] = field(default_factory=list)
    runs: dict[str, list[Any]] = field(default_factory=dict)


def seconds_of(result: Result) -> float:
    return result.seconds


def epoch_seconds_of(result: Result) -> float:
    if result.epoch_seconds is None:
        raise ValueError("Result: there was no epoch to time.")
    return result.epoch_seconds


def described(results: Sequence[Result], measure: Callable[[Result], float] = seconds_of) -> str:
    """Median seconds and, if there is one, median test error."""
    errors = [result.test_mse for result in results if result.test_mse is not None]
    seconds = f"{statistics.median(map(measure, results)):.3g} s"
    return f"{seconds}, error {statistics.median(errors):.4f}" if errors else seconds


def paired(
    work: str,
    against: str,
    numerator: Sequence[Result] | None,
    denominator: Sequence[Result] | None,
    *,
    wanted: str = "",
    measure: Callable[[Result], float] = seconds_of,
    ours: str = "denominator",
) -> list[Ratio]:
    """One row of ``numerator / denominator``, repeat by repeat; no row if either was left out."""
    if not numerator or not denominator:
        return []
    values = [measure(top) / measure(bottom) for top, bottom in zip(numerator, denominator, strict=False)]
    said = [described(denominator, measure), described(numerator, measure)]
    if ours == "numerator":
        said.reverse()
    return [Ratio(work, against, values, wanted, *said)]
