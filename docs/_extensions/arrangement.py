"""The order of a lesson's page: the moving picture first, the subject's own code, and at the end how it was checked.

A lesson's source is in the order in which it runs: numbers are computed, named and asserted, and the picture is drawn
from them. A reader wants the picture first, and not what speaks to the lesson alone. So the first moving picture goes
to the head of the page, lines that set up the lesson are left out, and blocks that name results or set up the picture
go to the end, behind one summary, with the table of what was asserted of each result.
"""

from __future__ import annotations

import ast
import re
import textwrap

__all__ = ["CHECKED", "arranged"]

CHECKED = "Every number on this page was computed when it was built, and checked"
RAW = re.compile(r"^\.\. raw:: html\n(?:[ \t]*\n| +\S.*\n)+", flags=re.MULTILINE)
CODE = re.compile(r"^\.\. code-block:: Python\n(?:\s*\n)+(?P<code>(?:    .*\n|\s*\n)+)", flags=re.MULTILINE)
SECTION = re.compile(r"^(?=\S.*\n-{3,}\n)", flags=re.MULTILINE)
SETTING_UP = re.compile(r"^    (?:lesson = Lesson\(.*\)|from isthmus_course(?:\.\w+)? import .*)\n", flags=re.MULTILINE)
ANCHOR = '.. raw:: html\n\n    <div id="picture"></div>\n\n'
POINTER = (
    '.. raw:: html\n\n    <p class="to-picture"><a href="#picture">The picture is at the top of this page.</a></p>\n\n'
)


def arranged(text: str, table: str) -> str:
    """The page in the reader's order; ``table``, what was asserted of its results, goes to its end. Done once only."""
    if CHECKED in text:
        return text
    text, aside = _set_aside(text)
    return _checked(_picture_first(text), aside, table)


def _picture_first(text: str) -> str:
    """The first picture that moves before the first section, and at its old place the way to it."""
    section = SECTION.search(text)
    for block in RAW.finditer(text):
        if 'class="moving"' not in block[0]:
            continue
        if section is None or block.start() < section.start():
            return text
        head, middle, rest = text[: section.start()], text[section.start() : block.start()], text[block.end() :]
        return f"{head}{ANCHOR}{block[0].rstrip()}\n\n{middle}{POINTER}{rest}"
    return text


def _set_aside(text: str) -> tuple[str, list[str]]:
    """The page without the blocks of code that speak to the lesson alone, and those blocks."""
    aside: list[str] = []

    def take(match: re.Match[str]) -> str:
        if _speaks_to_the_lesson(textwrap.dedent(match["code"])):
            aside.append(match[0].rstrip())
            return ""
        return SETTING_UP.sub("", match[0])

    return CODE.sub(take, text), aside


def _speaks_to_the_lesson(code: str) -> bool:
    """Whether a block mostly names results, or sets up a picture, and prints nothing."""
    statements = [ast.unparse(node) for node in ast.parse(code).body]
    if not statements or not statements[-1].startswith("lesson.") or any("print(" in one for one in statements):
        return False
    named = sum(statement.startswith("lesson.") for statement in statements)
    return 2 * named >= len(statements) or statements[-1].startswith("lesson.widget")


def _checked(text: str, aside: list[str], table: str) -> str:
    """The page with what was set aside, and the table, behind one summary at its end."""
    if not aside and not table:
        return text
    foot = re.search(r"^(?:\.\. rst-class:: sphx-glr-timing|\.\. _sphx_glr_download_)", text, flags=re.MULTILINE)
    at = len(text) if foot is None else foot.start()
    opening = f'.. raw:: html\n\n    <details class="folded checked"><summary>{CHECKED}.</summary>\n'
    closing = ".. raw:: html\n\n    </details>\n"
    return "\n\n".join([text[:at].rstrip(), opening, *aside, table, closing, text[at:]])
