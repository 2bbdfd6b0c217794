"""``isthmus learn``: the course's exercises, and a check of your own solution.

The course is a separate distribution, found by its entry points: functions in the group ``isthmus.exercises`` that
return all exercises by chapter (``exercises``), one of them (``exercise``), and the result of checking a solution
(``check_file``). An exercise records whether it has been solved (``solved``, ``mark_solved``).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from shlex import quote
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
    """List the exercises of the course, show one, or check your solution.

    Without a chapter, lists the exercises, which of them you have solved, and what comes next. With a chapter, shows
    its exercise. A check runs your file on inputs it has not seen, and shows the smallest case in which it fails.

    Parameters
    ----------
    chapter
        Number of the chapter.
    check
        Check this file, your solution. It runs as a separate process.
    start
        Write a file with the functions to fill in.
    solution
        Show a solution that passes.
    time_limit
        Seconds that your file may run.
    """
    if chapter is None:
        if check is not None or start is not None or solution:
            raise UsageError("--check, --start and --solution need the number of a chapter, as in isthmus learn 2.")
        _list(json=json)
        return
    if sum([check is not None, start is not None, solution]) > 1:
        raise UsageError("--check, --start and --solution are used one at a time; leave out the others.")
    asked = _of_the_course("exercise")(chapter)
    if check is not None:
        _check(asked, check, time_limit, json=json)
    elif start is not None:
        from isthmus.tables.atomic import atomic_write

        with atomic_write(start, overwrite=overwrite) as beside:
            beside.write_text(asked.starter, encoding="utf-8")
        say(f"Fill in {str(start)!r}, then check it: isthmus learn {chapter} --check {quote(str(start))}")
    elif json:
        print_json(
            {"chapter": chapter, "title": asked.title, "text": asked.text, "properties": asked.properties()}
            | {"solved": asked.solved}
        )
    elif solution:
        show(*asked.reference.splitlines())
    else:
        done = ["", "You have solved this one."] if asked.solved else []
        begin = f"To begin: isthmus learn {chapter} --start chapter_{chapter}.py"
        show(f"{chapter}  {asked.title}", "", *asked.text.splitlines(), *done, "", begin)


def _list(*, json: bool) -> None:
    found = _of_the_course("exercises")()
    if json:
        chapters = [{"chapter": number, "title": one.title, "solved": one.solved} for number, one in found.items()]
        print_json({"chapters": chapters})
        return
    wide = max(len(one.title) for one in found.values())
    lines = [
        f"{number:>2}  {one.title:{wide}}{'  solved' if one.solved else ''}".rstrip() for number, one in found.items()
    ]
    show("An exercise for each chapter of the course, checked on your own computer.", "", *lines, "", _next(found))


def _check(asked: Any, path: Path, time_limit: float, *, json: bool) -> None:
    result = _of_the_course("check_file")(asked, path, time_limit)
    if result.passed:
        try:
            asked.mark_solved()
        except ValueError as error:
            say(f"note: the exercise could not be marked as solved: {error}")
    if json:
        print_json({"chapter": asked.chapter, "passed": result.passed, "fault": result.fault})
    if not result.passed:
        raise CommandError(f"chapter {asked.chapter}: {result.fault}")
    if not json:
        holds = [f"holds: {name}" for name in asked.properties()]
        show(*holds, f"Chapter {asked.chapter} is solved.", _next(_of_the_course("exercises")(), asked.chapter))


def _next(found: Mapping[int, Any], after: int = -1) -> str:
    """The exercise to do next: the first unsolved one after ``after``, else the first of all."""
    unsolved = [number for number, one in found.items() if not one.solved]
    if not unsolved:
        return f"All {len(found)} are solved."
    number = next((number for number in unsolved if number > after), unsolved[0])
    word = "Begin with" if len(unsolved) == len(found) else "Next"
    return f"{word}: isthmus learn {number}  ({found[number].title})"


def _of_the_course(name: str) -> Any:
    """The course's function of that name."""
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise CommandError(
            "the exercises are in the package isthmus-course, which is not installed; in a clone of isthmus's "
            "repository, run pip install ./course."
        )
    return found[0].load()
