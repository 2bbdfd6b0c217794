"""A lesson's notebook: its numbers filled in, what sphinx-gallery leaves in reStructuredText turned into Markdown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from isthmus_course.lesson import ResultError, filled

ROLE = re.compile(r":[\w:+-]+:`~?([^`<]+?)(?:\s*<[^>]*>)?`")
LIST_TABLE = re.compile(r"^\.\. list-table::.*\n((?:[ \t]+\S.*\n|[ \t]*\n(?=[ \t]+\S))+)", flags=re.MULTILINE)
LEFT = re.compile(r"^\.\. \S.*", flags=re.MULTILINE)


def finish_notebook(path: Path, values: dict[str, Any], record: dict[str, Any] | None, heading: str) -> None:
    """Fill the notebook at ``path`` and give it its table of results."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [as_markdown(filled("".join(cell["source"]), values))]
    if record is not None and heading not in notebook["cells"][-1]["source"][0]:
        notebook["cells"].append({"cell_type": "markdown", "metadata": {}, "source": [_results(record, heading)]})
    path.write_text(json.dumps(notebook, indent=1), encoding="utf-8")


def as_markdown(text: str) -> str:
    """Roles and list tables as Markdown has them; a `ResultError` for a directive that a notebook can't show.

    >>> as_markdown("see :func:`isthmus.save` and ``x``")
    'see `isthmus.save` and ``x``'
    """
    text = LIST_TABLE.sub(lambda match: _table(match[1]), ROLE.sub(r"`\1`", text))
    left = LEFT.search(text)
    if left is not None:
        raise ResultError(
            f"a notebook can't show {left[0]!r}; lessons use math, note, warning, code-block, list-table."
        )
    return text


def _table(body: str) -> str:
    rows: list[list[str]] = []
    for line in body.splitlines():
        begins_row, begins_cell = re.match(r"\s+\* - (.*)", line), re.match(r"\s+- (.*)", line)
        if begins_row:
            rows.append([begins_row[1]])
        elif begins_cell and rows:
            rows[-1].append(begins_cell[1])
        elif rows and line.strip():
            rows[-1][-1] += " " + line.strip()
    if ":header-rows:" not in body:
        rows.insert(0, [""] * len(rows[0]))
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _results(record: dict[str, Any], heading: str) -> str:
    rows = [f"| `{entry['name']}` | {entry['said']} | {entry['asserted']} |" for entry in record["results"]]
    head = [f"## {heading}", "", f"By {record['made_by']}.", "", "| result | value | asserted |", "|---|---|---|"]
    return "\n".join([*head, *rows])
