"""What the documents say is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from isthmus.variants import variants

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/variants.md"])
def test_every_variant_has_its_row_and_no_other_has(page):
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \|", (ROOT / page).read_text(), flags=re.MULTILINE)
    assert dict(rows) == {name: kind.__name__ for name, kind in variants().items()}


def test_the_readmes_python_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    names = {"X": np.random.default_rng(0).normal(size=(60, 12))}
    for block in blocks:
        exec(block, names)
    assert names["rebuilt"].shape == (60, 12)
    assert (tmp_path / "my-model" / "config.json").exists()


def test_the_python_of_features_and_pretraining_runs():
    page = (ROOT / "docs" / "uses" / "features-and-pretraining.md").read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, names)
    assert names["model"].score(names["digits"].values, names["digits"].labels) > 0.5


def test_the_readmes_figures_are_the_benchmarks():
    shown = README.split("<!-- quality -->")[1].split("<!-- /quality -->")[0].strip()
    assert shown == (ROOT / "benchmarks" / "results" / "quality.md").read_text().strip()


def test_links_between_the_documents_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
