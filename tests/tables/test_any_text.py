"""Text in every form that occurs in practice: rows, names and kinds are found without any option."""

from __future__ import annotations

import bz2
import calendar
import csv
import gzip
import io
import json
import lzma
import tarfile
import zipfile

import numpy as np
import pyarrow as pa
import pytest

from isthmus.tables import DataError, read

N = 60
RNG = np.random.default_rng(0)
SIZE = RNG.gamma(2.0, 3.0, N).round(2)
COUNT = RNG.integers(0, 40, N)
CITY = RNG.choice(["Oslo", "Lima", "Kairo", "Bonn"], N)
MEMBER = RNG.choice(["yes", "no"], N)
NAME = [f"person {place}" for place in RNG.permutation(N)]
LONG = [
    " ".join(RNG.choice(["der", "schnelle", "Fuchs", "springt", "weit", "über", "viele", "Zäune"], 9)) for _ in range(N)
]
COLUMNS = {"name": NAME, "size": SIZE, "count": COUNT, "city": CITY, "member": MEMBER}
KINDS = {"name": "id", "size": "number", "count": "number", "city": "category", "member": "boolean"}


def text(columns=COLUMNS, separator=",", *, header=True, decimal=".", end="\n", quote='"', quote_all=False):
    out = io.StringIO()
    writer = csv.writer(
        out,
        delimiter=separator,
        lineterminator=end,
        quotechar=quote,
        quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL,
    )
    if header:
        writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([str(cell).replace(".", decimal) if isinstance(cell, float) else cell for cell in row])
    return out.getvalue()


def found(table):
    return {finding.name: finding.kind for finding in table.description.findings}


def write(folder, content, name="table.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def check(path, kinds=KINDS, size=SIZE, rows=N, **options):
    table = read(path, **options)
    assert len(table) == rows
    assert found(table) == kinds
    np.testing.assert_allclose(np.asarray(table.to_arrow()["size"], float)[: len(size)], size)
    return table


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^", "~", ":", "\x01"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_separator_and_line_end(separator, end, tmp_path):
    check(write(tmp_path, text(separator=separator, end=end)))


@pytest.mark.parametrize("quote", ['"', "'"])
def test_quoted_cells(quote, tmp_path):
    check(write(tmp_path, text(quote=quote, quote_all=True)))


@pytest.mark.parametrize("name", ["table", "table.data", "table.TXT", "table.parquet", "table.xlsx", "a.b.c"])
def test_the_file_name_does_not_matter(name, tmp_path):
    check(write(tmp_path, text(), name))


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas(separator, tmp_path):
    table = check(write(tmp_path, text(separator=separator, decimal=",")))
    assert "decimal commas" in table.description.notes


def test_decimal_commas_in_quotes(tmp_path):
    check(write(tmp_path, text(decimal=",", quote_all=True)))


def test_blanks_between_cells(tmp_path):
    columns = {name: [str(cell).replace(" ", "_") for cell in cells] for name, cells in COLUMNS.items()}
    rows = [list(columns), *zip(*columns.values(), strict=True)]
    check(write(tmp_path, "\n".join(" ".join(row) for row in rows)))
    check(write(tmp_path, "\n".join("  ".join(f"{cell:<14}" for cell in row) for row in rows)))
    spaced = [list(COLUMNS), *([str(cell) for cell in row] for row in zip(*COLUMNS.values(), strict=True))]
    check(write(tmp_path, "\n".join("   ".join(f"{cell:<14}" for cell in row) for row in spaced)))


ENCODED = {
    "cp1252": {"Stadt": ["Köln", "Zürich", "Graz"], "Größe": None},
    "utf-8-sig": {"Stadt": ["Köln", "Zürich", "Graz"], "Größe": None},
    "utf-16": {"Stadt": ["Köln", "Zürich", "Graz"], "Größe": None},
    "utf-16-le": {"Stadt": ["Köln", "Zürich", "Graz"], "Größe": None},
    "cp1251": {"Город": ["Москва", "Казань", "Омск"], "Размер": None},
    "koi8-r": {"Город": ["Москва", "Казань", "Омск"], "Размер": None},
    "cp1250": {"Město": ["Plzeň", "Třebíč", "Ústí"], "Výška": None},
    "cp1253": {"Πόλη": ["Αθήνα", "Πάτρα", "Βόλος"], "Μέγεθος": None},
    "shift_jis": {"都市": ["東京", "大阪", "ナゴヤ"], "サイズ": None},
    "euc_jp": {"都市": ["東京", "大阪", "ナゴヤ"], "サイズ": None},
    "gb18030": {"城市": ["北京", "上海", "广州"], "数量": None},
    "euc_kr": {"도시": ["서울", "부산", "대구"], "크기": None},
    "mac_roman": {"ville": ["Orléans", "Nîmes", "Bézier"], "année": None},
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_every_encoding(encoding, tmp_path):
    (city, words), (size, _) = ENCODED[encoding].items()
    columns = {city: RNG.choice(words, N).tolist(), size: SIZE, "n": COUNT}
    table = read(write(tmp_path, text(columns), encoding=encoding))
    assert found(table) == {city: "category", size: "number", "n": "number"}
    assert set(table.to_arrow()[city].to_pylist()) == set(columns[city])


@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zst", "lz4", "zip", "tar", "tar.gz"])
def test_compressed_files(pack, tmp_path):
    data = text().encode()
    path = tmp_path / f"table.csv.{pack}"
    if pack in ("gz", "bz2", "xz"):
        path.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[pack].compress(data))
    elif pack in ("zst", "lz4"):
        with pa.CompressedOutputStream(str(path), "zstd" if pack == "zst" else "lz4") as out:
            out.write(data)
    elif pack == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("inside/table.csv", data)
            archive.writestr("__MACOSX/._table.csv", b"\0\1")
    else:
        with tarfile.open(path, "w:gz" if pack == "tar.gz" else "w") as archive:
            entry = tarfile.TarInfo("inside/table.csv")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    check(path)


# ---- lines above the rows -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "above",
    [
        "Sales 2020\n\n",
        "Report of the office,,,,\n,,,,\n",
        "# made by hand\n# do not edit\n",
        "// made by hand\n",
        "% made by hand\n%\n",
        "\n\n\n",
        "Exported on 2020-01-01 10:00\nUser: anna\n\n",
        '"Title, with a comma"\n',
        "sep=,\n",
    ],
)
def test_lines_above_the_table(above, tmp_path):
    check(write(tmp_path, above + text()))


@pytest.mark.parametrize(
    "below",
    [
        "\n",
        "\nSource: the office of statistics\n",
        "Total,,1234,,\n",
        "Summe;;;;\n".replace(";", ","),
        ",,,,\n,,,,\n",
        "* estimated,,,,\n",
    ],
)
def test_lines_below_the_table(below, tmp_path):
    check(write(tmp_path, text() + below))


def test_comments_among_the_rows(tmp_path):
    lines = text().splitlines()
    check(write(tmp_path, "\n".join(["# one", *lines[:9], "# two, and a comma, here", *lines[9:]])))


def test_names_in_a_comment(tmp_path):
    columns = {"size": SIZE, "count": COUNT, "weight": SIZE * 2}
    np.savetxt(tmp_path / "f.txt", np.column_stack(list(columns.values())), header=" ".join(columns))
    table = read(tmp_path / "f.txt")
    assert table.columns == ("size", "count", "weight")
    assert len(table) == N


def test_no_names(tmp_path):
    table = read(write(tmp_path, text(header=False)))
    assert len(table) == N
    assert found(table) == {f"x{place}": kind for place, kind in enumerate(KINDS.values())}
    table = read(write(tmp_path, text({"a": SIZE, "b": SIZE, "c": CITY}, header=False)))
    assert len(table) == N
    assert found(table) == {"x0": "number", "x1": "number", "x2": "category"}


def test_a_flag_overrides_the_guess(tmp_path):
    path = write(tmp_path, "1990,2000,2010\n" + "\n".join(f"{a},{b},{c}" for a, b, c in RNG.integers(1, 9, (N, 3))))
    assert len(read(path, header=False)) == N + 1
    assert read(path, header=True).columns == ("1990", "2000", "2010")


@pytest.mark.parametrize("place", [0, 19_990])
def test_a_backslash_before_a_quote_is_recognised_wherever_the_first_one_is(tmp_path, place):
    rows = [f'{row * 1.5},"{CITY[row % N]}",{row % 7}' for row in range(20_000)]
    rows[place] = '3.5,"the \\"red, dark\\" one",4'
    table = read(write(tmp_path, "\n".join(["x,city,y", *rows])))
    assert table.frame.slice(place, 1).to_pylist() == [{"x": 3.5, "city": 'the "red, dark" one', "y": 4}]
    assert len(table) == 20_000
    assert not table.description.notes


def test_a_backslash_at_the_end_of_a_cell_is_kept(tmp_path):
    rows = [f'"C:\\data\\{row % 3}\\",{row},"he said ""{row % 2}"""' for row in range(N)]
    table = read(write(tmp_path, "\n".join(["path,x,y", *rows])))
    assert table.frame.column("path").to_pylist()[:3] == [f"C:\\data\\{row}\\" for row in range(3)]
    assert table.frame.column("y").to_pylist()[1] == 'he said "1"'


def test_north_and_south_are_not_booleans(tmp_path):
    side = RNG.choice(["N", "S"], N)
    assert found(read(write(tmp_path, text({"x": SIZE, "side": side})))) == {"x": "number", "side": "category"}


def test_years_can_be_column_names(tmp_path):
    values = RNG.normal(5, 1, (N, 6)).round(3)
    columns = {"country": [f"Land {place}" for place in range(N)], **{str(1990 + k): values[:, k] for k in range(6)}}
    table = read(write(tmp_path, text(columns)))
    assert table.columns == tuple(str(1990 + k) for k in range(6))
    assert len(table) == N


def test_numbered_columns_are_names(tmp_path):
    values = RNG.normal(size=(N, 4))
    table = read(write(tmp_path, text({str(k): values[:, k] for k in range(4)})))
    assert table.columns == ("0", "1", "2", "3")
    assert len(table) == N


def test_a_row_of_units(tmp_path):
    lines = text().splitlines()
    table = check(write(tmp_path, "\n".join([lines[0], ",cm,,,", *lines[1:]])))
    assert any("size in cm" in note for note in table.description.notes)


def test_names_over_two_rows(tmp_path):
    columns = {"id": NAME, "a": SIZE, "b": SIZE, "c": COUNT, "d": COUNT}
    lines = text(columns).splitlines()[1:]
    table = read(write(tmp_path, "\n".join([",2020,,2021,", "who,size,price,size,price", *lines])))
    assert len(table) == N
    assert table.columns == ("2020.size", "2020.price", "2021.size", "2021.price")


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("who,size,size,city,member", ["who", "size", "size.1", "city", "member"]),
        (",size,count,city,member", ["column 1", "size", "count", "city", "member"]),
        (" who , size,count ,city,member ", ["who", "size", "count", "city", "member"]),
        ('who,"size\n(cm)",count,city,member', ["who", "size (cm)", "count", "city", "member"]),
        ("who,size,count,city,member,,", ["who", "size", "count", "city", "member"]),
        ("size,count,city,member", ["column 1", "size", "count", "city", "member"]),
        ("#who,size,count,city,member", ["who", "size", "count", "city", "member"]),
    ],
)
def test_every_form_of_names(head, names, tmp_path):
    body = text(header=False)
    table = read(write(tmp_path, f"{head}\n{body}"))
    assert len(table) == N
    assert list(found(table)) == names


def test_a_separator_at_the_end_of_every_line(tmp_path):
    lines = [f"{line}|" for line in text(separator="|").splitlines()]
    table = read(write(tmp_path, "\n".join(lines)))
    assert len(table) == N
    assert set(table.columns) == {"size", "count", "city", "member"}
    table = read(write(tmp_path, "\n".join(lines[1:])))
    assert len(table) == N


def test_rows_of_another_width(tmp_path):
    lines = text().splitlines()
    lines[3] += ",,"
    lines[7] = lines[7].rpartition(",")[0]
    table = read(write(tmp_path, "\n".join(lines)))
    assert len(table) == N
    assert any(
        "1 row of another width filled up or cut" in note and "line 8" in note for note in table.description.notes
    )


# ---- cells -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mark",
    [
        "",
        "NA",
        "N/A",
        "#N/A",
        "nan",
        "NULL",
        "\\N",
        "None",
        "<NA>",
        "?",
        "-",
        ".",
        "n.a.",
        "unknown",
        "--",
        "k.A.",
        "#DIV/0!",
    ],
)
def test_marks_of_missing_numbers(mark, tmp_path):
    size = [mark if place % 10 == 3 else cell for place, cell in enumerate(SIZE)]
    table = read(write(tmp_path, text({**COLUMNS, "size": size})))
    assert found(table) == KINDS
    values = table.to_arrow()["size"].to_pylist()
    assert [value is None for value in values] == [place % 10 == 3 for place in range(N)]
    told = next(finding for finding in table.description.findings if finding.name == "size")
    assert told.n_missing == N // 10


def test_missing_marks_among_words_are_answers(tmp_path):
    city = [["Oslo", "-", "unknown", "none"][place % 4] for place in range(N)]
    table = read(write(tmp_path, text({"size": SIZE, "city": city})))
    assert set(table.to_arrow()["city"].to_pylist()) == {"Oslo", "-", "unknown", "none"}


@pytest.mark.parametrize(
    "form",
    [
        "${:,.2f}",
        "{:.2f} €",
        "{:.2f}%",
        "{:.2f} kg",
        "USD {:,.2f}",
        "({:.2f})",
        "{:.2f}-",
        "{:e}",
        "{:.2f} Mio",
        "£{:.2f}M",
        " {:.2f} ",
        "+{:.2f}",
        "{:.2f}°C",
    ],
)
def test_numbers_with_units(form, tmp_path):
    values = SIZE * 1000
    table = read(write(tmp_path, text({**COLUMNS, "size": [form.format(cell) for cell in values]})))
    assert found(table) == KINDS
    sign = -1 if form.startswith("(") or form.endswith("-") else 1
    factor = 1e6 if "M" in form else 1
    np.testing.assert_allclose(np.asarray(table.to_arrow()["size"], float), sign * factor * values.round(2), rtol=1e-5)


@pytest.mark.parametrize("group", [",", " ", "'", "\u00a0", "\u202f", "’"])
def test_thousands(group, tmp_path):
    values = RNG.integers(1, 10**7, N)
    cells = [f"{value:,}".replace(",", group) for value in values]
    table = read(write(tmp_path, text({"size": cells, "city": CITY}, separator=";")))
    assert table.to_arrow()["size"].to_pylist() == values.tolist()


DATES = {
    "%Y-%m-%d": "2020-{m:02}-{d:02}",
    "%Y/%m/%d": "2020/{m:02}/{d:02}",
    "%d.%m.%Y": "{d:02}.{m:02}.2020",
    "%d.%m.%Y short": "{d}.{m}.2020",
    "%d/%m/%Y": "{d:02}/{m:02}/2020",
    "%m/%d/%Y": "{m:02}/{d:02}/2020",
    "%m/%d/%y": "{m}/{d}/20",
    "%d-%m-%Y": "{d:02}-{m:02}-2020",
    "%B %d %Y": "{name} {d}, 2020",
    "%d %B %Y": "{d} {name} 2020",
    "%d %B %y": "{d:02}-{short}-20",
    "german": "{d}. {german} 2020",
    "chinese": "2020年{m}月{d}日",
    "clock": "2020-{m:02}-{d:02} 13:45:10",
    "T": "2020-{m:02}-{d:02}T13:45:10.25Z",
    "half": "{m}/{d}/2020 1:45 PM",
    "zone": "2020-{m:02}-{d:02}T13:45:10+02:00",
    "weekday": "Mon, {d:02} {short} 2020 10:00:00 GMT",
}
ENGLISH = list(calendar.month_name)[1:]
GERMAN = [
    "Januar",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
]


@pytest.mark.parametrize("form", DATES)
def test_dates(form, tmp_path):
    days = RNG.permutation(360)[:N]
    moments = np.datetime64("2020-01-01") + days
    cells = []
    for moment in moments.astype(object):
        parts = {"m": moment.month, "d": moment.day, "name": ENGLISH[moment.month - 1]}
        cells.append(DATES[form].format(**parts, short=parts["name"][:3], german=GERMAN[moment.month - 1]))
    table = read(write(tmp_path, text({"size": SIZE, "when": cells}, separator=";")))
    assert found(table) == {"size": "number", "when": "date"}
    read_days = np.asarray(table.to_arrow()["when"].cast("timestamp[us]").to_numpy(), "datetime64[D]")
    np.testing.assert_array_equal(read_days, moments)


def test_an_unclear_order_of_day_and_month_is_reported(tmp_path):
    cells = [f"{1 + place % 12:02}/{1 + place % 11:02}/2020" for place in range(N)]
    table = read(write(tmp_path, text({"size": SIZE, "when": cells})))
    (note,) = table.description.findings[1].notes
    assert "unclear whether day or month is first" in note
    assert "--kind when=date:%d/%m/%Y" in note
    other = read(tmp_path / "table.csv", kinds={"when": "date:%d/%m/%Y"})
    assert other.to_arrow()["when"].to_pylist() != table.to_arrow()["when"].to_pylist()


def test_day_and_month_are_ordered_to_let_time_go_forward(tmp_path):
    cells = [f"{1 + place % 12:02}/{1 + place // 12:02}/2020" for place in range(N)]  # the second part grows slowest
    table = read(write(tmp_path, text({"size": SIZE, "when": cells})))
    assert table.description.findings[1].notes == ()
    moments = table.to_arrow()["when"].to_pylist()
    assert moments == sorted(moments)


@pytest.mark.parametrize("name", ["timestamp", "created_at", "dropoff", "event time"])
@pytest.mark.parametrize(("per_second", "unit"), [(1, "seconds"), (10**3, "milli"), (10**6, "micro"), (10**9, "nano")])
def test_seconds_since_1970(name, per_second, unit, tmp_path):
    seconds = RNG.integers(1_500_000_000, 1_600_000_000, N)
    table = read(write(tmp_path, text({"size": SIZE, name: seconds * per_second})))
    assert found(table)[name] == "date"
    assert table.description.findings[1].notes[0].startswith(unit)
    assert table.to_arrow()[name].cast("timestamp[s]").cast("int64").to_pylist() == seconds.tolist()
    again = read(tmp_path / "table.csv", layout=table.layout)  # as another file would be read
    assert not again.description.missing
    assert not any(finding.notes for finding in again.description.findings)


@pytest.mark.parametrize(
    "pair", [("yes", "no"), ("Y", "N"), ("TRUE", "FALSE"), ("ja", "nein"), ("oui", "non"), ("да", "нет"), ("T", "F")]
)
def test_booleans(pair, tmp_path):
    member = RNG.choice(pair, N)
    table = read(write(tmp_path, text({"size": SIZE, "member": member})))
    assert found(table)["member"] == "boolean"
    assert table.to_arrow()["member"].to_pylist() == [word == pair[0] for word in member]


@pytest.mark.parametrize(
    ("name", "cells", "taken"),
    [
        ("id", np.arange(N) + 1, "id"),
        ("Unnamed: 0", np.arange(N), "id"),
        ("", (RNG.permutation(500)[:N] + 1).cumsum(), "id"),
        ("customer_id", RNG.permutation(10**6)[:N], "id"),
        ("orderId", RNG.permutation(10**6)[:N], "id"),
        ("phone", RNG.permutation(10**6)[:N] + 10**6, "id"),
        ("card", [str(10**15 + int(k)) for k in RNG.integers(0, 9 * 10**15, N)], "id"),
        ("year", np.arange(N) + 1950, "number"),
        ("rank", np.arange(N) + 1, "number"),
        ("price", RNG.permutation(5000)[:N], "number"),
        ("zip", RNG.choice([10115, 20095, 80331], N), "number"),
        ("mail", [f"p{k}@example.org" for k in range(N)], "id"),
        ("note", LONG, "text"),
        (
            "answer",
            RNG.choice(
                ["I would rather not say anything about this at all", "It depends on what you mean by that question"], N
            ),
            "category",
        ),
        ("empty", [""] * N, "empty"),
        ("flag", ["x"] * N, "constant"),
        ("version", [3] * N, "constant"),
    ],
)
def test_columns_that_are_left_out_or_kept(name, cells, taken, tmp_path):
    table = read(write(tmp_path, text({name: cells, "size": SIZE, "city": CITY})))
    finding = table.description.findings[0]
    assert finding.kind == taken
    assert finding.learned == (taken in ("number", "category"))
    assert finding.learned or finding.why or finding.name == table.id_name


def test_the_most_common_of_many_categories_and_other(tmp_path):
    words = [f"word {k}" for k in np.minimum(RNG.geometric(0.02, 2000), 300)]
    table = read(write(tmp_path, text({"size": RNG.normal(size=2000), "word": words})))
    (column,) = [finding.column for finding in table.description.findings if finding.name == "word"]
    assert len(column.categories) == 49
    assert column.other
    encoded = table.values
    assert encoded.shape == (2000, 51)
    assert (encoded[:, 1:].sum(1) == 1).all()


@pytest.mark.parametrize(("rows_each", "taken"), [(10, "category"), (3, "text")])
def test_long_texts_are_categories_if_they_recur(rows_each, taken, tmp_path):
    diagnoses = [f"{k:03} - heart transplant or implant of a heart assist system, group {k}" for k in range(60)]
    columns = {"diagnosis": diagnoses * rows_each, "size": RNG.normal(size=60 * rows_each)}
    assert found(read(write(tmp_path, text(columns))))["diagnosis"] == taken


def test_kinds_are_inferred_from_all_rows(tmp_path):
    n = 30_000
    late = ["1"] * (n - 5) + ["x7", "x7", "x7", "x7", "x7"]
    rare = ["a"] * (n - 1) + ["b"]
    table = read(write(tmp_path, text({"size": RNG.normal(size=n), "late": late, "rare": rare})))
    assert found(table) == {"size": "number", "late": "constant", "rare": "category"}
    assert table.description.findings[1].n_missing >= 0
    columns = {"size": RNG.normal(size=n), "code": [str(k % 7) for k in range(n // 2)] + ["x", "y"] * (n // 4)}
    table = read(write(tmp_path, text(columns)))
    assert found(table)["code"] == "category"


def test_a_sentinel_is_reported(tmp_path):
    size = [-9999 if place % 9 == 0 else cell for place, cell in enumerate(SIZE)]
    table = read(write(tmp_path, text({**COLUMNS, "size": size})))
    (note,) = table.description.findings[1].notes
    assert "-9999" in note
    assert "--missing-marks -9999" in note
    again = read(tmp_path / "table.csv", missing_marks=["-9999"])
    assert again.description.findings[1].n_missing == len(range(0, N, 9))
    assert again.to_arrow()["size"].null_count == len(range(0, N, 9))


# ---- JSON --------------------------------------------------------------------------------------------------


def records():
    return [
        dict(zip(COLUMNS, (cell.item() if hasattr(cell, "item") else cell for cell in row), strict=True))
        for row in zip(*COLUMNS.values(), strict=True)
    ]


JSON_FORMS = {
    "records": lambda: json.dumps(records()),
    "indented": lambda: json.dumps(records(), indent=1),
    "lines": lambda: "\n".join(map(json.dumps, records())),
    "columns": lambda: json.dumps({name: [row[name] for row in records()] for name in COLUMNS}),
    "pandas": lambda: json.dumps({name: {str(k): row[name] for k, row in enumerate(records())} for name in COLUMNS}),
    "index": lambda: json.dumps({str(k): row for k, row in enumerate(records())}),
    "split": lambda: json.dumps({"columns": list(COLUMNS), "data": [list(row.values()) for row in records()]}),
    "inside": lambda: json.dumps({"status": "ok", "count": N, "results": records()}),
    "lists": lambda: json.dumps([list(COLUMNS), *(list(row.values()) for row in records())]),
}  # fmt: skip


@pytest.mark.parametrize("form", JSON_FORMS)
def test_json(form, tmp_path):
    check(write(tmp_path, JSON_FORMS[form](), "table.json"))


def test_nested_records(tmp_path):
    rows = [
        {"who": row["name"], "body": {"size": row["size"], "more": {"count": row["count"]}}, "tags": ["a"]}
        for row in records()
    ]
    table = read(write(tmp_path, json.dumps(rows), "table.json"))
    assert found(table) == {"who": "id", "body.size": "number", "body.more.count": "number", "tags": "constant"}


# ---- forms that are easily misread -------------------------------------------------------------------------


def test_decimal_commas_with_three_decimals_in_every_cell(tmp_path):
    values = RNG.normal(10.0, 3.0, N).round(3)
    lines = [f"{value:.3f}".replace(".", ",") + f";{city}" for value, city in zip(values, CITY, strict=True)]
    table = read(write(tmp_path, "Größe;Stadt\n" + "\n".join(lines)))
    np.testing.assert_allclose(np.asarray(table.to_arrow()["Größe"], float), values)


def test_names_without_the_decimal_mark_of_every_number(tmp_path):
    lines = [f"{city};{size + 0.123:.3f}".replace(".", ",") for city, size in zip(CITY, SIZE, strict=True)]
    assert found(read(write(tmp_path, "miasto;cena\n" + "\n".join(lines), encoding="cp1250"))) == {
        "miasto": "category",
        "cena": "number",
    }


def test_blanks_before_quotes(tmp_path):
    rows = "".join(f'{size}, {count}, "{city}, ""N"""\n' for size, count, city in zip(SIZE, COUNT, CITY, strict=True))
    table = read(write(tmp_path, "size, count, city\n" + rows))
    assert found(table) == {"size": "number", "count": "number", "city": "category"}
    assert table.to_arrow()["city"].to_pylist() == [f'{city}, "N"' for city in CITY]


@pytest.mark.parametrize("names", [("t", "x", "unknown"), ("x", "none", "y")])
def test_names_that_are_missing_marks_among_numbers(names, tmp_path):
    table = read(write(tmp_path, text(dict(zip(names, (SIZE, COUNT, SIZE[::-1]), strict=True)))))
    assert table.columns == names
    assert len(table) == N


def test_quoted_names_written_by_r_with_one_missing(tmp_path):
    rows = "".join(f'"{row + 1}" {size} "{city}"\n' for row, (size, city) in enumerate(zip(SIZE, CITY, strict=True)))
    assert list(found(read(write(tmp_path, f'"x" "g"\n{rows}')))) == ["column 1", "x", "g"]


def test_long_words_without_blanks_name_rows(tmp_path):
    names = [f"{int(value):032x}-{row:04d}" for row, value in enumerate(RNG.integers(0, 2**62, N))]
    table = read(write(tmp_path, text({"uuid": names, "size": SIZE})))
    assert table.id_name == "uuid"
    assert table.ids.tolist() == names


@pytest.mark.parametrize("opened", ["last", "middle"])
def test_an_unclosed_quote_is_refused(opened, tmp_path):
    rows = [f"{size},{count},{city}\n" for size, count, city in zip(SIZE, COUNT, CITY, strict=True)]
    rows[30] = rows[30].replace(f",{CITY[30]}", f',"{CITY[30]}') if opened == "last" else f'"{rows[30]}'
    with pytest.raises(DataError, match=r"a quote is left open in (line 32|row 30).*; repair it\."):
        read(write(tmp_path, "size,count,city\n" + "".join(rows)))


def test_addresses_over_several_lines_are_not_an_unclosed_quote(tmp_path):
    cells = [f'"12 Road, {city}\nNorth, East\nSouth, West\nLand"' for city in CITY]
    rows = "".join(f"{size},{cell}\n" for size, cell in zip(SIZE, cells, strict=True))
    assert len(read(write(tmp_path, f"size,address\n{rows}"))) == N


def test_repeated_names_are_left_out_and_reported(tmp_path):
    columns = {"size": SIZE, "city": CITY}
    table = check(write(tmp_path, 2 * text(columns)), {"size": "number", "city": "category"}, np.tile(SIZE, 2), 2 * N)
    assert "1 row that repeats the names left out" in table.description.notes


def test_a_table_above_the_table_is_refused(tmp_path):
    above = "a,b\n" + "".join(f"{size},{count}\n" for size, count in zip(SIZE[:20], COUNT, strict=False))
    with pytest.raises(DataError, match="two tables, one above the other: one of 2 columns, and one of 5"):
        read(write(tmp_path, f"{above}\n{text()}"))


def test_minutes_seconds_and_hundredths_are_a_duration(tmp_path):
    seconds = RNG.uniform(60, 7000, N).round(2)
    laps = [f"{int(one // 60)}:{int(one % 60):02d}.{round(one * 100) % 100:02d}" for one in seconds]
    table = read(write(tmp_path, text({"lap": laps, "size": SIZE})))
    assert found(table) == {"lap": "time", "size": "number"}
    read_as = [cell.total_seconds() for cell in table.to_arrow()["lap"].to_pylist()]
    np.testing.assert_allclose(read_as, [60 * int(lap.split(":")[0]) + float(lap.split(":")[1]) for lap in laps])


def test_bounds_are_read_as_numbers_and_reported(tmp_path):
    cells = [f"<{size}" if row % 8 == 0 else str(size) for row, size in enumerate(SIZE)]
    table = check(write(tmp_path, text({"size": cells, "city": CITY})), {"size": "number", "city": "category"})
    (note,) = table.description.findings[0].notes
    assert "8 cells are bounds" in note


def test_two_different_bounds_are_categories(tmp_path):
    cells = RNG.choice(["<50", ">50"], N)
    assert found(read(write(tmp_path, text({"income": cells, "size": SIZE}))))["income"] == "category"


def test_stray_nul_bytes(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{row},{row * 7 % 13}.5,{'ab'[row % 2]}" for row in range(40)]
    path.write_text("\n".join(["x,y,k", *rows[:30], "\0" * 8, *rows[30:]]) + "\n")
    assert len(read(path)) == 40
    path.write_bytes(b"\x03NAME\0\0\0\0\0\0\0C\n\r" + b" abc       12.345" * 999)
    with pytest.raises(DataError, match="by its first bytes"):
        read(path)


def test_a_first_line_that_names_the_separator(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"01.02.2021 10:{row:02d}:00,000;{row * 7 % 13},5;{'ab'[row % 2]}" for row in range(40)]
    path.write_text("\n".join(["sep=;", "when;x;k", *rows]) + "\n")
    assert {one.name: one.kind for one in read(path).description.learned} == {
        "when": "date",
        "x": "number",
        "k": "category",
    }


def test_cells_of_several_numbers_below_as_many_names(tmp_path):
    path = tmp_path / "t.csv"
    rows = [
        f"(555) {100 + row}-{row * 37 % 9000 + 1000},4111 {row + 1000} {row * 31 + 1000},{row * 7 % 13}.5"
        for row in range(40)
    ]
    path.write_text("\n".join(["phone,card,amount", *rows]) + "\n")
    assert read(path).columns == ("amount",)
