"""A flag that means nothing for the data at hand is refused by its name, whatever its value."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cli.conftest import call, sentence
from isthmus.ratings.reading import read_ratings
from isthmus.tables import DataError

QUICK = ("--max-iter", "2", "--no-plots", "--no-page")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A series, ratings, and a run of each."""
    folder, rng = tmp_path_factory.mktemp("typed"), np.random.default_rng(0)
    waves = np.sin(np.arange(200) / 5) + 0.1 * rng.standard_normal(200)
    steps = [f"{1 + step % 12:02d}/{1 + step // 12:02d}/2024,{one:.3f},-9999" for step, one in enumerate(waves)]
    (folder / "series.csv").write_text("\n".join(["t,a,b", *steps[:100]]))
    pairs = {(rng.integers(20), rng.integers(8)) for _ in range(90)}
    (folder / "ratings.csv").write_text("u,i,v\n" + "".join(f"u{a},i{b},{1 + (a + b) % 5}\n" for a, b in pairs))
    (folder / "words.csv").write_bytes("user|item\ncaf\xe9|a\nb|-\nb|a\n".encode("latin-1"))
    done = call("fit", folder / "ratings.csv", "--ratings", "u,i,v", "--max-iter", "1", "-o", folder / "likes")
    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def series_run(place):
    """Months before days, and a mark of empty cells, as only the flags say."""
    how = ("--kind", "t=date:%m/%d/%Y", "--missing-marks", "-9999")
    done = call("fit", place / "series.csv", "--time", "t", "--window", "6", *how, *QUICK, "-o", place / "run")
    assert done.code == 0, done.err
    return place / "run"


def refused(*tokens: object) -> str:
    called = call(*tokens)
    assert called.code == 2, called.err
    return sentence(called)


def test_a_series_takes_no_flags_of_rows_even_at_their_defaults(place):
    flags = ("--ids", "a", "--test-size", "0.2", "--checkpoint-epochs", "1", "--checkpoints-kept", "2", "--resume", "x")
    said = refused("fit", place / "series.csv", "--time", "t", *flags)
    assert "--ids, --test-size, --resume, --checkpoint-epochs, --checkpoints-kept: not for a series" in said
    assert "--engine: not for a series" in refused("detect", place / "series.csv", "--time", "t", "--engine", "local")
    assert "--seeds: not for a series" in refused("smallest", place / "series.csv", "--time", "t", "--seeds", "3")


def test_ratings_take_no_flags_of_rows_or_windows(place):
    flags = ("--window", "5", "--variant", "vanilla", "--checkpoint-seconds", "60", "--no-refit")
    said = refused("fit", place / "ratings.csv", "--ratings", "u,i,v", *flags)
    assert "--variant, --checkpoint-seconds, --window, --no-refit: not for ratings" in said


def test_an_interrupted_fit_resumes_with_its_own_flags_only(place):
    flags = ("--time", "t", "--ratings", "u,i", "--seed", "42", "-p", "2", "--separator", ";", "-o", "x")
    said = refused("fit", "--resume", place / "run", *flags)
    assert "leave out --output, --seed, --time, --ratings, --separator, --n-components." in said
    assert "nothing to resume" in sentence(call("fit", "--resume", place / "absent", "--checkpoint-epochs", "1"))


@pytest.mark.parametrize("command", ["evaluate", "plot", "explore"])
def test_flags_of_a_file_need_a_file(command, table_run, series_run):
    for run in (table_run, series_run):
        said = refused(command, run, "--drop", "a", "--header", "1", "--labels", "b")
        assert "--labels, --drop, --header: for rows of a file; name the data after the run." in said


def test_recommendations_for_users_of_the_fit_read_no_file(place):
    assert "--ratings, --header: for rows of a file" in refused(
        "recommend", place / "likes", "--ratings", "u,i", "--header", "1"
    )


def test_a_run_of_a_series_keeps_its_windows_and_how_its_file_is_read(place, series_run):
    said = refused("encode", series_run, place / "series.csv", "--window", "9", "--engine", "local")
    assert "--window, --engine: not for" in said
    assert "--seed: not for" in refused("evaluate", series_run, place / "series.csv", "--seed", "42")
    assert "--json: not for" in refused("denoise", place / "series.csv", "--model", series_run, "--json")
    codes = call("encode", series_run, place / "series.csv")
    assert codes.code == 0, codes.err
    assert codes.out == call("encode", series_run, place / "series.csv", "--kind", "t=date:%m/%d/%Y").out
    assert codes.out != call("encode", series_run, place / "series.csv", "--kind", "t=date:%d/%m/%Y").out
    record = json.loads((series_run / "run.json").read_text())
    assert "-9999" in str(record)


def test_a_saved_denoiser_has_its_own_noise_and_seed(folder, tmp_path):
    rows = ("denoise", folder / "own.csv", "--ids", "name", "--drop", "kind")
    assert call(*rows, "--level", "0.1", "--save", tmp_path / "d", "-o", tmp_path / "x.csv").code == 0
    said = refused(*rows, "--model", tmp_path / "d", "--corruption", "gaussian", "--seed", "42")
    assert "leave out --corruption, --seed." in said


def test_ratings_without_values_are_read_as_the_flags_say(place):
    how = {"separator": "pipe", "encoding": "latin-1"}
    found = read_ratings(str(place / "words.csv"), ("user", "item"), how)
    assert found.users == ("café", "b")
    with pytest.raises(DataError, match="ratings without item: 1"):
        read_ratings(str(place / "words.csv"), ("user", "item"), how | {"missing_marks": ("-",)})
    with pytest.raises(DataError, match=r"--encoding 'x' is not known.*leave out --header, --kind"):
        read_ratings(str(place / "words.csv"), ("user", "item"), {"encoding": "x", "header": 1, "kinds": {"a": "id"}})
    with pytest.raises(DataError, match="nothing can be learned from 'v'"):
        read_ratings(str(place / "ratings.csv"), ("u", "i", "v"), {"kinds": {"v": "text"}})


def test_labels_of_pictures_need_a_table_or_sub_folders(folder, tmp_path):
    said = sentence(call("fit", folder / "pictures", "--labels", "kind", *QUICK, "-o", tmp_path / "run"))
    assert "--labels 'kind': no table beside the pictures lists them; their labels are their sub-folders" in said
    said = sentence(call("fit", folder / "pictures" / "a", "--labels", "folder", *QUICK, "-o", tmp_path / "run"))
    assert "--labels 'folder': no table beside the pictures lists them; add one" in said


def test_a_column_of_a_series_has_one_role(place):
    said = sentence(call("fit", place / "series.csv", "--time", "t", "--drop", "t", "--entity", "a", "--labels", "a"))
    assert "column 't' is named by --time and --drop; column 'a' is named by --entity and --labels" in said


def test_settings_of_windows_are_named_as_flags(place):
    said = sentence(call("fit", place / "series.csv", "--time", "t", "--budget", "2", "--max-iter", "2"))
    assert "--budget 2 and --max-iter 2 both say" in said
