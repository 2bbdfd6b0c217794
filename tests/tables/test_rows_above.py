"""Rows besides names that instruments, questionnaires and offices write above and below a table."""

from __future__ import annotations

import numpy as np
import pytest

import isthmus
from isthmus.tables import DataError

N = 60
RNG = np.random.default_rng(4)


def described(tmp_path, lines, name="table.csv"):
    """A file of these lines, in words."""
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return isthmus.read(path).description


def numbers(width):
    """Rows of numbers, as they are typed."""
    return [",".join(f"{cell:.3f}" for cell in row) for row in RNG.normal(20, 3, (N, width))]


def names(found):
    return [one.name for one in found.findings]


@pytest.mark.parametrize("count", [2, 5, 9])
@pytest.mark.parametrize("width", [3, 4, 6])
def test_keys_and_values_padded_to_the_width_of_the_table(count, width, tmp_path):
    commas = "," * (width - 2)
    keys = [f"key {place},{place if place % 2 else 'value'}{commas}" for place in range(count)]
    own = [f"channel {place}" for place in range(width)]
    found = described(tmp_path, [*keys, ",".join(own), *numbers(width)])
    assert (found.n_rows, found.missing, names(found)) == (N, 0, own)
    assert any(f"{count} lines above the table left out" in note for note in found.notes)


@pytest.mark.parametrize("below", [1, 2, 3])
def test_questions_and_codes_below_the_names(below, tmp_path):
    heads = ["start,Q1,Q2,Q3,comment"]
    heads += ["When did you begin?,How often do you go there in a week?,How far is it?,Which one?,Anything else?"]
    heads += [",".join(f"{{ImportId: QID{place}}}" for place in range(5)), "text,text,text,text,text"]
    rows = [f"2020-01-{1 + row % 28:02d},{row % 7},{row * 1.5},{'abc'[row % 3]},word {row}" for row in range(N)]
    found = described(tmp_path, [*heads[: 1 + below], *rows])
    assert (found.n_rows, found.missing) == (N, 0)
    assert names(found) == heads[0].split(",")


def test_answer_options_below_their_question(tmp_path):
    heads = ["Respondent,Start,Which do you own?,,,Age", ",,Car,Bike,Boat,Response"]
    rows = [f"{114000 + 7 * row},2020-01-{1 + row % 28:02d},Car,{'Bike' * (row % 2)},Boat,{row}" for row in range(N)]
    found = described(tmp_path, [*heads, *rows])
    assert found.n_rows == N
    assert names(found)[2:] == ["Which do you own?.Car", "Which do you own?.Bike", "Which do you own?.Boat",
                                "Age.Response"]  # fmt: skip


def test_the_same_years_below_two_groups(tmp_path):
    rows = [f"{row + 1},{'NS'[row % 2]},{cells}" for row, cells in enumerate(numbers(4))]
    found = described(tmp_path, ["Plot,Side,Yield,,Protein,", ",,2019,2020,2019,2020", *rows])
    assert found.n_rows == N
    assert names(found) == ["Plot", "Side", "Yield.2019", "Yield.2020", "Protein.2019", "Protein.2020"]


@pytest.mark.parametrize("word", ["closed", "nicht erhoben"])
def test_a_first_row_without_numbers_is_data_if_its_words_occur_below(word, tmp_path):
    rows = [f"{'abc'[row % 3]},{row}.5,{row * 3}.25" for row in range(N)]
    found = described(tmp_path, ["k,x,y", f"a,{word},{word}", *rows])
    assert found.n_rows == N + 1
    assert found.missing == 2


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_every_row_but_the_names_ends_with_a_separator(separator, tmp_path):
    rows = [f"{'ab'[row % 2]},2020-01-{1 + row % 28:02d},{row}.5,{row * 7 % 13},".replace(",", separator)
            for row in range(N)]  # fmt: skip
    found = described(tmp_path, [separator.join(["kind", "day", "amount", "balance"]), *rows])
    kinds = {one.name: one.kind for one in found.learned}
    assert kinds == {"kind": "category", "day": "date", "amount": "number", "balance": "number"}


def test_an_unnamed_index_is_not_a_trailing_separator(tmp_path):
    rows = [f"row {row},{row}.5,{row * 7 % 13}.5" for row in range(N)]
    assert names(described(tmp_path, ["x,y", *rows]))[1:] == ["x", "y"]


@pytest.mark.parametrize("notes", [["__________"], ["_____", "See also: 12.", "© Office, 2021", "As of: 3", "x", "y"]])
def test_notes_below_a_table(notes, tmp_path):
    rows = [f"{row};{row}.5;{'abc'[row % 3]};{row * 7 % 13}" for row in range(N)]
    found = described(tmp_path, ["a;b;c;d", *rows, *notes])
    assert found.n_rows == N
    assert any("left out" in note for note in found.notes)


def test_as_many_notes_within_a_table_are_refused(tmp_path):
    rows = [f"{row};{row}.5;{'abc'[row % 3]};{row * 7 % 13}" for row in range(N)]
    rows[20:20] = ["_____", "one", "two", "three", "four"]
    with pytest.raises(DataError, match="do not have 4 cells"):
        described(tmp_path, ["a;b;c;d", *rows])


def test_units_with_a_word_less_below_names_in_comments(tmp_path):
    rows = [f"44013 {row % 24:>2} {row}.5 {row * 7 % 13}.25" for row in range(N)]
    found = described(tmp_path, ["#STN hh WSPD ATMP", "#    hr m/s degC", *rows], "table.txt")
    assert names(found) == ["STN", "hh", "WSPD", "ATMP"]


def test_names_separated_by_one_blank_and_columns_by_two(tmp_path):
    rows = [f"  {row}.5  {row * 7 % 13}.25  {row * 3}.75" for row in range(N)]
    found = described(tmp_path, ["Points=150 Channels=3 Begin=0.00", "Fp1 Fp2 Cz", *rows], "table.asc")
    assert (found.n_rows, names(found)) == (N, ["Fp1", "Fp2", "Cz"])


MONTHS = {
    "en": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    "de": "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
    "pt": "jan fev mar abr mai jun jul ago set out nov dez",
    "es": "ene feb mar abr may jun jul ago sep oct nov dic",
}


@pytest.mark.parametrize("language", MONTHS)
@pytest.mark.parametrize("form", ["{name}/{year:02d}", "{name}-{year:02d}", "{day}/{name}/20{year}",
                                  "{day:02d}/{name}/20{year}:10:20:30 +0000"])  # fmt: skip
def test_months_by_name_and_the_year_after_a_slash(form, language, tmp_path):
    cells = [form.format(name=MONTHS[language].split()[row % 12], year=10 + row // 12, day=1 + row % 28)
             for row in range(N)]  # fmt: skip
    found = described(tmp_path, ["when;x", *(f"{cell};{row}.5" for row, cell in enumerate(cells))])
    assert [one.kind for one in found.findings] == ["date", "number"]
    assert found.missing == 0


def test_a_range_of_dates_is_one_cell(tmp_path):
    rows = [f"{1 + row % 20:02d}.01.2020 - {8 + row % 20:02d}.01.2020;{row}" for row in range(N)]
    assert names(described(tmp_path, ["period;births", *rows])) == ["period", "births"]


@pytest.mark.parametrize("sign", ["", "-"])
def test_a_percent_sign_in_front(sign, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("town;change\n" + "".join(f"{'abc'[row % 3]};%{sign}{row},25\n" for row in range(N)))
    values = np.asarray(isthmus.read(path).to_arrow()["change"], float)
    np.testing.assert_allclose(values, [(-1 if sign else 1) * (row + 0.25) for row in range(N)])


def test_dates_in_digits_are_dates_in_an_unnamed_column(tmp_path):
    days = np.datetime_as_string(np.datetime64("2020-01-10") + np.arange(N)).tolist()
    rows = [f"{day.replace('-', '')},{row * 7 % 13}.5,{10203040 + 977 * row}" for row, day in enumerate(days)]
    kinds = [one.kind for one in described(tmp_path, rows).findings]
    assert kinds == ["date", "number", "number"]


def test_the_name_of_an_index_stands_in_a_row_of_its_own(tmp_path):
    rows = [f"row {row},{cells}" for row, cells in enumerate(numbers(4))]
    found = described(tmp_path, [",mean,mean,std,std", ",x,y,x,y", "group,,,,", *rows])
    assert (found.n_rows, found.missing) == (N, 0)
    assert names(found) == ["group", "mean.x", "mean.y", "std.x", "std.y"]


@pytest.mark.parametrize("name", ["isbn", "ISBN13", "barcode", "phone", "order_no"])
def test_numbers_that_are_ids_by_the_name_of_their_column(name, tmp_path):
    rows = [f"{row}.5,{9780000000000 + 977 * row},{'abc'[row % 3]}" for row in range(N)]
    assert [one.kind for one in described(tmp_path, [f"x,{name},k", *rows]).findings] == ["number", "id", "category"]


def test_codes_that_end_with_a_letter_are_not_numbers(tmp_path):
    rows = [f"{row}.5,{439655480 + 977 * row}{'X' * (row % 11 == 0)}" for row in range(N)]
    assert [one.kind for one in described(tmp_path, ["x,isbn", *rows]).findings] == ["number", "id"]


@pytest.mark.parametrize("value", ["-9", "-99", "-9999", "-88"])
def test_the_only_number_below_zero_is_reported_if_it_is_all_nines(value, tmp_path):
    rows = [f"{row * 7 % 1000},{value if row % 9 == 0 else 1000 + 331 * row}" for row in range(N)]
    notes = described(tmp_path, ["x,income", *rows]).findings[1].notes
    assert any(f"--missing-marks {value}" in note for note in notes)


def test_words_numbered_from_the_first_row_are_data(tmp_path):
    found = described(tmp_path, [f"plot {row},{'abc'[row % 3]},word" for row in range(N)])
    assert (found.n_rows, names(found)) == (N, ["x0", "x1", "x2"])


@pytest.mark.parametrize("end", ["***End_of_Header***\t\t", "[Data]\t\t", "<BEGIN DATA>", "# end of header\t"])
def test_a_line_that_ends_the_lines_above(end, tmp_path):
    rows = [f"{row}.25\t{row * 7 % 13}.5\t{row * 3}" for row in range(N)]
    above = ["Writer\tAnn", end, "Channels\t2\t", "X0\t0.0\t0.0", "Delta\t0.1\t0.1", end]
    found = described(tmp_path, [*above, "time\tu\tv", *rows])
    assert (found.n_rows, names(found)) == (N, ["time", "u", "v"])


def test_row_numbers_after_an_empty_column(tmp_path):
    rows = [f",{row + 1},{row * 7 % 13}.5,{row * 3}.25" for row in range(N)]
    assert [one.name for one in described(tmp_path, [",Pt,x,y", *rows]).learned] == ["x", "y"]
