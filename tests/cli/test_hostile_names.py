"""Names, labels and ids of a stranger, through every command: no terminal, spreadsheet or picture obeys them."""

import csv
import io
import json
import unicodedata
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from isthmus.cli.outcome import run
from isthmus.tables.writing import FORMULA

from .conftest import QUICK, call, own_rows

NAMES = (
    "=cmd|' /C calc'!A1",
    "red\x1b[31m\x07",
    "txt\u202egnp",
    "<script>alert(1)</script>",
    r"$\frac{$ \$x$",
    'a "quoted",\nname\u200b',
)
FORMULAS = ("=1+1", "+1", "-x", "@SUM(1)", "\t=1", "\r=1", "\n=1", "＝1+1")
IDS = [f"{FORMULAS[row % len(FORMULAS)]}{row}\x1b]0;owned\x07\u202e" for row in range(60)]
LABELS = ["<b>up</b>\x1b[2J", "=down\u2066"]
DANGEROUS = {"Cc", "Cf", "Cs"}
ROLES = ("--ids", "@id\x1b[1m", "--labels", "=kind")


def write(path: Path, rows: np.ndarray) -> Path:
    with path.open("w", newline="", encoding="utf-8") as text:
        out = csv.writer(text)
        out.writerow(["@id\x1b[1m", *NAMES, "=kind"])
        out.writerows([name, *row.tolist(), LABELS[int(row[0] > 0)]] for name, row in zip(IDS, rows, strict=True))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("hostile")
    write(home / "own.csv", own_rows())
    variational = call(
        "fit", home / "own.csv", *ROLES, "-o", home / "run", "--max-iter", "2", "--variant", "variational"
    )
    assert variational.code == 0, variational.err
    assert "no figures" not in variational.err
    assert_harmless(variational.out + variational.err)
    masked = call("fit", home / "own.csv", *ROLES, "-o", home / "masked", *QUICK, "--missing", "mask")
    assert masked.code == 0, masked.err
    return home


def assert_harmless(text: str) -> None:
    """Nothing that moves a cursor, turns a line round or hides."""
    bad = {letter for letter in text if unicodedata.category(letter) in DANGEROUS and letter != "\n"}
    assert not bad, bad


def assert_no_formulas(text: str, separator: str = ",") -> None:
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    words = [cell for row in rows for cell in row if not is_number(cell)]
    assert words
    assert not [cell for cell in words if FORMULA.match(cell)]


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


COMMANDS = {
    "encode": ("encode", "RUN", "DATA"),
    "reconstruct": ("reconstruct", "RUN", "DATA"),
    "interpolate": ("interpolate", "RUN", "DATA", "--from", "0", "--to", "1"),
    "sample": ("sample", "RUN"),
    "impute": ("impute", "MASKED", "DATA"),
    "detect": ("detect", "DATA", *ROLES, "--variant", "vanilla", "--components", "2"),
    "denoise": ("denoise", "DATA", *ROLES),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("suffix", [None, ".csv", ".tsv"])
def test_rows_are_no_formulas_and_what_is_said_is_harmless(command, suffix, home, tmp_path):
    places = {"RUN": home / "run", "MASKED": home / "masked", "DATA": home / "own.csv"}
    tokens = [places.get(token, token) for token in COMMANDS[command]]
    out = () if suffix is None else ("-o", tmp_path / f"rows{suffix}")
    called = call(*tokens, *out)
    assert called.code == 0, called.err
    assert_harmless(called.err)
    text = called.out
    if suffix is not None:
        assert_harmless(called.out)
        text = (tmp_path / f"rows{suffix}").read_text(encoding="utf-8")
    if command != "denoise" or suffix is not None:
        assert_no_formulas(text, "\t" if suffix == ".tsv" else ",")


@pytest.mark.parametrize(
    "tokens",
    [
        ("info", "RUN"),
        ("info", "RUN", "--json"),
        ("evaluate", "RUN"),
        ("evaluate", "RUN", "DATA"),
        ("evaluate", "RUN", "OTHER"),
        ("encode", "RUN", "OTHER"),
        ("export", "RUN", "-o", "ONNX"),
        ("plot", "RUN", "--overwrite"),
        ("encode", "RUN", "DATA", "--drop", "nothing\x1b[31m\u202e"),
        ("encode", "RUN", "DATA", "--debug", "--ids", "nothing\x1b[31m\u202e"),
        ("no\x1b[31mcommand",),
        ("smallest", "DATA", *ROLES, "--seeds", "1", "--sizes", "2"),
    ],
    ids=lambda tokens: " ".join(tokens[:3]).encode("unicode_escape").decode(),
)
def test_what_is_said_is_harmless(tokens, home, tmp_path):
    (tmp_path / "other.csv").write_text("=a\x1b[31m,b\u202e\n1,2\n3,4\n", encoding="utf-8")
    places = {
        "RUN": home / "run",
        "DATA": home / "own.csv",
        "OTHER": tmp_path / "other.csv",
        "ONNX": tmp_path / "m.onnx",
    }
    called = call(*(places.get(token, token) for token in tokens))
    assert "unexpected" not in called.err
    assert_harmless(called.out + called.err)
    if "--json" in tokens:
        assert json.loads(called.out)["columns"] == [name.replace("\n", " ") for name in NAMES]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", ["encode", "detect"])
def test_a_terminal_is_shown_control_characters_written_out(command, home, monkeypatch):
    out = Terminal(io.BytesIO(), "utf-8")
    monkeypatch.setattr("sys.stdout", out)
    places = {"RUN": home / "run", "DATA": home / "own.csv"}
    assert run([str(places.get(token, token)) for token in COMMANDS[command]]) == 0
    out.flush()
    text = out.buffer.getvalue().decode()
    assert_harmless(text)
    assert r"\x1b]0;owned" in text


def test_decode_takes_back_hostile_codes(home, tmp_path):
    assert call("encode", home / "run", home / "own.csv", "-o", tmp_path / "codes.parquet").code == 0
    called = call("decode", home / "run", tmp_path / "codes.parquet", "-o", tmp_path / "rows.csv")
    assert called.code == 0, called.err
    assert_no_formulas((tmp_path / "rows.csv").read_text(encoding="utf-8"))


def test_what_a_run_keeps_is_no_formula(home):
    for name in ("test_rows.csv", "history.csv"):
        assert_no_formulas((home / "run" / name).read_text(encoding="utf-8"))


def test_names_in_a_picture_are_words(home, tmp_path):
    picture = tmp_path / "why.svg"
    tokens = ("--variant", "vanilla", "--components", "2", "-o", tmp_path / "j.csv", "--plot", picture)
    called = call("detect", home / "own.csv", *ROLES, *tokens)
    assert called.code == 0, called.err
    drawn = ElementTree.fromstring(picture.read_text(encoding="utf-8"))
    assert not [node for node in drawn.iter() if node.tag.endswith("}script")]
    assert "<script>" not in picture.read_text(encoding="utf-8").replace("<!-- <script>", "")
