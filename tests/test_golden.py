"""A model saved by any released format loads for ever, and gives what it gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import isthmus
from isthmus.storage.checkpoints import newest_step, read_checkpoint

GOLDEN = sorted(folder for folder in (Path(__file__).parent / "golden").iterdir() if (folder / "numbers.json").exists())


def rows() -> np.ndarray:
    t = np.linspace(0, 6, 60)
    return np.stack([np.sin(t), np.cos(t), np.sin(2 * t), t / 6], 1)[:3]


def numbers(folder: Path, kind: str) -> np.ndarray:
    return np.array(json.loads((folder / "numbers.json").read_text())[kind])


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
@pytest.mark.parametrize("saved", ["plain", "variational"])
def test_an_old_model_gives_the_same_codes(saved, folder):
    codes = isthmus.load(folder / saved).transform(rows())
    np.testing.assert_allclose(codes, numbers(folder, saved), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_an_old_detector_gives_the_same_scores(folder):
    scores = isthmus.load(folder / "detector").decision_function(rows())
    np.testing.assert_allclose(scores, numbers(folder, "detector"), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("folder", GOLDEN, ids=lambda folder: folder.name)
def test_an_old_checkpoint_can_be_gone_on_from(folder, tmp_path):
    place = shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    step = newest_step(place)
    assert step > 0
    model, state, _ = read_checkpoint(place / f"checkpoint-{step:010d}")
    assert state.finished
    assert state.steps == step
    np.testing.assert_allclose(model.transform(rows()), numbers(folder, "checkpoints"), rtol=1e-4, atol=1e-5)


def test_there_are_golden_models():
    assert GOLDEN
