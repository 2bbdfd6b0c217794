"""Files written whole or not at all, and read back as they were."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from isthmus.tables import DataError, atomic, atomic_write, read, write_images, write_table

VALUES = np.array([[0.1, -2.5e-17], [1 / 3, 12345678.9]])
IDS = np.array(["007", 'a "b", c'])
LABELS = np.array(["dünn", "two\nlines"])


def everything_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.rglob("*"))


# tables


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_round_trip(tmp_path, suffix, dtype):
    path = tmp_path / "new" / "newer" / f"f{suffix}"
    values = VALUES.astype(dtype)
    write_table(path, values, ["a", "b, c"], ids=IDS, id_name="who", labels=LABELS, label_name="what")
    table = read(path, ids="who", labels="what")
    assert table.columns == ("a", "b, c")
    np.testing.assert_array_equal(table.values.astype(dtype), values)
    assert (table.id_name, table.ids.tolist()) == ("who", IDS.tolist())
    assert (table.label_name, table.labels.tolist()) == ("what", LABELS.tolist())
    if suffix in (".parquet", ".npz"):
        assert table.values.dtype == dtype
    assert everything_in(tmp_path) == [f"f{suffix}", "new", "newer"]


def test_round_trip_of_npy(tmp_path):
    write_table(tmp_path / "f.npy", VALUES, ["a", "b"], ids=IDS)
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy", allow_pickle=False), VALUES)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npz"])
def test_number_ids_and_default_names(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    write_table(path, VALUES, ["a", "b"], ids=np.array([7, -9]), labels=np.array([1, 0]))
    table = read(path, ids="id", labels="label")
    assert (table.ids.tolist(), table.labels.tolist()) == ([7, -9], [1, 0])


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_ids_of_python_objects_are_written_as_words(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    write_table(path, VALUES, ["a", "b"], ids=np.array(["x", 5], dtype=object))
    assert read(path, ids="id").ids.tolist() == ["x", "5"]


def test_csv_is_plain(tmp_path):
    write_table(tmp_path / "f.csv", np.array([[0.1, 2]], np.float32), ["a", "b"], ids=np.array(["p.png"]))
    assert (tmp_path / "f.csv").read_bytes() == b"id,a,b\np.png,0.1,2\n"


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_batches_join_up(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("isthmus.tables.writing.BATCH_CELLS", 6)
    values = np.arange(20.0).reshape(10, 2)
    write_table(tmp_path / f"f{suffix}", values, ["a", "b"], ids=np.arange(10))
    table = read(tmp_path / f"f{suffix}", ids="id")
    np.testing.assert_array_equal(table.values, values)
    assert table.ids.tolist() == list(range(10))


def test_no_rows_keep_their_columns(tmp_path):
    write_table(tmp_path / "f.parquet", np.empty((0, 2)), ["a", "b"])
    write_table(tmp_path / "f.csv", np.empty((0, 2)), ["a", "b"])
    assert pq.read_schema(tmp_path / "f.parquet").names == ["a", "b"]
    assert (tmp_path / "f.csv").read_text() == "a,b\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_words_that_a_spreadsheet_would_run(tmp_path, start):
    formula = f"{start}cmd|' /C calc'!A0"
    write_table(
        tmp_path / "f.csv",
        np.array([[-1.0], [2.0]]),
        [f"{start}a"],
        ids=np.array([formula, "1=1"]),
        id_name=f"{start}id",
        labels=np.array(["x", formula]),
    )
    with (tmp_path / "f.csv").open(newline="") as text:
        cells = list(csv.reader(text))
    assert cells[0] == [f"'{start}id", f"'{start}a", "label"]
    assert cells[1] == ["'" + formula, "-1", "x"]
    assert cells[2] == ["1=1", "2", "'" + formula]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy", ".npz"])
def test_an_existing_file_is_not_replaced_without_overwrite(tmp_path, suffix):
    path = tmp_path / f"f{suffix}"
    path.write_text("precious")
    with pytest.raises(DataError, match=r"' exists; pass --overwrite to replace it\.$"):
        write_table(path, VALUES, ["a", "b"])
    assert path.read_text() == "precious"
    assert everything_in(tmp_path) == [path.name]
    write_table(path, VALUES, ["a", "b"], overwrite=True)
    np.testing.assert_array_equal(read(path).values, VALUES)


def test_unknown_suffix(tmp_path):
    with pytest.raises(DataError, match=r"tables are written as \.csv, \.tsv, \.parquet, \.npy, \.npz, got '\.xlsx'"):
        write_table(tmp_path / "f.xlsx", VALUES, ["a", "b"])
    with pytest.raises(DataError, match="got 'no suffix'"):
        write_table(tmp_path / "f", VALUES, ["a", "b"])


@pytest.mark.parametrize(
    ("values", "asked", "words"),
    [
        (
            VALUES,
            {"columns": ["a"]},
            r"values must be numbers of shape \(rows, 1\).* got float64 of shape \(2, 2\)",
        ),
        (VALUES[0], {"columns": ["a", "b"]}, r"of shape \(2,\)"),
        (VALUES.astype(object), {"columns": ["a", "b"]}, "got object"),
        (VALUES, {"columns": ["a", "b"], "ids": IDS[:1]}, r"'id' must have 2 entries, got \(1,\)"),
        (VALUES, {"columns": ["a", "a"]}, "would be named 'a'"),
        (VALUES, {"columns": ["id", "a"], "ids": IDS}, "would be named 'id'"),
        (
            VALUES,
            {"columns": ["a", "b"], "ids": IDS, "labels": IDS, "label_name": "id"},
            "would be named 'id'",
        ),
    ],
)
def test_shapes_and_names_that_do_not_agree(tmp_path, values, asked, words):
    with pytest.raises(DataError, match=words):
        write_table(tmp_path / "f.csv", values, **asked)
    assert everything_in(tmp_path) == []


# writing whole or not at all


def write_half_and_raise(path: Path, error: BaseException) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("raised", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_the_old_file_survives_whatever_is_raised(tmp_path, raised):
    path = tmp_path / "f.json"
    path.write_text("old")
    with pytest.raises(raised):
        write_half_and_raise(path, raised())
    assert path.read_text() == "old"
    assert everything_in(tmp_path) == ["f.json"]


def test_nothing_is_visible_until_all_is_written(tmp_path):
    path = tmp_path / "f.json"
    with atomic_write(path) as temporary:
        assert temporary.parent.parent == tmp_path
        assert temporary.parent.name.startswith(".")
        assert temporary.suffix == ".json"
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"


def test_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / "f.json"
    path.write_text("old")
    words = r"f\.json' cannot be written \(No space left on device\); "
    with pytest.raises(DataError, match=words) as caught:
        write_half_and_raise(path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_text() == "old"
    assert everything_in(tmp_path) == ["f.json"]


def test_full_disk_at_the_last_moment(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(DataError, match="No space left"):
        write_table(tmp_path / "f.csv", VALUES, ["a", "b"])
    assert everything_in(tmp_path) == []


def test_content_is_on_disk_before_it_is_moved_and_the_folder_after(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def watched(handle):
        steps.append(Path(os.readlink(f"/proc/self/fd/{handle}")).is_dir())
        fsync(handle)

    monkeypatch.setattr(atomic.os, "fsync", watched)
    monkeypatch.setattr(atomic.os, "replace", lambda *paths: (steps.append("move"), replace(*paths)))
    with atomic_write(tmp_path / "f.json"):
        pass
    assert steps == [False, "move", True]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_write_permission(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(DataError, match="Permission denied"):
        write_table(tmp_path / "locked" / "f.csv", VALUES, ["a", "b"])


def test_a_parent_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("old")
    with pytest.raises(DataError, match=r"f\.csv' cannot be written"):
        write_table(tmp_path / "file" / "f.csv", VALUES, ["a", "b"])
    assert (tmp_path / "file").read_text() == "old"


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "f.csv").mkdir()
    with pytest.raises(DataError, match="is a folder; name a file"):
        write_table(tmp_path / "f.csv", VALUES, ["a", "b"], overwrite=True)


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "f.json"
    with pytest.raises(DataError, match="exists; pass --overwrite"):  # noqa: SIM117
        with atomic_write(path, overwrite=False):
            path.write_text("another's")
    assert path.read_text() == "another's"
    assert everything_in(tmp_path) == ["f.json"]


def test_links_and_permissions_are_kept(tmp_path):
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to(real)
    with atomic_write(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o600


def test_new_files_have_the_default_permissions(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_write(tmp_path / "f.json"):
        pass
    assert (tmp_path / "f.json").stat().st_mode == (tmp_path / "plain").stat().st_mode


# pictures


@pytest.mark.parametrize("image_shape", [(2, 3), (1, 2, 3), (3, 1, 2)])
def test_pictures_round_trip(tmp_path, image_shape):
    values = np.linspace(0, 255, 12).round().reshape(2, 6) / 255
    paths = write_images(tmp_path / "out", values, image_shape)
    assert [path.name for path in paths] == ["0.png", "1.png"]
    table = read(tmp_path / "out")
    assert table.image_shape == (image_shape[1:] if image_shape[0] == 1 else image_shape)
    np.testing.assert_allclose(table.values, values, atol=1e-6)


def test_values_are_clipped_and_rounded(tmp_path):
    (path,) = write_images(tmp_path, np.array([[-3, 0.5, 7]]), (1, 3))
    assert np.asarray(Image.open(path)).tolist() == [[0, 128, 255]]


def test_picture_names(tmp_path):
    names = np.array(["cat/1.jpg", "1.PNG", "v1.5"])
    paths = write_images(tmp_path, np.zeros((3, 1)), (1, 1), names=names)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == ["cat/1.png", "1.png", "v1.5.png"]
    assert all(path.is_file() for path in paths)
    eleven = write_images(tmp_path / "counted", np.zeros((11, 1)), (1, 1))
    assert (eleven[0].name, eleven[10].name) == ("00.png", "10.png")


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "a/../../b", "..\\a", "", ".", "a\0b", "C:a", "a\nb"])
def test_names_cannot_leave_the_folder(tmp_path, name):
    with pytest.raises(DataError, match="cannot name a picture in this folder"):
        write_images(tmp_path / "out", np.zeros((1, 1)), (1, 1), names=[name])
    assert everything_in(tmp_path) == []


def test_existing_pictures_are_not_replaced_without_overwrite(tmp_path):
    (tmp_path / "1.png").write_text("precious")
    with pytest.raises(DataError, match=r"1\.png' exists; pass --overwrite"):
        write_images(tmp_path, np.zeros((2, 1)), (1, 1))
    assert everything_in(tmp_path) == ["1.png"]
    assert (tmp_path / "1.png").read_text() == "precious"
    write_images(tmp_path, np.zeros((2, 1)), (1, 1), overwrite=True)
    assert everything_in(tmp_path) == ["0.png", "1.png"]


def test_pictures_that_differ_in_their_suffix_alone_are_all_written(tmp_path):
    names = ["a.jpg", "b/a.jpg", "a.png", "c.jpg", "c.jpeg"]
    write_images(tmp_path, np.zeros((5, 1)), (1, 1), names)
    written = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")}
    assert written == {"a.jpg.png", "a.png", "b/a.png", "c.jpeg.png", "c.jpg.png"}


@pytest.mark.parametrize(
    ("values", "asked", "words"),
    [
        (np.zeros((1, 5)), {"image_shape": (2, 3)}, r"need rows of 6 numbers, got values of shape \(1, 5\)"),
        (np.zeros((1, 4)), {"image_shape": (2, 2, 1)}, r"a picture has shape .*got \(2, 2, 1\)"),
        (np.array([[0.0], [np.nan]]), {"image_shape": (1, 1)}, "row 1 is not a picture, it holds NaN"),
        (np.zeros((2, 1)), {"image_shape": (1, 1), "names": ["a"]}, "2 pictures need as many names, got 1"),
        (np.zeros((2, 1)), {"image_shape": (1, 1), "names": ["a.jpg", "a.jpg"]}, r"would be named 'a\.jpg\.png'"),
    ],
)
def test_pictures_refused(tmp_path, values, asked, words):
    with pytest.raises(DataError, match=words):
        write_images(tmp_path, values, **asked)
    assert everything_in(tmp_path) == []
