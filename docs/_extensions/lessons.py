"""From a lesson's source to its page and notebook: numbers into the prose, widgets drawn, the reader's order.

sphinx-gallery runs each lesson and writes a page and a notebook with the prose as it stands. The lesson, running, has
left its named results in a record. Here every ``{{ name:format }}`` is filled from it. It is an error to ask for a name
that no result has, to name a result that the prose never says, and to type a decimal number where a name belongs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from arrangement import arranged
from notebooks import finish_notebook
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx_gallery.py_source_parser import split_code_and_text_blocks
from sphinx_gallery.scrapers import figure_rst

from isthmus_course.lesson import PLACE, ResultError, Spread, filled, places

HERE = Path(__file__).parent
COURSE = HERE.parent.parent / "course"
PACKAGE = COURSE / "src"
WIDGETS = COURSE / "_static" / "widgets"
ONLY = "ISTHMUS_ONLY_LESSON"  # set while one lesson is being written: the others stay unfilled
TYPED = re.compile(r"(?<![\w./:])\d+\.\d+(?![\w/])|\d+(?:\.\d+)?\s?%")
EXEMPT = re.compile(r"``[^`]*``|https?://\S+|arXiv:\S+|`[^`]*<[^>]*>`_+")
STAGE = "<div>This picture moves on the lesson's own page.</div>"
HEADING = "What the page computed"


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", make_room, priority=100)
    app.connect("builder-inited", finish_lessons, priority=900)
    app.connect("html-page-context", add_scripts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def make_room(app: Sphinx) -> None:
    """Tell the lessons, which run next, where to leave their results."""
    records = Path(app.outdir).parent / "records"
    records.mkdir(parents=True, exist_ok=True)
    os.environ["ISTHMUS_LESSON_RECORDS"] = str(records)


def finish_lessons(app: Sphinx) -> None:
    """Finish every page and notebook that sphinx-gallery has made."""
    records, pages = Path(os.environ["ISTHMUS_LESSON_RECORDS"]), Path(app.srcdir) / "course"
    faults = []
    for source in sorted(path for path in COURSE.rglob("*.py") if PACKAGE not in path.parents):
        prose = [
            (block.lineno, block.content)
            for block in split_code_and_text_blocks(str(source))[1]
            if block.type == "text"
        ]
        record = _record_of(source, records)
        if record is None and ONLY in os.environ:
            continue
        try:
            faults += [f"{source.name}:{line}: {fault}" for line, fault in faults_of(prose, record)]
            _finish(pages / source.relative_to(COURSE), record)
        except ResultError as error:
            faults.append(f"{source.name}: {error}")
    if faults:
        raise ExtensionError("the lessons' numbers are not in order:\n" + "\n".join(faults))


def faults_of(prose: list[tuple[int, str]], record: dict[str, Any] | None) -> Iterator[tuple[int, str]]:
    """Line and fault of all that is typed and should be named, and of results the prose never says."""
    for line, text in prose:
        bare = EXEMPT.sub(lambda match: " " * len(match[0]), PLACE.sub(lambda match: " " * len(match[0]), text))
        for typed in TYPED.finditer(bare):
            yield line + text[: typed.start()].count("\n"), f"{typed[0]!r} is typed by hand; name it as a result."
    if record is not None:
        values = values_of(record)
        used = set().union(*(places(text) for _, text in prose))
        for name in values:
            if name not in used and not any(asked.startswith(f"{name}.") for asked in used):
                yield 1, f"the result {name!r} is named and never said."


def values_of(record: dict[str, Any]) -> dict[str, Any]:
    """The results of a record by their names."""
    return {
        entry["name"]: Spread(tuple(entry["value"]["values"])) if isinstance(entry["value"], dict) else entry["value"]
        for entry in record["results"]
    }


def _record_of(source: Path, records: Path) -> dict[str, Any] | None:
    if source.parent != COURSE:
        return None
    number = re.match(r"\d+", source.name)
    path = records / f"{source.stem if number is None else int(number[0])}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _finish(made: Path, record: dict[str, Any] | None) -> None:
    """The page beside ``made``, its notebook and the archive of both."""
    values = {} if record is None else values_of(record)
    page, notebook = made.with_suffix(".rst"), made.with_suffix(".ipynb")
    table = "" if record is None else _table(record, ".. list-table::")
    page.write_text(filled(arranged(with_widgets(page.read_text(encoding="utf-8")), table), values), encoding="utf-8")
    finish_notebook(notebook, values, record, HEADING)
    with zipfile.ZipFile(made.with_suffix(".zip"), "w") as archive:
        for part in (made, notebook):
            archive.write(part, part.name)


def _table(record: dict[str, Any], directive: str) -> str:
    rows = [
        ("result", "value", "asserted"),
        *((f"``{e['name']}``", e["said"], e["asserted"]) for e in record["results"]),
    ]
    lines = [f"By {record['made_by']}; what was asserted of each result:", ""]
    lines += [directive, "   :header-rows: 1", "   :class: results", ""]
    for row in rows:
        lines += [f"   {'*' if at == 0 else ' '} - {_as_rst(cell)}" for at, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def _as_rst(cell: str) -> str:
    return cell if cell.startswith("``") else re.sub(r"([*_|`\\])", r"\\\1", cell)


# ---- widgets ---------------------------------------------------------------------------------------------


def with_widgets(text: str) -> str:
    """The page with every widget drawn as it stands untouched, by the very code that later moves it."""

    def drawn(match: re.Match[str]) -> str:
        picture = draw(match["kind"], json.loads(match["state"]))["html"]
        return f'{match["before"]}<div class="stage">{" ".join(picture.split())}</div>'

    pattern = (
        r'(?P<before><figure class="moving" data-widget="(?P<kind>\w+)">'
        r'<script type="application/json">(?P<state>.*?)</script>)' + re.escape(STAGE)
    )
    return re.sub(pattern, drawn, text)


def draw(kind: str, state: dict[str, Any]) -> dict[str, Any]:
    """A widget's numbers and its picture at a state, by node."""
    command = ["node", str(HERE / "draw_widget.cjs"), str(WIDGETS), kind]
    if shutil.which("node") is None:
        raise ExtensionError("the pictures that move are drawn by node, which is not here; install nodejs.")
    done = subprocess.run(command, input=json.dumps(state), capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise ExtensionError(f"the widget {kind!r} could not be drawn by node: {done.stderr.strip()[-600:]}")
    return json.loads(done.stdout)


def add_scripts(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Give a page the scripts of the widgets it has, and no other page any."""
    kinds = dict.fromkeys(re.findall(r'data-widget="(\w+)"', context.get("body", "")))
    for name in ("kit", *kinds) if kinds else ():
        app.add_js_file(f"widgets/{name}.js", loading_method="defer")


# ---- figures ---------------------------------------------------------------------------------------------


def last_figure(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Keep the figure that a block of code ends with, as a notebook shows it (isthmus.plots gives such figures)."""
    from matplotlib.figure import Figure

    shown = block_vars["example_globals"].get("___")
    if not isinstance(shown, Figure):
        return ""
    path = next(block_vars["image_path_iterator"])
    shown.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.12)  # as isthmus.plots.save_figure does
    block_vars["example_globals"]["___"] = None
    return figure_rst([path], gallery_conf["src_dir"])
