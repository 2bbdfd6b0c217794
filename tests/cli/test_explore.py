"""`isthmus explore` on good and damaged runs: one page, or one sentence and nothing written."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from cli.conftest import QUICK, call, sentence
from isthmus.cli.data_split import DataRequest, held_out_again, read_and_split
from isthmus.cli.run_folder import open_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run fitted on a small table, with its page, and the table."""
    folder = tmp_path_factory.mktemp("explore")
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((60, 2))
    X = hidden @ rng.standard_normal((2, 5)) + 0.1 * rng.standard_normal((60, 5))
    lines = ["a,b,c,d,e", *(",".join(f"{value:.4f}" for value in row) for row in X)]
    (folder / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert call("fit", folder / "table.csv", "-o", folder / "run", "-p", "2", *QUICK).code == 0
    return folder / "run"


def test_fit_writes_the_page_unless_told_not_to(run, tmp_path):
    assert (run / "explorer.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert call("fit", run.parent / "table.csv", "-o", tmp_path / "bare", "-p", "2", *QUICK, "--no-page").code == 0
    assert not (tmp_path / "bare" / "explorer.html").exists()


def test_a_page_of_the_held_out_rows_and_of_rows_named(run, tmp_path):
    assert call("explore", run, "-o", tmp_path / "held.html").code == 0
    assert call("explore", run, run.parent / "table.csv", "-o", tmp_path / "all.html").code == 0
    assert "60 rows of" in (tmp_path / "all.html").read_text(encoding="utf-8")
    assert "12 rows of" in (tmp_path / "held.html").read_text(encoding="utf-8")


def test_rows_are_found_again_in_the_order_they_were_learned_from(run):
    drawn = read_and_split(DataRequest(str(run.parent / "table.csv")))
    assert held_out_again(open_run(str(run))).train.tolist() == drawn.train.tolist()


def test_a_page_that_exists_is_kept(run, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("mine")
    assert "exists; pass --overwrite" in sentence(call("explore", run, "-o", page))
    assert page.read_text() == "mine"
    assert call("explore", run, "-o", page, "--overwrite").code == 0
    assert page.read_text(encoding="utf-8") != "mine"


def test_the_page_of_the_fit_is_pointed_at(run):
    page = (run / "explorer.html").read_bytes()
    called = call("explore", run)
    assert called.code == 0
    assert "already; open it in a browser" in called.err
    assert (run / "explorer.html").read_bytes() == page
    assert "exists; pass --overwrite" in sentence(call("explore", run, run.parent / "table.csv"))


def missing_weights(run):
    next((run / "model").glob("*.safetensors")).unlink()


def cut_weights(run):
    weights = next((run / "model").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])


def broken_record(run):
    next((run / "model").glob("*.json")).write_text("{")


def broken_data_record(run):
    (run / "run.json").write_text("[]")


def changed_data(run):
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(facts | {"sha256": "0" * 64}))


def foreign(run):
    shutil.rmtree(run)
    run.mkdir()
    (run / "notes.txt").write_text("nothing of yours")


@pytest.mark.parametrize(
    "damage", [missing_weights, cut_weights, broken_record, broken_data_record, changed_data, foreign]
)
def test_a_damaged_run_is_refused_in_one_sentence(run, tmp_path, damage):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    damage(copied)
    called = call("explore", copied, "-o", tmp_path / "page.html")
    assert called.code in (1, 2)
    assert str(tmp_path) in sentence(called) or "table.csv" in sentence(called)
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (["nowhere"], "nowhere"),
        (["RUN", "nothing.csv"], "nothing.csv"),
        (["RUN", "-o", "page.txt"], ".html"),
        (["RUN", "--beside", "nowhere"], "nowhere"),
    ],
)
def test_what_is_not_there_is_named(run, tmp_path, monkeypatch, words, about):
    monkeypatch.chdir(tmp_path)
    called = call("explore", *(run if word == "RUN" else word for word in words))
    assert called.code in (1, 2)
    assert about in sentence(called)
    assert not list(tmp_path.rglob("page.*"))


def test_runs_of_other_data_are_not_set_beside_each_other(run, tmp_path):
    (tmp_path / "other.csv").write_text((run.parent / "table.csv").read_text().replace("0.", "1."))
    assert call("fit", tmp_path / "other.csv", "-o", tmp_path / "other", "-p", "2", *QUICK, "--no-page").code == 0
    called = call("explore", run, "--beside", tmp_path / "other", "-o", tmp_path / "page.html")
    assert "other data" in sentence(called)


def test_rows_without_ids_are_named_by_their_index_in_the_data(run, tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(
        "isthmus.explorer.write_explorer", lambda _, __, X, *___, ids, **____: asked.update(X=X, ids=ids)
    )
    assert call("explore", run, "-o", tmp_path / "page.html").code == 0
    table = np.loadtxt(run.parent / "table.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(asked["X"], table[asked["ids"]], atol=1e-5)
