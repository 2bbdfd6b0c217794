"""A row of one's own: drawn, filled in, pasted, uploaded; placed where the model's encoder places it, in every tab."""

from __future__ import annotations

import csv
import io
import struct
import zlib

import numpy as np
import pytest

from .browsing import state


def own(page):
    return np.array(page.evaluate("Array.from(window.isthmus.app.own || [])"))


def grey_png(pixels: np.ndarray) -> bytes:
    """A grey picture of bytes as a PNG."""
    height, width = pixels.shape

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    lines = b"".join(b"\0" + line.tobytes() for line in pixels.astype(np.uint8))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def test_a_stroke_on_the_pad_is_placed_and_decoded(open_page, digits_file, small_model):
    page = open_page(digits_file)
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 5, steps=4)
    page.mouse.up()
    row = own(page)
    assert (row.reshape(8, 8)[:, 4] == 1).all()
    code = small_model.transform(row[None])[0]
    np.testing.assert_allclose(state(page)["z"], code, rtol=0, atol=2e-3 * np.abs(code).max() + 1e-3)
    error = ((small_model.inverse_transform(code[None])[0] - row) ** 2).mean()
    assert float(page.inner_text("#about b")) == pytest.approx(error, rel=0.02)
    assert page.inner_text("#own-note") == page.inner_text("#about")
    page.click("#tabs button:has-text('PCA')")
    np.testing.assert_array_equal(own(page), row)  # the row comes along into every tab
    assert state(page)["item"] == -1


def test_the_pad_by_keys(open_page, digits_file):
    page = open_page(digits_file)
    page.focus("#pad")
    for key in ("ArrowLeft", "ArrowUp", "Space"):
        page.keyboard.press(key)
    assert own(page).reshape(8, 8)[3, 3] == 1
    page.keyboard.press("Backspace")
    assert own(page).reshape(8, 8)[3, 3] == 0
    page.click("#wipe")
    assert not own(page).any()
    page.click("#invert")
    assert own(page).all()


def test_a_picture_of_any_size_is_uploaded_dark_as_dark(open_page, digits_file):
    page = open_page(digits_file)
    pixels = np.full((160, 160), 255)
    pixels[:, :80] = 0
    page.set_input_files("#upload", files=[{"name": "half.png", "mimeType": "image/png", "buffer": grey_png(pixels)}])
    page.wait_for_selector("#own-note:has-text('error')")
    assert own(page).reshape(8, 8)[4].tolist() == pytest.approx([1] * 4 + [0] * 4, abs=0.02)
    page.set_input_files("#upload", files=[{"name": "no.png", "mimeType": "image/png", "buffer": b"no picture"}])
    page.wait_for_selector("#own-note:has-text('could not be read')")


def test_the_form_of_a_table_knows_percentiles(open_page, table_file):
    page = open_page(table_file)
    page.fill("#form input[type=number] >> nth=2", "1e9")
    assert own(page)[2] == 1e9
    assert page.inner_text("#form output >> nth=2") == "above 100%"
    page.fill("#form input[type=range] >> nth=2", "0")
    assert own(page)[2] == page.evaluate("window.isthmus.app.data.ordered(2)[0]")
    page.fill("#form input[type=number] >> nth=2", "")
    assert "column 2 is empty" in page.inner_text("#own-note")


def test_a_row_pasted_with_its_header_is_placed_by_name(open_page, table_file):
    page = open_page(table_file)
    text = io.StringIO()
    names = [f"column {place}" for place in range(30)]
    writer = csv.writer(text)
    writer.writerow(["class", *reversed(names)])
    writer.writerow(["upper", *reversed(range(30))])
    page.fill("#paste", text.getvalue())
    page.click("#place-own")
    assert own(page).tolist() == list(range(30))
    page.fill("#paste", "1, 2")
    page.click("#place-own")
    assert page.inner_text("#own-note") == "A row has 30 numbers, got 2."
    page.set_input_files("#upload", files=[{"name": "row.csv", "mimeType": "text/csv", "buffer": b"1;" * 29 + b"2"}])
    page.wait_for_function("() => window.isthmus.app.own[29] === 2")
