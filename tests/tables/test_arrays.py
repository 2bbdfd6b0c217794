"""Arrays, pictures and IDX files: shapes, scales, and hostile or broken bytes."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

from isthmus.tables import DataError, open_table, read
from isthmus.tables.array_forms import row_shape_of
from isthmus.tables.formats import file_labels


def complaint(source: str | Path, **asked) -> str:
    with pytest.raises(DataError) as caught:
        read(source, **asked)
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


def test_npy_of_floats(tmp_path):
    stored = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "f.npy", stored)
    table = read(tmp_path / "f.npy")
    assert table.values.dtype == np.float32
    assert table.columns == ("x0", "x1")
    np.testing.assert_array_equal(table.values, stored)


@pytest.mark.parametrize(
    ("dtype", "taken"),
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
def test_every_dtype_of_numbers(tmp_path, dtype, taken):
    np.save(tmp_path / "f.npy", np.array([[0, 1], [1, 0]], dtype))
    table = read(tmp_path / "f.npy")
    assert table.values.dtype == np.dtype(taken)
    assert table.values.tolist() == [[0, 1], [1, 0]]


def test_channels_may_come_last(tmp_path):
    colour = np.random.default_rng(0).integers(0, 255, (5, 6, 7, 3), dtype=np.uint8)
    np.save(tmp_path / "f.npy", colour)
    table = read(tmp_path / "f.npy")
    assert table.image_shape == (3, 6, 7)
    np.testing.assert_array_equal(table.values.reshape(5, 3, 6, 7), np.moveaxis(colour, -1, 1) / np.float32(255))
    np.save(tmp_path / "f.npy", colour[..., :1])
    assert read(tmp_path / "f.npy").image_shape == (6, 7)


def test_the_first_axis_is_that_of_rows(tmp_path):
    cubes = np.random.default_rng(0).normal(size=(5, 2, 5, 3, 3))
    np.save(tmp_path / "f.npy", cubes)
    table = read(tmp_path / "f.npy")
    assert (table.image_shape, table.values.shape) == (None, (5, 90))


def test_an_array_of_records_is_a_table(tmp_path):
    rows = np.array([(i, i % 3, f"w{i % 2}") for i in range(20)], [("a", "f4"), ("b", "i8"), ("c", "U3")])
    np.save(tmp_path / "f.npy", rows)
    table = read(tmp_path / "f.npy")
    assert table.columns == ("b", "c")
    assert table.id_name == "a"


def test_missing_cells_are_counted(tmp_path):
    np.save(tmp_path / "f.npy", np.array([[1, np.nan], [2, 3]]))
    table = read(tmp_path / "f.npy")
    assert table.description.missing == 1
    assert np.isnan(table.values[0, 1])


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
    table = read(tmp_path / "f.npy")
    assert (table.image_shape, table.columns[-1]) == (image_shape, last)
    np.testing.assert_array_equal(table.values, stored.reshape(2, -1) / np.float32(255))
    np.save(tmp_path / "f.npy", stored.astype(np.float32))
    np.testing.assert_array_equal(read(tmp_path / "f.npy").values, stored.reshape(2, -1))


def test_columns_of_an_array_can_be_named(tmp_path):
    np.save(tmp_path / "f.npy", np.array([[1.0, 0.5, 7], [2, 0.25, 8]]))
    table = read(tmp_path / "f.npy", labels="x2", ids="x1")
    assert (table.columns, table.labels.tolist(), table.ids.tolist()) == (("x0",), [7, 8], [0.5, 0.25])
    assert table.labels.dtype == np.int64
    assert read(tmp_path / "f.npy", columns=["x2", "x0"]).values.tolist() == [[7, 1], [8, 2]]
    assert "no column 'x3'" in complaint(tmp_path / "f.npy", drop=["x3"])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3), r"reshape it, for one column with array.reshape(-1, 1)"),
        (np.float64(3), "must have rows and columns"),
        (np.zeros((0, 3)), "no numbers in it, its shape is (0, 3)"),
        (np.zeros((3, 0)), "no numbers in it"),
        (np.zeros((2, 2), complex), "must hold real numbers, got complex128"),
        (np.zeros((2, 2, 2), "U1"), "must hold real numbers, got <U1"),
        (np.array([[1, np.inf]]), "1 cell is infinite, it is in row 0, column 'x1'"),
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
    assert "Python objects" in complaint(path) or "must hold real numbers, got object" in complaint(path)
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "gone-off")))
    assert "a pickle, which could run any program" in complaint(path)
    assert not (tmp_path / "gone-off").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x04\x00{1:}", b"PK\x05\x06", b"\0\1\2\3" * 9]
)
def test_broken_array_files(tmp_path, suffix, content):
    path = tmp_path / f"f{suffix}"
    path.write_bytes(content)
    message = complaint(path)
    assert any(words in message for words in ("not readable as", "the file is empty", "none of the formats"))


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_header_that_promises_more_than_the_file_holds(tmp_path, suffix):
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


def test_the_file_name_does_not_matter(tmp_path):
    np.savez(tmp_path / "f.npz", X=np.eye(2))
    (tmp_path / "f.npz").rename(tmp_path / "f.npy")
    assert read(tmp_path / "f.npy").values.tolist() == [[1, 0], [0, 1]]
    np.save(tmp_path / "g.npy", np.eye(2))
    (tmp_path / "g.npy").rename(tmp_path / "g.csv")
    assert read(tmp_path / "g.csv").values.tolist() == [[1, 0], [0, 1]]


# .npz


def test_npz_takes_x_and_y(tmp_path):
    np.savez(tmp_path / "f.npz", other=np.eye(5), X=np.eye(2), y=np.array([[3], [4]]))
    table = read(tmp_path / "f.npz")
    assert table.values.tolist() == [[1, 0], [0, 1]]
    assert (table.labels.tolist(), table.label_name) == ([3, 4], "y")
    assert read(tmp_path / "f.npz", drop=["y"]).labels is None


@pytest.mark.parametrize(
    ("rows", "labels"), [("x_{}", "y_{}"), ("{}_images", "{}_labels")], ids=["as Keras", "as MedMNIST"]
)
def test_npz_keeps_the_test_rows_of_its_makers(tmp_path, rows, labels):
    rng = np.random.default_rng(0)
    sizes = {"train": 30, "test": 9} if rows.startswith("x") else {"train": 30, "val": 5, "test": 9}
    arrays = {rows.format(name): rng.integers(0, 256, (n, 6, 6), np.uint8) for name, n in sizes.items()}
    known = {labels.format(name): rng.integers(0, 3, (n, 1)) for name, n in sizes.items()}
    np.savez(tmp_path / "a.npz", **arrays, **known)
    table = read(tmp_path / "a.npz")
    whole = np.concatenate(list(arrays.values())).reshape(-1, 36)
    np.testing.assert_allclose(table.values, whole / 255, rtol=1e-6)
    assert table.labels.tolist() == np.concatenate(list(known.values())).ravel().tolist()
    assert table.official_test.tolist() == list(range(len(whole) - 9, len(whole)))
    assert f"9 of {rows.format('test')!r}, 9 of them for testing" in table.description.notes[0]


@pytest.mark.parametrize("other", [{"x_test": np.ones((9, 5))}, {"x_test": np.ones((9, 4)), "y_train": np.arange(30)}])
def test_arrays_that_are_not_read_are_named(tmp_path, other):
    np.savez(tmp_path / "a.npz", x_train=np.random.default_rng(0).random((30, 4)), **other)
    table = read(tmp_path / "a.npz")
    assert len(table) == 30
    assert table.official_test is None
    assert "'x_test' (9×" in table.description.notes[0]
    assert table.description.notes[0].endswith("is not read")


def test_npz_takes_the_only_table_and_named_arrays(tmp_path):
    np.savez(tmp_path / "f.npz", data=np.eye(2), kind=np.array(["a", "b"]), number=np.array([5, 6]))
    table = read(tmp_path / "f.npz", labels="kind", ids="number")
    assert (table.labels.tolist(), table.label_name) == (["a", "b"], "kind")
    assert (table.ids.tolist(), table.id_name) == ([5, 6], "number")


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"a": np.zeros(2)}, "no array of numbers with rows and columns (arrays: 'a' (2,))"),
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
    table = read(tmp_path)
    assert table.ids.tolist() == ["p1.PNG", "p9.PNG", "p10.PNG"]
    assert (table.image_shape, table.values.dtype, table.labels) == ((2, 3), np.float32, None)
    np.testing.assert_allclose(table.values[:, 0] * 255, [1, 9, 10], rtol=1e-6)


def test_sub_folders_are_labels(tmp_path):
    for name in ("dog/2.png", "cat/1.png", "cat/11.png"):
        draw(tmp_path / name, np.zeros((2, 2), np.uint8))
    table = read(tmp_path)
    assert table.ids.tolist() == ["cat/1.png", "cat/11.png", "dog/2.png"]
    assert (table.labels.tolist(), table.label_name) == (["cat", "cat", "dog"], "folder")
    draw(tmp_path / "0.png", np.zeros((2, 2), np.uint8))
    mixed = read(tmp_path)
    assert mixed.labels is None
    assert "both in the folder and in its sub-folders" in mixed.description.notes[0]


def test_train_and_test_folders_are_the_split(tmp_path):
    for place, name in enumerate(("train/dog", "train/cat", "test/dog", "test/cat")):
        for number in range(3):
            draw(tmp_path / name / f"{number}.png", np.full((2, 2), 9 * place + number, np.uint8))
    table = read(tmp_path)
    assert set(table.labels) == {"dog", "cat"}
    assert {table.ids[row].split("/")[0] for row in table.official_test} == {"test"}
    assert len(table.official_test) == 6


def test_a_table_beside_pictures_gives_labels(tmp_path):
    for number in range(12):
        draw(tmp_path / f"{number:02}.png", np.full((2, 2), number, np.uint8))
    rows = "".join(f"{number:02}.png,{'even' if number % 2 == 0 else 'odd'},{number}\n" for number in range(12))
    (tmp_path / "labels.csv").write_text(f"file,label,n\n{rows}")
    table = read(tmp_path)
    assert table.labels.tolist() == ["even", "odd"] * 6
    assert table.label_name == "label"
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n3,4\n")
    assert read(tmp_path).labels is None
    assert "labels.csv' beside the pictures is not read" in read(tmp_path).description.notes[0]


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".json", ".parquet", ".feather"])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_labels_may_be_in_a_table_of_any_format(tmp_path, suffix, count):
    """Of a few pictures too: a table that names them describes them."""
    for number in range(count):
        draw(tmp_path / f"a.{number}.png", np.full((2, 2), number, np.uint8))
    table = pandas.DataFrame({"id": [f"a.{number}" for number in range(count)], "label": [*"abcdefghijkl"][:count]})
    write = {".json": lambda path: table.to_json(path, orient="records"), ".parquet": table.to_parquet}
    write |= {".feather": table.to_feather}
    write.get(suffix, lambda path: table.to_csv(path, index=False))(tmp_path / f"labels{suffix}")
    assert read(tmp_path).labels.tolist() == list("abcdefghijkl")[:count]


def test_a_huge_table_beside_pictures_is_not_read(tmp_path, monkeypatch):
    for number in range(12):
        draw(tmp_path / f"{number:02}.png", np.full((2, 2), number, np.uint8))
    (tmp_path / "labels.csv").write_text("file,label\n" + "".join(f"{number:02}.png,x\n" for number in range(12)))
    monkeypatch.setattr(file_labels, "MAX_BESIDE", 1 << 6)
    table = read(tmp_path)
    assert table.labels is None
    assert "'labels.csv' beside the pictures is not read: it has more than" in table.description.notes[0]


def test_floats_of_a_tiff_stay_floats_and_pages_are_rows(tmp_path):
    pages = [Image.fromarray(np.full((3, 4), 0.25 * page, np.float32)) for page in range(4)]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    table = read(tmp_path)
    assert table.values[:, 0].tolist() == [0, 0.25, 0.5, 0.75]
    assert table.ids.tolist() == [f"stack.tif[{page}]" for page in range(4)]
    single = read(tmp_path / "stack.tif")
    np.testing.assert_array_equal(single.values, table.values)
    Image.fromarray(np.full((3, 4), 1000.5, np.float32)).save(tmp_path / "more.tif")
    assert read(tmp_path).values.max() == 1000.5


def test_pictures_are_rotated_as_the_camera_says(tmp_path):
    picture = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(5, 4, 3))
    for name, orientation in (("a.jpg", 1), ("b.jpg", 6)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        (picture if orientation == 1 else picture.rotate(90, expand=True)).save(tmp_path / name, exif=exif, quality=100)
    assert read(tmp_path).image_shape == (3, 5, 4)


def test_a_picture_is_recognised_by_its_bytes(tmp_path):
    draw(tmp_path / "a.bmp", np.full((2, 2), 7, np.uint8))
    (tmp_path / "a.bmp").rename(tmp_path / "a.png")
    assert read(tmp_path).values[0, 0] == np.float32(7 / 255)


def test_colour_channels_come_first(tmp_path):
    pixels = np.zeros((1, 2, 3), np.uint8)
    pixels[0, 1] = [255, 51, 0]
    draw(tmp_path / "a.png", pixels)
    draw(tmp_path / "b.png", np.array([[0, 255]], np.uint8))
    table = read(tmp_path)
    assert table.image_shape == (3, 1, 2)
    np.testing.assert_allclose(table.values, [[0, 1, 0, 0.2, 0, 0], [0, 1, 0, 1, 0, 1]], rtol=1e-6)
    assert table.columns == ("red_0_0", "red_0_1", "green_0_0", "green_0_1", "blue_0_0", "blue_0_1")


def test_sixteen_bits_black_and_white_and_palettes(tmp_path):
    draw(tmp_path / "a.png", np.array([[0, 65535]], np.uint16))
    draw(tmp_path / "b.png", np.array([[0, 255]], np.uint8), "1")
    table = read(tmp_path)
    assert (table.image_shape, table.values.tolist()) == ((1, 2), [[0, 1], [0, 1]])
    draw(tmp_path / "c.gif", np.array([[[0, 0, 0], [255, 0, 0]]], np.uint8), "P")
    table = read(tmp_path)
    assert table.image_shape == (3, 1, 2)
    assert table.values[0].tolist() == [0, 1] * 3


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "bmp", "gif", "tif", "webp"])
def test_every_format_of_pictures(tmp_path, suffix):
    draw(tmp_path / f"a.{suffix}", np.full((4, 4), 128, np.uint8))
    np.testing.assert_allclose(read(tmp_path).values, 128 / 255, atol=0.02)


def test_the_frames_of_a_single_animation_are_rows(tmp_path):
    frames = [Image.fromarray(np.full((3, 4), grey, np.uint8)) for grey in (0, 51, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    table = read(tmp_path / "a.gif")
    np.testing.assert_allclose(table.values.mean(1), [0, 0.2, 1], atol=0.01)
    assert table.ids.tolist() == ["a.gif[0]", "a.gif[1]", "a.gif[2]"]
    draw(tmp_path / "b.png", np.full((3, 4), 128, np.uint8))
    table = read(tmp_path)  # beside others it is one of them
    assert len(table) == 2
    assert any("animated" in note for note in table.description.notes)


def test_pictures_of_different_sizes_are_resized_to_one(tmp_path):
    for number, shape in enumerate([(4, 6), (8, 6), (6, 6)]):
        draw(tmp_path / f"{number}.png", np.full(shape, 51, np.uint8))
    table = read(tmp_path)
    assert table.image_shape == (6, 6)
    np.testing.assert_allclose(table.values, 0.2, rtol=1e-6)
    assert table.description.notes[0].startswith(
        "pictures of 3 sizes, 2 of them cropped to the centre and resized to 6×6 (--size asks for another"
    )
    assert read(tmp_path, size=(4, 8)).image_shape == (8, 4)
    for number, shape in enumerate([(40, 60), (44, 64), (41, 60)]):
        draw(tmp_path / f"{number}.png", np.full(shape, 51, np.uint8))
    assert read(tmp_path).image_shape == (41, 60)  # of about one shape, which is kept
    draw(tmp_path / "0.png", np.full((4, 6), 51, np.uint8))
    padded = read(tmp_path, size=(6, 6), pad=True)
    assert padded.values[0].reshape(6, 6)[0].tolist() == [0] * 6
    assert "given borders" in padded.description.notes[0]


def test_folder_without_pictures(tmp_path):
    assert "a folder without data" in complaint(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"words"])
def test_unreadable_pictures_are_named_or_skipped(tmp_path, content):
    draw(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "b.png").write_bytes(content)
    (tmp_path / "c.jpg").write_bytes(content)
    told = complaint(tmp_path)
    assert "2 of 3 files are not readable as a picture: 'b.png' (" in told
    assert "'c.jpg' (" in told
    assert "--skip-unreadable" in told
    table = read(tmp_path, skip_unreadable=True)
    assert len(table) == 1
    (note,) = table.description.notes
    assert "2 of 3 files are not readable as a picture and left out: 'b.png'" in note
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match="3 of 3 files are not readable as a picture"):
        read(tmp_path, skip_unreadable=True)


def test_truncated_picture_is_named(tmp_path):
    draw(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:1000])
    assert "'a.png'" in complaint(tmp_path)


def test_a_picture_too_large_to_decompress(tmp_path, monkeypatch):
    draw(tmp_path / "a.png", np.zeros((20, 20), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)
    assert "'a.png' (20×20, of more than 300 pixels)" in complaint(tmp_path)


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
    assert read(path).labels is None
    beside = images.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    idx(tmp_path / (beside + zipped), np.array([7, 9], np.uint8))
    table = read(path)
    assert (table.image_shape, table.labels.tolist(), table.values.dtype) == ((2, 3), [7, 9], np.float32)
    np.testing.assert_array_equal(table.values, PIXELS.reshape(2, 6) / np.float32(255))


def test_idx_refused(tmp_path):
    path = tmp_path / "a-images-idx3-ubyte"
    assert "none of the formats that are read" in complaint(idx(path, PIXELS, kind=13))
    assert "must hold pictures" in complaint(idx(path, PIXELS[0]))
    assert "must hold pictures" in complaint(idx(path, PIXELS[:0]))
    assert "holds labels, not pictures" in complaint(idx(path, PIXELS[0, 0]))
    path.write_bytes(b"\x00\x00\x08\x03\x00")
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
    assert "its header declares shape (2, 2, 3) but it is shorter or longer" in complaint(path)


def test_idx_that_promises_more_than_it_can_hold_is_not_decompressed(tmp_path, monkeypatch):
    path = tmp_path / "images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 28, 28)))
    assert "bytes that would unpack to" in complaint(path)


def test_idx_gzip_broken(tmp_path):
    path = tmp_path / "images-idx3-ubyte.gz"
    content = gzip.compress(struct.pack(">HBB3I", 0, 8, 3, 2, 2, 3) + bytes(12))
    path.write_bytes(content[:-9])
    assert "damaged" in complaint(path)


@pytest.mark.parametrize("sizes", [(6, 5), (6, 5, 3), (2, 70)])
def test_an_array_of_pictures_or_series_keeps_the_shape_of_its_rows_when_it_is_read(sizes):
    X = np.random.default_rng(0).random((9, *sizes), np.float32)
    table = read(X)
    assert table.row_shape == open_table(X).row_shape == row_shape_of(X, None)
    assert table.row_shape is not None
    if len(sizes) == 2:
        assert np.array_equal(table.values, X.reshape(9, -1))


def test_a_picture_of_another_size_than_nearly_all_is_named(tmp_path):
    for number in range(5):
        draw(tmp_path / f"{number}.png", np.zeros((8, 8), np.uint8))
    draw(tmp_path / "panorama.png", np.zeros((8, 2000), np.uint8))
    assert "1 of them (the first 'panorama.png' of 2,000×8) cropped to" in read(tmp_path).description.notes[0]


def test_pictures_too_long_to_be_reduced_are_refused(tmp_path):
    for number in range(3):
        draw(tmp_path / f"{number}.png", np.zeros((10, 40_000), np.uint8))
    with pytest.raises(DataError, match=r"pictures of 40,000×10 pixels, such as '0\.png', would be less"):
        read(tmp_path)
    assert read(tmp_path, size=(400, 10)).image_shape == (10, 400)


def test_pictures_that_illustrate_tables_are_no_rows(tmp_path):
    rows = "a,b\n" + "".join(f"{row % 5},{row % 7}\n" for row in range(40))
    (tmp_path / "measured.csv").write_text(rows)
    draw(tmp_path / "plot.png", np.zeros((8, 8), np.uint8))
    assert read(tmp_path).columns == ("a", "b")
    draw(tmp_path / "9.png", np.zeros((8, 8), np.uint8))
    (tmp_path / "plot.txt").write_text("a caption")
    with pytest.raises(
        DataError, match=r"of 2 pictures and 1 table, such as '9.png' and 'measured.csv'.* name the table"
    ):
        read(tmp_path)
    (tmp_path / "measured.csv").write_text("file,kind\nplot.png,x\n9.png,y\n")
    assert read(tmp_path).labels.tolist() == ["y", "x"]
