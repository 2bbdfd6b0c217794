"""The course is a distribution of its own: the wheel of isthmus holds none of it, and `isthmus learn` finds it."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import isthmus_course
from cli.conftest import call, sentence

ROOT = Path(__file__).parent.parent.parent


def test_the_wheel_of_isthmus_holds_nothing_of_the_course():
    targets = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]
    assert targets == {"wheel": {"packages": ["src/isthmus"]}}
    package = ROOT / "src" / "isthmus"
    assert package.resolve() not in Path(isthmus_course.__file__).resolve().parents
    imports = re.compile(r"^\s*(?:from|import) +isthmus_course\b", flags=re.MULTILINE)
    assert [path.name for path in package.rglob("*.py") if imports.search(path.read_text())] == []
    assert list(package.rglob("chapter_*.py")) == []


def test_its_entry_points_are_what_it_declares():
    declared = tomllib.loads((ROOT / "course" / "pyproject.toml").read_text())["project"]["entry-points"]
    found = {entry.name: entry for entry in entry_points(group="isthmus.exercises")}
    assert {name: entry.value for name, entry in found.items()} == declared["isthmus.exercises"]
    assert all(callable(entry.load()) for entry in found.values())


@pytest.mark.parametrize("tokens", [(), (2,), (2, "--solution"), (2, "--check", "mine.py")])
def test_without_the_course_learn_says_how_to_install_it(tokens, monkeypatch):
    monkeypatch.setattr("isthmus.cli.learn.entry_points", lambda **_: [])
    called = call("learn", *tokens)
    assert called.code == 1
    assert "isthmus-course, which is not installed; in a clone of isthmus's repository, run pip install ./course." in (
        sentence(called)
    )
