"""Options that contradict the file: all of them in one message, with what to type."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from isthmus import read
from isthmus.cli.outcome import UsageError
from isthmus.cli.reading_flags import ReadingFlags
from isthmus.tables import DataError

ROWS = 40
CITIES = ("Oslo", "Rome", "Kyiv")


@pytest.fixture
def table(tmp_path):
    """A file of a name, a city, a price and a size."""
    draws = np.random.default_rng(0).normal(5, 1, (ROWS, 2))
    lines = [f"r{row},{CITIES[row % 3]},{price:.2f},{size:.3f}" for row, (price, size) in enumerate(draws)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join(["name,city,price,size", *lines]) + "\n")
    return path


def refusal(path, **options):
    """The sentence with which a file is refused."""
    with pytest.raises(DataError) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_faults_of_flags_names_and_kinds_are_in_one_message(table):
    message = refusal(
        table, separator=";;", decimal="x", encoding="foo", header=99, labels="cty", size=(4, 4),
        kinds={"price": "date", "zz": "number", "size": "huge"},
    )  # fmt: skip
    for part in (
        "--separator must be one character", "--decimal must be '.' or ','", "--encoding 'foo'",
        "--header must be a number of rows from 0 to 20, got 99", "--kind size=huge",
        "no columns 'cty' (did you mean 'city'?), 'zz'", "--size is for files of pictures",
        "--kind price=date: its cells are in no known date format",
    ):  # fmt: skip
        assert part in message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"labels": "city", "drop": ["city"]}, "'city' is named by --labels and --drop; leave one of them out"),
        ({"labels": "city", "ids": "city"}, "'city' is named by --labels and --ids; leave"),
        ({"ids": "name", "kinds": {"name": "date"}}, "'name' is named by --ids and --kind name=date, and is then not"),
        ({"drop": ["size"], "kinds": {"size": "number"}}, "'size' is named by --kind size=number and --drop; leave"),
        ({"separator": ",", "decimal": ","}, "--separator and --decimal are both ','"),
        ({"decimal": ","}, "the numbers of 'price' have '.' before their decimals; leave it out, or use"),
    ],
)
def test_flags_that_contradict_each_other_or_the_file(table, options, said):
    assert said in refusal(table, **options)


def test_missing_marks_that_match_every_cell(table):
    found = {one.name: one for one in read(table, missing_marks=CITIES).description.findings}
    assert found["city"].why == "every cell marks a missing value"
    assert found["price"].learned


@pytest.mark.parametrize("option", ["header", "separator", "decimal", "encoding", "kinds", "missing_marks", "size"])
@pytest.mark.parametrize("kind", ["npy", "parquet", "feather", "bundled"])
def test_no_option_is_ignored(tmp_path, kind, option):
    values = np.random.default_rng(1).normal(size=(ROWS, 3))
    path = tmp_path / f"t.{kind}"
    frame = pa.table({"x0": values[:, 0], "x1": values[:, 1]})
    if kind == "npy":
        np.save(path, values)
    elif kind == "parquet":
        parquet.write_table(frame, path)
    elif kind == "feather":
        feather.write_feather(frame, path)
    value = {"header": False, "kinds": {"x0": "id"}, "missing_marks": ["-9"], "size": (4, 4), "encoding": "utf-8"}
    asked = {option: value.get(option, ",")}
    if kind in ("parquet", "feather") and option in ("kinds", "missing_marks"):
        assert read(path, **asked).n_columns == (1 if option == "kinds" else 2)
        return
    flag = "--kind" if option == "kinds" else f"--{option.replace('_', '-')}"
    assert f"{flag} is for" in refusal("digits" if kind == "bundled" else path, **asked)


def test_a_second_row_that_may_be_names_is_reported(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\nkind,city\n" + "".join(f"{'xyz'[row % 3]},{CITIES[row % 3]}\n" for row in range(30)))
    assert "--header 2" in " ".join(read(path).description.notes)
    assert read(path, header=2).columns == ("a.kind", "b.city")
    assert not any("--header 2" in note for note in read(path, header=True).description.notes)


def test_flags_of_the_command_line():
    assert ReadingFlags(header=2).options()["header"] == 2
    assert ReadingFlags(no_header=True).options()["header"] is False
    assert ReadingFlags(missing_marks=("?,-9", ",")).options()["missing_marks"] == ("?", "-9", ",")
    with pytest.raises(UsageError) as caught:
        ReadingFlags(header=2, no_header=True, kind=("a", "b=id", "b=date"), size="big").options()
    for part in ("--no-header and --header 2", "got 'a'", "b=date|id: a column is of one kind", "got 'big'"):
        assert part in str(caught.value)
