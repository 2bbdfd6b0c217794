"""Tables larger than memory: a stream reads the same as a reader of the whole table."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isthmus.anomaly import AutoencoderOutlierDetector
from isthmus.evaluation import evaluate
from isthmus.tables import DataError, open_table, read, write_table
from isthmus.tables.batches import stream_of
from isthmus.tables.table import joined
from isthmus.tables.writing import table_writer
from isthmus.variants.vanilla import Autoencoder


def same(one, other):
    np.testing.assert_array_equal(one.values, other.values)
    assert one.values.dtype == other.values.dtype
    assert (one.columns, one.label_name, one.id_name, one.name) == (
        other.columns,
        other.label_name,
        other.id_name,
        other.name,
    )
    for what in ("ids", "labels"):
        mine, theirs = getattr(one, what), getattr(other, what)
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.dtype.kind == theirs.dtype.kind
            assert mine.tolist() == theirs.tolist()


TEXTS = {
    "plain": "a,b,who\n" + "".join(f"{i},{i / 7},{i}\n" for i in range(200)),
    "no end": "a,b,who\n1,2,x\n3,4,y",
    "windows": "a,b,who\r\n" + "".join(f"{i},{i / 7},{i:03d}\r\n" for i in range(200)),
    "old mac": "a,b,who\r" + "".join(f"{i},{i / 7},{i:03d}\r" for i in range(20)),
    "quotes": "a,b,who\n" + "".join(f'{i},{i / 7},"a ""b"",\n{i}"\n' for i in range(200)),
    "stray quotes": "a,b,who\n" + "".join(f'{i},{i / 7},5" by {i}\n' for i in range(200)),
    "blank lines": "\n\na,b,who\n\n" + "".join(f"{i},{i / 7},{i}\n\n" for i in range(200)),
    "late word": "a,b,who\n" + "".join(f"{i},{i / 7},{i if i < 190 else 'x'}\n" for i in range(200)),
    "truth": "a,b,who\n" + "".join(f"true,false,{i}\nfalse,true,{i}\n" for i in range(100)),
    "byte order mark": "\ufeffa,b,who\n" + "".join(f"{i},{i / 7},{i}\n" for i in range(200)),
}


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("size", [64, 997, 1 << 20])
def test_text_is_read_the_same_in_blocks_of_any_size_and_from_scratch(form, size, tmp_path, monkeypatch):
    path = tmp_path / "f.csv"
    path.write_text(TEXTS[form], newline="")
    whole = read(path, labels="who", kinds=dict.fromkeys("ab", "number") if form != "truth" else None)
    monkeypatch.setattr("isthmus.tables.formats.text.BLOCK", size)
    monkeypatch.setattr("isthmus.tables.understanding.HELD_TEXT", 0)
    monkeypatch.setattr("isthmus.tables.segments.SEGMENT_ROWS", 16)
    kinds = dict.fromkeys("ab", "number") if form != "truth" else None
    stream = open_table(path, labels="who", kinds=kinds, held_bytes=1, scratch=tmp_path / "scratch")
    assert len(stream) == len(whole)
    assert len(stream.segments) > 3 or len(whole) < 64
    same(stream.load(), whole)
    backwards = [stream.read(k, 0, n) for k, n in reversed(list(enumerate(stream.segments)))]
    np.testing.assert_array_equal(np.concatenate([part.values for part in backwards[::-1]]), whole.values)
    assert list((tmp_path / "scratch").rglob("*.arrow"))
    del stream, backwards
    gc.collect()
    assert not list((tmp_path / "scratch").rglob("*.arrow"))


def test_a_file_with_a_layout_is_read_in_one_pass_and_not_kept(tmp_path, monkeypatch):
    path = tmp_path / "f.csv"
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"n": rng.normal(size=500), "word": rng.choice(list("uvw"), 500), "who": [f"p{k}" for k in range(500)]}
    )
    frame.to_csv(path, index=False)
    table = read(path)
    monkeypatch.setattr("isthmus.tables.formats.text.BLOCK", 512)
    monkeypatch.setattr("isthmus.tables.understanding.HELD_TEXT", 0)
    stream = open_table(path, ids="who", layout=table.layout, held_bytes=1)
    assert not stream.seekable
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(stream)), table.values)
    assert stream.load().ids.tolist() == frame["who"].tolist()


def test_columns_of_a_fit_are_found_by_name(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"n": rng.normal(size=60).round(3), "m": rng.integers(0, 9, 60), "word": rng.choice(list("uvw"), 60)}
    )
    frame.to_csv(tmp_path / "fit.csv", index=False)
    table = read(tmp_path / "fit.csv")
    other = frame[["word", "m", "n"]].assign(new=1)[:3]
    other.to_csv(tmp_path / "new.csv", sep=";", decimal=",", index=False)
    again = open_table(tmp_path / "new.csv", layout=table.layout)
    assert again.columns == table.columns
    assert [finding.name for finding in again.description.left_out] == ["new"]
    np.testing.assert_array_equal(again.load().values, table.values[:3])
    other.drop(columns=["m", "word"]).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match=r"2 columns of the fit are missing: 'm', 'word'.*the file has 'n', 'new'"):
        open_table(tmp_path / "new.csv", layout=table.layout)


def folder_of_parquet(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for year in (2023, 2024):
        for land in ("DE", "FR"):
            inside = folder / f"year={year}" / f"land={land}"
            inside.mkdir(parents=True)
            columns = {name: rng.normal(size=100).astype(np.float32) for name in "ab"}
            pq.write_table(pa.table(columns), inside / "part-0.parquet", row_group_size=30)
    return folder


def test_the_keys_of_a_partitioned_folder_are_columns(tmp_path):
    stream = open_table(folder_of_parquet(tmp_path), labels="land")
    assert stream.columns == ("a", "b", "year")
    assert stream.shape == (400, 3)
    assert len(stream.segments) == 16
    table = stream.load()
    assert set(table.labels) == {"DE", "FR"}
    assert table.values[:, 2].tolist() == [2023] * 200 + [2024] * 200
    same(read(tmp_path, labels="land"), table)
    chosen = np.array([0, 29, 30, 199, 200, 399])
    same(stream.take(chosen), table.take(chosen))
    rest = stream.without(chosen)
    same(rest.load(), table.take(np.setdiff1d(np.arange(400), chosen)))
    assert open_table(tmp_path).layout.columns[3].categories == ("DE", "FR")
    shares = [stream.share(i, 3).load() for i in range(3)]
    same(joined(shares), table)  # in the order of the rows, so the codes of shares can be concatenated
    alone = open_table(next(tmp_path.rglob("*.parquet")))
    same(joined([alone.share(i, 3).load() for i in range(3)]), alone.load())
    assert [len(stream.share(i, 6)) for i in range(6)] == [100] * 4 + [0, 0]


def test_a_row_group_is_read_forward_and_back(tmp_path, monkeypatch):
    monkeypatch.setattr("isthmus.tables.formats.parquet.DECODED_CELLS", 512)
    values = np.random.default_rng(0).normal(size=(3000, 2))
    pq.write_table(pa.table({"a": values[:, 0], "b": values[:, 1]}), tmp_path / "f.parquet", row_group_size=1500)
    stream = open_table(tmp_path / "f.parquet")
    for begin, end in [(0, 10), (10, 700), (650, 1500), (3, 4)]:
        np.testing.assert_array_equal(stream.values(1, begin, end), values[1500 + begin : 1500 + end])


@pytest.mark.parametrize("kind", [pa.list_(pa.float32(), 3), pa.list_(pa.float32())])
def test_a_column_of_lists_becomes_a_column_per_entry(kind, tmp_path):
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    vectors = pa.array(values.tolist(), kind)
    pq.write_table(pa.table({"who": list("abcd"), "vector": vectors, "n": [1.5, 2, 3, 4]}), tmp_path / "f.parquet")
    stream = open_table(tmp_path / "f.parquet", ids="who")
    assert stream.columns == ("vector_0", "vector_1", "vector_2", "n")
    np.testing.assert_array_equal(stream.load().values[:, :3], values)
    assert open_table(tmp_path / "f.parquet", ids="who", drop=["vector"]).columns == ("n",)
    pq.write_table(pa.table({"vector": vectors}), tmp_path / "f.parquet")
    alone = open_table(tmp_path / "f.parquet")
    assert alone.columns == ("x0", "x1", "x2")
    np.testing.assert_array_equal(np.concatenate(list(alone)), values)
    again = open_table(tmp_path / "f.parquet", columns=("x0", "x2"))
    np.testing.assert_array_equal(again.load().values, values[:, [0, 2]])


def test_npy_stays_on_disk_pictures_too(tmp_path):
    rows = np.random.default_rng(0).normal(size=(50, 3))
    pictures = np.random.default_rng(0).integers(0, 256, (20, 4, 5), dtype=np.uint8)
    for name, array in (("rows", rows), ("pictures", pictures), ("across", np.asfortranarray(rows))):
        np.save(tmp_path / f"{name}.npy", array)
        table, stream = read(tmp_path / f"{name}.npy"), open_table(tmp_path / f"{name}.npy")
        same(stream.load(), table)
        assert stream.image_shape == table.image_shape
    (tmp_path / "shards").mkdir()
    for place in range(12):
        np.save(tmp_path / "shards" / f"part-{place}.npy", rows[4 * place : 4 * place + 4])
    np.testing.assert_array_equal(open_table(tmp_path / "shards").load().values, rows[:48])


class Sliced:
    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __getitem__(self, rows):
        return self.array[rows]


VALUES = np.random.default_rng(1).normal(size=(20, 2)).astype(np.float32)
PARTS = [VALUES[:8], VALUES[8:9], VALUES[9:]]


@pytest.mark.parametrize(
    "batches",
    [
        PARTS,
        Sliced(VALUES),
        [{"a": part[:, 0], "b": part[:, 1]} for part in PARTS],
        [{"v": part} for part in PARTS],
        [pd.DataFrame(part, columns=["a", "b"]) for part in PARTS],
        [pl.DataFrame(part, schema=["a", "b"]) for part in PARTS],
        [pa.table({"a": part[:, 0], "b": part[:, 1]}) for part in PARTS],
        lambda: iter(PARTS),
        type("Anew", (), {"__iter__": lambda self: iter(PARTS)})(),
    ],
    ids=["arrays", "sliced", "dicts", "dicts of vectors", "pandas", "polars", "arrow", "function", "iterable"],
)
def test_batches_of_every_kind_are_rows(batches):
    stream = stream_of(batches)
    for _ in range(2):
        np.testing.assert_array_equal(np.concatenate(list(stream)), VALUES)
    assert stream.load().values.dtype == np.float32


@pytest.mark.parametrize("held", [VALUES, VALUES.tolist(), pd.DataFrame(VALUES), pl.DataFrame(VALUES), None, "x"])
def test_rows_in_memory_are_not_a_stream(held):
    assert stream_of(held) is None


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ((part for part in PARTS), "once"),
        ([VALUES, VALUES[:, :1]], "batch 1: must have shape"),
        (
            [VALUES, VALUES * np.inf],
            "batch 1: 40 cells are infinite, the first is in row 0, column 'x0'",
        ),
        ([{"a": VALUES[:, 0]}, {"b": VALUES[:, 0]}], "batch 1: no column 'a'"),
        (
            [{"a": VALUES[:, 0]}, {"a": np.array(["u"] * 20)}],
            "batch 1: 'a .string.' not numeric, unlike in the first batch",
        ),
        ([{"v": VALUES}, {"v": VALUES[:, :1]}], "batch 1: column 'v' has lists of 2"),
        (lambda: iter(VALUES), r"batch 0: a ndarray of shape \(2,\); it must be rows"),
        (lambda: iter([VALUES, 1.5]), r"batch 1: a float of shape \(\); it must be rows"),
        ([{"a": 1.5, "b": 2.5}], "batch 0: a dict of single cells; it must be rows"),
        ([{"a": "word", "b": 2.5}], "batch 0: a dict of single cells; it must be rows"),
        (lambda: 3, "must return an iterator of batches, got a int"),
        ((lambda parts: lambda: parts)(iter(PARTS)), "batch 0: missing, .* a function that makes a new iterator"),
    ],
)
def test_batches_that_do_not_fit_are_refused_in_a_sentence(batches, words):
    with pytest.raises(DataError, match=words):
        stream_of(batches).load()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".npy", ".npz"])
def test_a_table_written_in_blocks_is_the_table_written_at_once(suffix, tmp_path):
    labels, ids = np.array(list("ab" * 10)), np.arange(20)
    words = {} if suffix == ".npy" else {"ids": ids, "labels": labels}
    write_table(tmp_path / f"once{suffix}", VALUES, ["u", "v"], **words)
    names = {} if suffix == ".npy" else {"id_name": "id", "label_name": "label"}
    with table_writer(tmp_path / f"parts{suffix}", ["u", "v"], **names) as write:
        for begin, end in ((0, 7), (7, 8), (8, 20)):
            write(VALUES[begin:end], ids[begin:end], labels[begin:end])
    asked = {} if suffix == ".npy" else {"ids": "id", "labels": "label"}
    one, other = (read(tmp_path / f"{name}{suffix}", **asked) for name in ("once", "parts"))
    np.testing.assert_array_equal(one.values, other.values)
    if words:
        assert one.labels.tolist() == other.labels.tolist()
        assert one.ids.tolist() == other.ids.tolist()


def test_a_failed_write_leaves_no_file(tmp_path):
    with pytest.raises(DataError), table_writer(tmp_path / "f.npy", ["u", "v"]) as write:
        [write(part) for part in (VALUES, VALUES[:, :1])]
    assert not list(tmp_path.iterdir())


def test_statistics_of_a_stream_are_those_of_its_rows():
    X = np.random.default_rng(0).normal(size=(400, 3)) @ np.random.default_rng(1).normal(size=(3, 6))
    model = Autoencoder(2, max_iter=2, random_state=0).fit(X)
    whole = evaluate(model, X).to_dict()
    for held in (1 << 30, 100):
        stream = open_table(list(np.array_split(X, 7)), held_bytes=held)
        for one, other in zip(flat(whole), flat(evaluate(model, stream).to_dict()), strict=True):
            assert other == (one if one is None else pytest.approx(one, rel=1e-5, abs=1e-9))


def flat(value):
    if isinstance(value, dict):
        return [leaf for name in value for leaf in flat(value[name])]
    return [leaf for entry in value for leaf in flat(entry)] if isinstance(value, list) else [value]


def test_what_is_not_a_table_is_refused_in_a_sentence():
    items = type("Items", (), {"__len__": lambda self: 2, "__getitem__": lambda self, place: PARTS[place]})()
    for source in (items, 3, {"a": 1}):
        with pytest.raises(DataError, match=rf"A {type(source).__name__} is not a table; give a path, or batches"):
            open_table(source)


def test_text_files_may_order_their_columns_differently_and_hold_no_rows(tmp_path):
    frame = pd.DataFrame(VALUES, columns=["a", "b"]).assign(kind=list("uv" * 10))
    frame[:8].to_csv(tmp_path / "0.csv", index=False)
    frame[:0].to_csv(tmp_path / "1.csv", index=False)
    frame[8:][["kind", "b", "a"]].to_csv(tmp_path / "2.csv", index=False)
    table = open_table(tmp_path, labels="kind").load()
    np.testing.assert_allclose(table.values, VALUES, rtol=1e-6)
    assert table.labels.tolist() == list("uv" * 10)
    same(read(tmp_path, labels="kind"), table)
    for part in (0, 2):
        frame[:0].to_csv(tmp_path / f"{part}.csv", index=False)
    with pytest.raises(DataError, match="no rows of data"):
        open_table(tmp_path, labels="kind")
    frame.to_csv(tmp_path / "0.csv", index=False)
    frame.rename(columns={"b": "c"}).to_csv(tmp_path / "1.csv", index=False)
    with pytest.raises(DataError, match=r"tables with different columns, .*'1' lacks 'b' and has 'c'"):
        open_table(tmp_path, labels="kind")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_of_a_mixed_table_may_read_as_other_kinds(suffix, tmp_path):
    parts = [
        pd.DataFrame({"n": [1, 2], "m": [0.5, 1.5], "word": ["u", "v"]}),
        pd.DataFrame({"n": [1.5, 2.5], "m": [None, None], "word": ["w", None]}),
    ]
    for place, part in enumerate(parts):
        write = part.to_parquet if suffix == "parquet" else part.to_csv
        write(tmp_path / f"{place}.{suffix}", index=False)
    frame = open_table(tmp_path).load().frame
    assert frame["n"].to_pylist() == [1, 2, 1.5, 2.5]
    assert frame["m"].to_pylist() == [0.5, 1.5, None, None]
    assert frame["word"].to_pylist() == ["u", "v", "w", None]


def test_a_partition_without_a_name_is_a_missing_value(tmp_path):
    for land, rows in (("__HIVE_DEFAULT_PARTITION__", VALUES[:8]), ("DE", VALUES[8:]), ("FR", VALUES)):
        (tmp_path / f"land={land}").mkdir()
        pd.DataFrame(rows, columns=["a", "b"]).to_parquet(tmp_path / f"land={land}" / "0.parquet")
    frame = open_table(tmp_path).load().frame
    assert sorted(frame["land"].to_pylist(), key=str) == ["DE"] * 12 + ["FR"] * 20 + [None] * 8


@pytest.mark.parametrize("shape", [(7,), (7, 0), (0, 7)])
def test_the_error_for_a_wrong_shape_gives_the_shape(shape, tmp_path):
    np.save(tmp_path / "f.npy", np.zeros(shape))
    with pytest.raises(DataError) as caught:
        open_table(tmp_path / "f.npy")
    assert str(shape) in str(caught.value)


def test_a_detector_takes_streams(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 3))
    np.save(tmp_path / "f.npy", rows)
    stream = open_table(tmp_path / "f.npy")
    one, other = (AutoencoderOutlierDetector(random_state=0).fit(X) for X in (stream, np.asarray(stream)))
    np.testing.assert_array_equal(one.score_samples(stream), other.score_samples(stream.load().values))
    large = open_table(tmp_path / "f.npy", held_bytes=2000)
    assert not large.fits_in_memory
    np.testing.assert_allclose(one.score_samples(large), one.score_samples(stream), rtol=1e-5)
    sampled = AutoencoderOutlierDetector(random_state=0).fit(large)
    assert 20 <= len(sampled.scorer_.normal.rows) < 100
    with pytest.raises(ValueError, match=r"score it block by block, as isthmus\.anomaly\.detect_stream does"):
        one.detect(large)
