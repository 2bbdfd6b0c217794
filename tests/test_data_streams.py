"""Tables left where they are: what a stream reads is what a reader of the whole reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isthmus.data import DataError, read_table
from isthmus.data.columns import Request
from isthmus.data.text_stream import TextStream


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
    "quotes": 'a,b,who\n' + "".join(f'{i},{i / 7},"a ""b"",\n{i}"\n' for i in range(200)),
    "stray quotes": 'a,b,who\n' + "".join(f'{i},{i / 7},5" by {i}\n' for i in range(200)),
    "blank lines": "\n\na,b,who\n\n" + "".join(f"{i},{i / 7},{i}\n\n" for i in range(200)),
    "late word": "a,b,who\n" + "".join(f"{i},{i / 7},{i if i < 190 else 'x'}\n" for i in range(200)),
    "truth": "a,b,who\n" + "".join(f"true,false,{i}\n" for i in range(200)),
    "byte order mark": "\ufeffa,b,who\n" + "".join(f"{i},{i / 7},{i}\n" for i in range(200)),
}


@pytest.mark.parametrize("kind", TEXTS)
@pytest.mark.parametrize("size", [16, 61, 997, 1 << 20])
def test_text_is_read_alike_in_stretches_of_any_size(kind, size, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text(TEXTS[kind], newline="")
    whole = read_table(path, labels="who")
    stream = TextStream(path, ",", Request(labels="who"), segment_bytes=size)
    assert len(stream) == len(whole)
    if len(TEXTS[kind]) > 500 > size:
        assert len(stream.segments) > 3
    same(stream.load(), whole)
    backwards = [stream.read(k, 0, n) for k, n in reversed(list(enumerate(stream.segments)))]
    np.testing.assert_array_equal(np.concatenate([part.values for part in backwards[::-1]]), whole.values)


def test_one_column_of_text_keeps_its_empty_rows(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("a\n1\n\n3\n")
    same(TextStream(path, ",", Request(missing=True), segment_bytes=3).load(), read_table(path, missing=True))


@pytest.mark.parametrize(
    ("cells", "words"),
    [("x,1", "line 152 column 'a'"), ("1", "line 152 has 1 cell where"), (",1", "row 150 (line 152 of the file)")],
)
def test_what_is_wrong_far_down_a_file_of_text_is_found(cells, words, tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("a,b\n" + "1,2\n" * 150 + f"{cells}\n" + "1,2\n" * 20)
    with pytest.raises(DataError) as caught:
        TextStream(path, ",", Request(), segment_bytes=100).load()
    assert words in str(caught.value)


def folder_of_parquet(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for year in (2023, 2024):
        for land in ("DE", "FR"):
            inside = folder / f"year={year}" / f"land={land}"
            inside.mkdir(parents=True)
            columns = {name: rng.normal(size=100).astype(np.float32) for name in "ab"}
            pq.write_table(pa.table(columns), inside / "part-0.parquet", row_group_size=30)
    return folder
