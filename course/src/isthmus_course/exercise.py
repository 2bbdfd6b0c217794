"""Exercises: one file per chapter in ``exercises/``, checked by properties and not by the digits of a result.

A chapter's file holds the whole exercise: its text (the docstring, whose first line is the title), what a solution
must define (``NEEDS``), a ``STARTER`` to fill in, a ``REFERENCE`` that passes, ``WRONG`` solutions with their messages,
and the ``CHECKS``. A check is a function of the solution; its docstring names a property, and it returns None, or one
sentence that shows the smallest case in which the property fails. The simplest cases come first.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from isthmus_course.progress import mark_solved, solved_chapters

__all__ = ["Check", "Exercise", "distinguished", "exercise", "exercises", "first_fault", "show"]

Check = Callable[[Any], str | None]
Case = TypeVar("Case")


@dataclass(frozen=True)
class Exercise:
    """One chapter's exercise, read from its file."""

    chapter: int
    title: str
    text: str
    needs: tuple[str, ...]
    starter: str
    reference: str
    wrong: Mapping[str, tuple[str, str]]
    checks: tuple[Check, ...]

    @property
    def solved(self) -> bool:
        """Whether it has been solved on this computer."""
        return self.chapter in solved_chapters()

    def mark_solved(self) -> None:
        """Remember that it is solved; a `ValueError` if that can't be written."""
        mark_solved(self.chapter)

    def properties(self) -> list[str]:
        """The properties that are checked, in order."""
        return [(check.__doc__ or "").strip().rstrip(".") for check in self.checks]

    def fault(self, solution: Any) -> str | None:
        """The first property that a solution fails, with a counterexample; None if it fails none."""
        missing = [name for name in self.needs if not hasattr(solution, name)]
        if missing:
            return f"your file defines no {missing[0]!r}; it must define {', '.join(self.needs)}."
        for check, name in zip(self.checks, self.properties(), strict=True):
            sentence = check(solution)
            if sentence is not None:
                return f"{name[0].lower()}{name[1:]}: {sentence}"
        return None


def exercises() -> dict[int, Exercise]:
    """All exercises by chapter."""
    from isthmus_course import exercises as folder

    names = sorted(module.name for module in pkgutil.iter_modules(folder.__path__))
    return {number: exercise(number) for number in (int(name.removeprefix("chapter_")) for name in names)}


def exercise(chapter: int) -> Exercise:
    """The exercise of a chapter; a `ValueError` if there is none."""
    try:
        found: Any = importlib.import_module(f"isthmus_course.exercises.chapter_{chapter:02d}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("isthmus_course.exercises"):
            raise
        raise ValueError(f"learn: there is no exercise for chapter {chapter}; isthmus learn lists them.") from None
    title, _, text = inspect.cleandoc(found.__doc__).partition("\n")
    return Exercise(
        chapter,
        title.strip().rstrip("."),
        text.strip(),
        found.NEEDS,
        found.STARTER.lstrip("\n"),
        found.REFERENCE.lstrip("\n"),
        found.WRONG,
        found.CHECKS,
    )


def first_fault(cases: Iterable[Case], fault: Callable[[Case], str | None]) -> str | None:
    """The sentence of the first case that has one: the smallest counterexample, if cases come simplest first.

    >>> first_fault([0, 1, 2, 3], lambda case: f"{case} is odd." if case % 2 else None)
    '1 is odd.'
    """
    return next((sentence for sentence in map(fault, cases) if sentence is not None), None)


def show(value: Any) -> str:
    """A number or a vector as shown in a counterexample.

    >>> show([1.0, -0.5]), show(0.123456)
    ('(1, -0.5)', '0.123')
    """
    import numpy as np

    value = np.asarray(value, dtype=float)
    if value.ndim == 0:
        return f"{float(value):.3g}"
    return f"({', '.join(map(show, value))})"


def distinguished(one: float, other: float) -> tuple[str, str]:
    """Two numbers with as many digits, at least three, as distinguish them.

    >>> distinguished(0.5, 0.375), distinguished(0.153426, 0.153442)
    (('0.5', '0.375'), ('0.15343', '0.15344'))
    """
    pairs = ((f"{one:.{digits}g}", f"{other:.{digits}g}") for digits in range(3, 18))
    return next((pair for pair in pairs if pair[0] != pair[1]), (f"{one:g}", f"{other:g}"))
