"""The reference leaves nothing out: every public name, every setting, every command and flag."""

from __future__ import annotations

import importlib
import re
from html import unescape
from pathlib import Path

import pytest
from cyclopts import Parameter

import isthmus
from isthmus.cli import application, commands
from isthmus.hyperparameter import hyperparameters
from isthmus.variants import variants

PAGES = Path(__file__).parent.parent / "_build" / "site" / "reference"
MODULES = (
    "isthmus.anomaly", "isthmus.closed_form", "isthmus.denoising", "isthmus.evaluation", "isthmus.explorer",
    "isthmus.history", "isthmus.hyperparameter", "isthmus.inference.density", "isthmus.parts.penalty", "isthmus.plots",
    "isthmus.pretraining", "isthmus.ratings", "isthmus.smallest", "isthmus.storage", "isthmus.storage.checkpoints",
    "isthmus.tables", "isthmus.training.objective", "isthmus.variants", "isthmus_course",
)  # fmt: skip


@pytest.fixture(scope="module")
def anchors() -> set[str]:
    return {anchor for page in PAGES.glob("*.html") for anchor in re.findall(r'id="([^"]+)"', page.read_text())}


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_of_a_module_is_described(name, anchors):
    module = importlib.import_module(name)
    names = {public for public in module.__all__ if callable(getattr(module, public))}
    assert names
    assert {public for public in names if f"{name}.{public}" not in anchors} == set()


def test_every_name_of_isthmus_leads_to_its_description():
    text = (PAGES / "index.html").read_text()
    names = {name for name in dir(isthmus) if name in isthmus._HOMES or name.endswith("Autoencoder")}
    linked = set(re.findall(r'href="[^"]+#isthmus\.[^"]+" title="[^"]+">.*?isthmus\.(\w+)<', text))
    assert len(names) > 25
    assert names - linked == set()


def test_every_setting_is_in_a_table():
    text = (PAGES / "estimators.html").read_text()
    settings = {name for kind in variants().values() for name in hyperparameters(kind)}
    assert {name for name in settings if f'<span class="pre">{name}</span></code></p></td>' not in text} == set()


@pytest.mark.parametrize("command", commands())
def test_every_flag_of_a_command_is_described(command):
    text = unescape(re.sub(r"<[^>]+>", "", (PAGES / "command-line.html").read_text()))
    part = text.split(f"isthmus {command}¶")[1].split("¶")[0]
    arguments = application()[command].assemble_argument_collection(default_parameter=Parameter(negative=()))
    flags = {name for argument in arguments if argument.show for name in argument.names}
    assert flags
    assert {flag for flag in flags if flag.startswith("-") and flag not in part} == set()


def test_the_commands_are_commands():
    assert "unfinished" not in commands()
    assert {"fit", "encode", "decode", "smallest"} <= set(commands())
