"""sample and interpolate: new rows, as tables and as pictures."""

from __future__ import annotations

import numpy as np
import pytest

from cli.conftest import COLUMNS, QUICK, call, sentence
from isthmus.storage import load
from isthmus.tables import read


@pytest.mark.parametrize("flags", [[], ["--noise"], ["--codes", "density"], ["--codes", "density", "--noise"]])
def test_samples_repeat_with_the_seed(picture_run, flags):
    first = call("sample", picture_run, "-n", "3", *flags)
    assert first.code == 0, first.err
    assert len(first.out.splitlines()) == 4
    assert call("sample", picture_run, "-n", "3", *flags).out == first.out
    assert call("sample", picture_run, "-n", "3", "--seed", "5", *flags).out != first.out


def test_samples_come_out_as_pictures(picture_run, tmp_path):
    call("sample", picture_run, "-n", "12", "-o", tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir())[:2] == ["00.png", "01.png"]


def test_every_model_samples_from_its_codes(table_run, tmp_path):
    path = tmp_path / "new.parquet"
    called = call("sample", table_run, "-n", "7", "--seed", "3", "-o", path)
    assert called.code == 0, called.err
    table = read(path)
    assert table.columns == COLUMNS
    rows = load(table_run / "model").sample(7, random_state=3, noise=True)  # like the rows of the file
    np.testing.assert_allclose(table.values, rows, rtol=1e-6)
    again = call("sample", table_run, "-o", path)
    assert "exists; pass --overwrite" in sentence(again)


def test_a_prior_is_asked_of_a_model_without_one(table_run):
    called = call("sample", table_run, "--codes", "prior")
    assert called.code == 1
    assert "--codes 'prior' needs a variational model" in sentence(called)
    assert call("sample", table_run, "--codes", "thin air").code == 2


@pytest.mark.parametrize("variant", ["sparse", "denoising"])
def test_other_variants_sample_too(folder, tmp_path, variant):
    call("fit", folder / "own.npy", "--variant", variant, "-o", tmp_path / "run", *QUICK)
    assert len(call("sample", tmp_path / "run", "-n", "2").out.splitlines()) == 3


def test_a_way_begins_and_ends_at_the_rows_reconstructed(table_run, folder, tmp_path):
    path = tmp_path / "way.npy"
    called = call("interpolate", table_run, folder / "own.csv", "--from", "4", "--to", "7", "--steps", "5", "-o", path)
    assert called.code == 0, called.err
    call("reconstruct", table_run, folder / "own.csv", "-o", tmp_path / "reconstructed.npy")
    way, reconstructed = np.load(path), np.load(tmp_path / "reconstructed.npy")
    assert way.shape == (5, 6)
    np.testing.assert_allclose(way[[0, -1]], reconstructed[[4, 7]], atol=1e-5)


def test_a_way_of_pictures(picture_run, folder, tmp_path):
    out = tmp_path / "way"
    called = call("interpolate", picture_run, folder / "pictures", "--from", "0", "--to", "9", "-o", out)
    assert called.code == 0, called.err
    assert read(out).values.shape == (9, 20)
    printed = call("interpolate", picture_run, folder / "pictures", "--from", "0", "--to", "9", "--path", "spherical")
    assert len(printed.out.splitlines()) == 10


def test_wrong_use_of_interpolate_is_one_sentence(table_run, folder):
    called = call("interpolate", table_run, folder / "own.csv", "--from", "0", "--to", "60")
    assert called.code == 1
    assert "--to 60 is beyond" in sentence(called)
    assert "which has 60 rows, counted from 0." in sentence(called)
    assert "--to needs a value" in sentence(call("interpolate", table_run, folder / "own.csv", "--from", "0"))
    few = call("interpolate", table_run, folder / "own.csv", "--from", "0", "--to", "1", "--steps", "1")
    assert few.code == 2
