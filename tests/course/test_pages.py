"""From a lesson to its page: what is typed by hand, never said, or unknown is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus_course import ResultError
from isthmus_course.exercise import exercises
from isthmus_course.lesson import filled

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def lessons(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_extensions"))
    return __import__("lessons")


def record(**values) -> dict:
    entries = [
        {"name": name, "value": value, "said": str(value), "asserted": "given"} for name, value in values.items()
    ]
    return {"made_by": "isthmus", "results": entries}


def faults(lessons, prose: str, **values) -> list[str]:
    return [f"{line}: {fault}" for line, fault in lessons.faults_of([(10, prose)], record(**values))]


def test_prose_with_every_number_named_has_no_fault(lessons):
    prose = "An error of {{ error:.3f }}, {{ share.low:.0%}} at least (arXiv:1312.6114), ``0.9``, in 64 places."
    assert faults(lessons, prose, error=0.2, share={"values": [0.1] * 5}) == []


@pytest.mark.parametrize("typed", ["0.199", "-1.5", "12 %", "44.8%", "(2.0"])
def test_a_number_typed_by_hand_is_found_with_its_line(lessons, typed):
    assert faults(lessons, f"one\ntwo\nis {typed}, three")[0].startswith("12: ")
    assert "typed by hand" in faults(lessons, f"is {typed}.")[0]


def test_a_result_never_said_is_found(lessons):
    assert faults(lessons, "only {{ a }}", a=1, b=2) == ["1: the result 'b' is named and never said."]


def test_an_unknown_name_stops_the_build(lessons):
    with pytest.raises(ResultError, match=r"no result is named 'nobody'"):
        filled("{{ nobody:.2f }}", lessons.values_of(record(a=1)))


PAGE = """
0. A title
==========

The idea.

The formula
-----------

.. code-block:: Python


    import numpy as np
    from isthmus_course import Lesson

    lesson = Lesson(0, "A title")
    x = 1
    print(x)

.. code-block:: Python


    lesson.exact("a", 1, known=1)


Prose.

.. code-block:: Python


    lesson.widget("line", "A caption.", x=1)

.. raw:: html

    <div class="output_subarea">
    <figure class="moving" data-widget="line"></figure>
    </div>

After.

.. rst-class:: sphx-glr-timing
"""


def test_a_page_opens_with_its_picture_and_ends_with_how_it_was_checked(lessons):
    from arrangement import CHECKED, arranged

    page = arranged(PAGE, "the table")
    order = ["The idea.", 'id="picture"', "<figure", "The formula", "print(x)", "Prose.", 'href="#picture"', "After.",
             CHECKED, "lesson.exact", "lesson.widget", "the table", "</details>", "sphx-glr-timing"]  # fmt: skip
    places = [page.index(words) for words in order]
    assert places == sorted(places)
    assert page.count("<figure") == 1
    assert "Lesson(" not in page
    assert "isthmus_course" not in page
    assert arranged(page, "the table") == page


def test_a_notebook_gets_markdown(lessons, monkeypatch):
    from notebooks import as_markdown

    table = ".. list-table::\n\n   * - one\n     - 1\n   * - two\n     - 2\n\nAfter.\n"
    assert as_markdown(table) == "|  |  |\n| --- | --- |\n| one | 1 |\n| two | 2 |\n\nAfter.\n"
    with pytest.raises(ResultError, match=r"can't show '.. figure:: a.png'"):
        as_markdown(".. figure:: a.png\n")


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "fetches https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//fonts.example/a.css">', "fetches //fonts.example/a.css"),
        ('<img src="gone.png">', "fetches gone.png, which is not there"),
        ('<a href="gone.html">x</a>', "links to gone.html, which is not there"),
        ('<a href="#gone">x</a>', "has no such place"),
        ('<a href="https://arxiv.org">x</a><a href="#here" id="here">y</a>', None),
    ],
)
def test_requests_to_elsewhere_and_dead_links_are_found(lessons, tmp_path, html, fault):
    from offline import faults as site_faults

    (tmp_path / "page.html").write_text(html)
    found = list(site_faults(tmp_path))
    assert (found == []) if fault is None else (len(found) == 1 and fault in found[0])


def test_every_chapter_has_its_exercise_and_every_exercise_its_chapter():
    chapters = {int(path.name[:2]) for path in (ROOT / "course").glob("[0-9][0-9]_*.py")}
    assert chapters == set(exercises())
