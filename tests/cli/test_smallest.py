"""``isthmus smallest``: the sentence, JSON, a run folder that other commands take, and sentences for mistakes."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cli.conftest import call, sentence
from isthmus import load
from isthmus.tables import write_table

QUICK = ("--max-iter", "5", "--hidden-layer-sizes", "16", "--seeds", "1")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    values = rng.standard_normal((120, 2)) @ rng.standard_normal((2, 8)) + 0.1 * rng.standard_normal((120, 8))
    path = tmp_path_factory.mktemp("smallest") / "plane.csv"
    write_table(path, values, [f"c{place}" for place in range(8)], labels=np.repeat(["u", "v"], 60), label_name="kind")
    return path


def test_the_answer_is_one_sentence_and_a_table(table):
    called = call("smallest", table, "--labels", "kind", *QUICK)
    assert called.code == 0, called.err
    assert "2 dimensions, and PCA does as well with 2: use PCA" in called.out
    assert "2 ←" in called.out
    assert "Chosen by evidence" in called.out
    assert "Hidden cells, predicted from the other cells of their row, give the same size." in called.out
    assert "The rest is noise, with variance 0.0" in called.out
    assert "24 held out" in called.err


def test_json_is_one_object(table):
    called = call("smallest", table, "--labels", "kind", "--keep", "0.9", "--sizes", "1,3", *QUICK, "--json")
    facts = json.loads(called.out)
    assert facts["size"] == 2
    assert facts["choice"]["rule"] == "keep"
    assert [one["size"] for one in facts["curve"] if one["error"] is not None] == [1, 2, 3]


def test_a_run_folder_serves_the_other_commands(table, tmp_path):
    run = tmp_path / "run"
    called = call("smallest", table, "--labels", "kind", "--as-good-as", "pca:2", *QUICK, "-o", run)
    assert called.code == 0, called.err
    assert f"The run is in {str(run)!r}." in called.out
    assert json.loads((run / "smallest.json").read_text())["choice"]["target"] == 2
    assert (run / "figures" / "rate_distortion.png").stat().st_size > 1000
    nested = load(run / "nested")
    rows = pd.DataFrame(np.zeros((3, 8)), columns=nested.feature_names_in_)
    assert nested.transform(rows, size=1).shape == (3, 1)
    for tokens in (("encode", run, table), ("evaluate", run), ("info", run)):
        again = call(*tokens)
        assert again.code == 0, again.err
    refused = call("smallest", table, *QUICK, "-o", run)
    assert refused.code == 1
    assert "exists; pass --overwrite" in sentence(refused)


@pytest.mark.parametrize(
    ("tokens", "code", "words"),
    [
        (("--keep", "0.9", "--max-error", "1"), 2, "--keep and --max-error are each a target; give one."),
        (("--keep", "1.5"), 2, "--keep"),
        (("--as-good-as", "ica:3"), 2, "--as-good-as must be pca:N, such as pca:10, got 'ica:3'."),
        (("--as-good-as", "pca:30"), 1, "as_good_as must be at most 8, the columns of X, got 30"),
        (("--sizes", "2,x"), 2, "--sizes must be whole numbers such as 2,4,8, got '2,x'."),
        (("--sizes", "9"), 1, "sizes must be from 1 to 8"),
        (("-p", "3"), 2, "isthmus smallest finds --n-components itself"),
        (("--start", "random"), 1, "leave likelihood and start alone"),
    ],
)
def test_mistakes_are_told_in_a_sentence(table, tokens, code, words):
    called = call("smallest", table, "--labels", "kind", *tokens)
    assert called.code == code, called.err
    assert words in sentence(called)
