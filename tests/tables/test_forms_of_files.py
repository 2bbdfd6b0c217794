"""Transposed matrices, nested records, merged cells, words in arrays, and formats that are never read."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet
from tests.tables.test_columns_below_one_another import workbook

from isthmus.tables import DataError, read

N = 40
RNG = np.random.default_rng(8)
VALUES = RNG.normal(size=(N, 6))


def test_a_transposed_matrix_of_matlab(tmp_path):
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "data.mat"
    with h5py.File(path, "w", userblock_size=512) as book:
        book["X"] = VALUES.T
        book["y"] = RNG.integers(0, 2, (1, N))
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64")
    table = read(path)
    np.testing.assert_allclose(table.values, VALUES)
    assert len(table.labels) == N


def test_the_cells_of_a_loom_file_are_rows(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "cells.loom", "w") as book:
        book["matrix"] = VALUES.T
        book["row_attrs/Gene"] = [f"gene{place}".encode() for place in range(6)]
        book["col_attrs/CellID"] = [f"cell{place}".encode() for place in range(N)]
    table = read(tmp_path / "cells.loom")
    np.testing.assert_allclose(table.values, VALUES)
    assert table.columns[:2] == ("gene0", "gene1")
    assert table.ids[:2].tolist() == ["cell0", "cell1"]


def test_dense_counts_keep_the_names_of_cells_and_genes(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "counts.h5ad", "w") as book:
        book["X"] = VALUES
        for name, count in (("obs", N), ("var", 6)):
            group = book.create_group(name)
            group.attrs["_index"] = "_index"
            group["_index"] = [f"{name}{place}".encode() for place in range(count)]
    table = read(tmp_path / "counts.h5ad")
    assert table.columns[0] == "var0"
    assert table.ids[-1] == f"obs{N - 1}"


RECORDS = pa.table(
    {
        "x": VALUES[:, 0],
        "place": [
            {"lat": lat, "deep": {"code": "abc"[row % 3], "pair": [lat, 1.0]}} if row else None
            for row, lat in enumerate(VALUES[:, 1])
        ],
    }
)


@pytest.mark.parametrize("save", [parquet.write_table, feather.write_feather])
def test_the_fields_of_records_are_columns(save, tmp_path):
    save(RECORDS, str(tmp_path / "records.bin"))
    table = read(tmp_path / "records.bin", drop=["place.deep.pair"])
    assert table.layout.names == ("x", "place.lat", "place.deep.code")
    assert [column.kind for column in table.layout.columns] == ["number", "number", "category"]
    found = table.to_arrow()["place.lat"].to_pylist()
    assert found[0] is None
    np.testing.assert_allclose(found[1:], VALUES[1:, 1])


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_bytes_that_are_text_are_read_as_text(kind, tmp_path):
    words = [f"{'äbc'[row % 3]}" for row in range(N)]
    columns = {"x": VALUES[:, 0], "k": pa.array([word.encode() for word in words], kind)}
    parquet.write_table(pa.table(columns), str(tmp_path / "impala.parquet"))
    table = read(tmp_path / "impala.parquet")
    assert table.to_arrow()["k"].to_pylist() == words
    columns["k"] = pa.array([b"\x00\xff%d" % row for row in range(N)], kind)
    parquet.write_table(pa.table(columns), str(tmp_path / "bytes.parquet"))
    assert [one.name for one in read(tmp_path / "bytes.parquet").description.left_out] == ["k"]


def test_merged_cells_fill_all_of_their_rows(tmp_path):
    pytest.importorskip("python_calamine")
    regions = ["North", "South", "East", "West"]
    rows = [[regions[row // 10] if row % 10 == 0 else "", "uvw"[row % 3], VALUES[row, 0]] for row in range(N)]
    merged = "".join(f'<mergeCell ref="A{2 + 10 * part}:A{11 + 10 * part}"/>' for part in range(4))
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(Data=[["region", "product", "sales"], *rows]))) as plain,
        zipfile.ZipFile(out, "w") as archive,
    ):
        for name in plain.namelist():
            part = plain.read(name).decode()
            archive.writestr(name, part.replace("</sheetData>", f"</sheetData><mergeCells>{merged}</mergeCells>"))
    path = tmp_path / "merged.xlsx"
    path.write_bytes(out.getvalue())
    table = read(path)
    assert table.to_arrow()["region"].to_pylist() == [regions[row // 10] for row in range(N)]
    assert "merged cells apply to all of their rows: 36 cells filled" in table.description.notes


def test_words_and_dates_in_an_array(tmp_path):
    words = np.column_stack([VALUES[:, 0].round(3).astype(str), ["uvw"[row % 3] for row in range(N)]])
    np.save(tmp_path / "words.npy", words)
    assert [one.kind for one in read(tmp_path / "words.npy").description.findings] == ["number", "category"]
    np.save(tmp_path / "named.npy", np.vstack([["size", "group"], words]))
    assert read(tmp_path / "named.npy").layout.names == ("size", "group")
    np.save(tmp_path / "dates.npy", np.datetime64("2020-01-01") + np.arange(N))
    assert read(tmp_path / "dates.npy").description.findings[0].kind == "date"


def test_rows_of_svmlight_with_several_labels(tmp_path):
    path = tmp_path / "several.svm"
    path.write_text("".join(f"{row % 3},{row % 5 + 3} 1:{row}.5 3:1\n" for row in range(N)))
    table = read(path)
    assert table.values.shape == (N, 3)
    assert table.labels[:2].tolist() == ["0,3", "1,4"]


def test_a_folder_of_mnist_gives_its_training_pictures(tmp_path):
    def packed(array):
        return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()

    (tmp_path / "raw").mkdir()
    for part, count in (("t10k", 5), ("train", N)):
        pictures, labels = RNG.integers(0, 255, (count, 8, 8)), RNG.integers(0, 9, count)
        (tmp_path / "raw" / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(packed(pictures)))
        (tmp_path / "raw" / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(packed(labels)))
    table = read(tmp_path)
    assert (len(table), table.image_shape, len(table.labels)) == (N, (8, 8), N)
    assert any("train-images-idx3-ubyte.gz" in note for note in table.description.notes)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("old.pkl", pickle.dumps([1, 2], 0), "a pickle"),
        ("model.joblib", b"\x78\x9c" + bytes(50), "a pickle"),
        ("survey.xpt", b"HEADER RECORD*******LIBRARY HEADER RECORD!!!!!!!", "a SAS transport file"),
        ("sky.fits", b"SIMPLE  =                    T / conforms to FITS", "a FITS file"),
        ("old.por", b"ASCII SPSS PORT FILE", "an SPSS file"),
    ],
)
def test_formats_that_are_recognised_and_refused(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(tmp_path / name)


def test_a_sheet_of_a_few_rows_is_a_summary_of_another(tmp_path):
    pytest.importorskip("python_calamine")
    few = [["key", "value"], ["mean", 1.5], ["rows", N]]
    rows = [["t", "u", "v"], *VALUES[:, :3].tolist()]
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook(Key=few, Raw=rows))
    assert len(read(path)) == N
    path.write_bytes(workbook(Raw=rows[:8], Key=few))
    assert len(read(path)) == 7
    path.write_bytes(workbook(Raw=[*rows, ["made by me", "", ""]], Key=few))
    assert len(read(path)) == N


def test_arrays_for_training_come_before_those_held_out(tmp_path):
    h5py = pytest.importorskip("h5py")
    for held_out in ("test", "val", "a_test"):
        with h5py.File(tmp_path / "parts.h5", "w") as book:
            book[f"{held_out}/x"], book["train/x"] = VALUES[:9], VALUES
            book[f"{held_out}/y"], book["train/y"] = np.arange(9), np.arange(N)
        table = read(tmp_path / "parts.h5")
        assert len(table) == len(table.labels) == N


LINES = [{"x": float(value), "k": "abc"[row % 3]} for row, value in enumerate(VALUES[:, 0])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("between", ["\n", "", " \n\n"])
def test_records_of_json_one_after_the_other(between, encoding, tmp_path):
    path = tmp_path / "records.json"
    path.write_bytes(between.join(json.dumps(record, indent=1) for record in LINES).encode(encoding))
    table = read(path)
    np.testing.assert_allclose(table.to_arrow()["x"], VALUES[:, 0])


def test_records_with_names_keep_them(tmp_path):
    days = np.datetime_as_string(np.datetime64("2020-01-01") + np.arange(N))
    named = dict(zip(days.tolist(), LINES, strict=True))
    path = tmp_path / "named.json"
    for found in (named, {"about": {"of": "x", "by": "y"}, "daily": named}):
        path.write_text(json.dumps(found))
        table = read(path)
        assert [(one.name, one.kind) for one in table.description.findings] == [
            ("index", "date"), ("x", "number"), ("k", "category"),
        ]  # fmt: skip
        assert len(table) == N


@pytest.mark.parametrize("write", [json.dumps, lambda records: "\n".join(map(json.dumps, records))])
def test_lists_of_one_length_in_every_record_are_columns(write, tmp_path):
    records = [
        {"k": "abc"[row % 3], "v": row_of.tolist(), "tags": ["a"] * (row % 3)} for row, row_of in enumerate(VALUES)
    ]
    records[3]["v"] = None
    path = tmp_path / "lists.json"
    path.write_text(write(records))
    table = read(path)
    found = np.column_stack([np.asarray(table.to_arrow()[f"v_{place}"].to_pylist(), float) for place in range(6)])
    assert np.isnan(found[3]).all()
    np.testing.assert_allclose(np.delete(found, 3, 0), np.delete(VALUES, 3, 0))
