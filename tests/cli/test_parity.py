"""Commands have the settings, choices and defaults of the classes that they use."""

from __future__ import annotations

import importlib
import inspect
import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
import pytest

from cli.conftest import call, own_rows, sentence
from isthmus import NestedAutoencoder, VariationalAutoencoder, load, save
from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.cli import application, commands
from isthmus.denoising import Denoiser
from isthmus.denoising.noise import KINDS
from isthmus.generation.mixin import CODES
from isthmus.ratings import ItemAutoencoder
from isthmus.series import SeriesOutlierDetector, WindowedAutoencoder, window_code_sizes
from isthmus.series.windowed import NETWORKS
from isthmus.tables import write_table

# Each class, the command that fits it, and the flags whose names differ; None is for what only Python can pass.
FITTED_BY: dict[type, tuple[str, dict[str, str | None]]] = {
    AutoencoderOutlierDetector: (
        "detect",
        {"autoencoder": "variant", "measure": "score", "trim": "no_trim", "random_state": "seed"},
    ),
    SeriesOutlierDetector: (
        "detect",
        {"window": "reading", "episodes": "alarm_rate", "threshold": "tracked", "random_state": "seed"},
    ),
    WindowedAutoencoder: ("fit", {"window": "reading", "autoencoder": "variant", "random_state": "seed"}),
    ItemAutoencoder: ("fit", {"random_state": "seed"}),
    Denoiser: ("denoise", {"image_shape": None, "autoencoder": None, "random_state": "seed"}),
}


def parameters(command: str) -> dict[str, inspect.Parameter]:
    function = getattr(importlib.import_module(f"isthmus.cli.{command}"), command)
    return dict(inspect.signature(function).parameters)


@pytest.mark.parametrize("estimator", FITTED_BY)
def test_every_setting_of_a_class_is_a_flag_of_its_command(estimator):
    command, named = FITTED_BY[estimator]
    flags = {named.get(name, name) for name in inspect.signature(estimator).parameters}
    assert flags - {None} <= set(parameters(command))


def test_every_setting_of_the_search_for_window_codes_is_a_flag():
    named = {"X": "data", "times": "time", "window": "reading", "share": "keep", "random_state": "seed"}
    flags = {named.get(name, name) for name in inspect.signature(window_code_sizes).parameters}
    assert flags <= set(parameters("smallest"))


@pytest.mark.parametrize(
    ("command", "flag", "choices"),
    [("denoise", "corruption", KINDS), ("sample", "codes", CODES)],
)
def test_choices_are_those_of_the_library(command, flag, choices):
    module = importlib.import_module(f"isthmus.cli.{command}")
    kind = inspect.signature(getattr(module, command), eval_str=True).parameters[flag].annotation
    assert get_args(kind) == choices


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("parity")
    write_table(folder / "rows.csv", own_rows(), list("abcdef"))
    t = np.arange(400)
    value = np.sin(t / 4) + 0.1 * np.random.default_rng(0).normal(size=400)
    frame = pd.DataFrame({"t": t, "value": value})
    frame.to_csv(folder / "series.csv", index=False)
    frame.to_csv(folder / "german.csv", index=False, sep=";", decimal=",")
    two = [frame.assign(machine=name) for name in ("m1", "m2")]
    pd.concat(two).to_csv(folder / "machines.csv", index=False)
    return folder


def test_a_detector_is_fitted_as_told(folder, tmp_path):
    asked = ("--calibration-fraction", "0.25", "--no-trim", "--components", "2")
    called = call("detect", folder / "rows.csv", "--train", folder / "rows.csv", *asked, "--save", tmp_path / "kept")
    assert called.code == 0, called.err
    detector = load(tmp_path / "kept")
    assert (detector.calibration_fraction, detector.trim) == (0.25, False)
    said = sentence(call("detect", folder / "rows.csv", "--model", tmp_path / "kept", *asked))
    assert "--components, --calibration-fraction, --no-trim are for a fit" in said


def test_the_file_of_a_series_is_read_as_told(folder):
    plain = call("detect", folder / "series.csv", "--time", "t", "--alarms", "20", "--json")
    told = call(
        "detect", folder / "german.csv", "--time", "t", "--alarms", "20", "--json", "--separator", ";", "--decimal", ","
    )
    assert plain.code == told.code == 0, plain.err + told.err
    assert json.loads(told.out) == json.loads(plain.out)
    assert "no column of numbers" in sentence(
        call("detect", folder / "series.csv", "--time", "t", "--kind", "value=text")
    )


def test_noisy_rows_are_read_as_told(folder, tmp_path):
    plain = call("denoise", folder / "series.csv", "--level", "0.1", "-o", tmp_path / "plain.csv")
    told = call(
        "denoise", folder / "german.csv", "--level", "0.1", "-o", tmp_path / "told.csv", "--separator", ";",
        "--decimal", ",",
    )  # fmt: skip
    assert plain.code == told.code == 0, plain.err + told.err
    assert (tmp_path / "told.csv").read_text() == (tmp_path / "plain.csv").read_text()
    faults = sentence(call("denoise", folder / "series.csv", "--header", "2", "--no-header"))
    assert "contradict each other" in faults


@pytest.mark.parametrize("network", NETWORKS)
def test_the_network_of_windows_is_chosen(network, folder, tmp_path):
    tokens = ("--time", "t", "--window", "12", "-p", "2", "--network", network, "--no-plots", "--no-page")
    called = call("fit", folder / "series.csv", *tokens, "-o", tmp_path / "run")
    assert called.code == 0, called.err
    expected = {"auto": {"perceptron", "convolution"}, "none": set()}.get(network, {network})
    assert set(load(tmp_path / "run" / "model").block_errors_) == expected | {"singular spectrum analysis"}


def test_the_search_for_window_codes_takes_the_flags_of_a_series(folder):
    file = folder / "machines.csv"
    common = ("smallest", file, "--time", "t", "--window", "12", "--sizes", "1,2", "--json")
    one = call(*common, "--entity", "machine", "--stride", "6", "--network", "perceptron")
    assert one.code == 0, one.err
    assert len(json.loads(one.out)["network"]) == 2
    assert "leaves no network" in sentence(call(*common, "--entity", "machine", "--network", "none"))
    assert "a whole number of steps" in sentence(call("smallest", file, "--time", "t", "--window", "2.5"))
    refused = sentence(call(*common, "--entity", "machine", "--seeds", "1", "--test-size", "0.5"))
    assert "--seeds, --test-size: not for a series" in refused
    assert "--entity: for a series" in sentence(call("smallest", folder / "rows.csv", "--entity", "machine"))


def test_ratings_are_fitted_as_told(folder, tmp_path):
    rng = np.random.default_rng(0)
    rows = [f"u{user},i{item}\n" for user in range(30) for item in range(10) if rng.random() < 0.5]
    (folder / "likes.csv").write_text("user,item\n" + "".join(rows))
    common = ("fit", folder / "likes.csv", "--ratings", "user,item", "--max-iter", "0", "-o", tmp_path / "run")
    called = call(*common, "--ridge", "7.5", "--max-items", "10")
    assert called.code == 0, called.err
    model = load(tmp_path / "run" / "model")
    assert (model.ridge_, model.max_items) == (7.5, 10)
    assert "--given, --test-size" in sentence(call(*common, "--given", "x", "--test-size", "0.5"))
    assert "10 items" in sentence(call(*common, "--max-items", "5", "--overwrite"))
    assert load(tmp_path / "run" / "model").ridge_ == 7.5
    again = call(*common, "--ridge", "8", "--overwrite")
    assert again.code == 0, again.err
    assert load(tmp_path / "run" / "model").ridge_ == 8
    (tmp_path / "run" / "notes.txt").write_text("the user's")
    assert "notes.txt" in sentence(call(*common, "--overwrite"))


@pytest.fixture(scope="module")
def nested(folder) -> Any:
    model = NestedAutoencoder(3, max_iter=2, random_state=0).fit(own_rows())
    save(model, folder / "nested")
    return model


def test_an_ordered_code_is_cut_to_its_first_latents(nested, folder, tmp_path):
    X = own_rows()
    called = call("encode", folder / "nested", folder / "rows.csv", "--latents", "2", "-o", tmp_path / "codes.csv")
    assert called.code == 0, called.err
    codes = pd.read_csv(tmp_path / "codes.csv").to_numpy()
    np.testing.assert_allclose(codes, nested.transform(X, size=2), rtol=1e-4, atol=1e-5)
    for command, file in (("decode", tmp_path / "codes.csv"), ("reconstruct", folder / "rows.csv")):
        out = tmp_path / f"{command}.csv"
        called = call(command, folder / "nested", file, "--latents", "2", "-o", out)
        assert called.code == 0, called.err
        np.testing.assert_allclose(pd.read_csv(out).to_numpy(), nested.reconstruct(X, size=2), rtol=1e-3, atol=1e-4)
    assert "a size from 1 to 3" in sentence(call("encode", folder / "nested", folder / "rows.csv", "--latents", "4"))


def test_importance_samples_are_drawn_and_latents_need_an_order(nested, folder, tmp_path):
    model = VariationalAutoencoder(2, max_iter=2, random_state=0).fit(own_rows())
    save(model, folder / "variational")
    unordered = call("encode", folder / "variational", folder / "rows.csv", "--latents", "1")
    assert unordered.code == 2
    assert "an ordered code; fit one with isthmus fit --variant nested" in sentence(unordered)
    tokens = ("score", folder / "variational", folder / "rows.csv", "--importance-samples", "5")
    called = call(*tokens, "-o", tmp_path / "scores.csv")
    assert called.code == 0, called.err
    found = pd.read_csv(tmp_path / "scores.csv").to_numpy()[:, 0]
    np.testing.assert_allclose(found, model.score_samples(own_rows(), 5), rtol=1e-3, atol=1e-3)
    tokens = ("score", folder / "nested", folder / "rows.csv", "--importance-samples", "5")
    assert "needs a variational model" in sentence(call(*tokens))


@pytest.mark.parametrize("command", commands())
def test_no_two_settings_of_a_command_share_a_flag(command):
    arguments = application(command)[command].assemble_argument_collection()
    names = [name for argument in arguments for name in argument.names if name.startswith("-")]
    assert len(names) == len(set(names))
