"""A run folder: what it replaces, what it refuses to, and what becomes of a fit that can't be written or goes on."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import isthmus
from cli.conftest import call, own_rows, sentence, tree
from isthmus.cli import resume, run_folder
from isthmus.cli.run_folder import FIGURE_NAMES, OWNED, open_run
from isthmus.tables import staging, write_table
from isthmus.tables.row_shape import pixel_names
from isthmus.training.loop import Training


def in_a_child(task) -> int:
    """The exit code of a forked process that does the task."""
    child = os.fork()
    if child == 0:
        try:
            task()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


FAST = ("--max-iter", "1", "--hidden-layer-sizes", "2", "--no-page", "--no-plots")


@pytest.fixture
def data(tmp_path):
    write_table(tmp_path / "x.csv", own_rows(), list("abcdef"))
    return tmp_path / "x.csv"


@pytest.fixture
def run(data, tmp_path):
    assert call("fit", data, "-o", tmp_path / "run", *FAST).code == 0
    return tmp_path / "run"


# ---- what is written ----------------------------------------------------------------------------------


def test_generated_names_are_written_as_their_pattern(tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 3, 8, 8)))
    run = tmp_path / "run"
    assert call("fit", tmp_path / "x.npy", "-o", run, *FAST).code == 0
    pattern = "{red,green,blue}_{0..7}_{0..7}"
    found = json.loads((run / "data.json").read_text())
    assert found["columns"] == {"names": pattern, "count": 192, "kind": "pixel", "learned": True}
    assert found["shape"] == {"channel": 3, "height": 8, "width": 8}
    record = open_run(run).record
    assert record.columns == pattern
    assert record.column_names == pixel_names((3, 8, 8))
    assert call("evaluate", run).code == 0
    # a run whose record lists the names, as earlier versions wrote it
    names = dataclasses.replace(record, columns=record.column_names)
    (run / "run.json").write_bytes(run_folder.data_record_bytes(names))
    assert call("evaluate", run).code == 0
    assert json.loads(call("info", run, "--json").out)["columns"] == pattern


@pytest.mark.parametrize("pattern", ["x", "x{0..9", "x{0..999999999}", "{a}{0..3}"])
def test_a_pattern_that_is_none_is_damage(pattern, data, run):
    record = open_run(run).record
    with pytest.raises(ValueError, match="pattern of"):
        dataclasses.replace(record, columns=pattern)


# ---- what is replaced ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["notes.txt", "model/mine.csv", "figures/mine.png", "codes/part.csv", "empty/"])
def test_a_file_that_isthmus_did_not_write_keeps_a_run_from_being_replaced(name, data, run):
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).mkdir() if name.endswith("/") else (run / name).write_text("mine")
    before = tree(run)
    told = call("fit", data, "-o", run, *FAST, "--overwrite")
    assert told.code == 1
    assert f"holds {name.rstrip('/')!r}, which isthmus did not write there" in sentence(told)
    assert tree(run) == before
    assert (run / name).exists()


def test_a_link_in_a_run_is_not_its_own(data, run, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (run / "figures").symlink_to(tmp_path / "elsewhere")
    assert "holds 'figures'" in sentence(call("fit", data, "-o", run, *FAST, "--overwrite"))
    assert (tmp_path / "elsewhere").is_dir()


def test_a_file_that_comes_during_the_fit_stays(data, run, monkeypatch, tmp_path):
    (tmp_path / "second").mkdir()
    monkeypatch.setattr(run_folder.tempfile, "tempdir", str(tmp_path / "second"))
    put = staging.put_in_place

    def late(staged, target, check):
        if target == run:
            (run / "late.txt").write_text("mine")
        put(staged, target, check)

    monkeypatch.setattr("isthmus.storage.folder_writing.put_in_place", late)
    told = call("fit", data, "-o", run, *FAST, "--overwrite", "--seed", "1")
    assert "holds 'late.txt'" in sentence(told)
    assert (run / "late.txt").read_text() == "mine"
    assert open_run(run).load().random_state == 42
    (kept,) = (tmp_path / "second").glob("isthmus-*/run")
    assert open_run(kept).load().random_state == 1


def test_all_that_the_commands_write_into_a_run_is_known(data, run):
    plotting = call("fit", data, "-o", run, "--max-iter", "1", "--overwrite")
    assert plotting.code == 0, plotting.err
    assert call("plot", run, "--overwrite").code == 0
    assert call("explore", run, "--overwrite").code == 0
    assert set(tree(run)) <= OWNED.files
    assert call("fit", data, "-o", run, *FAST, "--overwrite").code == 0
    smallest = call("smallest", data, "-o", run, "--max-iter", "1", "--seeds", "1", "--sizes", "1", "--overwrite")
    assert smallest.code == 0, smallest.err
    assert set(tree(run)) <= OWNED.files
    assert call("fit", data, "-o", run, *FAST, "--overwrite").code == 0


def test_every_figure_has_a_name_that_a_run_knows():
    source = Path(isthmus.__file__).parent / "cli" / "figures.py"
    drawn = {name for name in FIGURE_NAMES if f'"{name}"' in source.read_text()}
    assert {*FIGURE_NAMES} - drawn == {"rate_distortion", "series"}  # of other commands, and of series


def test_a_folder_of_another_program_is_not_replaced(data, tmp_path):
    other = tmp_path / "bert"
    other.mkdir()
    (other / "run.json").write_text('{"format": "parquet"}')
    assert "is not a run folder" in sentence(call("fit", data, "-o", other, *FAST, "--overwrite"))
    assert tree(other).keys() == {"run.json"}


@pytest.mark.parametrize("place", [".", "..", "./", "../here"])
def test_the_folder_one_is_in_is_not_written_over(place, data, tmp_path, monkeypatch):
    (tmp_path / "outer" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "outer" / "here")
    told = call("fit", data, "-o", place, *FAST)
    assert told.code == 1
    words = "exists" if place == ".." else "is the working directory or one above it"
    assert words in sentence(told)
    assert not list((tmp_path / "outer" / "here").iterdir())


def test_an_empty_folder_is_filled(data, tmp_path):
    (tmp_path / "empty").mkdir()
    assert call("fit", data, "-o", tmp_path / "empty", *FAST).code == 0
    assert open_run(tmp_path / "empty").record is not None


def test_a_replacement_that_was_killed_half_way_is_finished(data, run, tmp_path):
    """Where two folders can't be exchanged: killed when the old run is away and the new one not there yet."""
    rename = os.rename

    def die(one, other):
        rename(one, other)
        if str(one) == str(run):
            os._exit(9)

    def replace():
        staging._exchanged = lambda *_: False
        os.rename = die
        call("fit", data, "-o", run, *FAST, "--overwrite", "--seed", "7")

    assert in_a_child(replace) == 9
    assert not run.exists()
    assert open_run(run).load().random_state == 7
    assert not [place.name for place in tmp_path.iterdir() if place.name.startswith(".")]


# ---- inputs --------------------------------------------------------------------------------------------


@pytest.fixture
def coded(run, tmp_path, data):
    assert call("encode", run, data, "-o", tmp_path / "codes.csv").code == 0
    return tmp_path / "codes.csv"


WRITING = {
    "encode": lambda run, data, codes, out: ("encode", run, data, "-o", out),
    "decode": lambda run, data, codes, out: ("decode", run, codes, "-o", out),
    "reconstruct": lambda run, data, codes, out: ("reconstruct", run, data, "-o", out),
    "interpolate": lambda run, data, codes, out: ("interpolate", run, data, "--from", "0", "--to", "1", "-o", out),
    "detect": lambda run, data, codes, out: ("detect", data, "-o", out),
    "detect --train": lambda run, data, codes, out: ("detect", run / "test_rows.csv", "--train", data, "-o", out),
    "denoise": lambda run, data, codes, out: ("denoise", data, "-o", out),
    "denoise --clean": lambda run, data, codes, out: ("denoise", run / "test_rows.csv", "--clean", data, "-o", out),
    "denoise --reference": lambda run, data, codes, out: ("denoise", codes, "--reference", data, "-o", out),
}


@pytest.mark.parametrize("how", ["itself", "link", "hard link", "folder"])
@pytest.mark.parametrize("command", WRITING)
def test_an_output_that_is_the_input_is_refused(command, how, run, data, coded, tmp_path):
    given = coded if command == "decode" else data
    output = tmp_path / "out.csv"
    if how == "itself":
        output = given
    elif how == "link":
        output.symlink_to(given)
    elif how == "hard link":
        os.link(given, output)
    else:
        folder = tmp_path / "table"
        folder.mkdir()
        output = folder / "part.csv"
        shutil.copy(given, output)
        data, coded = (coded if command == "decode" else folder), folder
    before = tree(tmp_path)
    told = call(*WRITING[command](run, data, coded, output), "--overwrite")
    assert told.code == 1
    assert "is read by this command" in sentence(told)
    assert tree(tmp_path) == before


def test_impute_refuses_its_input(data, tmp_path):
    assert call("fit", data, "-o", tmp_path / "holes", *FAST, "--missing", "mask").code == 0
    told = call("impute", tmp_path / "holes", data, "-o", data, "--overwrite")
    assert "is read by this command" in sentence(told)


@pytest.mark.parametrize("name", ["test_rows.csv", "model/model.safetensors", "run.json"])
def test_what_a_run_is_made_of_is_no_output(name, run, data):
    output = run / "out.csv"
    os.link(run / name, output)
    for asked in (("sample", run), ("encode", run, data), ("encode", run / "model", data)):
        assert "is read by this command" in sentence(call(*asked, "-o", output, "--overwrite"))


def test_what_lies_beside_in_a_run_may_be_written_again(run, data):
    for _ in range(2):
        assert call("encode", run, data, "-o", run / "codes.csv", "--overwrite").code == 0


@pytest.mark.parametrize("name", ["test_rows.csv", "history.csv"])
def test_a_run_is_not_replaced_by_a_fit_to_its_own_files(name, run):
    before = tree(run)
    told = call("fit", run / name, "-o", run, *FAST, "--overwrite")
    assert "is read by this command" in sentence(told)
    assert tree(run) == before


def test_a_denoiser_is_not_written_over_by_another_made_with_it(data, tmp_path):
    saved = tmp_path / "denoiser"
    assert call("denoise", data, "--level", "0.1", "--save", saved, "-o", tmp_path / "out.csv").code == 0
    os.link(saved / "config.json", tmp_path / "hard.csv")
    told = call("denoise", data, "--model", saved, "-o", tmp_path / "hard.csv", "--overwrite")
    assert "is read by this command" in sentence(told)


# ---- going on ------------------------------------------------------------------------------------------


def interrupted(data, run, cwd="."):
    """A fit that ends in its third step, as if killed; what it leaves beside the run."""

    def fit():
        step = Training.step

        def die(self, *given):
            if self.state.steps == 3:
                os._exit(9)
            step(self, *given)

        Training.step = die
        os.chdir(cwd)
        paced = ("--max-iter", "4", "--batch-size", "16", "--checkpoint-seconds", "0")
        call("fit", data, "-o", run, *paced, "--no-page", "--no-plots")

    assert in_a_child(fit) == 9


def test_a_fit_is_resumed_from_another_folder(data, tmp_path, monkeypatch):
    run = tmp_path / "run"
    interrupted(Path(data.name), run, cwd=tmp_path)
    asked = json.loads((tmp_path / "run.unfinished" / "fit.json").read_text())["record"]
    assert asked["data"] == str(data)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    told = call("fit", "--resume", Path("..") / "run")
    assert told.code == 0, told.err
    assert open_run(run).record.source == str(data)
    assert not (tmp_path / "run.unfinished").exists()


@pytest.mark.parametrize("held_out", [True, False])
def test_data_that_changed_are_not_resumed_with(held_out, data, tmp_path):
    run = tmp_path / "run"
    interrupted(data, run)
    rows = own_rows()
    assert call("fit", data, "-o", tmp_path / "whole", *FAST).code == 0
    test = open_run(tmp_path / "whole").test_rows()
    place = test[0] if held_out else np.setdiff1d(np.arange(len(rows)), test)[0]
    rows[place, 2] += 1e-3
    write_table(data, rows, list("abcdef"), overwrite=True)
    told = call("fit", "--resume", run)
    assert told.code == 1
    assert "is not what it was when the fit" in sentence(told)
    assert not run.exists()
    write_table(data, own_rows(), list("abcdef"), overwrite=True)
    told = call("fit", "--resume", run)
    assert told.code == 0, told.err


def test_a_fit_that_died_before_its_first_checkpoint_is_no_hindrance(data, run, tmp_path):
    """Neither the data that it began with, nor what was asked of it, is held against the next fit."""
    left = tmp_path / "run.unfinished"
    left.mkdir()
    shutil.copy(run / "run.json", left)
    write_table(data, own_rows()[:50], list("abcdef"), overwrite=True)
    told = call("fit", data, "-o", run, *FAST, "--overwrite")
    assert told.code == 0, told.err
    assert not left.exists()


def test_what_others_put_beside_the_checkpoints_stays(data, tmp_path):
    run = tmp_path / "run"
    interrupted(data, run)
    (tmp_path / "run.unfinished" / "notes.txt").write_text("mine")
    assert call("fit", "--resume", run).code == 0
    assert tree(tmp_path / "run.unfinished") == {"notes.txt": b"mine"}


@pytest.mark.parametrize("name", ["manifest_bytes", "_remove_checkpoints"])
def test_ctrl_c_before_the_first_step_or_after_the_last_leaves_no_unfinished_fit(name, data, tmp_path, monkeypatch):
    ordinary, calls = getattr(resume, name), []

    def interrupted_once(*given):
        calls.append(given)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return ordinary(*given)

    monkeypatch.setattr(resume, name, interrupted_once)
    assert call("fit", data, "-o", tmp_path / "run", *FAST).code == 130
    assert calls
    assert not (tmp_path / "run.unfinished").exists()


# ---- a full disk ---------------------------------------------------------------------------------------


@pytest.fixture
def full(monkeypatch, tmp_path):
    """No run can be written beside its place; the folder for temporary files has room."""
    second = tmp_path / "second"
    second.mkdir()
    monkeypatch.setattr(run_folder.tempfile, "tempdir", str(second))
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    write = Path.write_bytes

    def scarce(self, written):
        if second not in self.parents and self.name == "run.json" and "unfinished" not in str(self):
            raise OSError(28, "No space left on device")
        return write(self, written)

    monkeypatch.setattr(Path, "write_bytes", scarce)
    return second


def test_a_run_that_finds_no_room_is_kept_elsewhere(data, full, tmp_path):
    told = call("fit", data, "-o", tmp_path / "run", *FAST)
    assert told.code == 1
    (kept,) = full.glob("isthmus-*/run")
    said = sentence(told)
    assert "No space left on device" in said
    assert f"The run is in {str(kept)!r} instead" in said
    assert not (tmp_path / "run").exists()
    assert open_run(kept).load().n_iter_ == 1
    assert list((tmp_path / "run.unfinished").glob("checkpoint-*"))  # kept, the run not being where it belongs


def test_where_there_is_no_room_at_all_checkpoints_stay(data, full, tmp_path):
    shutil.rmtree(full)
    told = call("fit", data, "-o", tmp_path / "run", *FAST)
    assert "No space left on device" in sentence(told)
    assert "fit --resume" in told.err
    assert list((tmp_path / "run.unfinished").glob("checkpoint-*"))


def test_room_is_asked_for_before_the_first_step(data, tmp_path, monkeypatch):
    from isthmus.storage import folder_writing

    monkeypatch.setattr(folder_writing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    monkeypatch.setattr(Training, "step", lambda *_: pytest.fail("a step was taken"))
    told = call("fit", data, "-o", tmp_path / "run", *FAST)
    assert told.code == 1
    assert "MB are free there" in sentence(told)
    assert not (tmp_path / "run.unfinished").exists()
