"""Every exercise: its reference passes, its starter and at least three wrong solutions fail, each as it should."""

from __future__ import annotations

import json
import re
import sys
import warnings
from pathlib import Path

import pytest

from cli.conftest import call, sentence
from isthmus_course.checking import check_file, fault_of
from isthmus_course.exercise import Exercise, exercise, exercises
from isthmus_course.progress import mark_solved, progress_file, solved_chapters

ALL = exercises()
OTHERS = sorted((Path(__file__).parent / "other_solutions").glob("*.py"))
FEWEST_WRONG = 3


@pytest.fixture(params=ALL.values(), ids=lambda one: f"chapter {one.chapter}")
def asked(request) -> Exercise:
    return request.param


def _file(folder: Path, source: str) -> Path:
    path = folder / "mine.py"
    path.write_text(source)
    return path


@pytest.fixture
def fault_here(tmp_path, monkeypatch):
    """What is wrong with a source, found as a check finds it, but in this process: torch is imported once."""

    def fault(asked: Exercise, source: str) -> str | None:
        monkeypatch.setattr(sys, "path", [*sys.path])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fault_of(asked, str(_file(tmp_path, source)))

    return fault


def test_the_reference_passes(asked, fault_here):
    assert fault_here(asked, asked.reference) is None


def test_a_file_is_checked_in_a_process_of_its_own(tmp_path):
    asked = exercise(3)
    assert check_file(asked, _file(tmp_path, asked.reference), time_limit=600).fault is None
    assert check_file(asked, _file(tmp_path, asked.starter), time_limit=600).fault is not None


def test_the_starter_does_not_pass(asked, fault_here):
    assert fault_here(asked, asked.starter) is not None


def test_there_are_wrong_solutions_enough_and_properties_with_names(asked):
    assert len(asked.wrong) >= FEWEST_WRONG
    assert all(asked.properties())
    assert len(set(asked.properties())) == len(asked.checks)


@pytest.mark.parametrize(
    ("chapter", "what"), [(number, what) for number, one in ALL.items() for what in one.wrong], ids=str
)
def test_each_wrong_solution_fails_with_the_right_message(chapter, what, fault_here):
    source, message = ALL[chapter].wrong[what]
    assert message in (fault_here(ALL[chapter], source) or "")


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.stem)
def test_another_right_solution_passes_too(path, fault_here):
    asked = exercise(int(path.stem.removeprefix("chapter_")[:2]))
    assert fault_here(asked, path.read_text(encoding="utf-8")) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("return None", "your weight_for_mean returned None, which could not be used: TypeError"),
        ("return 'much'", "your weight_for_mean returned 'much', which could not be used: ValueError"),
        ("return 1 / 0", "your file stopped at line 7: ZeroDivisionError"),
    ],
)
def test_an_answer_that_cannot_be_used_is_shown(answer, words, tmp_path):
    source = exercise(4).starter.replace("weight, n):\n", f"weight, n):\n    {answer}\n", 1)
    assert words in (check_file(exercise(4), _file(tmp_path, source)).fault or "")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "defines no 'z'"),
        ("def encode(x:\n", "stopped at line 1: SyntaxError"),
        ("\nraise ValueError('no idea')", "stopped at line 2: ValueError: no idea"),
        ("import os\nos._exit(3)", "ended Python (exit code 3)"),
        ("raise SystemExit(0)", "ended Python (exit code 0)"),
        ("while True: pass", "ran for 2 s and was stopped"),
    ],
)
def test_a_file_that_does_not_come_to_an_end_is_told_why(source, words, tmp_path):
    time_limit = 2 if words.startswith("ran for") else 300
    assert words in (check_file(exercise(2), _file(tmp_path, source), time_limit=time_limit).fault or "")


def test_the_command_lists_shows_starts_checks_and_solves(tmp_path):
    assert " 2  The line, by hand\n" in call("learn").out
    assert "Begin with: isthmus learn 0" in call("learn").out
    assert "On paper" in call("learn", 2).out
    mine = tmp_path / "mine.py"
    assert f"isthmus learn 2 --check {mine}" in call("learn", 2, "--start", mine).err
    assert mine.read_text() == exercise(2).starter
    assert "exists" in sentence(call("learn", 2, "--start", mine))
    failed = call("learn", 2, "--check", mine)
    assert failed.code == 1
    assert "the place on paper leaves a perpendicular rest" in sentence(failed)
    mine.write_text(call("learn", 2, "--solution").out)
    solved = call("learn", 2, "--check", mine)
    assert solved.code == 0
    assert "Chapter 2 is solved.\nNext: isthmus learn 3" in solved.out
    assert re.search(r"^ 2  The line, by hand +solved$", call("learn").out, flags=re.MULTILINE)
    assert "Next: isthmus learn 0" in call("learn").out
    assert "You have solved this one." in call("learn", 2).out
    assert json.loads(call("learn", "--json").out)["chapters"][2]["solved"] is True


def test_after_the_last_exercise_come_those_left_out_and_then_none():
    for chapter in ALL:
        if chapter != 5:
            mark_solved(chapter)
    assert "Next: isthmus learn 5" in call("learn").out
    mark_solved(5)
    assert f"All {len(ALL)} are solved." in call("learn").out
    assert solved_chapters() == set(ALL)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"solved": 3}', '{"solved": [true, "2", 1]}'])
def test_progress_that_cannot_be_read_is_none(text):
    progress_file().parent.mkdir(parents=True)
    progress_file().write_text(text)
    assert solved_chapters() <= {1}
    mark_solved(7)
    assert 7 in solved_chapters()


def test_a_solution_passes_where_progress_cannot_be_written(own_progress, tmp_path):
    (own_progress / "isthmus").write_text("a file where the folder should be")
    solved = call("learn", 2, "--check", _file(tmp_path, exercise(2).reference))
    assert solved.code == 0
    assert "Chapter 2 is solved." in solved.out
    assert "could not be marked as solved" in solved.err


def test_a_function_not_yet_written_is_named(fault_here):
    assert fault_here(exercise(0), exercise(0).starter) == "your find_empty is not written yet, at line 8."


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        ((99,), "no exercise for chapter 99"),
        (("--solution",), "need the number of a chapter"),
        ((2, "--check", "nowhere.py"), "no file 'nowhere.py'"),
        ((2, "--solution", "--start", "a.py"), "one at a time"),
    ],
)
def test_what_makes_no_sense_is_refused(tokens, words):
    assert words in sentence(call("learn", *tokens))
