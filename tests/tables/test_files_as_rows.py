"""Folders of pictures and sounds, as rows in memory or on the disk."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.tables import DataError, open_table, read
from isthmus.tables.row_shape import RowShape, Signal
from isthmus.tables.spectrogram import griffin_lim, log_magnitudes, spectrogram_shape, spectrogram_signal

RATE = 8000


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray, kind: str = "i2", rate: int = RATE) -> None:
    """A WAV file of shape (frames,) or (frames, channels), -1 to 1, in any of the ways they are written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = samples[:, None] if samples.ndim == 1 else samples
    width = {"u1": 1, "i2": 2, "i3": 3, "i4": 4, "f4": 4, "f8": 8}[kind]
    if kind[0] == "f":
        data = samples.astype("<" + kind).tobytes()
    elif kind == "u1":
        data = np.rint(samples * 127 + 128).astype(np.uint8).tobytes()
    else:
        whole = np.rint(samples.astype(np.float64) * (2 ** (8 * width - 1) - 1)).astype("<i8")
        data = np.ascontiguousarray(whole.view(np.uint8).reshape(*whole.shape, 8)[..., :width]).tobytes()
    step = width * samples.shape[1]
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3 if kind[0] == "f" else 1,
        samples.shape[1], rate, rate * step, step, 8 * width, b"data", len(data),
    )  # fmt: skip
    path.write_bytes(head + data)


# ---- sounds


@pytest.mark.parametrize("kind", ["u1", "i2", "i3", "i4", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_way_a_wav_file_is_written(tmp_path, kind, channels):
    clip = tone(0.1)
    write_wav(tmp_path / "a.wav", np.stack([clip] * channels, 1), kind)
    table = read(tmp_path / "a.wav", waveform=True)
    assert str(table.row_shape) == "waveforms of 800 samples, 0.1 s at 8,000 Hz"
    np.testing.assert_allclose(table.values[0], clip, atol=0.01 if kind == "u1" else 1e-4)


def test_clips_get_one_length_and_rate(tmp_path):
    for number, seconds in enumerate([0.3, 0.4, 0.5]):
        write_wav(tmp_path / f"yes/{number}.wav", tone(seconds))
    write_wav(tmp_path / "no/4.wav", tone(0.4, rate=16000), rate=16000)
    table = read(tmp_path, waveform=True)
    assert table.values.shape == (4, 4000)
    assert table.labels.tolist() == ["no", "yes", "yes", "yes"]
    assert "4 sounds of 2 s, one row each, of 0.5 s: 3 padded with silence and 0 cut" in table.description.notes[0]
    assert "resampled to 8,000 Hz: 1 of 16,000 Hz" in table.description.notes[1]
    assert (table.values[1, 2400:] == 0).all()
    np.testing.assert_allclose(table.values[0, 100:3000], tone(0.4)[100:3000], atol=0.02)


@pytest.mark.parametrize("frames", [15434, 44100, 8001])
def test_clips_of_one_length_are_neither_padded_nor_cut(tmp_path, frames):
    for number in range(3):
        write_wav(tmp_path / f"{number}.wav", tone(frames / 22050, rate=22050), rate=22050)
    table = read(tmp_path, waveform=True)
    assert table.row_shape.sizes == (frames,)
    assert ": 0 padded with silence and 0 cut" in table.description.notes[0]


def test_recordings_are_cut_into_windows(tmp_path):
    write_wav(tmp_path / "long.wav", tone(5.55))
    table = read(tmp_path / "long.wav", waveform=True)
    assert table.values.shape == (6, RATE)
    assert table.ids[-1] == "long.wav[5]"
    assert read(tmp_path / "long.wav", window=0.5).row_shape.signal.length == 4000
    assert len(read(tmp_path / "long.wav", window=5.5)) == 1
    assert "the ends of 1 files" in read(tmp_path / "long.wav", window=5.5).description.notes[0]


def test_other_sounds_get_the_shape_of_the_fit(tmp_path):
    write_wav(tmp_path / "a/0.wav", tone(0.5))
    fitted = read(tmp_path / "a").row_shape
    write_wav(tmp_path / "b/0.wav", tone(0.9, rate=11025), rate=11025)
    assert read(tmp_path / "b", row_shape=fitted).row_shape == fitted
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "p.png")
    with pytest.raises(DataError, match="pictures, but the model was fitted on spectrograms of"):
        read(tmp_path / "p.png", row_shape=fitted)
    with pytest.raises(DataError, match="sounds, but the model was fitted on pictures of 4×4"):
        read(tmp_path / "a", row_shape=RowShape.of_picture((4, 4)))


def test_bad_sounds_are_all_named(tmp_path):
    write_wav(tmp_path / "good.wav", tone(0.2))
    write_wav(tmp_path / "none.wav", np.zeros(0))
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("not a sound")
    whole = (tmp_path / "good.wav").read_bytes()
    (tmp_path / "odd.wav").write_bytes(whole[:20] + b"\x55\0" + whole[22:])
    with pytest.raises(DataError) as refused:
        read(tmp_path)
    for words in (
        "'none.wav' (no samples in it)",
        "'empty.wav' (empty)",
        "'text.wav' (not a sound",
        "'odd.wav' (of an encoding that is not read",
    ):
        assert words in str(refused.value)
    assert len(read(tmp_path, skip_unreadable=True)) == 1


def test_compressed_wav_with_the_library_installed(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.wav", tone(0.2), RATE, subtype="ULAW")
    np.testing.assert_allclose(read(tmp_path / "a.wav", waveform=True).values[0], tone(0.2), atol=0.02)


def test_flac_with_the_library_installed(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", tone(0.2), RATE)
    np.testing.assert_allclose(read(tmp_path / "a.flac", waveform=True).values[0], tone(0.2), atol=1e-3)


def test_flac_without_the_library_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    (tmp_path / "a.flac").write_bytes(b"fLaC" + bytes(100))
    with pytest.raises(DataError, match=r"pip install 'isthmus\[audio\]'"):
        read(tmp_path / "a.flac")


def test_pictures_and_sounds_in_one_folder_are_refused(tmp_path):
    write_wav(tmp_path / "a.wav", tone(0.1))
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"1 picture and 1 sound, such as 'b\.png' and 'a\.wav'"):
        read(tmp_path)


def test_options_of_another_kind_of_file_are_refused(tmp_path):
    table, sounds, pictures = tmp_path / "t.csv", tmp_path / "sounds", tmp_path / "pictures"
    table.write_text("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(20)))
    for folder in (sounds, pictures):
        folder.mkdir()
    for place in range(3):
        write_wav(sounds / f"{place}.wav", np.sin(np.arange(4000) / (3 + place)))
        Image.fromarray(np.full((9, 9), 40 * place, np.uint8)).save(pictures / f"{place}.png")
    with pytest.raises(
        DataError, match=r"a table, but --size is for files of pictures, --window is for files of sounds; .* --time"
    ):
        read(table, size=(9, 9), window=3.0)
    with pytest.raises(DataError, match="it is of sounds, but --pad is for files of pictures"):
        read(sounds, pad=True)
    with pytest.raises(DataError, match="it is of pictures, but --waveform is for files of sounds"):
        read(pictures, waveform=True)
    assert read(pictures, size=(3, 3)).n_columns == 9
    of_a_fit = RowShape((9, 9), ("height", "width"))
    assert read(table, size=(9, 9), row_shape=of_a_fit).name == "t"  # then the flag is the fit's, of pictures


@pytest.mark.parametrize("length", [100, 4000, 4001])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_spectrogram_can_be_inverted(rate, length):
    signal = spectrogram_signal(rate, length)
    rng = np.random.default_rng(0)
    clips = np.stack([tone(1, 300, rate)[:length], 0.1 * rng.standard_normal(length), np.zeros(length)])
    rows = log_magnitudes(clips, signal)
    assert rows.shape == (3, spectrogram_shape(signal).n_numbers)
    assert rows.min() >= 0
    assert rows[2].max() == 0
    again = griffin_lim(rows, signal)
    assert again.shape == clips.shape
    assert np.isfinite(again).all()
    error = np.abs(log_magnitudes(again, signal) - rows).mean(1)
    assert error[0] < 0.05
    assert error[2] < 1e-6


# ---- pictures


def test_many_pictures_stay_on_disk(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        path = tmp_path / "ab"[number % 2] / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(picture).save(path)
    held, stream = read(tmp_path), open_table(tmp_path, held_bytes=1000)
    assert not stream.fits_in_memory
    assert stream.row_shape == held.row_shape == RowShape.of_picture((3, 8, 8))
    np.testing.assert_array_equal(np.concatenate(list(stream)), held.values)
    taken = stream.take(np.array([3, 30]))
    assert taken.ids.tolist() == held.ids[[3, 30]].tolist()
    assert taken.labels.tolist() == held.labels[[3, 30]].tolist()


def test_bit_depths_of_tiffs_are_kept(tmp_path):
    (tmp_path / "deep").mkdir()
    deep = np.array([[0, 1], [300, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep/a.tif")
    np.testing.assert_allclose(read(tmp_path / "deep").values[0], deep.ravel() / 65535, rtol=1e-6)
    (tmp_path / "float").mkdir()
    Image.fromarray(np.array([[-2.5, 1e-3]], np.float32)).save(tmp_path / "float/a.tif")
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "float/b.png")
    np.testing.assert_allclose(read(tmp_path / "float").values, [[-2.5, 1e-3], [0, 1]], rtol=1e-6)


def test_a_picture_without_a_suffix_and_one_with_a_wrong_suffix(tmp_path):
    picture = Image.fromarray(np.full((4, 4), 51, np.uint8))
    picture.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    picture.save(tmp_path / "b.png")
    (tmp_path / "b.png").rename(tmp_path / "b")
    np.testing.assert_allclose(read(tmp_path).values, 0.2, rtol=1e-6)


def test_extreme_pictures_become_rows(tmp_path):
    for name, shape in (("wide", (2, 40_000)), ("dot", (1, 1)), ("usual", (90, 80))):
        Image.fromarray(np.full(shape, 51, np.uint8)).save(tmp_path / f"{name}.png")
    table = read(tmp_path, size=(16, 16))
    assert table.values.shape == (3, 256)
    np.testing.assert_allclose(table.values, 0.2, rtol=1e-6)


def test_a_dot_among_pictures_is_named(tmp_path):
    for name, side in (("a", 32), ("b", 32), ("dot", 1)):
        Image.fromarray(np.full((side, side), 51, np.uint8)).save(tmp_path / f"{name}.png")
    assert any(
        "1 enlarged more than twice, the first 'dot.png' of 1×1" in note for note in read(tmp_path).description.notes
    )
    assert not any("enlarged" in note for note in read(tmp_path, size=(64, 64)).description.notes)


def test_the_pictures_of_the_fit_set_the_size(tmp_path):
    Image.fromarray(np.zeros((30, 20, 3), np.uint8)).save(tmp_path / "a.png")
    assert read(tmp_path, row_shape=RowShape.of_picture((8, 9))).image_shape == (8, 9)
    assert read(tmp_path, row_shape=RowShape.of_picture((3, 8, 9))).image_shape == (3, 8, 9)


def test_a_shape_as_text():
    assert RowShape.of_picture((3, 4, 5)).grid == (4, 5)
    assert RowShape.of_picture((3, 4, 5)).n_channels == 3
    assert RowShape.of_picture((4, 5)).image_shape == (4, 5)
    sound = RowShape((64, 10), ("frequency", "time"), Signal(8000, 640, 128, 64))
    assert (sound.grid, sound.n_channels, sound.image_shape, sound.noun) == ((64, 10), 1, None, "spectrograms")
    assert RowShape.of_features(5).grid == ()
    with pytest.raises(ValueError, match="as many kinds"):
        RowShape((2, 3), ("time",))


def test_the_wave_module_reads_what_we_wrote(tmp_path):
    write_wav(tmp_path / "a.wav", tone(0.1))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getnframes() == 800
