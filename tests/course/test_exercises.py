"""Every exercise: its reference passes, its starter and at least three wrong solutions fail, each as it should."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from cli.conftest import call, sentence
from isthmus_course.checking import check_file, fault_of
from isthmus_course.exercise import Exercise, exercise, exercises

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


@pytest.mark.parametrize("chapter", [3, 6])
def test_a_file_is_checked_in_a_process_of_its_own(chapter, tmp_path):
    asked = exercise(chapter)
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
        ("return None", "your weight_for_mean answered None, which could not be used: TypeError"),
        ("return 'much'", "your weight_for_mean answered 'much', which could not be used: ValueError"),
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
    assert " 2  The line, by hand" in call("learn").out
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
    assert "Chapter 2 is solved." in solved.out


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
