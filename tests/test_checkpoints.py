"""Nothing lost: a fit that ends without warning goes on from its checkpoints, to the last bit."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning

import isthmus
from conftest import curved_table
from isthmus import Autoencoder, Checkpoints, DenoisingAutoencoder, VariationalAutoencoder
from isthmus.storage.checkpoints import newest_step, read_checkpoint, steps_in
from isthmus.storage.folder_lock import locked
from isthmus.storage.safe_reading import StorageError, checksum
from isthmus.tables.batches import ArrayStream
from isthmus.training.loop import Training
from isthmus.training.one_network import OneNetwork

SETTINGS = {"hidden_layer_sizes": (16,), "batch_size": 32, "max_iter": 6, "random_state": 0}
FILES = ("config.json", "model.safetensors", "training.json", "training.safetensors", "timing.json")


class Cut(Exception):  # noqa: N818 - no error
    """What ends a fit without warning."""


def rows() -> np.ndarray:
    return curved_table(200).astype(np.float32)


def streamed() -> ArrayStream:
    """The same rows, of which no more than a third may be held."""
    stream = ArrayStream(rows(), segment_rows=30)
    stream.held_bytes = 4 * 6 * 70
    return stream


def weights(model) -> str:
    """A hash of all there is in the model."""
    parts = [part.numpy().tobytes() for part in model.model_.state_dict().values()]
    return hashlib.sha256(b"".join(parts)).hexdigest()


def fit_and_cut(model, X, checkpoints: Checkpoints, steps: int) -> None:
    """Fit, and raise in the middle of a step."""
    step = Training.step

    def cut(self, *arguments):
        if self.state.steps == steps:
            raise Cut
        step(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "step", cut)
        with pytest.raises(Cut):
            model.fit(X, checkpoints=checkpoints)


@pytest.fixture(scope="module")
def cut_short(tmp_path_factory):
    """A folder with two checkpoints of a fit that was cut short."""
    folder = tmp_path_factory.mktemp("cut") / "work"
    fit_and_cut(Autoencoder(2, **SETTINGS), rows(), Checkpoints(folder, every_seconds=0), 15)
    return folder


# ---- going on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [rows, streamed], ids=["array", "stream"])
@pytest.mark.parametrize("kind", [Autoencoder, DenoisingAutoencoder, VariationalAutoencoder])
def test_a_fit_that_goes_on_ends_with_the_same_bits(kind, source, tmp_path):
    uninterrupted = kind(2, **SETTINGS).fit(source())
    checkpoints = Checkpoints(tmp_path / "work", every_seconds=0)
    fit_and_cut(kind(2, **SETTINGS), source(), checkpoints, 4)
    fit_and_cut(kind(2, **SETTINGS), source(), checkpoints, 17)
    resumed = kind(2, **SETTINGS).fit(source(), checkpoints=checkpoints)
    assert weights(resumed) == weights(uninterrupted)
    assert resumed.best_epoch_ == uninterrupted.best_epoch_
    assert resumed.n_iter_ == uninterrupted.n_iter_
    losses = [model.history_.columns["validation_loss"] for model in (resumed, uninterrupted)]
    assert losses[0] == losses[1]


def test_a_fit_cut_while_decoder_and_codes_take_turns_ends_with_the_same_bits(tmp_path, monkeypatch):
    settings = SETTINGS | {"max_iter": 16}
    weight = np.random.default_rng(0).uniform(0.2, 2, len(rows()))
    uninterrupted = Autoencoder(2, **settings).fit(rows(), sample_weight=weight)
    checkpoints = Checkpoints(tmp_path / "work", every_seconds=0)
    stepped = []

    def cut(self, inputs, at_output, learning_rate):
        stepped.append(1)
        if len(stepped) == 12:
            raise Cut
        step(self, inputs, at_output, learning_rate)

    step = OneNetwork.step
    with monkeypatch.context() as patch:
        patch.setattr(OneNetwork, "step", cut)
        with pytest.raises(Cut):
            Autoencoder(2, **settings).fit(rows(), sample_weight=weight, checkpoints=checkpoints)
    assert len(stepped) == 12  # the turns had begun
    resumed = Autoencoder(2, **settings).fit(rows(), sample_weight=weight, checkpoints=checkpoints)
    assert weights(resumed) == weights(uninterrupted)
    np.testing.assert_array_equal(resumed.transform(rows()), uninterrupted.transform(rows()))


def test_checkpoints_of_every_few_epochs_go_on_as_well(tmp_path):
    checkpoints = Checkpoints(tmp_path / "work", every_seconds=None, every_epochs=2)
    fit_and_cut(Autoencoder(2, **SETTINGS), rows(), checkpoints, 17)
    assert steps_in(tmp_path / "work") == [10]  # after two epochs of five steps
    resumed = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=checkpoints)
    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))


def test_keeping_changes_nothing_and_a_finished_fit_is_not_repeated(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path / "work", every_seconds=0)
    kept = Autoencoder(2, refit=False, **SETTINGS).fit(rows(), checkpoints=checkpoints)
    assert weights(kept) == weights(Autoencoder(2, refit=False, **SETTINGS).fit(rows()))
    monkeypatch.setattr(Training, "step", lambda *_: pytest.fail("a finished fit took another step"))
    again = Autoencoder(2, refit=False, **SETTINGS).fit(rows(), checkpoints=checkpoints)
    assert weights(again) == weights(kept)


def test_a_refit_that_was_interrupted_is_repeated_from_the_end_of_the_run(tmp_path):
    uninterrupted = Autoencoder(2, **SETTINGS).fit(rows())
    assert uninterrupted.fitted_.refit_rows == 200
    checkpoints = Checkpoints(tmp_path / "work", every_seconds=None)
    run_again = Training.run_again

    def cut(self, *arguments):
        run_again(self, *arguments)
        raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "run_again", cut)
        with pytest.raises(Cut):
            Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=checkpoints)
        patch.setattr(Training, "run_again", run_again)
        patch.setattr(Training, "_learn", lambda *_: pytest.fail("the run was repeated"))
        assert weights(Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=checkpoints)) == weights(uninterrupted)


def test_every_checkpoint_is_a_model(cut_short):
    for step in steps_in(cut_short):
        model = isthmus.load(cut_short / f"checkpoint-{step:010d}")
        assert np.isfinite(model.reconstruct(rows())).all()


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_newest_are_kept(keep, tmp_path):
    fit_and_cut(Autoencoder(2, **SETTINGS), rows(), Checkpoints(tmp_path, every_seconds=0, keep=keep), 10)
    assert steps_in(tmp_path) == list(range(10, 10 - keep, -1))


def test_what_a_killed_save_left_over_is_cleared_away(cut_short, tmp_path):
    folder = shutil.copytree(cut_short, tmp_path / "work")
    left = folder / ".checkpoint-0000000016.isthmus-0123456789ab"
    (left / "new").mkdir(parents=True)
    (left / "new" / "config.json").write_text("{")
    (left / "owner").write_text(f"isthmus is writing checkpoint-0000000016/{platform.node()}")
    Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(folder))
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]


def test_a_clock_that_jumps_has_no_say(tmp_path, monkeypatch):
    jumps = iter(np.random.default_rng(0).uniform(-1e9, 1e9, 100_000))
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    checkpoints = Checkpoints(tmp_path, every_seconds=0)
    fit_and_cut(Autoencoder(2, **SETTINGS), rows(), checkpoints, 15)
    assert steps_in(tmp_path) == [15, 14]
    resumed = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=checkpoints)
    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))
    seconds = resumed.history_.columns["seconds"]
    assert seconds == sorted(seconds)


# ---- damage --------------------------------------------------------------------------------------------


def _damaged(data: bytes):
    """Each of a file's damages: cut at its ends, in its header and its body, and bits turned over there."""
    size = len(data)
    places = sorted({0, 1, 4, 8, 9, 40, *(int(size * part / 8) for part in range(8)), size - 2, size - 1})
    for place in (place for place in places if place < size):
        yield f"cut at {place}", data[:place]
        for bit in (0, 3, 7):
            turned = bytearray(data)
            turned[place] ^= 1 << bit
            yield f"bit {bit} of byte {place}", bytes(turned)
    yield "a byte more", data + b"\0"


def _says_the_same(name: str, data: bytes, other: bytes) -> bool:
    """Whether the damage is to white space, which means nothing."""
    try:
        return name.endswith(".json") and json.loads(data) == json.loads(other)
    except ValueError:
        return False


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_passed_over(name, cut_short, tmp_path):
    folder = shutil.copytree(cut_short, tmp_path / "work")
    newest, earlier = steps_in(folder)
    file = folder / f"checkpoint-{newest:010d}" / name
    data = file.read_bytes()
    tried = 0
    for damage, damaged in _damaged(data):
        if _says_the_same(name, data, damaged):
            continue
        file.write_bytes(damaged)
        with pytest.warns(RuntimeWarning, match=r"An earlier checkpoint is taken"):
            assert newest_step(folder) == earlier, damage
        tried += 1
    assert tried > 30
    file.unlink()
    with pytest.warns(RuntimeWarning, match=r"An earlier checkpoint is taken"):
        assert newest_step(folder) == earlier


def test_a_fit_goes_on_from_the_one_before_the_damaged_one(cut_short, tmp_path):
    folder = shutil.copytree(cut_short, tmp_path / "work")
    os.truncate(folder / f"checkpoint-{steps_in(folder)[0]:010d}" / "training.safetensors", 1000)
    with pytest.warns(RuntimeWarning, match=r"An earlier checkpoint is taken"):
        resumed = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(folder))
    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))


HOSTILE = (0, -1, 3, 10**9, 10**17, 0.5, 1e-320, 1e308, -1e308, "NaN", "-Infinity", True, None, [1], "x")


def test_numbers_that_would_break_a_run_are_refused(cut_short, tmp_path):
    """Every number of a checkpoint is set to hostile ones: it is passed over, or the fit ends with finite weights."""
    only = shutil.copytree(cut_short, tmp_path / "only")
    shutil.rmtree(only / f"checkpoint-{steps_in(only)[1]:010d}")
    refused = taken = 0
    for name in ("training.json", "timing.json"):
        file = newest(only) / name
        text = file.read_text()
        record = json.loads(text)["record"]
        for field in record.keys() - {"rows_sha256"}:
            for value in HOSTILE:
                manifest = json.loads(text)
                manifest["record"][field] = value
                del manifest["sha256"]
                file.write_text(json.dumps(manifest | {"sha256": checksum(manifest)}))
                with warnings.catch_warnings(record=True) as heard:
                    warnings.simplefilter("always")
                    step = newest_step(only)
                if step < 0:
                    assert any("An earlier checkpoint is taken" in str(one.message) for one in heard)
                    refused += 1
                    if refused > 1:
                        continue  # what a fit does with a folder of none is seen once
                folder = shutil.copytree(only, tmp_path / "work")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    resumed = Autoencoder(2, **SETTINGS).fit(
                        rows(), checkpoints=Checkpoints(folder, every_seconds=None)
                    )
                shutil.rmtree(folder)
                if step < 0:
                    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))  # from the start
                    continue
                assert np.isfinite(resumed.reconstruct(rows())).all()
                assert field != "epoch" or value == record["epoch"]  # its history has a row for each epoch
                assert field != "best_epoch" or value < record["epoch"]
                taken += 1
        file.write_text(text)
    assert refused > 50
    assert taken < 40


def newest(folder):
    return folder / f"checkpoint-{steps_in(folder)[0]:010d}"


# ---- refusals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "X", "words"),
    [
        (Autoencoder(2, **SETTINGS | {"batch_size": 16}), rows(), "batch_size=32, not 16"),
        (Autoencoder(2, **SETTINGS | {"random_state": 1}), rows(), "random_state=0, not 1"),
        (VariationalAutoencoder(2, **SETTINGS), rows(), "of Autoencoder, not VariationalAutoencoder"),
        (Autoencoder(2, **SETTINGS), rows()[::-1].copy(), "a fit to other rows"),
        (Autoencoder(2, **SETTINGS), rows()[:150], "a fit to other rows"),
    ],
    ids=["settings", "seed", "class", "order", "fewer rows"],
)
def test_checkpoints_of_another_fit_are_refused(model, X, words, cut_short, tmp_path):
    folder = shutil.copytree(cut_short, tmp_path / "work")
    with pytest.raises(StorageError, match=words) as caught:
        model.fit(X, checkpoints=Checkpoints(folder))
    assert "\n" not in str(caught.value)
    assert steps_in(folder) == steps_in(cut_short)


def test_a_second_fit_in_one_folder_is_refused(tmp_path):
    with locked(tmp_path), pytest.raises(StorageError, match=rf"in use: process {os.getpid()} is fitting into it"):
        Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path))
    Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot be written .*check the folder") as caught:
        Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path / "file" / "work"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rule", [{"every_seconds": -1}, {"every_epochs": 0}, {"keep": 0}])
def test_rules_that_make_no_sense_are_refused(rule):
    with pytest.raises(ValueError, match=f"{next(iter(rule))} must be at least"):
        Checkpoints("work", **rule)


# ---- trouble on the way --------------------------------------------------------------------------------


def test_a_full_disk_is_a_warning_and_the_fit_goes_on(cut_short, tmp_path, monkeypatch):
    folder = shutil.copytree(cut_short, tmp_path / "work")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match=r"no checkpoint was kept: .*No space left.*The fit continues"):
        model = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(folder, every_seconds=0))
    assert weights(model) == weights(Autoencoder(2, **SETTINGS).fit(rows()))
    assert steps_in(folder) == steps_in(cut_short)
    assert not [entry.name for entry in folder.iterdir() if entry.name.startswith(".")]
    for step in steps_in(folder):
        read_checkpoint(folder / f"checkpoint-{step:010d}")


TERMINATED = """
import os, signal, sys
from test_checkpoints import SETTINGS, rows
from isthmus import Autoencoder, Checkpoints
from isthmus.training.loop import Training

def mine(*_): pass

signal.signal(signal.SIGTERM, mine)
step = Training.step

def interrupted(self, *arguments):
    step(self, *arguments)
    if self.state.steps == 9:
        os.kill(os.getpid(), signal.SIGTERM)

Training.step = interrupted
try:
    Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(sys.argv[1]))
finally:
    print("handler restored:", signal.getsignal(signal.SIGTERM) is mine)
"""


def test_a_termination_signal_leaves_a_checkpoint(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])}
    command = [sys.executable, "-c", TERMINATED, str(tmp_path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.strip()) == (128 + signal.SIGTERM, "handler restored: True"), ended.stderr
    assert steps_in(tmp_path) == [9]
    resumed = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path))
    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))


def test_ctrl_c_keeps_the_best_and_the_checkpoints(tmp_path, monkeypatch):
    step = Training.step

    def interrupted(self, *arguments):
        if self.state.steps == 15:
            raise KeyboardInterrupt
        step(self, *arguments)

    monkeypatch.setattr(Training, "step", interrupted)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        model = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path, every_seconds=0))
    assert np.isfinite(model.reconstruct(rows())).all()
    monkeypatch.undo()
    resumed = Autoencoder(2, **SETTINGS).fit(rows(), checkpoints=Checkpoints(tmp_path))
    assert weights(resumed) == weights(Autoencoder(2, **SETTINGS).fit(rows()))


def test_a_loss_that_runs_away_stops_and_the_best_is_kept(tmp_path):
    model = Autoencoder(2, **SETTINGS | {"learning_rate": 1e6, "max_iter": 40})
    with pytest.warns(ConvergenceWarning, match=r"a smaller learning_rate may help.*best weights so far, of epoch 0"):
        model.fit(rows() * 1e3, checkpoints=Checkpoints(tmp_path, every_seconds=0))
    assert all(bool(part.isfinite().all()) for part in model.model_.parameters())
    assert np.isfinite(model.reconstruct(rows())).all()


def test_too_little_memory_takes_a_batch_in_parts(monkeypatch):
    """The gradients are those of the whole batch; weights are not compared: Adam makes steps of roundings."""
    gradients, gradients_of, gradients_asked = [], Training._gradients_of, Training._gradients

    def noted(self, batch):
        gradients.append(gradients_asked(self, batch).clone())
        return gradients[-1]

    def short(self, batch, *others):
        if len(batch.x) > 10:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes.")
        return gradients_of(self, batch, *others)

    monkeypatch.setattr(Training, "_gradients", noted)
    ample = Autoencoder(2, **SETTINGS).fit(rows())
    whole = gradients.pop(0)
    gradients.clear()
    monkeypatch.setattr(Training, "_gradients_of", short)
    with pytest.warns(RuntimeWarning, match="not enough memory for batches of 32 rows"):
        model = Autoencoder(2, **SETTINGS).fit(rows())
    torch.testing.assert_close(gradients[0], whole, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        model.history_["validation_loss"], ample.history_["validation_loss"], rtol=1e-3, err_msg="the whole fit"
    )


def test_no_memory_at_all_is_an_error(monkeypatch):
    def none(self, *_):
        raise MemoryError("none left")

    monkeypatch.setattr(Training, "_gradients_of", none)
    with pytest.warns(RuntimeWarning, match="not enough memory"), pytest.raises(MemoryError):
        Autoencoder(2, **SETTINGS).fit(rows())
