"""Rows of other kinds: sound is seen and heard, words stand on the map and are found, photos are many and exact."""

import base64
import io
import wave

import numpy as np
import pytest

from isthmus import Autoencoder
from isthmus.explorer import write_explorer
from isthmus.tables.row_shape import RowShape, Signal
from isthmus.tables.spectrogram import log_magnitudes, spectrogram_shape, spectrogram_signal

from .browsing import axe_violations, state

FEW = {"max_iter": 1, "random_state": 0, "hidden_layer_sizes": (8,)}
RATE, LENGTH = 8000, 1600


def clips(n=40):
    rng, t = np.random.default_rng(0), np.arange(LENGTH) / RATE
    pitch = rng.uniform(200, 2000, n)
    return (0.5 * np.sin(2 * np.pi * pitch[:, None] * t) * np.exp(-8 * t)).astype(np.float32)


@pytest.fixture(scope="module")
def sound_file(tmp_path_factory):
    signal = spectrogram_signal(RATE, LENGTH)
    rows, path = log_magnitudes(clips(), signal), tmp_path_factory.mktemp("kinds") / "sound.html"
    model = Autoencoder(2, **FEW).fit(rows[:30])
    ids = [f"{place}.wav" for place in range(10)]
    write_explorer(model, path, rows[30:], ids=ids, row_shape=spectrogram_shape(signal), title="tones")
    return path


def played(page, which):
    """The clip behind a play button, once it is pressed."""
    page.click(f"button[data-play={which}]")
    page.wait_for_function(
        "which => document.querySelector(`button[data-play=${which}]`).sound?.duration > 0", arg=which, timeout=20_000
    )
    address = page.evaluate("which => document.querySelector(`button[data-play=${which}]`).sound.src", which)
    assert address.startswith("data:audio/wav;base64,")
    with wave.open(io.BytesIO(base64.b64decode(address.split(",")[1]))) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (RATE, LENGTH, 1)
        return np.frombuffer(file.readframes(LENGTH), "<i2") / 32767


def test_spectrograms_are_played_original_and_reconstruction(open_page, sound_file):
    page = open_page(sound_file)
    assert page.locator("#trio canvas").count() == 3
    assert page.inner_text("#panel-title").startswith("clip ")
    item = state(page)["item"]
    heard, again = played(page, "original"), played(page, "reconstruction")
    wanted = log_magnitudes(clips()[30 + item][None], spectrogram_signal(RATE, LENGTH))
    found = log_magnitudes(heard[None].astype(np.float32), spectrogram_signal(RATE, LENGTH))
    assert np.abs(found - wanted).mean() < 0.03  # phases are found again, magnitudes stay
    assert np.abs(again).max() > 0.01
    assert axe_violations(page) == []


def test_low_frequencies_lie_below(open_page, sound_file):
    page = open_page(sound_file)
    light = page.evaluate(
        """() => { const canvas = document.querySelector("#trio canvas"), { width, height } = canvas;
        const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
        const sum = (from, to) => { let total = 0; for (let y = from; y < to; y++) for (let x = 0; x < width; x++)
        total += 255 - pixels[4 * (y * width + x)]; return total; };
        return [sum(0, height >> 1), sum(height >> 1, height)]; }"""
    )
    assert light[1] > light[0]  # tones below 2 kHz, of 4


def test_a_place_that_is_no_clip_is_heard_too(open_page, sound_file):
    page = open_page(sound_file)
    page.evaluate("window.isthmus.app.pin([0, 0])")
    assert page.locator("button[data-play]").count() == 1
    assert len(played(page, "reconstruction")) == LENGTH


def test_long_clips_are_not_played_and_it_says_why(open_page, tmp_path):
    shape = RowShape((64,), ("time",), Signal(2, 64))  # half a minute
    rows = np.random.default_rng(0).normal(size=(40, 64))
    model = Autoencoder(2, **FEW).fit(rows)
    write_explorer(model, tmp_path / "long.html", rows, row_shape=shape)
    page = open_page(tmp_path / "long.html")
    button = page.locator("button[data-play=original]")
    assert button.is_disabled()
    assert "more than 15 s" in button.get_attribute("title")


def test_waveforms_are_lines_of_the_original_under_the_reconstruction(open_page, tmp_path):
    rows = clips()
    model = Autoencoder(2, **FEW).fit(rows)
    write_explorer(model, tmp_path / "waves.html", rows, row_shape=RowShape((LENGTH,), ("time",), Signal(RATE, LENGTH)))
    page = open_page(tmp_path / "waves.html")
    assert page.locator("#trio .signal.original").count() == page.locator("#trio .signal.decoded").count() == 1
    assert "0.2 s" in page.inner_text("#trio")
    assert np.abs(played(page, "original") - rows[state(page)["item"]]).max() < 1e-3


@pytest.fixture(scope="module")
def words_file(tmp_path_factory):
    rng, path = np.random.default_rng(0), tmp_path_factory.mktemp("kinds") / "words.html"
    rows = rng.normal(size=(4, 12))[np.arange(120) % 4] * 3 + rng.normal(size=(120, 12))
    model = Autoencoder(2, **FEW).fit(rows)
    words = [("tiger", "lamp", "paris", "seven")[place % 4] + ("" if place < 4 else str(place)) for place in range(120)]
    write_explorer(model, path, rows, ids=words, row_shape=RowShape.of_features(12), title="words")
    return path


WRITTEN = """() => {
  const { map, data } = window.isthmus.app, pen = map.still.getContext("2d"), found = [], plain = pen.fillText;
  pen.fillText = (words, x, y) => {
    if (data.facts.ids.includes(words)) found.push([words, x, y, pen.measureText(words).width]);
    plain.call(pen, words, x, y); };
  map.draw();
  delete pen.fillText;
  return found;
}"""


def test_words_stand_beside_their_dots_and_never_on_each_other(open_page, words_file):
    page = open_page(words_file)
    found = page.evaluate(WRITTEN)
    assert len(found) > 15
    for place, (word, x, y, width) in enumerate(found):
        spot = page.evaluate(
            "word => window.isthmus.app.map.spots[window.isthmus.app.data.facts.ids.indexOf(word)]", word
        )
        assert abs(spot[0] + 6 - x) < 0.1
        assert abs(spot[1] - y) < 0.1
        for _, other, height, reach in found[:place]:
            assert other >= x + width or x >= other + reach or abs(height - y) >= 12


def test_a_word_is_found_by_typing(open_page, words_file):
    page = open_page(words_file)
    page.click("#find-word")
    page.keyboard.type("tiger")
    assert page.input_value("#find-word") == "tiger"
    assert page.evaluate("document.activeElement.id") == "find-word"
    assert {word[:5] for word, *_ in page.evaluate(WRITTEN)} == {"tiger"}
    page.keyboard.press("Enter")
    assert page.inner_text("#panel-title") == "tiger"
    assert axe_violations(page) == []


def test_two_hundred_photos_of_64_pixels_are_exact_and_fit(open_page, tmp_path):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (230, 3, 8, 8))
    rows = np.clip(small.repeat(8, 2).repeat(8, 3) + rng.integers(-8, 9, (230, 3, 64, 64)), 0, 255) / 255
    rows = rows.reshape(230, -1).astype(np.float32)
    model = Autoencoder(4, max_iter=0, random_state=0, hidden_layer_sizes=()).fit(rows)
    write_explorer(model, tmp_path / "photos.html", rows, image_shape=(3, 64, 64))
    assert (tmp_path / "photos.html").stat().st_size < 8_000_000
    page = open_page(tmp_path / "photos.html")
    assert page.evaluate("window.isthmus.app.data.n") >= 200
    item = state(page)["item"]
    shown = np.array(page.evaluate(f"Array.from(window.isthmus.app.data.row({item}))"))
    place = int(page.evaluate(f"window.isthmus.app.data.facts.ids[{item}]"))
    np.testing.assert_allclose(shown, rows[place], atol=1e-6)
