"""The run of ``isthmus fit FILE --time COLUMN``: every command takes it, on a file matched by names."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import call, sentence

from isthmus import load

N = 900


def frame(seed=0, machines=("m1", "m2")):
    parts = []
    for place, machine in enumerate(machines):
        rng, t = np.random.default_rng([seed, place]), np.arange(N)
        speed = 50 + 10 * np.sin(2 * np.pi * t / 24) + rng.normal(size=N)
        heat = 20 + 3 * np.cos(2 * np.pi * t / 24) + 0.2 * rng.normal(size=N)
        stamps = pd.date_range("2024-01-01", periods=N, freq="h")
        state = np.where(t // 100 % 2, "on", "off")
        parts.append(pd.DataFrame({"stamp": stamps, "speed": speed, "heat": heat, "machine": machine, "state": state}))
    found = pd.concat(parts, ignore_index=True)
    found.loc[100:104, "heat"] = np.nan
    return found


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    frame().to_csv(folder / "pumps.csv", index=False)
    called = call(
        "fit", folder / "pumps.csv", "--time", "stamp", "--entity", "machine", "--labels", "state", "--window", "48",
        "-p", "2", "--max-iter", "1", "-o", folder / "run",
    )  # fmt: skip
    assert called.code == 0, called.err
    return folder / "run"


@pytest.fixture
def new(tmp_path):
    """Another file: its columns in another order, one that the model doesn't know, one entity."""
    path = tmp_path / "new.csv"
    table = frame(1, ("m9",))
    table["extra"] = 1.5 * np.arange(N)
    table[["extra", "heat", "machine", "speed", "stamp"]].to_csv(path, index=False)
    return path


def table(called):
    assert called.code == 0, called.err
    return pd.read_csv(io.StringIO(called.out))


def test_a_run_has_what_every_run_has(run):
    for name in ("run.json", "data.json", "evaluation.json", "history.csv", "test_rows.csv", "explorer.html"):
        assert (run / name).stat().st_size > 0, name
    assert {path.stem for path in (run / "figures").iterdir()} >= {"series", "reconstructions", "latent_plane"}
    facts = json.loads((run / "data.json").read_text())
    assert facts["channels"] == ["speed", "heat"]
    assert [one["entity"] for one in facts["series"]] == ["m1", "m2"]
    kept = json.loads((run / "evaluation.json").read_text())
    assert kept["evaluation"]["n_components"] == 2
    assert "Windows of 48 steps of 2 channels encoded in 2 dimensions." in kept["sentence"]


def test_held_out_windows_are_those_that_no_block_errors_were_learned_from(run):
    rows = pd.read_csv(run / "test_rows.csv")
    assert len(rows)
    assert json.loads((run / "evaluation.json").read_text())["evaluation"]["n_rows"] == len(rows)


def test_windows_are_encoded_and_scored(run, new):
    codes, scores = table(call("encode", run, new)), table(call("score", run, new))
    assert list(codes) == ["stamp", "machine", "z1", "z2"]
    assert codes["stamp"].tolist() == scores["stamp"].tolist()
    assert pd.to_datetime(codes["stamp"]).diff().dropna().iloc[0] == pd.Timedelta("11h")
    model = load(run / "model")
    known = pd.read_csv(new)[["speed", "heat"]]
    np.testing.assert_allclose(codes[["z1", "z2"]], model.transform(known), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scores["log_density"], model.score_samples(known), rtol=1e-4)


@pytest.mark.parametrize("command", ["reconstruct", "impute", "denoise"])
def test_readings_come_back_in_the_order_of_the_file(command, run, new, tmp_path):
    shuffled = pd.read_csv(new).sample(frac=1, random_state=0)
    shuffled.to_csv(new, index=False)
    tokens = ("denoise", new, "--model", run) if command == "denoise" else (command, run, new)
    assert call(*tokens, "-o", tmp_path / "out.parquet").code == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert pd.to_datetime(found["stamp"]).tolist() == pd.to_datetime(shuffled["stamp"]).tolist()
    known = shuffled["heat"].notna().to_numpy()
    assert found["heat"].notna().all()
    if command == "impute":
        np.testing.assert_allclose(found["heat"][known], shuffled["heat"][known])
        assert found["heat"][~known].between(15, 25).all()
        assert (~known).sum() == 5
    else:
        assert 0 < np.abs(found["heat"].to_numpy() - shuffled["heat"].to_numpy())[known].mean() < 1


def test_steps_that_are_missing_in_the_file_are_filled_in_their_places(run, new, tmp_path):
    whole = pd.read_csv(new)
    first = whole.drop_duplicates("stamp").iloc[100:104]
    whole[~whole["stamp"].isin(first["stamp"])].to_csv(new, index=False)
    called = call("impute", run, new, "-o", tmp_path / "out.csv")
    assert called.code == 0, called.err
    assert f"{whole['stamp'].isin(first['stamp']).sum()} steps were missing" in called.err
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["stamp"].tolist() == whole["stamp"].tolist()
    assert found[["speed", "heat"]].notna().all(axis=None)


def test_windows_are_drawn(run):
    drawn = table(call("sample", run, "-n", "3"))
    assert list(drawn) == ["window", "step", "speed", "heat"]
    assert len(drawn) == 3 * 48
    assert 20 < drawn["speed"].mean() < 80


def test_evaluate_info_plot_and_explore_take_it(run, new, tmp_path):
    held_out = call("evaluate", run)
    assert held_out.code == 0, held_out.err
    assert "held out from training" in held_out.out
    other = json.loads(call("evaluate", run, new, "--json").out)
    assert other["evaluation"]["n_features"] == 96
    info = json.loads(call("info", run, "--json").out)
    assert (info["channels"], info["time"], info["entity"]) == (["speed", "heat"], "stamp", "machine")
    assert call("plot", run, new, "-o", tmp_path / "figures").code == 0
    assert (tmp_path / "figures" / "series.png").is_file()
    for data in ((), (new,)):
        called = call("explore", run, *data, "-o", tmp_path / f"page{len(data)}.html")
        assert called.code == 0, called.err


def test_what_can_not_be_is_one_sentence_that_says_what_to_type(run, new, tmp_path):
    without = tmp_path / "without.csv"
    pd.read_csv(new).drop(columns="heat").to_csv(without, index=False)
    assert "missing: 'heat'" in sentence(call("encode", run, without))
    assert "isthmus reconstruct" in sentence(call("decode", run, new))
    assert "isthmus info" in sentence(call("export", run, "-o", tmp_path / "model.onnx"))
    assert "isthmus info" in sentence(call("interpolate", run, new, "--from", "0", "--to", "1"))
    assert "--std: not for" in sentence(call("encode", run, new, "--std"))
    assert "--ids: for rows" in sentence(call("explore", run, "--ids", "machine", "--overwrite"))
    assert "name the run folder" in sentence(call("encode", shutil.copytree(run / "model", tmp_path / "model"), new))
    assert "must end in .csv" in sentence(call("encode", run, new, "-o", tmp_path / "codes.npy"))
    short = tmp_path / "short.csv"
    pd.read_csv(new).head(20).to_csv(short, index=False)
    assert "48 steps" in sentence(call("encode", run, short))


def test_a_file_that_has_changed_is_not_taken_for_that_of_the_fit(run, tmp_path):
    source = run.parent / "pumps.csv"
    before = source.read_bytes()
    try:
        changed = frame()
        changed.loc[5, "speed"] += 1
        changed.to_csv(source, index=False)
        assert "has changed since the fit" in sentence(call("evaluate", run))
        source.unlink()
        assert "is gone; name a file" in sentence(call("explore", run, "--overwrite"))
    finally:
        source.write_bytes(before)


def test_rows_with_the_same_stamp_keep_their_own_values(run, new, tmp_path):
    whole = pd.read_csv(new)
    again = whole.iloc[[200, 500]].assign(heat=[17.0, np.nan], speed=[np.nan, 44.0])
    doubled = pd.concat([whole, again]).sort_values("stamp", kind="stable")
    doubled.to_csv(new, index=False)
    called = call("impute", run, new, "-o", tmp_path / "out.csv")
    assert called.code == 0, called.err
    found = pd.read_csv(tmp_path / "out.csv")
    assert found["stamp"].tolist() == doubled["stamp"].tolist()
    for name in ("heat", "speed"):
        known = doubled[name].notna().to_numpy()
        np.testing.assert_allclose(found[name][known], doubled[name][known], rtol=1e-12)
    assert (
        found.loc[doubled["heat"].isna().to_numpy(), "heat"].tolist()[-1] == whole.loc[500, "heat"]
    )  # its step's value
    assert "7 of 1,804 cells were empty" in called.err


def test_what_is_said_agrees_with_what_was_done(tmp_path):
    short = frame(machines=("m1",)).head(120)[["stamp", "speed"]]
    short.to_csv(tmp_path / "short.csv", index=False)
    tokens = ("--time", "stamp", "--window", "24", "--max-iter", "1", "--no-plots", "--no-page")
    called = call("fit", tmp_path / "short.csv", *tokens, "-o", tmp_path / "run")
    assert called.code == 0, called.err
    assert "the Autoencoder was kept untested" in called.out
    filled = call("impute", tmp_path / "run", tmp_path / "short.csv", "-o", tmp_path / "out.csv")
    assert "0 of 120 cells were empty.\n" in filled.err


def test_an_entity_shorter_than_a_window_is_named_and_left_as_it_is(tmp_path):
    rows = frame()[["stamp", "speed", "machine"]]
    few = rows[:3].assign(machine="m0", speed=[1.0, np.nan, 3.0])
    rows = pd.concat([few, rows], ignore_index=True)
    rows.to_csv(tmp_path / "pumps.csv", index=False)
    run = tmp_path / "run"
    tokens = ("--time", "stamp", "--entity", "machine", "--window", "48", "-p", "2", "--max-iter", "1", "-o", run)
    said = "note: left out, with fewer steps in a row than a window has (48): 'm0'."
    fitted = call("fit", tmp_path / "pumps.csv", *tokens)
    assert fitted.code == 0, fitted.err
    assert said in fitted.err
    codes = call("encode", run, tmp_path / "pumps.csv")
    assert said in codes.err
    assert set(table(codes)["machine"]) == {"m1", "m2"}
    full = table(call("impute", run, tmp_path / "pumps.csv"))
    assert full["machine"].tolist() == rows["machine"].tolist()
    np.testing.assert_allclose(full["speed"], rows["speed"], equal_nan=True)
    smooth = table(call("reconstruct", run, tmp_path / "pumps.csv"))
    assert smooth.loc[smooth["machine"] == "m0", "speed"].isna().all()
    assert smooth["machine"].tolist() == rows["machine"].tolist()
    assert said in call("evaluate", run).err
