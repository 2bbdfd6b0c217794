"""``isthmus fit FILE --time COLUMN``: windows, beside singular spectrum analysis, in a folder that loads."""

import json

import numpy as np
import pandas as pd
from tests.cli.conftest import call, sentence

from isthmus import load


def write(path, machines=("m1",)):
    parts = []
    for place, machine in enumerate(machines):
        t = np.arange(600)
        noise = np.random.default_rng(place).normal(size=600)
        stamps = pd.date_range("2024-01-01", periods=600, freq="min")
        parts.append(pd.DataFrame({"at": stamps, "speed": np.sin(t / 4) + 0.1 * noise, "machine": machine}))
    pd.concat(parts).to_csv(path, index=False)
    return path


def test_a_series_is_fitted_and_loaded(tmp_path):
    file = write(tmp_path / "log.csv", ("m1", "m2"))
    tokens = ("--time", "at", "--entity", "machine", "--window", "25", "--stride", "5", "--max-iter", "2", "-p", "2")
    called = call("fit", file, *tokens, "-o", tmp_path / "run")
    assert called.code == 0, called.err
    assert "singular spectrum analysis" in called.out
    model = load(tmp_path / "run" / "model")
    assert (model.length_, model.stride_, model.n_components_) == (25, 5, 2)
    assert model.transform(np.sin(np.arange(100) / 4)).shape == (16, 2)
    again = call("fit", file, *tokens, "-o", tmp_path / "run")
    assert "exists" in sentence(again)
    report = call("fit", file, *tokens, "-o", tmp_path / "run", "--overwrite", "--json")
    assert json.loads(report.out)["held_out_errors"]["singular spectrum analysis"] > 0


def test_what_can_not_be_is_one_sentence(tmp_path):
    file = write(tmp_path / "log.csv")
    run = ("-o", tmp_path / "run")
    assert "too few for a window of 500" in sentence(call("fit", file, "--time", "at", "--window", "500", *run))
    assert "no column 'when' for --time" in sentence(call("fit", file, "--time", "when", *run))
    assert "--stride: for a series" in sentence(call("fit", file, "--stride", "5", *run))
    assert "a whole number of steps" in sentence(call("fit", file, "--time", "at", "--window", "2.5", *run))
    assert not (tmp_path / "run").exists()
