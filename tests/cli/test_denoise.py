"""denoise: rows in, restored rows out, with a plain sentence on how much noise there was and what it brought."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli.conftest import call, sentence
from isthmus.denoising import add_noise
from isthmus.tables import read, write_images, write_table

NAMES = ("a", "b", "c", "d", "e", "f")


def waves(n_rows: int, seed: int) -> np.ndarray:
    phase = np.random.default_rng(seed).uniform(0, 6, (n_rows, 1))
    return 3 + np.sin(phase + np.arange(6))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Clean waves, noisy ones of other rows with their truth, and noisy ones of the clean rows."""
    home = tmp_path_factory.mktemp("waves")
    clean, truth = waves(120, 0), waves(80, 1)
    ids = {"ids": np.array([f"r{row}" for row in range(80)]), "id_name": "name"}
    write_table(home / "clean.csv", clean, NAMES)
    write_table(home / "truth.csv", truth, NAMES)
    write_table(home / "noisy.csv", add_noise(truth, "gaussian", 0.4, random_state=2), NAMES, **ids)
    write_table(home / "pairs.csv", add_noise(clean, "masking", 0.2, random_state=2), NAMES)
    pictures = add_noise(np.clip(waves(60, 3) / 4, 0, 1), "salt_and_pepper", 0.1, random_state=4)
    write_images(home / "pictures", pictures, (2, 3), [f"{row}.png" for row in range(60)])
    return home


def test_clean_rows_teach_and_the_denoiser_is_kept(home, tmp_path):
    out, kept = tmp_path / "out.csv", tmp_path / "kept"
    called = call(
        "denoise", home / "noisy.csv", "--clean", home / "clean.csv", "--reference", home / "truth.csv",
        "--ids", "name", "-o", out, "--save", kept,
    )  # fmt: skip
    assert called.code == 0, called.err
    assert "is estimated to have standard deviation 0." in called.out
    assert "PCA at its best rank" in called.out
    assert "against" in called.out
    restored, truth = read(out, ids="name"), read(home / "truth.csv").values
    noisy = read(home / "noisy.csv", ids="name")
    assert restored.columns == NAMES
    assert restored.ids.tolist() == noisy.ids.tolist()
    assert np.mean((restored.values - truth) ** 2) < 0.6 * np.mean((noisy.values - truth) ** 2)
    again = tmp_path / "again.csv"
    called = call("denoise", home / "noisy.csv", "--model", kept, "--ids", "name", "-o", again, "--json")
    assert json.loads(called.out)["level_estimated"] is False
    np.testing.assert_allclose(read(again, ids="name").values, restored.values)


def test_columns_of_different_units_keep_their_shares(tmp_path):
    rng = np.random.default_rng(0)
    units = [1e-3, 1, 50, 4000]
    rows = (2 + np.sin(rng.uniform(0, 6, (200, 1)) + np.arange(4)) + 0.3 * rng.standard_normal((200, 4))) * units
    np.savetxt(tmp_path / "noisy.csv", rows, delimiter=",", header="a,b,c,d", comments="")
    called = call("denoise", tmp_path / "noisy.csv", "-o", tmp_path / "restored.csv")
    assert "% of each column's standard deviation" in called.out
    moved = np.loadtxt(tmp_path / "restored.csv", delimiter=",", skiprows=1) - rows
    assert np.ptp(np.log(moved.std(0) / rows.std(0))) < 1
    out = ("-o", tmp_path / "restored.csv", "--overwrite")
    assert "in the data's units" in call("denoise", tmp_path / "noisy.csv", *out, "--scale", "none").out
    called = call("denoise", tmp_path / "noisy.csv", *out, "--level", "0.3", "--scale", "standard")
    assert "taken to be 30.0% of each column's" in called.out


def test_columns_of_different_units_are_evaluated_with_noise_of_their_own(tmp_path):
    units = np.array([1e-3, 1, 50, 4000, 1, 9])
    clean = waves(300, 0) * units
    write_table(tmp_path / "clean.csv", clean, NAMES)
    write_table(
        tmp_path / "noisy.csv", (waves(100, 1) + 0.2 * np.random.default_rng(0).normal(size=(100, 6))) * units, NAMES
    )
    called = call(
        "denoise", tmp_path / "noisy.csv", "--clean", tmp_path / "clean.csv", "-o", tmp_path / "out.csv", "--json"
    )
    found = json.loads(called.out)
    assert found["columns_scaled"]
    assert 0.2 < found["level"] < 0.4  # a deviation is 0.7
    assert found["psnr"]["denoised"] > found["psnr"]["noisy"] + 1
    assert 10 < found["psnr"]["noisy"] < 30


def test_pairs_are_evaluated_on_rows_not_learned_from(home, tmp_path):
    called = call(
        "denoise", home / "pairs.csv", "--clean", home / "clean.csv", "--corruption", "masking",
        "-o", tmp_path / "out.csv", "--json",
    )  # fmt: skip
    report = json.loads(called.out)
    assert report["level"] == pytest.approx(0.2, abs=0.05)
    assert "24 of the rows, whose clean versions were held out" in report["psnr"]["evaluated"]
    assert report["psnr"]["denoised"] > report["psnr"]["noisy"] + 3


def test_noisy_pictures_alone_become_pictures(home, tmp_path):
    called = call(
        "denoise", home / "pictures", "--corruption", "salt_and_pepper", "-o", tmp_path / "out",
        "--figure", tmp_path / "figure.png",
    )  # fmt: skip
    assert called.code == 0, called.err
    assert "60 noisy rows alone" in called.err
    assert "The share of cells set to an extreme is estimated to be" in called.out
    assert len(list((tmp_path / "out").glob("*.png"))) == 60
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_without_output_the_rows_alone_go_to_standard_output(home):
    called = call("denoise", home / "noisy.csv", "--ids", "name", "--level", "0.4")
    lines = called.out.splitlines()
    assert (lines[0], len(lines)) == ("name,a,b,c,d,e,f", 81)
    assert "was taken to have standard deviation 0.4" in called.err


@pytest.mark.parametrize(
    ("tokens", "code", "words"),
    [
        (("--model", "x", "--level", "1"), 2, "--model has its own training"),
        (("--corruption", "masking", "--level", "2"), 2, "--level is a share of cells"),
        (("--figure", "f.png"), 2, "--figure needs rows that are pictures"),
        (("--model", "nowhere"), 1, "does not exist; name a folder"),
        (("--corruption", "blur"), 2, "blur"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(home, tokens, code, words):
    called = call("denoise", home / "truth.csv", *tokens)
    assert called.code == code
    assert words in sentence(called)


def test_a_reference_must_have_the_rows_of_the_data(home):
    called = call("denoise", home / "truth.csv", "--reference", home / "clean.csv")
    assert "120 rows, and" in sentence(called)


def test_columns_that_are_not_in_the_output_are_named(tmp_path):
    rows = waves(60, 0)
    write_table(tmp_path / "noisy.csv", np.c_[rows[:, :3], np.full(60, 5.0)], ("a", "b", "c", "always five"))
    called = call("denoise", tmp_path / "noisy.csv", "-o", tmp_path / "out.csv")
    assert "not in the output: 'always five'" in called.err
    assert read(tmp_path / "out.csv").columns == ("a", "b", "c")
