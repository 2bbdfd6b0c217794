"""Tables of words, booleans, dates and numbers, with missing cells, in and out of files."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import csv

from cli.conftest import call, sentence


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A table whose columns follow from one hidden number, with holes, and a run on it."""
    folder, rng = tmp_path_factory.mktemp("mixed"), np.random.default_rng(0)
    hidden = rng.standard_normal(150)
    days = (18000 + np.round(hidden * 100)).astype(np.int32)
    frame = pyarrow.table(
        {
            "name": [f"p{row}" for row in range(150)],
            "height": 170 + 10 * hidden,
            "children": np.round(3 + hidden).astype(np.int64),
            "member": hidden > 0,
            "answer": np.where(hidden > 0.3, "yes", "no").tolist(),
            "joined": pyarrow.array(days, pyarrow.date32()),
        }
    )
    holes = {
        name: pyarrow.array(
            [
                None if hole and name != "name" else cell
                for cell, hole in zip(frame[name].to_pylist(), rng.random(150) < 0.1, strict=True)
            ],
            frame[name].type,
        )
        for name in frame.column_names
    }
    csv.write_csv(pyarrow.table(holes), folder / "own.csv")
    called = call("fit", folder / "own.csv", "--max-iter", "3", "-o", folder / "run")
    assert called.code == 0, called.err
    assert "answer    boolean" in called.err
    return folder, frame, pyarrow.table(holes)


def test_rows_are_filled_in_their_own_types(mixed, tmp_path):
    folder, frame, holes = mixed
    called = call("impute", folder / "run", folder / "own.csv", "-o", tmp_path / "filled.csv")
    assert called.code == 0, called.err
    filled = csv.read_csv(tmp_path / "filled.csv")
    assert filled.column_names == frame.column_names
    for name in ("height", "children", "member"):
        given, found = holes[name].to_pylist(), filled[name].to_pylist()
        assert None not in found
        assert [new for new, old in zip(found, given, strict=True) if old is not None] == [
            old for old in given if old is not None
        ]


def test_numbers_and_dates_have_bands_beside_them_and_other_columns_none(mixed, tmp_path):
    folder, frame, _ = mixed
    called = call("reconstruct", folder / "run", folder / "own.csv", "--interval", "0.8", "-o", tmp_path / "bands.csv")
    assert called.code == 0, called.err
    found = csv.read_csv(tmp_path / "bands.csv")
    banded = ("height", "children", "joined")
    sides = [f"{name}_{side}" for side in ("low", "high") for name in banded]
    assert found.column_names == [*frame.column_names, *sides]
    for name in banded:
        low, middle, high = (found[f"{name}{side}"].to_numpy() for side in ("_low", "", "_high"))
        assert ((low <= middle) & (middle <= high)).all()
    inside = (found["height_low"].to_numpy() <= frame["height"].to_numpy()) & (
        frame["height"].to_numpy() <= found["height_high"].to_numpy()
    )
    assert 0.6 < inside.mean() < 0.99


def test_the_other_commands_take_the_table(mixed, tmp_path):
    folder = mixed[0]
    assert call("encode", folder / "run", folder / "own.csv").out.startswith("name,autoencoder0,autoencoder1\n")
    assert call("reconstruct", folder / "run", folder / "own.csv", "-o", tmp_path / "rows.parquet").code == 0
    called = call("reconstruct", folder / "run", folder / "own.csv")
    assert called.out.startswith("name,height,children,member,answer,joined\n")
    evaluated = call("evaluate", folder / "run")
    assert evaluated.code == 0, evaluated.err
    assert "deviations, PCA" in evaluated.out
    assert np.isfinite(
        json.loads(call("evaluate", folder / "run", "--json").out)["evaluation"]["scaled"]["model"]["mse"]
    )
    assert call("info", folder / "run").code == 0
    codes = tmp_path / "codes.csv"
    call("encode", folder / "run", folder / "own.csv", "-o", codes)
    assert call("decode", folder / "run", codes).code == 0


def test_what_does_not_fit_is_said_in_a_sentence(mixed, tmp_path):
    folder = mixed[0]
    assert ".csv, .tsv or .parquet" in sentence(
        call("reconstruct", folder / "run", folder / "own.csv", "-o", tmp_path / "rows.npy")
    )


def test_a_folder_of_texts_is_the_table_in_parts(mixed, tmp_path):
    folder = mixed[0]
    head, *lines = (folder / "own.csv").read_text().splitlines(keepends=True)
    (tmp_path / "parts").mkdir()
    for place in range(2):
        (tmp_path / "parts" / f"{place}.csv").write_text("".join([head, *lines[75 * place : 75 * place + 75]]))
    for source in (tmp_path / "parts", folder / "own.csv"):
        called = call("encode", folder / "run", source, "-o", tmp_path / f"{source.stem}.csv")
        assert called.code == 0, called.err
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "own.csv").read_text()
    flags = ("--max-iter", "1", "--no-plots", "--no-page")
    assert call("fit", tmp_path / "parts", *flags, "-o", tmp_path / "run").code == 0
