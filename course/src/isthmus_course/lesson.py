"""A lesson's numbers, each with a name and an assertion, so none of them is typed by hand.

A lesson computes, then asserts what must be true of the results:

>>> lesson = Lesson(2, "The line, by hand")
>>> lesson.given("x", [2.0, 2.4])
>>> lesson.exact("error", 0.36 / 1.81, known=(2.4 - 0.9 * 2.0) ** 2 / (1 + 0.9**2))

Its text then has ``{{ error:.3f }}``, and the page 0.199. A result known on paper is *exact*. A trained one differs
from seed to seed, so it is stated as a `Spread` over at least five seeds that stays *within* bounds, or as a relation
that *holds* for each. A failed assertion stops the lesson, and with it the build of the page.

>>> lesson.within("slope", [0.899, 0.901, 0.900, 0.898, 0.902], low=0.89, high=0.91)
>>> lesson.fill("{{ error:.3f }}, and a slope from {{ slope.low:.3f }} to {{ slope.high:.3f }}")
'0.199, and a slope from 0.898 to 0.902'
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import __version__
from isthmus.tables.atomic import atomic_write

__all__ = ["PLACE", "Lesson", "Result", "ResultError", "Spread", "filled", "places"]

FEWEST_SEEDS = 5
PLACE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)((?:\[\d+\])*)(?::([^}]*))?\s*\}\}")
RECORDS = "ISTHMUS_LESSON_RECORDS"  # the folder in which a build of the site collects results


class ResultError(AssertionError):
    """A result of a lesson is not what the lesson claims."""


@dataclass(frozen=True)
class Spread:
    """A trained result over its seeds."""

    values: tuple[float, ...]

    @property
    def low(self) -> float:
        """The smallest."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest."""
        return max(self.values)

    @property
    def mean(self) -> float:
        """The mean."""
        return sum(self.values) / len(self.values)

    @property
    def seeds(self) -> int:
        """The number of seeds."""
        return len(self.values)


@dataclass(frozen=True)
class Result:
    """One named result and, in words, what was asserted about it."""

    value: Any
    asserted: str

    def text(self) -> str:
        """The value as shown in the table."""
        if isinstance(self.value, Spread):
            return f"{self.value.low:.4g} – {self.value.high:.4g}"
        if isinstance(self.value, list):
            return "(" + ", ".join(map(_text, np.ravel(self.value).tolist())) + ")"
        return _text(self.value)


class Lesson:
    """The named results of one lesson.

    Parameters
    ----------
    number, title
        As in the course's table of contents; for a page that is no chapter the name of its file.
    seed
        The seed of all random draws, or the first of several; None if nothing is drawn.
    """

    def __init__(self, number: int | str, title: str, seed: int | None = None):
        self.number, self.title, self.seed = number, title, seed
        self.results: dict[str, Result] = {}

    def given(self, name: str, value: Any) -> None:
        """Name what the lesson starts from: a point, a variance, a count."""
        self._keep(name, value, "given")

    def exact(self, name: str, value: Any, known: Any, digits: int = 12) -> None:
        """Name a number or an array that is also known in another way; they must agree to ``digits`` decimals."""
        got, expected = np.asarray(value, dtype=float), np.asarray(known, dtype=float)
        difference = np.abs(got - expected).max() if got.shape == expected.shape else np.inf
        if not difference <= 10.0**-digits:
            raise ResultError(f"lesson {self.number}: {name!r} is {value}, not {known} to {digits} digits.")
        self._keep(name, value, f"equal to {digits} decimals")

    def within(self, name: str, values: Sequence[float], low: float, high: float) -> None:
        """Name a trained number, one value per seed; each must lie from ``low`` to ``high``."""
        self._require_seeds(name, len(values))
        worst = [value for value in map(float, values) if not low <= value <= high]
        if worst:
            raise ResultError(
                f"lesson {self.number}: {name!r} is {worst[0]:.6g} at one seed, not from {low:g} to {high:g}."
            )
        asserted = f"{low:g} to {high:g} at each of {len(values)} seeds"
        self._keep(name, Spread(tuple(map(float, values))), asserted)

    def holds(self, name: str, held: Sequence[bool], what: str) -> None:
        """Name a relation between trained results, described by ``what``; ``held`` has a boolean per seed, all True."""
        self._require_seeds(name, len(held))
        if not all(held):
            raise ResultError(
                f"lesson {self.number}: {name!r}, {what}, holds for {sum(map(bool, held))} of {len(held)}."
            )
        self._keep(name, len(held), f"{what}, at each of {len(held)} seeds")

    def fill(self, text: str) -> str:
        """The text with each ``{{ name:format }}`` replaced by a number."""
        return filled(text, {name: result.value for name, result in self.results.items()})

    def widget(self, kind: str, caption: str, prompt: str = "", **state: Any) -> Widget:
        """An interactive figure for the page: its kind, its caption, what to try, and its initial state."""
        return Widget(kind, caption, json.loads(json.dumps(state, default=_plain)), prompt)

    def __repr__(self) -> str:
        wide = max(map(len, self.results), default=0)
        lines = [f"{name:{wide}}  {result.text()}  ({result.asserted})" for name, result in self.results.items()]
        return "\n".join([f"What the page computed: {self._made_by()}", *lines])

    def _made_by(self) -> str:
        seed = "nothing drawn" if self.seed is None else f"seed {self.seed}"
        return f"isthmus {__version__}, {seed}"

    def _require_seeds(self, name: str, count: int) -> None:
        if count < FEWEST_SEEDS:
            raise ResultError(f"lesson {self.number}: {name!r} is trained, and {count} seeds are under {FEWEST_SEEDS}.")

    def _keep(self, name: str, value: Any, asserted: str) -> None:
        if name in self.results:
            raise ResultError(f"lesson {self.number}: {name!r} is named twice.")
        if not isinstance(value, (Spread, str)):
            value = np.asarray(value).tolist()
        self.results[name] = Result(value, asserted)
        if RECORDS in os.environ:
            self._record(Path(os.environ[RECORDS]))

    def _record(self, folder: Path) -> None:
        """Write the results to where the build of the site reads them."""
        facts = {
            "made_by": self._made_by(),
            "results": [
                {
                    "name": name,
                    "value": {"values": result.value.values} if isinstance(result.value, Spread) else result.value,
                    "said": result.text(),
                    "asserted": result.asserted,
                }
                for name, result in self.results.items()
            ],
        }
        with atomic_write(folder / f"{self.number}.json") as temporary:
            temporary.write_text(json.dumps(facts), encoding="utf-8")


@dataclass(frozen=True)
class Widget:
    """An interactive figure: the site draws it with ``course/_static/widgets``, a notebook only points there."""

    kind: str
    caption: str
    state: dict[str, Any]
    prompt: str = ""

    def _repr_html_(self) -> str:
        return (
            f'<figure class="moving" data-widget="{self.kind}">'
            f'<script type="application/json">{json.dumps(self.state).replace("<", chr(92) + "u003c")}</script>'
            f"<div>This picture moves on the lesson's own page.</div>"
            f"{f'<p class=prompt>{html.escape(self.prompt)}</p>' if self.prompt else ''}"
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )


def places(text: str) -> set[str]:
    """The names of the results that a text uses, as written.

    >>> places("{{ x[0]:.1f }} and {{ net.slope.low }}") == {"x", "net.slope.low"}
    True
    """
    return {match[1] for match in PLACE.finditer(text)}


def filled(text: str, values: dict[str, Any]) -> str:
    """The text with each ``{{ name:format }}`` replaced by a value; a `ResultError` for an unknown name."""

    def value_of(match: re.Match[str]) -> str:
        value = _looked_up(match[1], values)
        for index in re.findall(r"\d+", match[2]):
            value = value[int(index)]
        return format(value, (match[3] or "").strip())

    return PLACE.sub(value_of, text)


def _looked_up(name: str, values: dict[str, Any]) -> Any:
    if name in values:
        return values[name]
    stem, _, part = name.rpartition(".")
    if isinstance(values.get(stem), Spread) and isinstance(getattr(Spread, part, None), property):
        return getattr(values[stem], part)
    raise ResultError(f"no result is named {name!r}; there are {', '.join(values) or 'none'}.")


def _text(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()
