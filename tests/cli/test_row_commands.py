"""encode, decode, reconstruct, score, evaluate, info: rows in and out with their names."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest

from cli.conftest import COLUMNS, QUICK, call, own_rows, sentence, tree
from isthmus.storage import load
from isthmus.tables import read, write_table
from isthmus.variants.vanilla import Autoencoder

ROLES = {"ids": "name", "labels": "kind"}


def test_codes_keep_ids_and_labels(table_run, folder, tmp_path):
    for suffix in (".csv", ".tsv", ".parquet", ".npz"):
        path = tmp_path / f"codes{suffix}"
        called = call("encode", table_run, folder / "own.csv", "-o", path)
        assert (called.code, called.out) == (0, "")
        codes = read(path, **ROLES)
        assert codes.columns == ("autoencoder0", "autoencoder1")
        assert codes.ids[:2].tolist() == ["p0", "p1"]
        assert set(codes.labels.tolist()) == {"up", "down"}


def test_standard_errors_stand_beside_the_codes(table_run, folder, tmp_path):
    call("encode", table_run, folder / "own.csv", "-o", tmp_path / "codes.csv")
    called = call("encode", table_run, folder / "own.csv", "--std", "-o", tmp_path / "both.csv")
    assert called.code == 0, called.err
    head, *lines = (tmp_path / "both.csv").read_text().splitlines()
    assert head == "name,autoencoder0,autoencoder1,autoencoder0_std,autoencoder1_std,kind"
    both = np.array([line.split(",")[1:5] for line in lines], dtype=float)
    np.testing.assert_allclose(both[:, :2], read(tmp_path / "codes.csv", **ROLES).values, rtol=1e-5)
    assert (both[:, 2:] > 0).all()
    decoded = call("decode", table_run, tmp_path / "both.csv")
    assert "left out: 'autoencoder0_std', 'autoencoder1_std'" in decoded.err
    assert decoded.out == call("decode", table_run, tmp_path / "codes.csv").out


def test_codes_without_standard_errors_are_told_so(folder, tmp_path):
    flags = ("--variant", "sparse", "--max-iter", "1", "--ids", "name", "--labels", "kind", "--no-plots")
    assert call("fit", folder / "own.csv", *flags, "-o", tmp_path / "run").code == 0
    refused = call("encode", tmp_path / "run", folder / "own.csv", "--std")
    assert "encode without --std" in sentence(refused)


def test_without_output_csv_goes_to_standard_output(table_run, folder):
    called = call("encode", table_run, folder / "own.csv")
    lines = called.out.splitlines()
    assert (lines[0], len(lines)) == ("name,autoencoder0,autoencoder1,kind", 61)
    assert called.err == ""


def test_npy_says_what_it_leaves_out(table_run, folder, tmp_path):
    called = call("encode", table_run, folder / "own.csv", "-o", tmp_path / "codes.npy")
    assert "note: .npy holds numbers alone, so 'name' and 'kind' are left out" in called.err


def test_decoding_codes_is_reconstructing_rows(table_run, folder, tmp_path):
    call("encode", table_run, folder / "own.csv", "-o", tmp_path / "codes.parquet")
    call("decode", table_run, tmp_path / "codes.parquet", "-o", tmp_path / "decoded.parquet")
    call("reconstruct", table_run, folder / "own.csv", "-o", tmp_path / "reconstructed.parquet")
    decoded, reconstructed = (read(tmp_path / f"{name}.parquet", **ROLES) for name in ("decoded", "reconstructed"))
    assert decoded.columns == reconstructed.columns == COLUMNS
    assert decoded.ids.tolist() == reconstructed.ids.tolist()
    np.testing.assert_allclose(decoded.values, reconstructed.values, atol=1e-5)


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("kind", ["table", "picture"])
def test_scores_are_the_log_densities_of_the_rows(request, kind, folder, tmp_path):
    run = request.getfixturevalue(f"{kind}_run")
    data, roles = {
        "table": (folder / "own.csv", ROLES),
        "picture": (folder / "pictures", {"ids": "file", "labels": "folder"}),
    }[kind]
    called = call("score", run, data, "-o", tmp_path / "scores.parquet")
    assert (called.code, called.out) == (0, "")
    rows = read(data, **(roles if kind == "table" else {}))
    scores = read(tmp_path / "scores.parquet", **roles)
    assert f"{len(rows)} log densities (1 column) are in" in called.err
    assert scores.columns == ("log_density",)
    np.testing.assert_allclose(scores.values[:, 0], load(run / "model").score_samples(rows.values), rtol=1e-6)


def test_scores_keep_ids_and_labels_and_come_in_shares(table_run, folder, tmp_path):
    lines = call("score", table_run, folder / "own.csv").out.splitlines()
    assert (lines[0], lines[1].split(",")[0], len(lines)) == ("name,log_density,kind", "p0", 61)
    assert call("score", table_run, folder / "own.csv", "-o", tmp_path / "s.csv", "--shard", "1/1").code == 0
    assert (tmp_path / "s" / "part-00000.csv").read_text().splitlines() == lines


def test_a_row_unlike_those_of_the_fit_scores_lower(table_run, tmp_path):
    rows = own_rows()
    rows[7] += np.random.default_rng(0).choice([-5, 5], rows.shape[1])
    write_table(tmp_path / "odd.csv", rows, COLUMNS)
    scores = [float(line) for line in call("score", table_run, tmp_path / "odd.csv").out.splitlines()[1:]]
    assert np.argmin(scores) == 7


@pytest.mark.parametrize("suffix", [".parquet", ".npz", ".npy"])
def test_every_format_gives_the_same_codes(table_run, folder, tmp_path, suffix):
    call("encode", table_run, folder / "own.csv", "-o", tmp_path / "a.npy")
    assert call("encode", table_run, folder / f"own{suffix}", "-o", tmp_path / "b.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_columns_are_matched_by_name(table_run, folder, tmp_path):
    order = [3, 0, 5, 1, 4, 2]
    write_table(tmp_path / "moved.csv", own_rows()[:, order], [COLUMNS[index] for index in order])
    call("encode", table_run, folder / "own.csv", "-o", tmp_path / "a.npy")
    assert call("encode", table_run, tmp_path / "moved.csv", "-o", tmp_path / "b.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), np.load(tmp_path / "b.npy"))


def test_a_file_without_names_is_matched_by_position(table_run, folder, tmp_path):
    np.savetxt(tmp_path / "bare.csv", own_rows(), delimiter=",")
    assert call("encode", table_run, tmp_path / "bare.csv", "-o", tmp_path / "codes.npy").code == 0
    np.save(tmp_path / "narrow.npy", own_rows()[:, :5])
    called = call("encode", table_run, tmp_path / "narrow.npy")
    assert called.code == 1
    assert "5 columns, and there must be 6, the columns the model was fitted on." in sentence(called)


def test_missing_and_extra_columns_are_named(table_run, tmp_path):
    values = own_rows()
    write_table(tmp_path / "less.csv", values[:, :5], [*COLUMNS[:4], "bee"])
    called = call("encode", table_run, tmp_path / "less.csv")
    assert called.code == 1
    assert "2 of the columns the model was fitted on are missing: 'b', 'a'" in sentence(called)
    (tmp_path / "words.csv").write_text("kind\nred\n")
    assert sentence(call("encode", table_run, tmp_path / "words.csv")).endswith("; the file has no others.")
    write_table(tmp_path / "more.csv", np.c_[values, values[:, :2]], [*COLUMNS, "more", "yet more"])
    called = call("encode", table_run, tmp_path / "more.csv")
    assert called.code == 0
    assert "note: columns that were not there at fit are left out: 'more', 'yet more'." in called.err
    dropped = call("encode", table_run, tmp_path / "more.csv", "--drop", "more", "--drop", "yet more")
    assert "not there at fit" not in dropped.err
    assert dropped.out == called.out
    assert "no column 'nothing'" in sentence(call("encode", table_run, tmp_path / "more.csv", "--drop", "nothing"))


def test_dropped_columns_of_the_fit_are_dropped_again(folder, tmp_path):
    call("fit", folder / "own.csv", "--ids", "name", "--drop", "kind", "-o", tmp_path / "run", *QUICK)
    called = call("encode", tmp_path / "run", folder / "own.csv")
    assert called.out.splitlines()[0] == "name,autoencoder0,autoencoder1"


def test_codes_of_the_wrong_size(table_run, tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros((2, 3)))
    called = call("decode", table_run, tmp_path / "codes.npy")
    assert "3 columns, and there must be 2, the latent dimensions of a code." in sentence(called)


def test_the_model_folder_will_do(table_run, folder, tmp_path):
    expected = call("encode", table_run, folder / "own.csv").out
    assert call("encode", table_run / "model", folder / "own.csv").out == expected
    shutil.copytree(table_run / "model", tmp_path / "moved")
    called = call("encode", tmp_path / "moved", folder / "own.csv")
    assert called.code == 0
    assert "not there at fit are left out: 'kind'" in called.err  # the names are known by what they are
    assert called.out.startswith("name,")
    assert call("encode", tmp_path / "moved", folder / "own.csv", "--ids", "name", "--labels", "kind").out == expected
    assert "a model without its run folder" in sentence(call("evaluate", tmp_path / "moved"))
    assert call("info", tmp_path / "moved").code == 0


@pytest.mark.parametrize("command", ["encode", "reconstruct", "score"])
def test_an_output_is_never_overwritten_unasked(table_run, folder, tmp_path, monkeypatch, command):
    path = tmp_path / "out.csv"
    path.write_text("precious")
    with monkeypatch.context() as patch:
        patch.setattr(Autoencoder, "transform", lambda *_: pytest.fail("worked before it looked"))
        patch.setattr(Autoencoder, "reconstruct", lambda *_: pytest.fail("worked before it looked"))
        patch.setattr(Autoencoder, "score_samples", lambda *_: pytest.fail("worked before it looked"))
        called = call(command, table_run, folder / "own.csv", "-o", path)
    assert called.code == 1
    assert "exists; pass --overwrite to replace it" in sentence(called)
    assert path.read_text() == "precious"
    assert call(command, table_run, folder / "own.csv", "-o", path, "--overwrite").code == 0
    assert path.read_text().startswith("name,")


@pytest.mark.parametrize("name", ["out.xlsx", "out"])
def test_an_output_of_no_known_kind_is_wrong_use(table_run, folder, tmp_path, name):
    called = call("reconstruct", table_run, folder / "own.csv", "-o", tmp_path / name)
    assert called.code == 2
    assert "-o must end in .csv, .tsv, .parquet, .npy, .npz, got" in sentence(called)


# ---- pictures ------------------------------------------------------------------------------------------


def test_pictures_come_out_as_pictures(picture_run, folder, tmp_path):
    out = tmp_path / "reconstructed"
    called = call("reconstruct", picture_run, folder / "pictures", "-o", out)
    assert called.code == 0, called.err
    assert sorted(tree(out)) == sorted(tree(folder / "pictures"))
    reconstructed = read(out)
    assert reconstructed.image_shape == (4, 5)
    assert "exists; pass --overwrite" in sentence(call("reconstruct", picture_run, folder / "pictures", "-o", out))
    call("encode", picture_run, folder / "pictures", "-o", tmp_path / "codes.csv")
    assert call("decode", picture_run, tmp_path / "codes.csv", "-o", tmp_path / "decoded").code == 0
    assert tree(tmp_path / "decoded") == tree(out)


def test_pictures_of_another_shape_are_refused(picture_run, tmp_path):
    np.save(tmp_path / "turned.npy", np.zeros((3, 5, 4)))
    called = call("encode", picture_run, tmp_path / "turned.npy")
    assert "the pictures are 5×4, and the model takes 4×5; resize them." in sentence(called)


# ---- evaluate and info ---------------------------------------------------------------------------------


def test_evaluate_finds_the_held_out_rows_again(table_run):
    called = call("evaluate", table_run, "--json")
    stored = json.loads((table_run / "evaluation.json").read_text())
    facts = json.loads(called.out)
    assert facts["rows"] == "the 12 rows held out from training"
    assert facts["evaluation"] == stored["evaluation"]
    assert facts["sentence"] == stored["sentence"]


def test_evaluate_takes_other_rows(table_run, folder):
    called = call("evaluate", table_run, folder / "own.parquet")
    assert called.code == 0
    assert "the 60 rows of" in " ".join(called.out.split())
    assert "label accuracy, 5 nearest neighbours" in called.out
    assert "PCA" in called.out


def test_evaluate_notices_that_the_data_changed(folder, tmp_path):
    path = tmp_path / "own.npy"
    np.save(path, own_rows())
    call("fit", path, "-o", tmp_path / "run", *QUICK)
    np.save(path, own_rows()[::-1])
    assert "has changed since the fit" in sentence(call("evaluate", tmp_path / "run"))
    path.unlink()
    called = call("evaluate", tmp_path / "run")
    assert "no such file or folder" in sentence(called)
    assert "name the data to use after it" in sentence(called)


def test_info_for_people_and_machines(table_run):
    shown = call("info", table_run)
    for words in ("vanilla", "'height'", r"weird\x1b", "max_iter=2", "6 features encoded in 2 dimensions"):
        assert words in shown.out
    assert "\x1b" not in shown.out
    facts = json.loads(call("info", table_run, "--json").out)
    assert facts["columns"] == list(COLUMNS)
    assert facts["kinds"] == dict.fromkeys(COLUMNS, "number")
    assert (facts["n_features"], facts["n_components"], facts["labels"]) == (6, 2, "kind")


def test_a_lone_dash_is_standard_input_for_every_command(folder, table_run, tmp_path, monkeypatch):
    def piped(*tokens):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / "own.csv").read_bytes())))
        called = call(*tokens)
        assert called.code == 0, called.err
        return called

    for command in ("encode", "reconstruct", "impute"):
        assert piped(command, table_run, "-").out == call(command, table_run, folder / "own.csv").out
    assert json.loads(piped("detect", "-", "--json").out)["rows"] == 60
    assert json.loads(piped("evaluate", table_run, "-", "--json").out)["evaluation"]["n_rows"] == 60
    piped("fit", "-", "--max-iter", "1", "--no-plots", "--no-page", "-o", tmp_path / "run")
    assert "was fitted on standard input" in sentence(call("evaluate", tmp_path / "run"))
    assert "'-' is one argument too many" in sentence(call("info", table_run, "-"))


# ---- damaged and foreign folders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("model/model.safetensors", b"junk"),
        ("model/config.json", b"{}"),
        ("run.json", b"[1, 2]"),
        ("run.json", b'{"format": "isthmus run"}'),
        ("run.json", b"\xff"),
    ],
)
def test_a_damaged_run_is_one_sentence(table_run, folder, tmp_path, name, data):
    run = tmp_path / "run"
    shutil.copytree(table_run, run)
    (run / name).write_bytes(data)
    for command in (["encode", run, folder / "own.csv"], ["info", run], ["evaluate", run]):
        called = call(*command)
        assert called.code == 1
        assert str(run) in sentence(called)


def test_a_foreign_folder_is_no_run(folder):
    assert "is not a run folder" in sentence(call("encode", folder, folder / "own.csv"))
    assert "is not a run folder" in sentence(call("info", folder / "own.csv"))


def test_damaged_test_rows_are_noticed(table_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(table_run, run)
    lines = (run / "test_rows.csv").read_text().splitlines(keepends=True)
    for text in ("row\nx\n", "row\n999\n", "row\n-1\n", "".join(lines[:-1]), "".join([*lines[:-1], "1,\n"])):
        (run / "test_rows.csv").write_text(text)
        assert call("evaluate", run).code == 1
    (run / "test_rows.csv").unlink()
    assert "is missing or damaged" in sentence(call("evaluate", run))
