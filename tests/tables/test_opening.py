"""Tables read from files: what is kept, and one sentence for everything that can be wrong with one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isthmus.tables import BUNDLED, DataError, Table, open_table, read

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
    monkeypatch.setattr("isthmus.tables.formats.text.BLOCK", 1000)


def parquet(folder: Path, columns: dict) -> Path:
    path = folder / "f.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def complaint(source: str | Path, **asked) -> str:
    with pytest.raises(DataError) as caught:
        read(source, **asked)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


# what is read


def test_csv_keeps_names_labels_and_ids_as_written(file):
    table = read(file(IRISES), labels="species", ids="flower")
    assert table.columns == ("length", "width")
    assert table.values.tolist() == [[1, 2.5], [3, 4.5]]
    assert table.values.dtype == np.float64
    assert (table.label_name, table.labels.tolist()) == ("species", ["setosa", "virginica"])
    assert (table.id_name, table.ids.tolist()) == ("flower", ["007", "008"])
    assert table.labels.dtype.kind == table.ids.dtype.kind == "U"
    assert table.name == "f"


def test_plain_whole_numbers_as_labels_stay_numbers(file):
    assert read(file("a,y\n1,3\n2,-1\n"), labels="y").labels.tolist() == [3, -1]


def test_na_is_a_word_among_labels(file):
    assert read(file("a,y\n1,NA\n2,DE\n"), labels="y").labels.tolist() == ["NA", "DE"]


@pytest.mark.parametrize("text", ["1,2\n3,4\n", "\n1,2\n\n3,4\n"])
def test_a_first_row_of_numbers_is_data(file, text):
    table = read(file(text))
    assert table.columns == ("x0", "x1")
    assert table.values.tolist() == [[1, 2], [3, 4]]


def test_a_first_row_that_counts_the_columns_names_them(file):
    """A file as pandas writes a frame without column names."""
    table = read(file("0,1,2\n5,6,7\n8,9,9\n"))
    assert table.columns == ("0", "1", "2")
    assert table.values.tolist() == [[5, 6, 7], [8, 9, 9]]


def test_booleans_become_0_and_1(file):
    assert read(file("a,b\ntrue,1.5\nfalse,2\n")).values.tolist() == [[1, 1.5], [0, 2]]


def test_byte_order_mark_blank_lines_quotes_and_windows_line_ends(file):
    table = read(file(b'\xef\xbb\xbf\r\n"a\r\nb",c\r\n1, 2 \r\n\r\n3,4\r\n'))
    assert table.columns == ("a b", "c")
    assert table.values.tolist() == [[1, 2], [3, 4]]


def test_a_fraction_far_below_whole_numbers(file, small_blocks):
    rows = "1,2\n" * 4_000
    table = read(file(f"a,b\n{rows}0.5,3\n"))
    assert table.values[-1].tolist() == [0.5, 3]


def test_a_row_longer_than_a_block(file):
    cell = "x" * 3_000_000
    table = read(file(f"a,word\n1,{cell}\n2,y\n"), drop=["word"])
    assert table.values.tolist() == [[1], [2]]
    rows = "3,z\n" * 2_000_000  # a row too long for a block, after others
    table = read(file(f"a,word\n{rows}1,{5 * cell}\n2,y\n"), drop=["word"])
    assert table.values[-2:].tolist() == [[1], [2]]
    assert len(table) == 2_000_002


def test_drop_and_columns(file):
    path = file("a,b,c,word\n1,2,3,x\n")
    assert read(path, drop=["b", "word"]).columns == ("a", "c")
    chosen = read(path, columns=["c", "a"])
    assert (chosen.columns, chosen.values.tolist()) == (("c", "a"), [[3, 1]])


def test_parquet_is_float32_only_where_that_is_exact(tmp_path):
    exact = {"a": pa.array([0.1, 0.2], pa.float32()), "b": pa.array([1, 2], pa.uint8())}
    table = read(parquet(tmp_path, exact))
    assert table.values.dtype == np.float32
    assert table.values[0].tolist() == [np.float32(0.1), 1]
    wide = read(parquet(tmp_path, {**exact, "d": pa.array([2**31 - 1, 1], pa.int32())}))
    assert wide.values.dtype == np.float64
    assert wide.values[0, 2] == 2**31 - 1


def test_parquet_labels_of_categories_and_decimals(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "kind": pd.Categorical(["x", "y"])})
    frame["code"] = pd.Categorical([b"x", b"y"])
    frame["price"] = pa.array([1, 2]).cast(pa.decimal128(21, 2)).to_pylist()
    frame.to_parquet(tmp_path / "f.parquet")
    assert "label column 'code' holds binary" in complaint(tmp_path / "f.parquet", labels="code", drop=["kind"])
    table = read(tmp_path / "f.parquet", labels="kind", drop=["code"])
    assert table.labels.tolist() == ["x", "y"]
    assert table.values.tolist() == [[1, 1], [2, 2]]


def test_parquet_index_of_pandas_becomes_the_ids(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=pd.Index(["p", "q"], name="person"))
    frame.to_parquet(tmp_path / "f.parquet")
    table = read(tmp_path / "f.parquet")
    assert (table.columns, table.id_name, table.ids.tolist()) == (("a",), "person", ["p", "q"])
    assert read(tmp_path / "f.parquet", drop=["person"]).ids is None


def test_parquet_folder_name_adds_no_column(tmp_path):
    (tmp_path / "year=2020").mkdir()
    assert read(parquet(tmp_path / "year=2020", {"a": [1.0]})).columns == ("a",)


# what is refused


def test_text_far_below_numbers_is_missing_and_reported(file, small_blocks):
    rows = "1,2\n4,5\n" * 4_000
    table = read(file(f"a,b\n{rows}1,oops\n"))
    assert table.description.findings[1].notes == ("1 of 8,001 cells is not a number, the first 'oops' in line 8002",)
    assert np.isnan(table.values[-1, 1])


def test_parquet_types_that_cannot_be_learned_from_are_left_out(tmp_path):
    columns = {
        "a": np.arange(9.0) ** 2,
        "b": [["u", "v"]] * 9,
        "c": [b"\x00\xff"] * 9,
        "d": pd.date_range("2020", periods=9),
    }
    table = read(parquet(tmp_path, columns))
    assert table.columns == ("a", "d")
    assert [one.why for one in table.description.left_out] == [
        "holds lists, which cannot be learned from",
        "holds bytes that are not text, which cannot be learned from",
    ]


@pytest.mark.parametrize("cell", ["", "NaN", "nan", "NULL", "inf", "-inf"])
def test_missing_cells_are_counted_and_the_first_is_reported(file, cell):
    table = read(file(f'"a\n",b\n1,2\n\n3,{cell}\n{cell},1\n'))
    assert table.description.missing == 2
    assert np.isnan(table.values).tolist() == [[False, False], [False, True], [True, False]]
    if "inf" in cell:
        assert table.description.findings[1].notes == (f"{cell!r} taken as missing (once, in line 5)",)


def test_one_missing_cell_in_a_single_column(file):
    assert np.isnan(read(file("a\n1\n\n2\n")).values[:, 0]).tolist() == [False, True, False]


def test_an_infinite_number_is_refused(tmp_path):
    message = complaint(parquet(tmp_path, {"a": [1, np.inf, 2.0]}))
    assert "1 cell is infinite, it is in row 1, column 'a'" in message


def test_missing_labels_and_ids(file, tmp_path):
    assert "label column 'y' has 1 empty cell in row 1 (line 3" in complaint(file("a,y\n1,x\n2,\n"), labels="y")
    path = parquet(tmp_path, {"a": [1.0, 2.0], "id": pa.array([None, None], pa.string())})
    assert "id column 'id' has 2 empty cells, the first in row 0;" in complaint(path, ids="id")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_empty_file(file, content):
    assert "the file is empty" in complaint(file(content))


def test_header_only(file, tmp_path):
    assert "no rows of data" in complaint(file("a,b\n"))
    assert "no rows of data" in complaint(parquet(tmp_path, {"a": pa.array([], pa.float64())}))


def test_no_column_left(file):
    rows = "".join(f"{place},p{place},{'long ' * 9}{place},3\n" for place in range(20))
    message = complaint(file(f"id,name,text,same\n{rows}"))
    assert (
        "no column is left to learn from: 'id' (counts the rows), 'name' (names the rows), 'text' (free "
        "text), 'same' (every row is 3)" in message
    )
    assert "--kind id=number" in message
    assert "no column is left to learn from" in complaint(file("y,b\n1,2\n"), labels="y", drop=["b"])


def test_all_faults_are_in_one_message(file):
    path = file("a,b,c\n" + "".join(f"{place},w{place},{place}\n" for place in range(30)))
    message = complaint(path, labels="q", drop=["z", "c"], columns=["c"])
    assert "no columns 'q', 'z'; the columns are 'a', 'b', 'c'" in message
    assert "'c' is named by the columns to learn from and --drop; leave one of them out" in message
    message = complaint(path, kinds={"a": "boolean", "b": "date"})
    assert "--kind a=boolean" in message
    assert "--kind b=date" in message


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"encoding": "klingon"}, "--encoding 'klingon' is not known"),
        ({"encoding": "rot13"}, "--encoding 'rot13' is not known"),
        ({"encoding": "utf-16"}, "not in the --encoding 'utf-16'"),
        ({"decimal": ";"}, "--decimal must be '.' or ',', got ';'"),
        ({"separator": "ab"}, "--separator must be one character"),
        ({"separator": ";"}, "--separator ';' is in no line; cells seem to be separated by ','"),
        ({"separator": ",", "decimal": ","}, "--separator and --decimal are both ','"),
        ({"kinds": {"a": "colour"}}, "--kind a=colour: a column may be number"),
    ],
)
def test_impossible_flags(file, option, words):
    with pytest.raises(DataError, match=words):
        open_table(file("a,b\n1,2\n3,4\n"), **option)


def test_all_impossible_flags_are_in_one_message(file):
    wrong = {"separator": "ab", "decimal": ";", "encoding": "klingon", "kinds": {"a": "colour", "b": "smell"}}
    with pytest.raises(DataError) as caught:
        open_table(file("a,b\n1,2\n3,4\n"), **wrong)
    said = str(caught.value)
    assert all(part in said for part in ("'ab'", "';'", "'klingon'", "a=colour, b=smell"))


def test_numbers_too_long_for_float64_are_ids_and_not_constant(file):
    rows = "".join(f"{2**62 + place},{place * 7 % 5}\n" for place in range(20))
    (finding, _) = open_table(file(f"k,a\n{rows}")).description.findings
    assert (finding.kind, finding.why) == ("id", "whole numbers of more than 15 digits, which name things")


def test_a_whole_number_too_large_for_64_bits_stays_a_number(file):
    rows = "".join(f"{place % 7},{place % 5}\n" for place in range(40))
    stream = open_table(file(f"a,b\n{rows}49999999999999999999999,1\n"), kinds={"a": "number"})
    assert stream.load().values[-1, 0] == 5e22


def test_a_number_beyond_float64_is_missing_and_reported(file):
    stream = open_table(file("a,b\n" + "".join(f"{place % 7},{place % 5}\n" for place in range(40)) + "1e999,1\n"))
    assert np.isnan(stream.load().values[-1, 0])
    assert "the first '1e999' in line 42" in str(stream.description)


def test_a_folder_of_different_tables(file, tmp_path):
    (tmp_path / "in").mkdir()
    file("a,b\n1,2\n", "in/0.csv")
    file("a,c\n1,2\n", "in/1.csv")
    file("b\n1\n2\n", "in/2.csv")
    message = complaint(tmp_path / "in")
    assert "'1' lacks 'b' and has 'c'; '2' lacks 'a'" in message
    (tmp_path / "in" / "3.npy").write_bytes(b"\x93NUMPY")
    assert "a folder of several formats: '0.csv' (text)" in complaint(tmp_path / "in")


def test_an_unclosed_quote(file):
    assert "a quote is left open in line 3: '\"3,4\\n5,6'" in complaint(file('a,b\n1,2\n"3,4\n5,6\n'))


def test_absent_columns(file):
    path = file(IRISES)
    message = complaint(path, labels="specie")
    assert "no column 'specie' (did you mean 'species'?); the columns are 'length', " in message
    assert "no columns 'q', 'r'" in complaint(path, drop=["q", "r"])
    assert "no columns 'q', 'r'" in complaint(path, columns=["q", "length", "r"])


def test_a_column_both_used_and_dropped(file):
    message = complaint(file(IRISES), labels="species", drop=["species"])
    assert "'species' is named by --labels and --drop; leave one of them out" in message


def test_a_stray_byte_far_down_is_read_as_windows_1252(file):
    table = read(file(b"a,y\n" + b"1,x\n3,z\n" * 100_000 + b"2,\xe9\n"))
    assert set(table.to_arrow()["y"].to_pylist()) == {"x", "z", "é"}


def test_a_quoted_line_break_between_blocks(file, small_blocks):
    rows = '1,"two\nlines"\n2,"two\nlines"\n' * 250
    labels = read(file(f"a,y\n{rows}"), labels="y").labels
    assert set(labels.tolist()) == {"two\nlines"}
    assert len(labels) == 500


def test_missing_paths():
    assert "did you mean 'digits'?" in complaint("digit")
    assert all(name in complaint("nothing-like-it") for name in BUNDLED)
    assert complaint("nowhere.csv") == "'nowhere.csv': no such file or folder; check the path."
    assert "no such file or folder" in complaint("no/where")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SQLite format 3\0" + bytes(99), "an SQLite database; export its table"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x80\x04\x95", "a pickle, which could run any program"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"<?xml version='1.0'?>", "XML"),
        (bytes(range(256)), "none of the formats that are read"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_files_that_are_not_tables_are_recognised_by_their_bytes(file, content, words):
    assert words in complaint(file(content, "table.csv"))


def test_a_url_is_not_a_path():
    assert "download it first" in complaint("https://example.org/table.csv")


def test_neither_file_nor_folder():
    assert "neither a file nor a folder" in complaint("/dev/null")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1" + b"\xff" * 64 + b"PAR1"])
def test_corrupt_parquet(file, content):
    assert "not readable as Parquet" in complaint(file(content, "f.parquet"))


def test_control_characters_of_a_name_do_not_reach_the_terminal(file):
    assert "\x1b" not in complaint(file("a,\x1b[31mb\n1,x\n"), drop=["q"])


def test_too_many_rows_for_memory(file, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("isthmus.tables.opening._of_file", full)
    assert "does not fit in memory" in complaint(file("a\n1\n"))


def test_a_file_without_read_permission(file, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("isthmus.tables.opening._of_file", refused)
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
