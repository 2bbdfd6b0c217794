"""What the documents say is what the code does."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.tables.test_columns_below_one_another import workbook

import isthmus.fitting
from isthmus.choices import choose_plan
from isthmus.cli.outcome import run
from isthmus.tables import write_images
from isthmus.variants import variants

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", ["README.md", "docs/variants.md"])
def test_each_variant_with_a_row_is_one_and_has_that_class(page):
    """A variant of one's own needs no row; `isthmus fit --help` and the reference list it as it is."""
    rows = re.findall(r"^\| (\w+) \| `(\w+)` \|", (ROOT / page).read_text(), flags=re.MULTILINE)
    known = {name: kind.__name__ for name, kind in variants().items()}
    assert len(rows) == 7
    assert dict(rows) == {name: known.get(name) for name, _ in rows}


def test_the_readmes_python_runs_as_pasted_and_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    shown = re.search(r"```text\n(.*?)```", README, flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert capsys.readouterr().out == shown.group(1)
    assert (tmp_path / "my-model" / "config.json").exists()


def test_the_readmes_names_are_there_after_import_isthmus_alone(monkeypatch):
    names = set(re.findall(r"isthmus((?:\.\w+)+)\(", README))
    assert {".explorer.write_explorer", ".evaluate"} <= names
    for name in names:
        module, *rest = name.split(".")[1:]
        monkeypatch.delitem(vars(isthmus), module, raising=False)  # as in a process where no module was imported
        found = getattr(isthmus, module)
        for part in rest:
            found = getattr(found, part)
        assert callable(found)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = isthmus.nothing


# Beside what is pasted: the commands are the README's, their training is cut short.
SHORTER = {"fit": ["--max-iter", "3"], "smallest": ["--max-iter", "3", "--seeds", "1"]}


def test_the_readmes_commands_run_as_pasted_in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^\$ (.*)$", README, flags=re.MULTILINE)
    assert len(lines) == 3
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    for line in lines:
        program, *tokens = shlex.split(line)
        assert (program, run([*tokens, *SHORTER.get(tokens[0], [])])) == ("isthmus", 0), line
    assert (tmp_path / "runs" / "digits" / "explorer.html").exists()


@pytest.fixture
def three_epochs(monkeypatch):
    """No fit takes more epochs than three: what is printed depends on them, and that it runs does not."""

    def shorter(*asked, **more):
        plan = choose_plan(*asked, **more)
        return dataclasses.replace(plan, epochs=min(plan.epochs, 3))

    monkeypatch.setattr(isthmus.fitting, "choose_plan", shorter)


USES = re.findall(
    r"^\| \[[^|]+\| ([^|]+) \| ([^|]+) \|$", README.split("## What it is used for")[1], flags=re.MULTILINE
)
# Not run here: the first is run above, there is no interrupted fit, and tests/test_distributed.py starts processes.
NOT_HERE = {
    "isthmus smallest digits",
    "isthmus fit --resume runs/mine",
    "torchrun --nproc-per-node 4 -m isthmus fit folder",
}


def write_own_files():
    """The files that the README's table of uses names."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((60, 1))
    table = pd.DataFrame(np.sin(hidden * [1, 2, 3]) + 0.1 * rng.standard_normal((60, 3)), columns=["a", "b", "c"])
    people = table.round(2).assign(member=hidden[:, 0] > 0)
    table.mask(rng.random(table.shape) < 0.1).to_csv("table.csv", index=False)
    people.to_csv("people.csv", index=False)
    Path("survey.xlsx").write_bytes(workbook(People=[[*people], *people.astype(object).to_numpy().tolist()]))
    table.assign(batch=rng.choice(["A", "B"], 60)).to_csv("cells.csv", index=False)
    Path("folder").mkdir()
    for part in (0, 1):
        table[30 * part : 30 * part + 30].to_csv(f"folder/{part}.csv", index=False)
    np.save("noisy.npy", np.outer(rng.standard_normal(60), rng.random(6)) + 0.1 * rng.standard_normal((60, 6)))
    stamps = pd.date_range("2024-01-01", periods=400, freq="h")
    speed = np.sin(np.arange(400) / 4) + 0.1 * rng.standard_normal(400)
    pd.DataFrame({"stamp": stamps, "speed": speed}).to_csv("sensors.csv", index=False)
    counts = rng.poisson(5 * rng.random((60, 1)) + 1, (60, 5))
    pd.DataFrame(counts, columns=list("vwxyz")).to_csv("counts.csv", index=False)
    stars = [(f"u{user}", f"i{item}", rng.integers(1, 6)) for user in range(40) for item in rng.permutation(12)[:6]]
    pd.DataFrame(stars, columns=["user", "item", "stars"]).to_csv("ratings.csv", index=False)
    write_images("photos", rng.random((30, 64)), image_shape=(8, 8))


@pytest.mark.usefixtures("three_epochs")
def test_the_commands_of_the_readmes_table_run_on_files_of_these_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO()))
    write_own_files()
    assert run(["fit", "table.csv", "-o", "runs/mine"]) == 0
    assert len(USES) == 19
    for _, cell in USES:
        (line,) = re.findall("`([^`]+)`", cell)
        program, *tokens = shlex.split(line)
        if line not in NOT_HERE:
            assert (program, run([*tokens, *SHORTER.get(tokens[0], [])])) == ("isthmus", 0), line


@pytest.mark.usefixtures("three_epochs")
@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "uses").glob("*.md")), ids=lambda page: page.stem)
def test_the_python_of_every_use_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, names)


def test_the_readmes_figures_are_the_benchmarks():
    shown = README.split("<!-- quality -->")[1].split("<!-- /quality -->")[0].strip()
    assert shown == (ROOT / "benchmarks" / "results" / "quality.md").read_text().strip()


def test_the_page_on_generation_runs_and_shows_the_benchmark(monkeypatch, capsys):
    page = (ROOT / "docs" / "uses" / "generation.md").read_text()
    names: dict = {}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, names)
    assert names["path"].shape == (9, 64)
    assert names["report"].sentence in capsys.readouterr().out
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from generation import as_markdown

    rows = json.loads((ROOT / "benchmarks" / "results" / "generation.json").read_text())
    assert page.split("<!-- generation -->")[1].split("<!-- /generation -->")[0].strip() == as_markdown(rows)


def test_links_between_the_documents_lead_somewhere():
    """Those into the course lead to where its lessons are written when the site is built."""
    lessons = ROOT / "docs" / "course"
    written = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    for page in (page for page in written if lessons not in page.parents):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            if (page.parent / target).resolve() == lessons / "index.rst":
                target = os.path.relpath(ROOT / "course" / "GALLERY_HEADER.rst", page.parent)
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_smallest_codes_figures_are_the_benchmarks():
    known = json.loads((ROOT / "benchmarks" / "results" / "smallest.json").read_text())
    page = (ROOT / "docs" / "uses" / "smallest.md").read_text()
    shown = page.split("<!-- recovery -->")[1].split("<!-- /recovery -->")[0]
    near = sum(abs(row["found"] - row["hidden"]) <= 1 for row in known["recovery"])
    right = sum(row["found"] == row["hidden"] for row in known["recovery"])
    assert f"| all | {right} of {len(known['recovery'])} | {near} of {len(known['recovery'])} |" in shown
    for row in known["tables"]:
        at = next(one for one in row["curve"] if one["size"] == row["size"])
        assert f"| {row['size']} | {row['pca_needs']} | {at['error']:.4g} (" in page
