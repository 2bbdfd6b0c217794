"""``isthmus detect`` of pictures and sounds: read as at the fit, and named by pixel, frequency and time."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
from PIL import Image

from cli.conftest import call, sentence
from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.storage import load, save
from isthmus.tables.writing_files import write_clip


def test_sounds_of_another_length_are_scored_in_the_form_of_the_fit(tmp_path):
    """Names tell frequency and time, in the reasons as in the columns; what can't be read may be left out."""
    rng = np.random.default_rng(0)
    for folder, seconds, count in (("usual", 0.2, 12), ("asked", 0.1, 3)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            write_clip(tmp_path / folder / f"{number}.wav", rng.uniform(-0.5, 0.5, int(8000 * seconds)), 8000)
    first, again, saved = tmp_path / "first.csv", tmp_path / "again.csv", tmp_path / "saved"
    assert call("detect", tmp_path / "asked", "--train", tmp_path / "usual", "--save", saved, "-o", first).code == 0
    assert call("detect", tmp_path / "asked", "--model", saved, "-o", again).code == 0
    assert first.read_bytes() == again.read_bytes()
    rows = list(csv.DictReader(io.StringIO(first.read_text())))
    assert len(rows) == 3
    assert all(re.fullmatch(r"\d+ Hz at [\d.]+ s", row["feature_1"]) for row in rows)

    (tmp_path / "asked/broken.wav").write_bytes(b"RIFF")
    asked = ("detect", tmp_path / "asked", "--model", saved)
    assert "--skip-unreadable" in call(*asked).err
    assert call(*asked, "--skip-unreadable").out == again.read_text()
    called = call("detect", tmp_path / "asked", "--skip-unreadable", "--waveform", "--window", "0.02")
    assert all(re.fullmatch(r"[\d.]+ s", row["feature_1"]) for row in csv.DictReader(io.StringIO(called.out)))


def test_a_reason_names_pixels_as_the_columns_do(tmp_path):
    rng = np.random.default_rng(0)
    pictures = rng.normal(size=(200, 1, 1)) * np.outer(np.arange(1, 5), np.arange(1, 5)) + rng.normal(size=(200, 4, 4))
    pictures[7, 2, 3] += 40
    np.save(tmp_path / "x.npy", pictures)
    (worst, *_) = csv.DictReader(io.StringIO(call("detect", tmp_path / "x.npy").out))
    assert worst["row"] == "7"
    assert worst["feature_1"] == "pixel_2_3"
    assert "pixel_2_3" in worst["reason"]
    detector = AutoencoderOutlierDetector(random_state=0).fit(pictures)
    save(detector, tmp_path / "saved")
    assert load(tmp_path / "saved").explain(pictures[7:8]).columns[11] == "pixel_2_3"


def test_a_window_in_steps_is_no_flag_of_a_table():
    assert "--window is for files of sounds" in sentence(call("detect", "wine", "--window", "5"))


def test_a_saved_detector_reads_pictures_and_sounds_as_its_training_rows_were_read(tmp_path):
    """Borders stay borders, and recordings are cut into windows; flags that ask for another form are refused."""
    rng = np.random.default_rng(0)
    for folder, size in (("usual", (8, 12)), ("new", (12, 8))):
        (tmp_path / folder).mkdir()
        for number in range(12):
            pixels = rng.integers(0, 255, size, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / folder / f"{number}.png")
    for folder in ("hum", "new hum"):
        (tmp_path / folder).mkdir()
        for number in range(6):
            write_clip(tmp_path / folder / f"{number}.wav", rng.uniform(-0.5, 0.5, 1600), 8000)
    cases = (("usual", "new", ("--size", "8", "--pad")), ("hum", "new hum", ("--waveform", "--window", "0.02")))
    for usual, new, flags in cases:
        saved, first = tmp_path / f"{usual} saved", tmp_path / f"{usual}.csv"
        made = call("detect", tmp_path / new, "--train", tmp_path / usual, *flags, "--save", saved, "-o", first)
        assert made.code == 0
        assert call("detect", tmp_path / new, "--model", saved).out == first.read_text()
        assert call("detect", tmp_path / new, "--model", saved, *flags).out == first.read_text()
    asked = ("detect", tmp_path / "new", "--model", tmp_path / "usual saved")
    assert "--size 9×9, but the model takes pictures of 8×8" in sentence(call(*asked, "--size", "9"))
    asked = ("detect", tmp_path / "new hum", "--model", tmp_path / "hum saved")
    assert "--window 0.03, but the model takes 0.02 s" in sentence(call(*asked, "--window", "0.03"))
