"""Tables read from CSV and Parquet: what is kept, and one sentence for each thing that can be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isthmus.tables import BUNDLED, DataError, Table, read_table

IRISES = "length,width,species,flower\n1,2.5,setosa,007\n3,4.5,virginica,008\n"


@pytest.fixture
def file(tmp_path: Path):
    def write(content: str | bytes, name: str = "f.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr("isthmus.tables.delimited.LONGEST_ROW", 1000)


def parquet(folder: Path, columns: dict) -> Path:
    path = folder / "f.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def complaint(source: str | Path, **asked) -> str:
    with pytest.raises(DataError) as caught:
        read_table(source, **asked)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# what is read


def test_csv_keeps_names_labels_and_ids_as_written(file):
    table = read_table(file(IRISES), labels="species", ids="flower")
    assert table.columns == ("length", "width")
    assert table.values.tolist() == [[1, 2.5], [3, 4.5]]
    assert table.values.dtype == np.float64
    assert (table.label_name, table.labels.tolist()) == ("species", ["setosa", "virginica"])
    assert (table.id_name, table.ids.tolist()) == ("flower", ["007", "008"])
    assert table.labels.dtype.kind == table.ids.dtype.kind == "U"
    assert table.name == "f"


def test_tsv(file):
    assert read_table(file("a\tb\n1\t2\n", "f.tsv")).columns == ("a", "b")


def test_plain_whole_numbers_as_labels_stay_numbers(file):
    assert read_table(file("a,y\n1,3\n2,-1\n"), labels="y").labels.tolist() == [3, -1]


def test_na_is_a_word_among_labels(file):
    assert read_table(file("a,y\n1,NA\n2,DE\n"), labels="y").labels.tolist() == ["NA", "DE"]


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "\n1,2\n\n3,4\n", "1,-2.5e3\n.5,inf\n"])
def test_a_first_row_of_numbers_is_data(file, text):
    path = file(text)
    if "inf" in text:
        assert "row 1 (line 2 of the file), column 'x1'" in complaint(path)
    else:
        table = read_table(path)
        assert table.columns == ("x0", "x1")
        assert table.values.tolist() == [[1, 2], [3, 4]]


def test_a_first_row_that_counts_the_columns_names_them(file):
    """As pandas writes a frame without column names."""
    table = read_table(file("0,1,2\n5,6,7\n8,9,9\n"))
    assert table.columns == ("0", "1", "2")
    assert table.values.tolist() == [[5, 6, 7], [8, 9, 9]]


def test_truth_values_become_0_and_1(file):
    assert read_table(file("a,b\ntrue,1.5\nfalse,2\n")).values.tolist() == [[1, 1.5], [0, 2]]


def test_byte_order_mark_blank_lines_quotes_and_windows_line_ends(file):
    table = read_table(file(b'\xef\xbb\xbf\r\n"a\r\nb",c\r\n1, 2 \r\n\r\n3,4\r\n'))
    assert table.columns == ("a\r\nb", "c")
    assert table.values.tolist() == [[1, 2], [3, 4]]


def test_a_fraction_far_below_whole_numbers(file, small_blocks):
    rows = "1,2\n" * 4_000
    table = read_table(file(f"a,b\n{rows}0.5,2\n"))
    assert table.values[-1].tolist() == [0.5, 2]


def test_a_row_longer_than_a_block(file):
    cell = "x" * 3_000_000
    table = read_table(file(f"a,word\n1,{cell}\n2,y\n"), drop=["word"])
    assert table.values.tolist() == [[1], [2]]
    message = complaint(file(f"a,word\n1,{cell}\nnan,y\n"), drop=["word"])
    assert "it is in row 1, column 'a'" in message


def test_drop_and_columns(file):
    path = file("a,b,c,word\n1,2,3,x\n")
    assert read_table(path, drop=["b", "word"]).columns == ("a", "c")
    chosen = read_table(path, columns=["c", "a"])
    assert (chosen.columns, chosen.values.tolist()) == (("c", "a"), [[3, 1]])


def test_parquet_is_float32_only_where_that_is_exact(tmp_path):
    exact = {"a": pa.array([0.1, 0.2], pa.float32()), "b": pa.array([1, 2], pa.uint8()), "c": [True, False]}
    table = read_table(parquet(tmp_path, exact))
    assert table.values.dtype == np.float32
    assert table.values[0].tolist() == [np.float32(0.1), 1, 1]
    wide = read_table(parquet(tmp_path, {**exact, "d": pa.array([2**31 - 1, 1], pa.int32())}))
    assert wide.values.dtype == np.float64
    assert wide.values[0, 3] == 2**31 - 1


def test_parquet_labels_of_categories_and_decimals(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": pd.Categorical(["x", "y"])})
    frame["code"] = pd.Categorical([b"x", b"y"])
    frame["price"] = pa.array([1, 2]).cast(pa.decimal128(21, 2)).to_pylist()
    frame.to_parquet(tmp_path / "f.parquet")
    assert "label column 'code' holds binary" in complaint(tmp_path / "f.parquet", labels="code", drop=["kind"])
    table = read_table(tmp_path / "f.parquet", labels="kind", drop=["code"])
    assert table.labels.tolist() == ["x", "y"]
    assert table.values.tolist() == [[1, 1], [2, 2]]


def test_parquet_index_of_pandas_becomes_the_ids(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["p", "q"], name="person"))
    frame.to_parquet(tmp_path / "f.parquet")
    table = read_table(tmp_path / "f.parquet")
    assert (table.columns, table.id_name, table.ids.tolist()) == (("a",), "person", ["p", "q"])
    assert read_table(tmp_path / "f.parquet", drop=["person"]).ids is None


def test_parquet_folder_name_adds_no_column(tmp_path):
    (tmp_path / "year=2020").mkdir()
    assert read_table(parquet(tmp_path / "year=2020", {"a": [1.0]})).columns == ("a",)


# what is refused


def test_every_text_column_is_named(file):
    message = complaint(file("a,day,b,c\n1,2020-01-01,x,1\n2,2021-01-01,y,?\n"))
    assert (
        "3 columns are not numeric: 'day' (dates or times), 'b' (text such as 'x'), 'c' (text such as '?')" in message
    )
    assert "--labels, --ids or --drop" in message
    assert "1 column is not numeric: 'b'" in complaint(file("a,b\n1,x\n"))


def test_text_far_below_numbers_is_named(file, small_blocks):
    rows = "1,2\n" * 4_000
    assert "1 column is not numeric: 'b' (text such as 'oops')" in complaint(file(f"a,b\n{rows}1,oops\n"))


def test_parquet_kinds_that_are_not_numbers(tmp_path):
    message = complaint(parquet(tmp_path, {"a": [1.0], "b": [["u", "v"]], "c": [b"x"], "d": [pd.Timestamp(0)]}))
    assert "3 columns are not numeric: 'b' (list<" in message
    assert "'c' (bytes" in message
    assert "'d' (dates or times)" in message


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "NULL", "inf", "-inf", "1e999"])
def test_missing_cells_are_counted_and_the_first_is_named(file, cell):
    message = complaint(file(f'"a\n",b\n1,2\n\n3,{cell}\n{cell},1\n'))
    assert "2 cells are missing, NaN or infinite, the first is in row 1 (line 5 of the file), column 'b'" in message


def test_one_missing_cell_in_a_single_column(file):
    assert "1 cell is missing, NaN or infinite, it is in row 1 (line 3 of the file)" in complaint(file("a\n1\n\n2\n"))


def test_missing_cells_of_parquet(tmp_path):
    message = complaint(parquet(tmp_path, {"a": [1, None], "b": pa.array([True, None])}))
    assert "2 cells are missing, NaN or infinite, the first is in row 1, column 'a'" in message
    assert "column 'a'" in complaint(parquet(tmp_path, {"a": pa.nulls(2)}))


def test_missing_labels_and_ids(file, tmp_path):
    assert "label column 'y' has 1 empty cell, it is in row 1 (line 3" in complaint(file("a,y\n1,x\n2,\n"), labels="y")
    path = parquet(tmp_path, {"a": [1.0, 2.0], "id": pa.array([None, None], pa.string())})
    assert "id column 'id' has 2 empty cells, the first is in row 0;" in complaint(path, ids="id")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_empty_file(file, content):
    assert "the file is empty" in complaint(file(content))


def test_header_only(file, tmp_path):
    assert "no rows of data" in complaint(file("a,b\n"))
    assert "no rows of data" in complaint(parquet(tmp_path, {"a": pa.array([], pa.float64())}))


def test_no_column_left(file):
    assert "no numeric column is left" in complaint(file("y,b\n1,2\n"), labels="y", drop=["b"])


def test_duplicate_names(file):
    assert "more than one column is named 'a', 'b'" in complaint(file("a,b,a,c,b\n1,2,3,4,5\n"))


def test_unnamed_column(file):
    path = file(",a\n7,1\n8,2\n")
    assert "column 0 has no name" in complaint(path)
    assert read_table(path, ids="").ids.tolist() == [7, 8]
    assert read_table(path, drop=[""]).columns == ("a",)


@pytest.mark.parametrize(
    ("rows", "count"),
    [("1,2\n3\n", "line 3 has 1 cell where the first row has 2"), ("1,2,3\n", "line 2 has 3 cells")],
)
def test_ragged(file, rows, count):
    assert count in complaint(file(f"a,b\n{rows}"))


def test_a_quote_never_closed(file):
    assert "line 3 has 1 cell" in complaint(file('a,b\n1,2\n"3,4\n5,6\n'))


def test_absent_columns(file):
    path = file(IRISES)
    message = complaint(path, labels="specie")
    assert "no column 'specie' (did you mean 'species'?); the columns are 'length', " in message
    assert "no columns 'q', 'r'" in complaint(path, drop=["q", "r"])
    assert "no columns 'q', 'r'" in complaint(path, columns=["q", "length", "r"])


def test_a_column_both_used_and_dropped(file):
    assert "'species' cannot be both used and dropped" in complaint(file(IRISES), labels="species", drop=["species"])


@pytest.mark.parametrize("content", ["a,b\n1,é\n".encode("latin-1"), "é\n1\n".encode("utf-16"), b"\xff\xd8\xff"])
def test_not_utf8(file, content):
    assert "UTF-8" in complaint(file(content))


def test_labels_not_utf8(file):
    assert "UTF8" in complaint(file(b"a,y\n" + b"1,x\n" * 9_000 + b"2,\xe9\n"), labels="y")


def test_a_quoted_line_break_between_blocks(file, small_blocks):
    rows = '1,"two\nlines"\n' * 500
    labels = read_table(file(f"a,y\n{rows}"), labels="y").labels
    assert set(labels.tolist()) == {"two\nlines"}
    assert len(labels) == 500


def test_other_separators(file):
    assert "separated by ';'; save it with commas as .csv" in complaint(file("a;b\n1;2\n"))
    assert "separated by '\\t'; save it as .tsv" in complaint(file("a\tb\n1\t2\n"))
    assert "separated by ','" in complaint(file("a,b\n1,2\n", "f.tsv"))


def test_missing_paths():
    assert "did you mean 'digits'?" in complaint("digit")
    assert all(name in complaint("nothing-like-it") for name in BUNDLED)
    assert complaint("nowhere.csv") == "'nowhere.csv': no such file or folder; check the path."
    assert "no such file or folder" in complaint("no/where")


def test_unknown_suffix(file):
    message = complaint(file("x", "f.xlsx"))
    assert "suffix '.xlsx' is not known" in message
    assert all(kind in message for kind in (".csv", ".tsv", ".parquet", ".npy", ".npz", "-ubyte", "folder"))
    assert "a file without a suffix" in complaint(file("x", "plain"))


def test_neither_file_nor_folder():
    assert "neither a file nor a folder" in complaint("/dev/null")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1", b"not parquet at all"])
def test_corrupt_parquet(file, content):
    assert "not readable as Parquet" in complaint(file(content, "f.parquet"))


def test_control_characters_of_a_name_do_not_reach_the_terminal(file):
    assert "\x1b" not in complaint(file("a,\x1b[31mb\n1,x\n"))


def test_rows_too_many_for_memory(file, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("isthmus.tables.reading.read_delimited", full)
    assert "does not fit in memory" in complaint(file("a\n1\n"))


def test_a_file_that_may_not_be_read(file, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("isthmus.tables.reading.read_delimited", refused)
    assert "cannot be read (Permission denied)" in complaint(file("a\n1\n"))


# the record


def test_take_keeps_rows_together():
    table = Table(
        np.eye(3),
        ("a", "b", "c"),
        ids=np.arange(3),
        labels=np.array(list("xyz")),
        official_test=np.array([0]),
    )
    taken = table.take([2, 1])
    assert (taken.ids.tolist(), taken.labels.tolist()) == ([2, 1], ["z", "y"])
    assert taken.values.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert taken.official_test is None
    assert len(table.take([])) == 0


def test_table_refuses_shapes_that_do_not_agree():
    with pytest.raises(DataError, match=r"values must have shape \(rows, 2\)"):
        Table(np.eye(3), ("a", "b"))
    with pytest.raises(DataError, match=r"labels must have shape \(3,\)"):
        Table(np.eye(3), ("a", "b", "c"), labels=np.zeros(2))


@pytest.mark.parametrize(("row", "column"), [(0, 0), (5, 2), (99, 1)])
def test_the_first_bad_cell_is_found_block_by_block(monkeypatch, row, column):
    from isthmus.tables import table

    monkeypatch.setattr(table, "CHECKED_CELLS", 12)
    values = np.zeros((100, 3))
    values[row, column] = values[99, 2] = np.nan
    with pytest.raises(DataError, match=rf"^f: 2 cells .* row {row}, column '{'abc'[column]}'"):
        table.check_finite(values, "abc", "f")
