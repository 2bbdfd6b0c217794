"""Pages whose examples run when the site is built: what is shown below a block is what it printed, then and there.

    {python}     a block of code, run in the page's own namespace and folder; its last expression is shown
    {shell}      commands, one a line, run in the same folder, which is new and empty for every page
    {measured}   a table by its function's name: in `measurements` or `worth`, from what the benchmarks left, or in
                 `reference`, from the program itself
    {value}      in a sentence: an expression in the page's namespace, formatted by itself

A block that fails ends the build, naming page and line, so building the site is the test of its pages.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import importlib
import io
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import measurements
import series_measurements
import worth
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

LONGEST = 40  # lines of output shown at most
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PAGES: dict[str, Workspace] = {}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("python", Python)
    app.add_directive("shell", Shell)
    app.add_directive("measured", Measured)
    app.add_role("value", Value())
    app.connect("source-read", lambda app, page, source: _forget(page))
    app.connect("doctree-read", lambda app, doctree: _forget(app.env.docname))
    app.connect("build-finished", lambda app, error: [_forget(page) for page in list(PAGES)])
    return {"parallel_read_safe": True, "parallel_write_safe": True}  # a page's names and folder are its own


class Workspace:
    """One page's folder and names."""

    def __init__(self) -> None:
        self._kept = tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True)
        self.folder = Path(self._kept.name)
        self.names: dict[str, Any] = {"__name__": "__page__"}

    def close(self) -> None:
        """Take the folder away."""
        self._kept.cleanup()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Within: the page's folder is the working one."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)

    def python(self, code: str) -> tuple[str, Any]:
        """What the code printed, and the value of its last expression."""
        tree, value, printed = ast.parse(code), None, io.StringIO()
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with self.entered(), contextlib.redirect_stdout(printed), warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(compile(tree, "<page>", "exec"), self.names)
            if last is not None:
                value = eval(compile(ast.Expression(last.value), "<page>", "eval"), self.names)
        return printed.getvalue(), value

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command's outcome, as on a terminal of 88 columns without colours."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        surroundings = os.environ | {"PATH": path, "COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"}
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=surroundings,
            text=True,
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )


def workspace(page: str) -> Workspace:
    """The page's own, made when first asked for."""
    if page not in PAGES:
        PAGES[page] = Workspace()
    return PAGES[page]


def _forget(page: str) -> None:
    if page in PAGES:
        PAGES.pop(page).close()


class Computed(SphinxDirective):
    """Abstract: what the blocks share."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "quiet": directives.flag,  # run it and show no output
        "hidden": directives.flag,  # run it and show nothing at all
        "alt": directives.unchanged,  # what the figure shows
    }

    @property
    def code(self) -> str:
        """The block as written."""
        return "\n".join(self.content)

    def fault(self, words: str) -> ExtensionError:
        """The error that ends the build."""
        return ExtensionError(f"{self.env.docname}, block at line {self.lineno}: {words}")

    def shown(self, source: str, language: str, output: str) -> list[nodes.Node]:
        """A block and its output."""
        if "hidden" in self.options:
            return []
        made: list[nodes.Node] = [nodes.literal_block(source, source, language=language)]
        lines = ANSI.sub("", output).rstrip().splitlines()
        if lines and "quiet" not in self.options:
            if len(lines) > LONGEST:
                lines = [*lines[: LONGEST - 1], f"… and {len(lines) - LONGEST + 1} more lines"]
            text = "\n".join(line.rstrip() for line in lines)
            made.append(nodes.literal_block(text, text, language="none", classes=["computed"]))
        return made


class Python(Computed):
    """Code, run."""

    def run(self) -> list[nodes.Node]:
        """Sphinx's seam."""
        try:
            printed, value = workspace(self.env.docname).python(self.code)
        except Exception as error:
            last = "".join(traceback.format_exception(error)[-3:])
            raise self.fault(f"the code fails: {last}") from error
        figure = None
        if hasattr(value, "savefig"):
            figure, value = value, None
        if value is not None:
            printed += repr(value)
        made = self.shown(self.code, "python", printed)
        return made if figure is None else [*made, self._picture(figure)]

    def _picture(self, figure: Any) -> nodes.Node:
        if "alt" not in self.options:
            raise self.fault("a figure needs the option alt, a sentence that says what it shows.")
        kept = io.BytesIO()
        figure.savefig(kept, format="png", dpi=130, bbox_inches="tight", facecolor="white")
        data = base64.b64encode(kept.getvalue()).decode()
        alt = nodes.unescape(self.options["alt"]).replace('"', "&quot;")
        return nodes.raw("", f'<img class="computed" alt="{alt}" src="data:image/png;base64,{data}">', format="html")


class Shell(Computed):
    """Commands, run; an option ``fails`` is for those that show an error."""

    option_spec: ClassVar[dict[str, Any]] = Computed.option_spec | {"fails": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Sphinx's seam."""
        made: list[nodes.Node] = []
        for command in self.code.splitlines():
            done = workspace(self.env.docname).shell(command)
            if bool(done.returncode) != ("fails" in self.options):
                raise self.fault(f"{command!r} ended with {done.returncode}: {done.stdout[-800:]}")
            made += self.shown(f"$ {command}", "console", done.stdout)
        return made


class Measured(SphinxDirective):
    """A table of `measurements` and its like, by its function's name."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Sphinx's seam."""
        name, *words = self.arguments[0].split()
        found = (measurements, series_measurements, worth, importlib.import_module("reference"))
        made = next((getattr(module, name) for module in found if hasattr(module, name)), None)
        if made is None:
            raise ExtensionError(f"{self.env.docname}: there is no measurement {name!r}.")
        for path in measurements.sources():
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(made(*words), allow_section_headings=True)


class Value(SphinxRole):
    """An expression's value within a sentence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Sphinx's seam."""
        names = workspace(self.env.docname).names | {"measurements": measurements, "worth": worth}
        try:
            said = str(eval(self.text, names))
        except Exception as error:
            raise ExtensionError(f"{self.env.docname}: the value {self.text!r} can't be had: {error}") from error
        return [nodes.Text(said)], []
