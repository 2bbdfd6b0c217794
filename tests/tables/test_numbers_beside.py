"""Cells that hold a number and something beside it: a unit, an error, a street, a second number."""

import numpy as np
import pytest

from isthmus import read

ROWS = 60


def found(tmp_path, cells):
    """The finding for a column of these cells, and its values."""
    path = tmp_path / "t.csv"
    draws = np.random.default_rng(0).normal(size=ROWS)
    path.write_text("a,v\n" + "".join(f'{draw:.3f},"{cell}"\n' for draw, cell in zip(draws, cells, strict=True)))
    table = read(path)
    (finding,) = [one for one in table.description.findings if one.name == "v"]
    return finding, table


@pytest.mark.parametrize("street", ["Main St", "rue Monge", "main street", "Rua Augusta", "calle Mayor"])
def test_house_numbers_are_not_measurements(tmp_path, street):
    assert found(tmp_path, [f"{row * 7 % 90 + 1} {street}" for row in range(ROWS)])[0].kind != "number"


@pytest.mark.parametrize(
    "unit", ["km", "km/h", "sq ft", "years old", "customer reviews", "US dollars", "CC", "Seater", "Kč", "元"]
)
def test_numbers_with_a_unit_are_numbers(tmp_path, unit):
    finding, table = found(tmp_path, [f"{row * 7 % 90 + 1} {unit}" for row in range(ROWS)])
    assert finding.kind == "number"
    assert table.values[1, 1] == 8


@pytest.mark.parametrize("pair", [("2D", "3D"), ("2A", "3B"), ("1Q", "4Q"), ("9A", "10B"), ("1A", "4A")])
def test_models_and_grades_are_categories(tmp_path, pair):
    assert found(tmp_path, [pair[row % 2] for row in range(ROWS)])[0].kind == "category"


@pytest.mark.parametrize("pair", [("12V", "24V"), ("900K", "2M"), ("5B", "800M"), ("2.5D", "3D")])
def test_numbers_with_a_letter_for_a_unit_are_numbers(tmp_path, pair):
    assert found(tmp_path, [pair[row % 2] for row in range(ROWS)])[0].kind == "number"


@pytest.mark.parametrize("sign", [" ± ", "±", " +/- "])
def test_the_error_of_a_number_is_ignored(tmp_path, sign):
    finding, table = found(tmp_path, [f"{row * 7 % 90 / 4 - 3}{sign}0.{row % 9 + 1}" for row in range(ROWS)])
    assert finding.kind == "number"
    assert "60 cells have an error beside the number" in " ".join(finding.notes)
    np.testing.assert_allclose(table.values[:, 1], [row * 7 % 90 / 4 - 3 for row in range(ROWS)], rtol=1e-6)


@pytest.mark.parametrize("sign", ["±", "+/-", "± "])
def test_margins_of_error_are_numbers(tmp_path, sign):
    finding, table = found(tmp_path, [f"{sign}{1000 + row * 7:,}" for row in range(ROWS)])
    assert (finding.kind, finding.notes) == ("number", ())
    np.testing.assert_array_equal(table.values[:, 1], [1000 + row * 7 for row in range(ROWS)])


@pytest.mark.parametrize("form", ["{}/{}", "{}-{}", "{} x {}", "{} ({})"])
def test_two_numbers_in_a_cell_are_reported(tmp_path, form):
    finding = found(tmp_path, [form.format(100 + row, 60 + row * 7 % 40) for row in range(ROWS)])[0]
    assert not finding.learned
    assert "two numbers in a cell" in finding.why


def test_numbers_in_several_units_are_reported(tmp_path):
    finding = found(tmp_path, [f"{row + 0.5} {'kg' if row % 2 else 'lb'}" for row in range(ROWS)])[0]
    assert finding.why == "numbers in several units, such as kg, lb; convert them to one"


def test_files_that_count_their_rows(tmp_path):
    draws = np.random.default_rng(1).normal(size=(3, 30))
    for place, values in enumerate(draws):
        lines = [f"{row + 1},{value:.3f},{row % 5}" for row, value in enumerate(values)]
        (tmp_path / f"{place}.csv").write_text("\n".join(["id,a,visit", *lines]) + "\n")
    described = read(tmp_path).description
    assert [one.why for one in described.findings if not one.learned] == ["counts the rows of each file"]
    assert described.id_name is None
    (tmp_path / "1.csv").write_text("id,a,visit\n" + "".join(f"{row * 3},{row % 7},{row % 5}\n" for row in range(30)))
    assert all(one.learned for one in read(tmp_path).description.findings)


@pytest.mark.parametrize("separator", ["¦", "§"])
@pytest.mark.parametrize("quoted", [True, False])
def test_a_separator_outside_ascii(tmp_path, separator, quoted):
    path = tmp_path / "t.csv"
    word = f'"x{separator}y"' if quoted else "xy"
    lines = [separator.join([str(row), str(row * row % 17), word if row % 2 else "z"]) for row in range(40)]
    path.write_text("\n".join([separator.join("abk"), *lines, f"1{separator}2"]) + "\n")
    table = read(path)
    assert (len(table), table.columns) == (41, ("a", "b", "k"))
    assert {*table.frame["k"].to_pylist()} == {word.strip('"'), "z", None}
    assert f"'1{separator}2'" in " ".join(table.description.notes)
