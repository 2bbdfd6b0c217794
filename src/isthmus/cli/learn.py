"""``isthmus learn``: the course's exercises, and a check of your own solution.

The course is a distribution of its own, found by its entry points: functions in the group ``isthmus.exercises`` that
give every exercise by its chapter (``exercises``), one of them (``exercise``), and what is wrong with a file that is to
solve it (``check_file``).
"""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.outcome import CommandError, UsageError, print_json, say, show
from isthmus.cli.row_flags import JsonOutput, Overwrite

__all__ = ["learn"]

GROUP = "isthmus.exercises"


def learn(
    chapter: int | None = None,
    /,
    *,
    check: Path | None = None,
    start: Path | None = None,
    solution: bool = False,
    time_limit: Annotated[float, Parameter(validator=Number(gt=0))] = 60.0,
    overwrite: Overwrite = False,
    json: JsonOutput = False,
) -> None:
    """Show the exercises of the course, and check your solution of one.

    Without a chapter the exercises are listed; with one its text is shown. A check tries properties, simplest cases
    first, and shows the smallest case in which one fails.

    Parameters
    ----------
    chapter
        Number of the chapter.
    check
        Your file, to be checked. It runs as a program of its own.
    start
        File to write a beginning to, for you to fill in.
    solution
        Show a solution that passes.
    time_limit
        Seconds your file may take.
    """
    if chapter is None:
        if check is not None or start is not None or solution:
            raise UsageError("--check, --start and --solution need the number of a chapter, as in isthmus learn 2.")
        _list(json=json)
        return
    if sum([check is not None, start is not None, solution]) > 1:
        raise UsageError("--check, --start and --solution are one at a time; leave out the others.")
    asked = _of_the_course("exercise")(chapter)
    if check is not None:
        _check(asked, check, time_limit, json=json)
    elif start is not None:
        from isthmus.tables.atomic import atomic_write

        with atomic_write(start, overwrite=overwrite) as beside:
            beside.write_text(asked.starter, encoding="utf-8")
        say(f"Fill in {str(start)!r}, then: isthmus learn {chapter} --check {start}")
    elif json:
        print_json({"chapter": chapter, "title": asked.title, "text": asked.text, "properties": asked.properties()})
    elif solution:
        show(*asked.reference.splitlines())
    else:
        show(
            f"{chapter}  {asked.title}",
            "",
            *asked.text.splitlines(),
            "",
            f"Begin: isthmus learn {chapter} --start mine.py",
        )


def _list(*, json: bool) -> None:
    found = _of_the_course("exercises")()
    if json:
        print_json({"chapters": [{"chapter": number, "title": one.title} for number, one in found.items()]})
        return
    show(*(f"{number:>2}  {one.title}" for number, one in found.items()), "", "Show one: isthmus learn 2")


def _check(asked: Any, path: Path, time_limit: float, *, json: bool) -> None:
    result = _of_the_course("check_file")(asked, path, time_limit)
    if json:
        print_json({"chapter": asked.chapter, "passed": result.passed, "fault": result.fault})
    if not result.passed:
        raise CommandError(f"chapter {asked.chapter}: {result.fault}")
    if not json:
        show(*(f"holds: {name}" for name in asked.properties()), f"Chapter {asked.chapter} is solved.")


def _of_the_course(name: str) -> Any:
    """The course's function of that name."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise CommandError(
            "the exercises are in the package isthmus-course, which is not installed; in a clone of isthmus's "
            "repository, run pip install ./course."
        )
    return found[0].load()
