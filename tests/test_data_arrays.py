"""Arrays, pictures and IDX files: shapes, scales, and hostile or broken bytes."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isthmus.tables import DataError, read_table


def complaint(source: str | Path, **asked) -> str:
    with pytest.raises(DataError) as caught:
        read_table(source, **asked)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


class Bomb:
    """Unpickling it makes a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


# .npy


def test_npy_of_floats_stays_on_disk(tmp_path):
    stored = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "f.npy", stored)
    table = read_table(tmp_path / "f.npy")
    assert isinstance(table.values, np.memmap)
    assert table.values.dtype == np.float32
    assert table.columns == ("x0", "x1")
    np.testing.assert_array_equal(table.values, stored)


@pytest.mark.parametrize(
    ("dtype", "read"),
    [
        ("u1", "f4"),
        ("i2", "f4"),
        ("f2", "f4"),
        ("?", "f4"),
        ("i4", "f8"),
        ("i8", "f8"),
        (">f4", "f4"),
        (">f8", "f8"),
    ],
)
def test_kinds_of_number(tmp_path, dtype, read):
    np.save(tmp_path / "f.npy", np.array([[0, 1], [1, 0]], dtype))
    table = read_table(tmp_path / "f.npy")
    assert table.values.dtype == np.dtype(read)
    assert table.values.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("shape", "image_shape", "last"),
    [
        ((2, 3, 4), (3, 4), "pixel_2_3"),
        ((2, 1, 3, 4), (3, 4), "pixel_2_3"),
        ((2, 3, 3, 4), (3, 3, 4), "blue_2_3"),
    ],
)
def test_pictures(tmp_path, shape, image_shape, last):
    stored = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.save(tmp_path / "f.npy", stored)
    table = read_table(tmp_path / "f.npy")
    assert (table.image_shape, table.columns[-1]) == (image_shape, last)
    np.testing.assert_array_equal(table.values, stored.reshape(2, -1) / np.float32(255))
    np.save(tmp_path / "f.npy", stored.astype(np.float32))
    np.testing.assert_array_equal(read_table(tmp_path / "f.npy").values, stored.reshape(2, -1))


def test_columns_of_an_array_can_be_named(tmp_path):
    np.save(tmp_path / "f.npy", np.array([[1.0, 0.5, 7], [2, 0.25, 8]]))
    table = read_table(tmp_path / "f.npy", labels="x2", ids="x1")
    assert (table.columns, table.labels.tolist(), table.ids.tolist()) == (("x0",), [7, 8], [0.5, 0.25])
    assert table.labels.dtype == np.int64
    assert read_table(tmp_path / "f.npy", columns=["x2", "x0"]).values.tolist() == [[7, 1], [8, 2]]
    assert "no column 'x3'" in complaint(tmp_path / "f.npy", drop=["x3"])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), r"reshape it, for one column with array.reshape(-1, 1)"),
        (np.float64(3), "must have rows and columns"),
        (np.zeros((2, 5, 3, 3)), "reshape or transpose it"),
        (np.zeros((0, 3)), "no numbers in it, its shape is (0, 3)"),
        (np.zeros((3, 0)), "no numbers in it"),
        (np.zeros((2, 2), complex), "must hold real numbers, got complex128"),
        (np.array([["a", "b"]]), "must hold real numbers, got <U1"),
        (np.zeros((2, 2), "M8[s]"), "must hold real numbers, got datetime64[s]"),
        (np.zeros((2, 2), [("a", "f4")]), "must hold real numbers, got named fields"),
        (np.array([[1, np.nan]]), "1 cell is missing, NaN or infinite, it is in row 0, column 'x1'"),
        (np.array([[1, np.finfo(np.longdouble).max]]), "column 'x1'"),
    ],
)
def test_arrays_refused(tmp_path, array, words):
    np.save(tmp_path / "f.npy", array)
    assert words in complaint(tmp_path / "f.npy")


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_objects_are_never_unpickled(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    bomb = np.array([[Bomb(tmp_path / "gone-off")]], dtype=object)
    if suffix == ".npy":
        np.save(path, bomb)
    else:
        np.savez(path, X=bomb)
    assert "it holds Python objects" in complaint(path)
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "gone-off")))
    complaint(path)
    path.write_text("a,b\n1,2\n")
    assert "it does not begin like one" in complaint(path)
    assert not (tmp_path / "gone-off").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x04\x00{1:}", b"PK\x05\x06", b"words"])
def test_broken_array_files(tmp_path, suffix, content):
    path = tmp_path / f"f{suffix}"
    path.write_bytes(content)
    message = complaint(path)
    assert "not readable as" in message or "name the file .np" in message


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_head_that_promises_more_than_the_file_holds(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 100), }".ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head
    if suffix == ".npy":
        path.write_bytes(content)
    else:
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("X.npy", content)
    message = complaint(path)
    assert "not readable as" in message or "does not fit in memory" in message


def test_names_that_do_not_match_the_content(tmp_path):
    np.savez(tmp_path / "f.npz", X=np.eye(2))
    (tmp_path / "f.npz").rename(tmp_path / "f.npy")
    assert "name the file .npz" in complaint(tmp_path / "f.npy")
    np.save(tmp_path / "g.npy", np.eye(2))
    (tmp_path / "g.npy").rename(tmp_path / "g.npz")
    assert "name the file .npy" in complaint(tmp_path / "g.npz")


# .npz


def test_npz_takes_x_and_y(tmp_path):
    np.savez(tmp_path / "f.npz", other=np.eye(5), X=np.eye(2), y=np.array([[3], [4]]))
    table = read_table(tmp_path / "f.npz")
    assert table.values.tolist() == [[1, 0], [0, 1]]
    assert (table.labels.tolist(), table.label_name) == ([3, 4], "y")
    assert read_table(tmp_path / "f.npz", drop=["y"]).labels is None


def test_npz_takes_the_only_table_and_named_arrays(tmp_path):
    np.savez(tmp_path / "f.npz", data=np.eye(2), kind=np.array(["a", "b"]), number=np.array([5, 6]))
    table = read_table(tmp_path / "f.npz", labels="kind", ids="number")
    assert (table.labels.tolist(), table.label_name) == (["a", "b"], "kind")
    assert (table.ids.tolist(), table.id_name) == ([5, 6], "number")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.eye(2), "b": np.eye(3)}, "arrays: 'a' (2, 2), 'b' (3, 3)); name it X"),
        ({"a": np.zeros(2)}, "name it X"),
        ({}, "arrays: none"),
        (
            {"X": np.eye(2), "y": np.zeros(3)},
            "array 'y' must have one entry for each of the 2 rows, got shape (3,)",
        ),
        ({"X": np.eye(2), "columns": np.array(["a"])}, "array 'columns' must name 2 columns, got (1,)"),
        ({"X": np.zeros(3)}, "array 'X': must have rows and columns"),
    ],
)
def test_npz_refused(tmp_path, arrays, words):
    np.savez(tmp_path / "f.npz", **arrays)
    assert words in complaint(tmp_path / "f.npz")


# folders of pictures


def draw(path: Path, pixels, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(pixels))
    (picture.convert(mode) if mode else picture).save(path)


def test_folder_of_grey_pictures_in_natural_order(tmp_path):
    for number in (10, 9, 1):
        draw(tmp_path / f"p{number}.PNG", np.full((2, 3), number, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._p1.png").write_bytes(b"not a picture either")
    table = read_table(tmp_path)
    assert table.ids.tolist() == ["p1.PNG", "p9.PNG", "p10.PNG"]
    assert (table.image_shape, table.values.dtype, table.labels) == ((2, 3), np.float32, None)
    np.testing.assert_allclose(table.values[:, 0] * 255, [1, 9, 10], rtol=1e-6)


def test_sub_folders_are_labels(tmp_path):
    for name in ("dog/2.png", "cat/1.png", "cat/11.png"):
        draw(tmp_path / name, np.zeros((2, 2), np.uint8))
    table = read_table(tmp_path)
    assert table.ids.tolist() == ["cat/1.png", "cat/11.png", "dog/2.png"]
    assert (table.labels.tolist(), table.label_name) == (["cat", "cat", "dog"], "folder")
    draw(tmp_path / "0.png", np.zeros((2, 2), np.uint8))
    assert "both in the folder and in its sub-folders" in complaint(tmp_path)


def test_colour_comes_channel_by_channel(tmp_path):
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = [255, 51, 0]
    draw(tmp_path / "a.png", pixels)
    draw(tmp_path / "b.png", np.array([[0, 255]], np.uint8))
    table = read_table(tmp_path)
    assert table.image_shape == (3, 1, 2)
    np.testing.assert_allclose(table.values, [[0, 1, 0, 0.2, 0, 0], [0, 1, 0, 1, 0, 1]], rtol=1e-6)
    assert table.columns == ("red_0_0", "red_0_1", "green_0_0", "green_0_1", "blue_0_0", "blue_0_1")


def test_sixteen_bits_black_and_white_and_palettes(tmp_path):
    draw(tmp_path / "a.png", np.array([[0, 65535]], np.uint16))
    draw(tmp_path / "b.png", np.array([[0, 255]], np.uint8), "1")
    table = read_table(tmp_path)
    assert (table.image_shape, table.values.tolist()) == ((1, 2), [[0, 1], [0, 1]])
    draw(tmp_path / "c.gif", np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8), "P")
    table = read_table(tmp_path)
    assert table.image_shape == (3, 1, 2)
    assert table.values[0].tolist() == [0, 1] * 3


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "bmp", "gif", "tif", "webp"])
def test_kinds_of_picture(tmp_path, suffix):
    draw(tmp_path / f"a.{suffix}", np.full((4, 4), 128, np.uint8))
    np.testing.assert_allclose(read_table(tmp_path).values, 128 / 255, atol=0.02)


def test_pictures_of_different_sizes(tmp_path):
    draw(tmp_path / "a.png", np.zeros((2, 3), np.uint8))
    draw(tmp_path / "b.png", np.zeros((5, 4), np.uint8))
    assert "'a.png' is 3×2 and 'b.png' is 4×5 pixels; resize them" in complaint(tmp_path)


def test_folder_without_pictures(tmp_path):
    assert "a folder without pictures" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"words"])
def test_unreadable_picture_is_named(tmp_path, content):
    draw(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "b.png").write_bytes(content)
    assert "b.png': not readable as a picture" in complaint(tmp_path)


def test_truncated_picture_is_named(tmp_path):
    draw(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:1000])
    assert "a.png': not readable as a picture" in complaint(tmp_path)


def test_a_picture_is_decoded_by_its_suffix_only(tmp_path):
    draw(tmp_path / "a.bmp", np.zeros((2, 2), np.uint8))
    (tmp_path / "a.bmp").rename(tmp_path / "a.png")
    assert "a.png': not readable as a picture" in complaint(tmp_path)


def test_a_picture_too_large_to_unpack(tmp_path, monkeypatch):
    draw(tmp_path / "a.png", np.zeros((20, 20), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    assert "unpacks to more than 300 pixels; remove it" in complaint(tmp_path)


def test_pillow_missing(tmp_path, monkeypatch):
    draw(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    assert complaint(tmp_path) == "Pictures need pillow: pip install 'isthmus[images]'."


# IDX


def idx(path: Path, array: np.ndarray, kind: int = 8) -> Path:
    content = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


PIXELS = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)


@pytest.mark.parametrize("images", ["t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "t10k-images.idx3-ubyte"])
@pytest.mark.parametrize("zipped", ["", ".gz"])
def test_idx_with_the_labels_beside_it(tmp_path, images, zipped):
    path = idx(tmp_path / images, PIXELS)
    assert read_table(path).labels is None
    beside = images.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    idx(tmp_path / (beside + zipped), np.array([7, 9], np.uint8))
    table = read_table(path)
    assert (table.image_shape, table.labels.tolist(), table.values.dtype) == ((2, 3), [7, 9], np.float32)
    np.testing.assert_array_equal(table.values, PIXELS.reshape(2, 6) / np.float32(255))


def test_idx_refused(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    assert "not an IDX file" in complaint(idx(path, PIXELS) if path.write_bytes(b"abcdefgh") == 0 else path)
    assert "must hold unsigned bytes (kind 8), got kind 13" in complaint(idx(path, PIXELS, kind=13))
    assert "must hold pictures" in complaint(idx(path, PIXELS[0]))
    assert "must hold pictures" in complaint(idx(path, PIXELS[:0]))
    assert "holds labels, not pictures" in complaint(idx(path, PIXELS[0, 0]))
    path.write_bytes(b"\x00")
    assert "not readable as an IDX file" in complaint(path)
    idx(path, PIXELS)
    idx(tmp_path / "a-labels-idx1-ubyte", np.zeros(3, np.uint8))
    assert "must hold one label for each of the 2 pictures, got shape (3,)" in complaint(path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("change", [-1, 1])
def test_idx_of_another_length(tmp_path, suffix, change):
    path = tmp_path / f"images-idx3-ubyte{suffix}"
    content = struct.pack(">HBB3I", 0, 8, 3, 2, 2, 3) + bytes(12 + change)
    path.write_bytes(gzip.compress(content) if suffix else content)
    assert "its head declares shape (2, 2, 3) but it is shorter or longer" in complaint(path)


def test_idx_that_promises_more_than_it_can_hold_is_not_unpacked(tmp_path, monkeypatch):
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28)))
    assert "bytes that would unpack to" in complaint(path)


def test_idx_gzip_broken(tmp_path):
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(b"not gzip")
    assert "not readable as an IDX file" in complaint(path)
