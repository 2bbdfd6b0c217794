"""Whatever a released format saved loads for ever, and gives what it gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import isthmus
from cli.conftest import call
from golden.make import given, rows
from isthmus.storage.checkpoints import newest_step, read_checkpoint

GOLDEN = sorted(folder for folder in (Path(__file__).parent / "golden").iterdir() if (folder / "numbers.json").exists())
SAVED = [
    (folder, kind)
    for folder in GOLDEN
    for kind in json.loads((folder / "numbers.json").read_text())
    if kind not in ("checkpoints", "run")
]
each_format = pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)


def numbers(folder: Path, kind: str) -> np.ndarray:
    return np.array(json.loads((folder / "numbers.json").read_text())[kind])


@pytest.mark.parametrize(("folder", "saved"), SAVED, ids=lambda part: getattr(part, "name", part))
def test_what_was_saved_gives_what_it_gave(folder, saved):
    found = given(saved, isthmus.load(folder / saved))
    np.testing.assert_allclose(found, numbers(folder, saved), rtol=1e-4, atol=1e-5)


@each_format
def test_an_old_checkpoint_can_be_resumed(folder, tmp_path):
    place = shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    step = newest_step(place)
    assert step > 0
    model, state, _ = read_checkpoint(place / f"checkpoint-{step:010d}")
    assert state.finished
    assert state.steps == step
    np.testing.assert_allclose(model.transform(rows()[:3]), numbers(folder, "checkpoints"), rtol=1e-4, atol=1e-5)


@each_format
def test_an_old_run_is_used_and_replaced(folder, tmp_path):
    run = shutil.copytree(folder / "run", tmp_path / "run")
    model = isthmus.load(run / "model")
    ones = pd.DataFrame(np.ones((1, 4)), columns=model.feature_names_in_)
    np.testing.assert_allclose(model.transform(ones), numbers(folder, "run"), rtol=1e-4, atol=1e-5)
    for command in ("evaluate", "info"):
        told = call(command, run)
        assert told.code == 0, told.err
    again = call("fit", "iris", "-o", run, "--max-iter", "1", "--no-plots", "--no-page", "--overwrite")
    assert again.code == 0, again.err


@each_format
def test_an_old_interrupted_fit_is_resumed(folder, tmp_path):
    shutil.copytree(folder / "cut.unfinished", tmp_path / "cut.unfinished")
    told = call("fit", "--resume", tmp_path / "cut", "--no-plots")
    assert told.code == 0, told.err
    assert isthmus.load(tmp_path / "cut" / "model").n_iter_ > 2


def test_there_are_golden_folders():
    assert GOLDEN
