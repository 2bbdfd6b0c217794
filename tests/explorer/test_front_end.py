"""The page's sources: typed, right by their own tests, and built into the very file that is shipped."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "explorer"


def run(*command):
    if shutil.which("node") is None:
        pytest.skip("no node to run the page's sources with")
    if not (SOURCES / "node_modules").is_dir():
        pytest.skip("explorer/node_modules is missing; make front puts it there where npm is")
    done = subprocess.run(command, cwd=SOURCES, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


def test_types():
    run("node", "node_modules/typescript/bin/tsc", "-p", ".")


def test_modules():
    assert re.search(r"^# pass [1-9]", run("node", "--test", "--test-reporter=tap", "tests/"), re.MULTILINE)


def test_the_shipped_page_is_a_fresh_build():
    run("node", "build.mjs", "--check")


def test_tools_are_pinned():
    wanted = json.loads((SOURCES / "package.json").read_text())
    locked = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    assert "dependencies" not in wanted  # nothing of others is in the page
    assert locked[""]["devDependencies"] == wanted["devDependencies"]
    for name, version in wanted["devDependencies"].items():
        assert locked[f"node_modules/{name}"]["version"] == version
    for place, package in locked.items():
        assert not place or package["integrity"].startswith("sha512-"), place
