"""`isthmus fit`: from a table to a run folder, or to nothing at all."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

import isthmus.storage
import isthmus.tutorial
from cli.conftest import COLUMNS, QUICK, call, own_rows, sentence, tree
from isthmus.cli import fit
from isthmus.storage import load
from isthmus.tables import read, write_table
from isthmus.training.loop import Training
from isthmus.variants.vanilla import Autoencoder

ROLES = ("--ids", "name", "--labels", "kind")


def test_a_run_folder_holds_all_that_later_commands_need(table_run, folder):
    assert {path.name for path in table_run.iterdir()} == {
        "model",
        "data.json",
        "run.json",
        "test_rows.csv",
        "history.csv",
        "evaluation.json",
        "explorer.html",
    }
    record = json.loads((table_run / "run.json").read_text())["record"]
    known = json.loads((table_run / "data.json").read_text())
    assert {one["name"]: one["kind"] for one in known["columns"] if one["learned"]} == dict.fromkeys(COLUMNS, "number")
    assert record["columns"] == list(COLUMNS)
    assert (record["id_name"], record["label_name"]) == ("name", "kind")
    assert record["source"] == str(folder / "own.csv")
    held_out = read(table_run / "test_rows.csv", ids="id")
    assert len(held_out) == 12
    assert held_out.ids.tolist() == [f"p{row:.0f}" for row in held_out.values[:, 0]]
    history = read(table_run / "history.csv")
    assert history.columns[0] == "epoch"
    assert len(history) == 3
    figures = json.loads((table_run / "evaluation.json").read_text())
    assert figures["evaluation"]["n_rows"] == 12
    estimator = isthmus.storage.load(table_run / "model")
    assert estimator.feature_names_in_.tolist() == list(COLUMNS)
    assert not estimator.verbose


@pytest.mark.parametrize("variant", ["vanilla", "sparse", "denoising", "contractive", "variational", "combined"])
def test_every_variant_ends_with_a_table_a_sentence_and_the_place(folder, tmp_path, variant):
    run = tmp_path / "a" / "run"
    called = call("fit", folder / "own.parquet", *ROLES, "--variant", variant, "-o", run, *QUICK)
    assert called.code == 0, called.err
    for words in (
        variant,
        "PCA",
        "squared error per feature",
        "label accuracy, 5 nearest neighbours",
        f"The run is in '{run}'.",
    ):
        assert words in called.out
    assert "48 training rows, 12 held out." in called.err
    assert (run / "model" / "config.json").is_file()
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_the_run_is_named_after_the_data_and_the_variant(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert call("fit", folder / "own.npz", *QUICK).code == 0
    assert call("fit", f"{folder}/pictures/", "--variant", "variational", *QUICK).code == 0
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "own-vanilla",
        "pictures-variational",
    ]


def test_json_is_one_object_and_nothing_else(folder, tmp_path):
    called = call("fit", folder / "own.csv", *ROLES, "-o", tmp_path / "run", "--json", *QUICK)
    facts = json.loads(called.out)
    assert facts["run"] == str(tmp_path / "run")
    assert facts["variant"] == "vanilla"
    assert facts["evaluation"]["data"]["pca"]["mse"] > 0
    assert facts["sentence"].startswith("6 features encoded in 2 dimensions")


def test_the_same_seed_gives_the_same_run(folder, tmp_path, table_run):
    call("fit", folder / "own.csv", *ROLES, "-o", tmp_path / "again", *QUICK)
    same = ("model/model.safetensors", "evaluation.json", "test_rows.csv", "run.json", "data.json")
    weights = [tree(run) for run in (table_run, tmp_path / "again")]
    for name in same[2:]:
        assert weights[0][name] == weights[1][name]
    codes = [
        isthmus.storage.load(run / "model").transform(pandas.DataFrame(own_rows(), columns=COLUMNS))
        for run in (table_run, tmp_path / "again")
    ]
    np.testing.assert_array_equal(*codes)


def test_flags_reach_the_estimator(folder, tmp_path):
    flags = [
        "-p",
        "3",
        "--hidden-layer-sizes",
        "7,5",
        "--scale",
        "standard",
        "--no-early-stopping",
        "--seed",
        "7",
    ]
    assert call("fit", folder / "own.csv", *ROLES, "-o", tmp_path / "run", *flags, *QUICK).code == 0
    estimator = isthmus.storage.load(tmp_path / "run" / "model")
    assert estimator.get_params()["hidden_layer_sizes"] == (7, 5)
    assert (estimator.n_components, estimator.scale, estimator.early_stopping) == (3, "standard", False)
    assert (estimator.random_state, estimator.max_iter) == (7, 2)


def test_digits_are_shown_beside_the_tutorial(tmp_path, monkeypatch):
    asked = []

    def quick_recipe(n_components, random_state):
        asked.append((n_components, random_state))
        return Autoencoder(n_components, start="random", max_iter=1, random_state=random_state)

    monkeypatch.setattr(isthmus.tutorial, "tutorial_recipe", quick_recipe)
    called = call("fit", "digits", "-o", tmp_path / "run", "-p", "3", "--hidden-layer-sizes", "8", *QUICK)
    assert called.code == 0, called.err
    assert asked == [(3, 42)]
    assert "tutorial" in called.out
    assert "1,437 training rows, 360 held out." in called.err
    figures = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert figures["tutorial"]["n_rows"] == 360


def test_unequal_columns_are_worth_a_word(tmp_path):
    values = own_rows() * np.array([1, 1, 1, 1, 1, 500.0])
    write_table(tmp_path / "own.csv", values, list("abcdef"))
    advised = call("fit", tmp_path / "own.csv", "-o", tmp_path / "a", *QUICK)
    scaled = call("fit", tmp_path / "own.csv", "-o", tmp_path / "b", "--scale", "standard", *QUICK)
    said = " ".join(advised.out.split())
    assert "Columns were scaled to variance 1, since f spreads" in said
    assert "--scale none leaves them" in said
    assert "Columns were scaled" not in scaled.out
    left = call("fit", tmp_path / "own.csv", "-o", tmp_path / "c", "--scale", "none", *QUICK)
    assert "Columns were scaled" not in left.out
    errors = [json.loads((tmp_path / name / "evaluation.json").read_text())["evaluation"]["scale"] for name in "abc"]
    assert errors == ["standard", "standard", None]


# ---- nothing half made, nothing touched ----------------------------------------------------------------


@pytest.fixture
def standing(folder, tmp_path):
    """A run that stands where another is asked for; gives the command and the folder."""
    command = ["fit", folder / "own.csv", *ROLES, "-o", tmp_path / "run", *QUICK]
    assert call(*command).code == 0
    return command, tmp_path / "run"


def test_a_run_is_replaced_only_when_asked(standing, monkeypatch):
    command, run = standing
    before = tree(run)
    with monkeypatch.context() as patch:
        patch.setattr(Autoencoder, "fit", lambda *_: pytest.fail("trained before it looked"))
        called = call(*command)
    assert called.code == 1
    assert "exists; pass --overwrite to replace it" in sentence(called)
    assert tree(run) == before
    assert call(*command, "--seed", "1", "--overwrite").code == 0
    assert tree(run) != before
    assert [path.name for path in run.parent.iterdir()] == ["run"]


def test_a_folder_that_is_no_run_is_never_replaced(folder, tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("ten years")
    called = call("fit", folder / "own.npy", "-o", tmp_path / "precious", "--overwrite", *QUICK)
    assert called.code == 1
    assert "is not a run folder, so it is not replaced" in sentence(called)
    (tmp_path / "file").write_text("x")
    called = call("fit", folder / "own.npy", "-o", tmp_path / "file", "--overwrite", *QUICK)
    assert "is a file; name a folder" in sentence(called)
    assert tree(tmp_path) == {"precious/thesis.txt": b"ten years", "file": b"x"}


@pytest.mark.parametrize(("error", "code"), [(RuntimeError("disk on fire"), 1), (KeyboardInterrupt(), 130)])
@pytest.mark.parametrize("place", ["isthmus.storage.save", "isthmus.evaluation.evaluate", "os.rename"])
def test_a_fit_that_fails_leaves_no_trace(standing, monkeypatch, error, code, place):
    command, run = standing
    before = tree(run.parent)

    def fail(*_, **__):
        raise error

    elsewhere = [run.parent / "new" / "run" if token == run else token for token in command]
    for tokens in ([*command, "--overwrite"], elsewhere):
        with monkeypatch.context() as patch:
            patch.setattr(place, fail)
            assert call(*tokens).code == code
        # What was learned is kept beside the run's place, to go on with; the place itself is as it was.
        kept = {name: data for name, data in tree(run.parent).items() if ".unfinished/" not in name}
        assert kept == before
        assert not (run.parent / "new" / "run").exists()


@pytest.mark.filterwarnings("default::sklearn.exceptions.ConvergenceWarning")
def test_ctrl_c_keeps_the_best_model_so_far(folder, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "step", interrupted)
    called = call("fit", folder / "own.csv", *ROLES, "-o", tmp_path / "run", *QUICK)
    assert called.code == 0
    assert "note: Autoencoder: training ended early, interrupted." in called.err
    assert (tmp_path / "run" / "model" / "config.json").is_file()


# ---- bad input -----------------------------------------------------------------------------------------


def _written(path, text):
    path.write_text(text)
    return path


NUMBERS = "".join(f"{row},{row * row},{row % 3}\n" for row in range(12))
BAD = {
    "empty": ("", [], "the file is empty"),
    "no rows": ("a,b\n", [], "no rows of data"),
    "one row": ("a,b\n1,2\n", [], "1 row cannot be split"),
    "two rows": ("a,b\n1,2\n3,4\n", [], "too few rows: 2 leave 1 for training"),
    "words": ("a,b\n1,x\n2,y\n", [], "too few rows: 2 leave 1 for training"),
    "names alone": ("a,b\n", [], "no rows of data"),
    "ids and constants": (
        "a,b\n" + "".join(f"{row},7\n" for row in range(12)),
        [],
        "'a' (counts the rows), 'b' (every row is 7)",
    ),
    "no numbers left": (
        f"a,b,c\n{NUMBERS}",
        ["--drop", "a", "--drop", "b", "--drop", "c"],
        "no column is left",
    ),
    "a code too large": (f"a,b,c\n{NUMBERS}", ["-p", "9"], "--n-components 9 compresses nothing"),
    "an unknown column": (f"a,b,c\n{NUMBERS}", ["--labels", "kind"], "no column 'kind'"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_data_is_one_sentence_and_leaves_nothing(tmp_path, what):
    text, flags, words = BAD[what]
    path = _written(tmp_path / "bad.csv", text)
    called = call("fit", path, *flags, "-o", tmp_path / "runs" / "run", *QUICK)
    assert called.code == 1
    assert words in sentence(called)
    assert [found.name for found in tmp_path.iterdir()] == ["bad.csv"]


def test_a_place_that_cannot_be_written(tmp_path, folder):
    _written(tmp_path / "file", "x")
    called = call("fit", folder / "own.npy", "-o", tmp_path / "file" / "run", *QUICK)
    assert called.code == 1
    assert "Not a directory" in sentence(called)


def test_fractions_are_no_labels(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Autoencoder, "fit", lambda *_: pytest.fail("trained before it looked"))
    command = ["fit", folder / "own.parquet", "--ids", "name", "--drop", "kind", "--labels", "age"]
    called = call(*command, "-o", tmp_path / "run", *QUICK)
    assert called.code == 1
    assert "--labels 'age' holds fractions, and labels are classes" in sentence(called)


def test_the_estimators_words_become_flags(folder, tmp_path):
    called = call("fit", folder / "own.npy", "--output-activation", "sigmoid", "-o", tmp_path / "run", *QUICK)
    assert "--output-activation sigmoid needs --start random" in sentence(called)


# ---- standard input --------------------------------------------------------------------------------------


def test_what_are_no_counts_is_said_by_rows_of_the_file(tmp_path):
    frame = pandas.DataFrame(np.random.default_rng(0).poisson(2.0, (80, 6)).astype(float)).add_prefix("gene")
    frame.iloc[5, 1], frame.iloc[7, 2] = -1, 0.5
    frame.iloc[9] = 0
    frame.to_csv(tmp_path / "counts.csv", index=False)
    command = ("fit", tmp_path / "counts.csv", "-o", tmp_path / "run", *QUICK, "--likelihood")
    said = sentence(call(*command, "poisson"))
    for part in (
        "(-1 in row 5, column gene1)",
        "(0.5 in row 7, column gene2)",
        "(row 9)",
        "fit with --likelihood gaussian",
    ):
        assert part in said
    assert "Autoencoder" not in said
    assert "learned as numbers; --likelihood poisson would say which cells" in call(*command, "auto").out
    frame.drop(index=[5, 7, 9]).to_csv(tmp_path / "good.csv", index=False)
    assert call("fit", tmp_path / "good.csv", "-o", tmp_path / "good", *QUICK, "--likelihood", "poisson").code == 0
    assert "isthmus: counts are whole numbers" in sentence(call("encode", tmp_path / "good", tmp_path / "counts.csv"))


def test_standard_input_is_read_for_a_dash(folder, tmp_path, monkeypatch):
    class Typed:
        buffer = io.BytesIO((folder / "own.csv").read_bytes())

    monkeypatch.setattr(sys, "stdin", Typed)
    monkeypatch.chdir(tmp_path)
    roles = ("--ids", "name", "--labels", "kind")
    told = call("fit", "-", *roles, *QUICK, "--no-page")
    assert told.code == 0, told.err
    assert call("fit", folder / "own.csv", "-o", "file", *roles, *QUICK, "--no-page").code == 0
    piped, file = (load(place).model_.state_dict() for place in ("runs/stdin-vanilla/model", "file/model"))
    assert all(bool((piped[name] == file[name]).all()) for name in file)
    told = call("evaluate", "runs/stdin-vanilla")
    assert told.code == 1
    assert "was fitted on standard input; name the data" in sentence(told)


@pytest.mark.parametrize(("data", "command"), [("own rows.csv", "'own rows.csv'"), ("-", "DATA")])
def test_the_next_command_of_a_run_can_be_pasted(data, command):
    lines = fit._written(Path("runs/own"), data, {"page": "explorer.html", "figures": ["history.png"]})
    assert lines[-1] == f"Next: isthmus encode runs/own {command} -o codes.csv writes the code of each row."
    assert [line.split(":")[0] for line in lines[:-1]] == [
        "  runs/own/explorer.html", "  runs/own/figures", "  runs/own/evaluation.json",
    ]  # fmt: skip
