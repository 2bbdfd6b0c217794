"""Rows of names as instruments, spreadsheets and programs write them above a table."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import isthmus
from isthmus.tables import dialect

N = 60
RNG = np.random.default_rng(2)


def described(tmp_path, head, rows, separator=","):
    """The table below some lines, in words."""
    path = tmp_path / "table.txt"
    path.write_text("\n".join([*head, *(separator.join(map(str, row)) for row in rows)]) + "\n")
    return isthmus.read(path).description


def numbers(width):
    """Rows of numbers."""
    return RNG.normal(20, 3, (N, width)).round(3).tolist()


@pytest.mark.parametrize("step", [1.5, -1.93, 0.25, 4, 8])
def test_wavelengths_can_be_column_names(step, tmp_path):
    names = [f"{2000 + step * place:g}" for place in range(20)]
    found = described(tmp_path, [",".join([*names, "protein"])], numbers(21))
    assert found.n_rows == N
    assert [one.name for one in found.findings] == [*names, "protein"]


def test_a_first_row_of_increasing_data_is_not_a_row_of_names(tmp_path):
    rows = (np.arange(12) * 1.5 + RNG.normal(size=(N, 1))).round(3).tolist()
    assert described(tmp_path, [], rows).n_rows == N


def test_years_above_the_names_of_quarters(tmp_path):
    rows = [[place + 1, "NSEW"[place % 4], *cells] for place, cells in enumerate(numbers(4))]
    found = described(tmp_path, [",Region,2019,,2020,", "id,,Q1,Q2,Q1,Q2"], rows)
    assert found.n_rows == N
    assert [one.name for one in found.findings] == ["id", "Region", "2019.Q1", "2019.Q2", "2020.Q1", "2020.Q2"]


def test_the_four_header_lines_of_a_logger(tmp_path):
    head = [
        '"TOA5","CR1000","CR1000","12345","Std.27","CPU:prog.CR1","4321","Table1"',
        '"TIMESTAMP","RECORD","Air","RH","Wind"',
        '"TS","RN","Deg C","%","m/s"',
        '"","","Avg","Smp","Avg"',
    ]
    days = np.datetime_as_string(np.datetime64("2020-01-01") + np.arange(N))
    rows = [[f'"{day}"', place, *cells] for place, (day, cells) in enumerate(zip(days, numbers(3), strict=True))]
    found = described(tmp_path, head, rows)
    assert found.n_rows == N
    assert found.missing == 0
    assert [one.name for one in found.findings] == ["TIMESTAMP", "RECORD", "Air", "RH", "Wind"]
    assert any("Air in Deg C" in note for note in found.notes)


def test_a_markdown_table(tmp_path):
    head = ["| name | age | score |", "|:-----|----:|------:|"]
    rows = [["", f" P{place} ", *cells, ""] for place, cells in enumerate(numbers(2))]
    found = described(tmp_path, head, rows, "|")
    assert found.n_rows == N
    assert [one.name for one in found.learned] == ["age", "score"]


def test_comments_of_names_and_of_units(tmp_path):
    found = described(tmp_path, ["% x y z", "% m m m"], numbers(3), " ")
    assert [one.name for one in found.findings] == ["x", "y", "z"]


def test_commas_in_a_last_cell_of_text_belong_to_it(tmp_path):
    texts = ["it was good" + ", and we want more, soon" * (row % 2) for row in range(N)]
    rows = [[*cells, text] for cells, text in zip(numbers(2), texts, strict=True)]
    path = tmp_path / "survey.csv"
    path.write_text("\n".join(["a,b,comment", *(",".join(map(str, row)) for row in rows)]) + "\n")
    table = isthmus.read(path, kinds={"comment": "category"})
    assert len(table) == N
    assert table.to_arrow()["comment"].to_pylist() == texts
    assert any(f"{N // 2} rows of another width" in note for note in table.description.notes)


def test_prose_is_not_a_table(tmp_path):
    path = tmp_path / "page.txt"
    path.write_text("It was a dark and stormy night, the rain fell in torrents, and a gust of wind rattled along. " * 9)
    with pytest.raises(isthmus.tables.DataError, match="reads like prose, not like rows of cells: 'It was"):
        isthmus.read(path)
    assert len(isthmus.read(path, separator=",", header=False)) == 1


@pytest.mark.parametrize("names", [["1995", "2003", "2007"], ["2004"], ["16.5", "16.75", "17.25"], ["size", "price"]])
def test_an_unnamed_index(names, tmp_path):
    rows = [[f"land {row}", *cells] for row, cells in enumerate(numbers(len(names)))]
    found = described(tmp_path, [",".join(["", *names])], rows)
    assert found.n_rows == N
    assert [one.name for one in found.learned] == names


def test_years_among_other_names_and_months_are_names(tmp_path):
    rows = [[f"land {row}", a, "E", b, "E"] for row, (a, b) in enumerate(numbers(2))]
    found = described(tmp_path, ["country,1990,Type,1995,Type"], rows)
    assert [one.name for one in found.learned] == ["1990", "1995"]
    rows = [[f"city {row}", *cells] for row, cells in enumerate(numbers(3))]
    found = described(tmp_path, ["city,2000-01,2000-02,2000-03"], rows)
    assert [one.name for one in found.learned] == ["2000-01", "2000-02", "2000-03"]
    rows = [[f"land {row}", f'"{row * 517 + 900:,}"'] for row in range(N)]
    assert described(tmp_path, ["Energy supply per person (TOE),2010"], rows).n_rows == N
    rows = [[f"land {row}", row * 517 + 900] for row in range(N)]
    assert described(tmp_path, ["Togo,2010"], rows).n_rows == N + 1
    for word in ("title", "Togo"):  # none of many numbers below is a year
        rows = [[f"land {row}", row * 517 + 2900] for row in range(N)]
        assert described(tmp_path, [f"{word},2010"], rows).n_rows == N
    rows = [[f"land {row % 5}", 1950 + row] for row in range(N)]
    assert described(tmp_path, ["land,2010"], rows).n_rows == N + 1
    rows = [[f"Al {row}", 1950 + row % 50, 1980 + row % 31] for row in range(N)]
    assert described(tmp_path, ["Bo,1961,1999"], rows).n_rows == N + 1


def test_names_without_rows_of_an_unnamed_index(tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text('"","friends","advice"\n')
    with pytest.raises(isthmus.tables.DataError, match="no rows of data"):
        isthmus.read(path)


def test_a_note_below_a_column_of_numbers(tmp_path):
    rows = [*numbers(4), ["", "", "Science and Engineering Indicators 2012", ""]]
    found = described(tmp_path, ["a,b,c,d"], rows)
    assert found.n_rows == N
    assert any("a note below the table left out" in note for note in found.notes)


LOGGED = "".join(
    f"2024-01-{row % 28 + 1:02d} 10:{row % 60:02d} GET /{'abc'[row % 3]} {row * 7 % 90}\n" for row in range(40)
)
TIMES = "".join(f"{row // 60:02d}:{row % 60:02d}:00\t{row / 3:.2f}\t{row * 7 % 11}\n" for row in range(40))
PAYMENTS = "".join(f"2024-01-{row % 28 + 1:02d};{'xyz'[row % 3]};{row * 7 % 90},5\n" for row in range(40))
RULED = "".join(f"| n{row} | {row / 3:.2f} | {row * 7 % 11} |\n" for row in range(40))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f"#Version: 1.0\n#Fields: date time method page taken\n{LOGGED}", ["date", "time", "method", "page", "taken"]),
        (f"Plate:\t1.3\tKinetic\nTime(hh:mm:ss)\tA1\tA2\n{TIMES}", ["Time(hh:mm:ss)", "A1", "A2"]),
        (f"My bank;\nof:;2024;\n\n#Day;#What;#Amount\n{PAYMENTS}", ["Day", "#What", "#Amount"]),
        (f"| name | x | n |\n|:-----|--:|---|\n{RULED}", ["name", "x", "n"]),
    ],
)
def test_names_among_other_lines(tmp_path, text, names):
    path = tmp_path / "t.txt"
    path.write_text(text)
    described = isthmus.read(path).description
    assert described.n_rows == 40
    assert [one.name for one in described.findings if one.kind != "empty"] == names


def test_zones_of_forms(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(
        "when,x\n" + "".join(f"2023/05/{row % 28 + 1:02d} 1:05:09 PM GMT+2,{row * 7 % 9}\n" for row in range(40))
    )
    table = isthmus.read(path)
    assert table.description.findings[0].kind == "date"
    assert str(table.frame["when"][0].as_py()).startswith("2023-05-01 11:05:09")


def test_fixed_widths_are_not_looked_for_where_commas_explain_all_lines(monkeypatch):
    """Also where the sample ends within a line."""
    monkeypatch.setattr(dialect, "starts_of", lambda lines: pytest.fail("looked for"))
    rows = [f"{100 + row},5/11/18 3:07,Very often,{','.join(['Not selected'] * 90)}" for row in range(400)]
    assert dialect.dialect_of("\n".join(rows)[:-7], encoding="utf-8").separator == ","


def test_questions_above_answers_alone_are_names(tmp_path):
    asked = [f"How often do you do number {place}, in public or at home, unprompted or asked?" for place in range(5)]
    answers = np.random.default_rng(0).choice(["Yes", "No", "Maybe"], (50, 5)).tolist()
    with (tmp_path / "survey.csv").open("w", newline="") as file:
        csv.writer(file).writerows([asked, *answers])
    assert isthmus.read(tmp_path / "survey.csv").columns == tuple(asked)


def test_two_questions_are_names_above_answers_without_question_marks(tmp_path):
    """But not above other questions."""
    asked = "Are you satisfied with the opening hours?,Would you recommend our library to others?"
    (tmp_path / "survey.csv").write_text(f"{asked}\n" + "No,Yes\nYes,No\n" * 9)
    assert isthmus.read(tmp_path / "survey.csv").columns == tuple(asked.split(","))
    (tmp_path / "asked.csv").write_text(f"{asked}\n" + "Why?,Who?\nWhen?,Why?\n" * 9)
    assert len(isthmus.read(tmp_path / "asked.csv")) == 19
