"""isthmus fit and isthmus impute: empty cells in, filled cells out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from cli.conftest import COLUMNS, QUICK, call, own_rows, sentence
from isthmus.tables import read, write_table

NAMES = ("height", "weight", "age", "c", "b", "a")


@pytest.fixture(scope="module")
def holey(tmp_path_factory):
    """A table with empty cells, the same table whole, and a run on it."""
    folder = tmp_path_factory.mktemp("holey")
    whole = own_rows(120)
    values = np.where(np.random.default_rng(0).random(whole.shape) < 0.15, np.nan, whole)
    ids = {"ids": np.array([f"p{row}" for row in range(120)]), "id_name": "name"}
    write_table(folder / "own.csv", values, NAMES, **ids)
    write_table(folder / "own.parquet", values, NAMES, **ids)
    flags = ("--missing", "mask", "--max-iter", "3", "--ids", "name", "--no-plots")
    called = call("fit", folder / "own.csv", *flags, "-o", folder / "run")
    assert called.code == 0, called.err
    return folder, values, whole


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_empty_cells_are_filled_and_all_others_kept(holey, tmp_path, suffix):
    folder, values, whole = holey
    called = call("impute", folder / "run", folder / f"own{suffix}", "-o", tmp_path / "filled.csv")
    assert called.code == 0, called.err
    holes = np.isnan(values)
    assert f"{holes.sum()} of {values.size} cells were empty and are filled." in called.err
    filled = read(tmp_path / "filled.csv", ids="name")
    assert filled.columns == NAMES
    assert filled.ids[:2].tolist() == ["p0", "p1"]
    np.testing.assert_array_equal(filled.values[~holes], values[~holes])
    by_means = np.where(holes, np.nanmean(values, 0), values)
    assert np.square(filled.values - whole).sum() < np.square(by_means - whole).sum()


def test_the_other_commands_take_the_holes(holey):
    folder = holey[0]
    for command in ("encode", "reconstruct"):
        called = call(command, folder / "run", folder / "own.csv")
        assert called.code == 0, called.err
        assert len(called.out.splitlines()) == 121
        assert "nan" not in called.out
    evaluated = json.loads(call("evaluate", folder / "run", "--json").out)
    assert np.isfinite(evaluated["evaluation"]["data"]["model"]["mse"])


def test_a_run_on_complete_rows_fills_cells_too(table_run, folder, tmp_path):
    lines = (folder / "own.csv").read_text().splitlines()
    cells = lines[3].split(",")
    cells[2] = ""
    (tmp_path / "holes.csv").write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    called = call("impute", table_run, tmp_path / "holes.csv")
    assert called.code == 0, called.err
    filled, given = called.out.splitlines(), read(folder / "own.csv", ids="name", labels="kind").values
    assert len(filled) == len(lines)
    assert "nan" not in called.out
    assert np.isfinite(given).all()


def test_a_plain_run_places_rows_by_the_cells_they_have(table_run, folder, holey, tmp_path):
    rows, labels = own_rows(60), np.repeat(["up", "down"], 30)
    values = np.where(np.random.default_rng(1).random(rows.shape) < 0.2, np.nan, rows)
    ids = {"ids": np.array([f"p{row}" for row in range(60)]), "id_name": "name", "labels": labels, "label_name": "kind"}
    write_table(tmp_path / "gaps.csv", values, COLUMNS, **ids)
    called = call("impute", table_run, tmp_path / "gaps.csv", "-o", tmp_path / "filled.csv")
    assert called.code == 0, called.err
    filled = read(tmp_path / "filled.csv", ids="name", labels="kind").values
    there = ~np.isnan(values)
    np.testing.assert_array_equal(filled[there], values[there])
    assert np.isfinite(filled).all()
    called = call("encode", table_run, tmp_path / "gaps.csv", "--std")
    assert called.code == 0, called.err
    n_gaps = np.isnan(values).any(1).sum()
    assert f"note: {n_gaps} rows have empty cells; the code is the best one for the observed cells." in called.err
    assert "nan" not in called.out


def test_a_code_that_is_no_point_needs_a_fit_with_missing_cells(folder, tmp_path):
    flags = ("--variant", "variational", "--max-iter", "1", "--ids", "name", "--labels", "kind", "--no-plots")
    called = call("fit", folder / "own.csv", *flags, "-o", tmp_path / "run")
    assert called.code == 0, called.err
    called = call("impute", tmp_path / "run", folder / "own.csv")
    assert "fit it again with --missing mask" in sentence(called)


def test_draws_are_files_of_their_own(holey, tmp_path):
    folder, values, _ = holey
    flags = ("--draws", "2", "-o", tmp_path / "filled.csv")
    called = call("impute", folder / "run", folder / "own.csv", *flags)
    assert called.code == 0, called.err
    one, other = (read(tmp_path / f"filled-{place}.csv", ids="name").values for place in (1, 2))
    holes = np.isnan(values)
    np.testing.assert_array_equal(one[~holes], values[~holes])
    assert (one[holes] != other[holes]).all()
    assert "cells were empty and are drawn 2 times." in called.err
    again = call("impute", folder / "run", folder / "own.csv", *flags)
    assert "filled-1.csv" in again.err  # which stands there
    assert "--draws needs -o FILE" in call("impute", folder / "run", folder / "own.csv", "--draws", "2").err


def test_bands_are_columns_beside_the_reconstruction(holey, tmp_path):
    folder, _, whole = holey
    called = call("reconstruct", folder / "run", folder / "own.csv", "--interval", "0.8", "-o", tmp_path / "bands.csv")
    assert called.code == 0, called.err
    found = read(tmp_path / "bands.csv", ids="name")
    assert found.columns == (*NAMES, *(f"{name}_low" for name in NAMES), *(f"{name}_high" for name in NAMES))
    middle, low, high = np.split(found.values, 3, 1)
    assert ((low < middle) & (middle < high)).all()
    assert 0.6 < ((low <= whole) & (whole <= high)).mean() < 0.95


def test_dates_keep_their_time_zone(tmp_path):
    rng, n = np.random.default_rng(0), 80
    days = pd.Series(pd.date_range("2024-01-01", periods=n, tz="Asia/Tokyo"))
    came = days + pd.to_timedelta(rng.integers(1, 9, n), "D")
    rows = pd.DataFrame({"id": days, "came": came.where(np.arange(n) != 7), "load": rng.normal(size=n)})
    rows.to_parquet(tmp_path / "rows.parquet")
    fit = call("fit", tmp_path / "rows.parquet", "--ids", "id", "-p", "1", "--max-iter", "1", "--no-plots", "--no-page",
               "-o", tmp_path / "run")  # fmt: skip
    assert fit.code == 0, fit.err
    assert call("impute", tmp_path / "run", tmp_path / "rows.parquet", "-o", tmp_path / "out.parquet").code == 0
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert {str(found[name].dtype.tz) for name in ("id", "came")} == {"Asia/Tokyo"}
    assert found["id"].tolist() == rows["id"].tolist()
    known = rows["came"].notna()
    assert found["came"][known].tolist() == rows["came"][known].tolist()
    printed = call("impute", tmp_path / "run", tmp_path / "rows.parquet").out.splitlines()
    assert printed[1].startswith(f"2024-01-01 00:00:00+09:00,{rows['came'][0].isoformat(' ')},")


def test_columns_that_are_not_filled_are_named(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=list("abc")).assign(site=7, aside=range(60))
    table.to_csv(tmp_path / "own.csv", index=False)
    assert call("fit", tmp_path / "own.csv", "--drop", "aside", "-o", tmp_path / "run", *QUICK).code == 0
    table.loc[[0], :].assign(a=None).to_csv(tmp_path / "one.csv", index=False)
    called = call("impute", tmp_path / "run", tmp_path / "one.csv", "-o", tmp_path / "filled.csv")
    assert "1 row (3 columns) is in" in called.err
    assert "not in the output, because the model does not reconstruct them: 'site', 'aside'." in called.err
    assert "1 of 3 cells was empty and is filled." in called.err


def test_a_model_of_counts_does_not_advise_a_fit_that_it_would_refuse(tmp_path):
    counted = pd.DataFrame(np.random.default_rng(0).poisson(3, (60, 5)), columns=list("abcde"))
    counted.to_csv(tmp_path / "counts.csv", index=False)
    flags = ("--likelihood", "poisson", "-o", tmp_path / "run", *QUICK)
    assert call("fit", tmp_path / "counts.csv", *flags).code == 0
    refused = sentence(call("impute", tmp_path / "run", tmp_path / "counts.csv"))
    assert "its likelihood takes no missing cells" in refused
    assert "--missing" not in refused
