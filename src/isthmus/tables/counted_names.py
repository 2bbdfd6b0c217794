"""Numbers that name columns: equally spaced runs of them in the first row, such as years or wavelengths."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["counted_names"]

MIN_RUN, STEPS = 3, (1.0, 2.0, 5.0, 10.0)  # steps between years
LONG_RUN = 8  # may have any step
ROUNDED = 0.02  # tolerance of a step for rounding, relative to the step
ROWS_BELOW = 3
YEARS, FEW_YEARS = range(1800, 2101), 0.05
MANY_ROWS = 20  # of numbers without a year, for a single year to be a name


def counted_names(row: Sequence[str], below: Sequence[Sequence[str]], kinds: Sequence[str]) -> set[int]:
    """Positions in runs of such numbers above columns of numbers; a run is data if rows below have one there, too.

    >>> sorted(counted_names(["land", "1990", "1991", "1992"], [["A", "5", "9", "2"]], ["text"] + ["number"] * 3))
    [1, 2, 3]
    """
    numbers = [_number(cell) if kind in ("number", "mark") else None for cell, kind in zip(row, kinds, strict=True)]
    found: set[int] = set()
    for run in _runs(numbers):
        step = abs(numbers[run[1]] - numbers[run[0]])  # pyrefly: ignore[unsupported-operation]
        long = len(run) >= LONG_RUN or (len(run) >= MIN_RUN and step in STEPS)
        if long and not any(_is_like(other, row, run) for other in below[:ROWS_BELOW]):
            found |= {*run}
    return found | _scattered_years(row, below, kinds, numbers)


def _scattered_years(
    row: Sequence[str], below: Sequence[Sequence[str]], kinds: Sequence[str], numbers: Sequence[float | None]
) -> set[int]:
    """Positions of years that increase from left to right, above numbers that are not years.

    A single year is a name if the words beside it are longer than any below them, or if none of the numbers below is a
    year and they are many or have decimals.
    """
    places = [
        place
        for place, (number, kind) in enumerate(zip(numbers, kinds, strict=True))
        if number is not None and number in YEARS and kind == "number" and row[place].strip().isdigit()
    ]
    found = [numbers[place] or 0.0 for place in places]
    cells = [other[place] for other in below for place in places if other[place].strip()]
    years = sum(_number(cell) in YEARS for cell in cells)
    words = [place for place, kind in enumerate(kinds) if kind == "text"]
    longer = all(len(row[place].strip()) > max(len(other[place].strip()) for other in below) for place in words)
    no_years = not years and (len(cells) >= MANY_ROWS or 2 * sum("." in cell for cell in cells) > len(cells))
    fresh = all(row[place].strip() not in {other[place].strip() for other in below} for place in words)
    alone = len(places) == 1 and not longer and not (no_years and fresh)
    if alone or not places or found != sorted({*found}) or years > FEW_YEARS * len(cells):
        return set()
    return {*places} if len(places) > 1 or "text" in kinds else set()


def _runs(numbers: Sequence[float | None]) -> list[list[int]]:
    """Runs of adjacent positions with equal steps between their numbers."""
    runs: list[list[int]] = []
    for place, number in enumerate(numbers):
        if number is None:
            continue
        last = runs[-1] if runs and runs[-1][-1] == place - 1 else None
        if last is not None and _continues_run([*(numbers[one] for one in last), number]):
            last.append(place)
        else:
            runs.append([place - 1, place] if last is not None and numbers[place - 1] != number else [place])
    return [run for run in runs if len(run) >= MIN_RUN]


def _continues_run(numbers: Sequence[float | None]) -> bool:
    """Whether the last two numbers are as far apart as the first two."""
    first, second, *_ = numbers
    step, last = second - first, numbers[-1] - numbers[-2]  # pyrefly: ignore[unsupported-operation]
    return step != 0 and abs(last - step) <= ROUNDED * abs(step)


def _is_like(other: Sequence[str], row: Sequence[str], run: Sequence[int]) -> bool:
    """Whether a row below has the same numbers, or an equally spaced run, in the same positions."""
    numbers = [_number(other[place]) for place in run]
    same = sum(number is not None and number == _number(row[place]) for number, place in zip(numbers, run, strict=True))
    return 2 * same >= len(run) or _runs(numbers) == [list(range(len(run)))]


def _number(cell: str) -> float | None:
    text = cell.strip().removeprefix("X")
    if not text or not set(text) <= set("0123456789.-"):
        return None
    try:
        return float(text)
    except ValueError:
        return None
