"""Tables in fixed-width columns, sheets and arrays of one column: forms without a separator between cells."""

from __future__ import annotations

import io
import json
import zipfile
from xml.sax.saxutils import escape

import numpy as np
import pytest
from scipy import io as scipy_io
from tests.tables.test_any_text import CITY, COUNT, KINDS, LONG, MEMBER, NAME, SIZE, N, check, found, text, write

from isthmus.tables import DataError, open_table, read

PLACE = [{"Oslo": "New York", "Lima": "Los Angeles"}.get(city, city) for city in CITY]
DAYS = np.datetime64("2021-01-01") + np.arange(N) * 11


def set_in_columns(columns, gap=1, right=False):
    cells = [[name, *map(str, values)] for name, values in columns.items()]
    widths = [max(map(len, column)) + gap for column in cells]
    lines = [
        "".join(cell.rjust(width) if right else cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in zip(*cells, strict=True)
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("gap", [1, 3])
def test_cells_with_blanks_and_empty_cells(gap, right, tmp_path):
    size = ["" if place % 6 == 0 else str(value) for place, value in enumerate(SIZE)]
    columns = {"city": PLACE, "size": size, "count": COUNT, "member": MEMBER}
    table = read(write(tmp_path, set_in_columns(columns, gap, right), "table.txt"))
    assert found(table) == {"city": "category", "size": "number", "count": "number", "member": "boolean"}
    arrow = table.to_arrow()
    assert arrow["count"].to_pylist() == COUNT.tolist()
    np.testing.assert_array_equal(
        np.asarray(arrow["size"].to_pandas(), float), [float(cell) if cell else np.nan for cell in size]
    )


def test_a_line_across_the_columns_is_reported(tmp_path):
    lines = set_in_columns({"city": PLACE, "size": SIZE, "count": COUNT}, 1).splitlines()
    lines[-1] = "Santiago  de  Chile  and  others  1  2"
    table = read(write(tmp_path, "\n".join(lines) + "\n", "table.txt"))
    assert len(table) == N - 1
    assert any("row of another width left out" in note for note in table.description.notes)


def test_another_file_may_have_other_column_positions(tmp_path):
    columns = {"city": PLACE, "size": ["", *SIZE[1:]], "count": COUNT}
    first = open_table(write(tmp_path, set_in_columns(columns, 1), "first.txt"))
    second = write(tmp_path, set_in_columns(dict(reversed(columns.items())), 4), "second.txt")
    again = open_table(second, layout=first.layout, dialect=first.dialect, columns=first.columns)
    np.testing.assert_array_equal(np.concatenate(list(again)), np.concatenate(list(first)))


def test_a_table_of_markdown(tmp_path):
    lines = [f"| {' | '.join(map(str, row))} |" for row in zip(NAME, SIZE, COUNT, CITY, MEMBER, strict=True)]
    head = ["| name | size | count | city | member |", "|:---|---:|---|---|---|"]
    table = read(write(tmp_path, "\n".join([*head, *lines]) + "\n", "table.md"))
    assert len(table) == N
    assert {name: kind for name, kind in found(table).items() if kind != "empty"} == KINDS


@pytest.mark.parametrize("other", ["%d/%m/%Y", "%d %b %Y"])
def test_dates_in_two_forms(other, tmp_path):
    written = [str(day) if place % 3 else day.item().strftime(other) for place, day in enumerate(DAYS)]
    table = read(write(tmp_path, text({"size": SIZE, "when": written, "city": CITY})))
    assert found(table) == {"size": "number", "when": "date", "city": "category"}
    assert [day.date() for day in table.to_arrow()["when"].to_pylist()] == [day.item() for day in DAYS]
    (finding,) = (one for one in table.description.findings if one.name == "when")
    assert finding.notes[0].startswith("dates in two forms, %Y-%m-%d and %d")


def test_dates_written_as_one_number(tmp_path):
    written = [str(day).replace("-", "") for day in DAYS]
    table = read(write(tmp_path, text({"size": SIZE, "date": written, "lot": written[::-1]})))
    assert found(table) == {"size": "number", "date": "date", "lot": "number"}
    assert [day.date() for day in table.to_arrow()["date"].to_pylist()] == [day.item() for day in DAYS]


def test_records_nested_in_records(tmp_path):
    rows = [dict(zip(("name", "size", "city"), row, strict=True)) for row in zip(NAME, SIZE, CITY, strict=True)]
    path = write(tmp_path, json.dumps({"status": "ok", "data": {"page": 1, "items": rows}}), "table.json")
    assert found(read(path)) == {"name": "id", "size": "number", "city": "category"}


def test_arff_with_quotes_of_both_kinds(tmp_path):
    head = "@relation r\n@attribute when date\n@attribute 'the text' string\n@attribute size real\n@data\n"
    rows = [f"\"{day}\",'it\\'s {note}',{size}" for day, note, size in zip(DAYS, LONG, SIZE, strict=True)]
    table = read(write(tmp_path, head + "\n".join(rows) + "\n", "table.arff"))
    assert found(table) == {"when": "date", "the text": "text", "size": "number"}
    with pytest.raises(DataError, match="does not have 3 cells; repair it"):
        read(write(tmp_path, head + "\n".join([*rows, '"2021-01-01",open']) + "\n", "table.arff"))


def saved_as_npz(path):
    np.savez(path.with_suffix(".npz"), size=SIZE, count=COUNT, city=CITY)
    return path.with_suffix(".npz")


def saved_as_mat(path):
    scipy_io.savemat(path.with_suffix(".mat"), {"size": SIZE[:, None], "count": COUNT[:, None]})
    return path.with_suffix(".mat")


def saved_as_hdf5(path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(path.with_suffix(".h5"), "w") as book:
        book["size"], book["count"], book["city"] = SIZE, COUNT, CITY.astype("S")
    return path.with_suffix(".h5")


@pytest.mark.parametrize("save", [saved_as_npz, saved_as_mat, saved_as_hdf5])
def test_arrays_of_one_column_each_are_a_table(save, tmp_path):
    table = read(save(tmp_path / "table"))
    expected = {"size": "number", "count": "number", "city": "category"}
    assert found(table) == {name: kind for name, kind in expected.items() if name in table.columns}
    assert {"size", "count"} <= {*table.columns}
    np.testing.assert_array_equal(np.asarray(table.to_arrow()["size"]), SIZE)


def workbook(**sheets):
    """The smallest spreadsheet the standard allows: one part per sheet, every text in its cell."""

    def cell(value):
        if isinstance(value, (int, float)):
            return f"<c><v>{value}</v></c>"
        return f'<c t="inlineStr"><is><t>{escape(str(value))}</t></is></c>' if value else "<c/>"

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{package}/relationships"><Relationship Id="r0" Type="{relations}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>',
        )
        entries = "".join(
            f'<sheet name="{name}" sheetId="{place}" r:id="r{place}"/>' for place, name in enumerate(sheets, start=1)
        )
        archive.writestr(
            "xl/workbook.xml", f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{entries}</sheets></workbook>'
        )
        links = "".join(
            f'<Relationship Id="r{place}" Type="{relations}/worksheet" Target="worksheets/sheet{place}.xml"/>'
            for place in range(1, len(sheets) + 1)
        )
        archive.writestr(
            "xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}/relationships">{links}</Relationships>'
        )
        for place, rows in enumerate(sheets.values(), start=1):
            body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
            archive.writestr(
                f"xl/worksheets/sheet{place}.xml",
                f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>',
            )
    return out.getvalue()


SHEET = [["name", "size", "count", "city", "member"]] + [
    [name, float(size), int(count), str(city), str(member)]
    for name, size, count, city, member in zip(NAME, SIZE, COUNT, CITY, MEMBER, strict=True)
]


@pytest.mark.parametrize(
    "sheets",
    [
        {"Data": SHEET},
        {"Data": [["Sales of 2021"], [""], *SHEET]},
        {"Data": [*SHEET, ["Total", float(SIZE.sum()), int(COUNT.sum())]]},
        {"Data": [["", "", *row] for row in SHEET]},
        {"Read me": [["About"], ["This file holds the sales of 2021"]], "Data": SHEET},
        {"Notes": [["size", "in cm"], ["count", "a day"], ["city", "of birth"]], "Data": SHEET, "Empty": []},
        {"Cover": [["Sales"]], "Data": SHEET},
    ],
)
def test_spreadsheets(sheets, tmp_path):
    pytest.importorskip("python_calamine")
    table = check(write(tmp_path, workbook(**sheets), "table.xlsx"))
    if len(sheets) > 1:
        assert f"sheet 'Data' of {len(sheets)} is read" in str(table.description)
