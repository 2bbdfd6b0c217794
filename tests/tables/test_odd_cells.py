"""Columns of numbers and dates whose cells are not all plain: words, footnotes, exponents, codes and sentinels."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus

N = 120
RNG = np.random.default_rng(5)
NUMBERS = [f"{number:.2f}" for number in RNG.normal(20, 3, N)]
PICKED = RNG.random(N) < 0.15


def table_of(tmp_path, cells, name="cell"):
    """Read a file of the column and another."""
    path = tmp_path / "table.csv"
    rows = [f'"{cell}",{number}' for cell, number in zip(cells, NUMBERS, strict=True)]
    path.write_text("\n".join([f"{name},other", *rows]) + "\n")
    return isthmus.read(path)


def first(tmp_path, cells, name="cell"):
    """The finding for the column."""
    return table_of(tmp_path, cells, name).description.findings[0]


@pytest.mark.parametrize("word", ["not measured", "BDL", "refused", "…", "sin dato"])
def test_a_repeated_word_among_numbers_is_a_missing_value(word, tmp_path):
    cells = np.where(PICKED, word, NUMBERS)
    table = table_of(tmp_path, cells)
    found = table.description.findings[0]
    assert found.kind == "number"
    assert found.n_missing == PICKED.sum()
    assert any(word in note for note in found.notes)
    values = np.array(table.to_arrow()["cell"].to_pylist(), float)
    np.testing.assert_allclose(values, np.where(PICKED, np.nan, np.array(NUMBERS, float)))
    assert word in table.layout.columns[0].marks


def test_words_among_few_numbers_are_categories(tmp_path):
    doors = RNG.choice(["2", "3", "4", "more"], N)
    assert first(tmp_path, doors).kind == "category"
    many = [f"word {place % 9}" if place % 3 == 0 else number for place, number in enumerate(NUMBERS)]
    assert not first(tmp_path, many).learned


@pytest.mark.parametrize("flags", [(" b", " p"), (" (a)", " (b)"), ("[1]", "[12]"), ("*", "**")])
def test_footnotes_beside_numbers_are_ignored(flags, tmp_path):
    cells = [number + flags[place % 2] if place % 4 == 0 else number for place, number in enumerate(NUMBERS)]
    table = table_of(tmp_path, cells)
    assert table.description.findings[0].kind == "number"
    np.testing.assert_allclose(table.to_arrow()["cell"].to_pylist(), np.array(NUMBERS, float))


def test_seats_and_ordinals_are_not_numbers(tmp_path):
    assert first(tmp_path, [f"{place % 9}{'ABC'[place % 3]}" for place in range(N)]).kind == "category"


def test_exponents_written_by_fortran(tmp_path):
    numbers = RNG.normal(size=N)
    cells = [f"{number:.6E}".replace("E", "D") for number in numbers]
    table = table_of(tmp_path, cells)
    np.testing.assert_allclose(table.to_arrow()["cell"].to_pylist(), numbers, rtol=1e-5)


def test_different_numbers_with_leading_zeros_are_ids(tmp_path):
    found = first(tmp_path, [f"0{number}" for number in RNG.choice(9 * 10**8, N, replace=False) + 10**8], "mobile")
    assert found.kind == "id"
    assert "leading zeros" in found.why
    assert first(tmp_path, [f"{place % 12 + 1:02d}" for place in range(N)], "month").kind == "number"


def test_a_lone_number_below_zero_is_reported(tmp_path):
    cells = np.where(PICKED, "-200", [f"{number:.1f}" for number in RNG.uniform(50, 350, N)])
    assert any("-200 occurs" in note for note in first(tmp_path, cells).notes)
    assert not first(tmp_path, np.where(PICKED, "-20.5", NUMBERS)).notes


@pytest.mark.parametrize(
    "form", ["%a %b %d %H:%M:%S +0000 %Y", "%a %b %d %H:%M:%S +0200 %Y", "%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%d%H%M"]
)
def test_timestamps_written_by_programs(form, tmp_path):
    moments = np.datetime64("2021-01-05T07:30") + np.arange(N) * np.timedelta64(377, "m")
    table = table_of(tmp_path, [moment.strftime(form) for moment in moments.tolist()], "datetime")
    assert table.description.findings[0].kind == "date"
    zone = np.timedelta64(2 if "+0200" in form else 0, "h")
    read = np.array([cell.replace(tzinfo=None) for cell in table.to_arrow()["datetime"].to_pylist()], "datetime64[m]")
    assert (read == moments - zone).all()


def test_dates_of_zeros_are_missing(tmp_path):
    days = np.datetime64("2021-01-05") + np.arange(N)
    found = first(tmp_path, np.where(PICKED, "0000-00-00", days.astype(str)))
    assert found.kind == "date"
    assert found.n_missing == PICKED.sum()


def test_codes_with_a_letter_are_not_numbers(tmp_path):
    levels = RNG.choice(["170", "171a", "172", "171b", "172b", "220"], N, p=[0.4, 0.1, 0.2, 0.1, 0.1, 0.1])
    assert first(tmp_path, levels).kind == "category"
    flights = [f"{place}{'AB'[place % 2] if place % 3 == 0 else ''}" for place in range(40, 40 + N)]
    assert not first(tmp_path, flights).learned


def test_decimals_are_not_times_of_day(tmp_path):
    ratios = [f"1.{RNG.integers(3, 17):02d}" for _ in range(N)]
    assert first(tmp_path, ratios, "ratio at birth").kind == "number"
    clock = [f"{place % 24:02d}:{7 * place % 60:02d}" for place in range(N)]
    assert first(tmp_path, clock, "at").kind == "time"


def test_integers_one_of_which_has_a_leading_zero_are_numbers(tmp_path):
    numbers = np.where(np.arange(N) == 7, "0077", RNG.choice(9999, N, replace=False) + 10_000)
    assert first(tmp_path, numbers).kind == "number"


def test_blanks_between_a_currency_and_its_number(tmp_path):
    table = table_of(tmp_path, [f"$           {place},500" for place in range(1, N + 1)])
    assert table.to_arrow()["cell"].to_pylist()[:2] == [1500, 2500]
