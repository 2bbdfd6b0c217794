"""``--given``: columns named once at fit, found again in every file, or typed as COLUMN=VALUE."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cli.conftest import QUICK, call, sentence
from isthmus.storage import load

rng = np.random.default_rng(0)
N = 90
BATCH = np.array(["A", "B", "C"])[rng.integers(0, 3, N)]
HIDDEN = rng.normal(size=(N, 1))
TABLE = pd.DataFrame(np.sin(HIDDEN + np.arange(4)) + 2 * (BATCH[:, None] == "A"), columns=list("wxyz"))
TABLE = TABLE + 0.1 * rng.normal(size=TABLE.shape)
TABLE["batch"], TABLE["age"], TABLE["sick"] = (
    BATCH,
    rng.normal(50, 5, N).round(),
    np.where(HIDDEN[:, 0] > 0, "yes", "no"),
)
GIVEN = TABLE[["batch", "age"]]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    TABLE.to_csv(folder / "table.csv", index=False)
    called = call("fit", folder / "table.csv", "--given", "batch,age", "--labels", "sick", "-o", folder / "run", *QUICK)
    assert called.code == 0, called.err
    return folder / "run"


def test_codes_keep_their_conditions_and_are_decoded_by_them(run, tmp_path):
    model = load(run / "model")
    assert call("encode", run, run.parent / "table.csv", "-o", tmp_path / "codes.csv").code == 0
    codes = pd.read_csv(tmp_path / "codes.csv")
    assert codes["batch"].tolist() == BATCH.tolist()
    expected = model.transform(TABLE[list("wxyz")], given=GIVEN)
    np.testing.assert_allclose(codes.iloc[:, :2], expected, rtol=1e-5, atol=1e-5)
    assert call("decode", run, tmp_path / "codes.csv", "-o", tmp_path / "rows.npy").code == 0
    np.testing.assert_allclose(
        np.load(tmp_path / "rows.npy"), model.inverse_transform(expected, given=GIVEN), atol=1e-4
    )
    called = call("decode", run, tmp_path / "codes.csv", "--given", "batch=B", "-o", tmp_path / "as_b.npy")
    assert called.code == 0, called.err
    as_b = model.inverse_transform(expected, given=GIVEN.assign(batch="B"))
    np.testing.assert_allclose(np.load(tmp_path / "as_b.npy"), as_b, atol=1e-4)


@pytest.mark.parametrize("command", ["reconstruct", "score", "impute", "evaluate"])
def test_every_command_finds_the_columns(run, command):
    assert call(command, run, run.parent / "table.csv").code == 0


def test_held_out_rows_and_interpolation(run):
    assert "that the condition leaves" in call("evaluate", run).out
    called = call("interpolate", run, run.parent / "table.csv", "--from", "0", "--to", "1", "--steps", "2")
    assert called.code == 0, called.err
    assert "given" in call("info", run).out


def test_a_file_without_the_column_is_refused_unless_its_value_is_typed(run, tmp_path):
    TABLE.drop(columns="batch").to_csv(tmp_path / "none.csv", index=False)
    refused = call("score", run, tmp_path / "none.csv")
    assert refused.code == 1
    assert "the file has no 'batch'; add the column, or say --given batch=VALUE" in sentence(refused)
    assert call("score", run, tmp_path / "none.csv", "--given", "batch=A").code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "say --given batch=A|B|C --given age=0"),
        (
            ["--given", "batch=Z", "--given", "age=50"],
            "batch=Z: the levels of 'batch' at fit were 'A', 'B', 'C'",
        ),
        (["--given", "batch=A", "--given", "age=old"], "--given age=old: 'age' was a number at fit"),
        (["--given", "batch"], "--given must be COLUMN=VALUE"),
        (["--given", "plate=1"], "has no such condition; it is given 'batch', 'age'"),
    ],
)
def test_conditions_of_samples_are_typed(run, flags, words):
    assert words in sentence(call("sample", run, "-n", "2", *flags))


def test_samples_of_a_condition(run):
    called = call("sample", run, "-n", "2", "--given", "batch=A", "--given", "age=50")
    assert called.code == 0, called.err
    assert len(called.out.splitlines()) == 3


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--given", "plate"], "no column 'plate' to be given; the columns are 'w', 'x'"),
        (["--given", "batch", "--drop", "batch"], "'batch' cannot be both --given and in --drop or --ids"),
        (["--given", "batch=A"], "--given takes columns of the data"),
    ],
)
def test_a_column_that_cannot_be_given_is_refused(run, tmp_path, flags, words):
    assert words in sentence(call("fit", run.parent / "table.csv", "-o", tmp_path / "run", *flags, *QUICK))


def test_classes_may_be_given(tmp_path):
    called = call("fit", "iris", "--given", "class", "-o", tmp_path / "run", *QUICK)
    assert called.code == 0, called.err
    assert load(tmp_path / "run" / "model").fitted_.given_layout.names == ("class",)
    assert call("encode", tmp_path / "run", "iris", "-o", tmp_path / "codes.csv").code == 0
    assert list(pd.read_csv(tmp_path / "codes.csv").columns)[2:] == ["class"]
    called = call("decode", tmp_path / "run", tmp_path / "codes.csv")
    assert called.code == 0, called.err


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("smallest", "--given batch,age --n-components auto"),
        ("detect", "leave --given out: batch,age is then one of them"),
    ],
)
def test_commands_that_take_no_conditions_say_what_to_do(run, command, words):
    called = call(command, run.parent / "table.csv", "--given", "batch,age")
    assert called.code != 0
    assert words in sentence(called)


def test_a_run_with_conditions_is_no_detector(run):
    called = call("detect", run.parent / "table.csv", "--model", run)
    assert called.code != 0
    assert "isthmus detect scores rows without conditions" in sentence(called)
