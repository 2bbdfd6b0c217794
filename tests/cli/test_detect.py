"""``isthmus detect``: the most anomalous rows first, in every format, from every source of a detector."""

from __future__ import annotations

import csv
import io
import json
from typing import get_args

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet

from cli.conftest import COLUMNS, call, own_rows, sentence
from isthmus.anomaly.scorer import MEASURES
from isthmus.cli.detect import Score
from isthmus.tables import write_table

TWO = ("--components", "2")  # by the settings of a fit, several times as long as the detector's own


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Normal rows, and rows to score with the columns in another order, of which p7 and p30 are anomalous."""
    home = tmp_path_factory.mktemp("detect")
    usual = own_rows(300)
    write_table(home / "usual.csv", usual[60:], COLUMNS)
    asked = usual[:60].copy()
    asked[7, 2] += 8.0
    asked[30] *= 20.0
    ids = np.array([f"p{row}" for row in range(60)])
    write_table(home / "asked.csv", asked[:, ::-1], COLUMNS[::-1], ids=ids, id_name="name")
    return home


@pytest.fixture(scope="module")
def saved(home):
    called = call(
        "detect", home / "asked.csv", "--train", home / "usual.csv", "--ids", "name", "--save", home / "saved",
        "-o", home / "first.csv",
    )  # fmt: skip
    assert called.code == 0, called.err
    return home / "saved"


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_strangest_rows_come_first_with_their_columns(home, saved):
    rows = rows_of((home / "first.csv").read_text())
    assert len(rows) == 60
    assert {rows[0]["name"], rows[1]["name"]} == {"p7", "p30"}
    assert all(row["alarm"] == "true" for row in rows[:2])
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert next(row for row in rows if row["name"] == "p7")["feature_1"] == "age"
    assert all(0 < float(row["p_value"]) <= 1 for row in rows)


def test_the_column_that_names_the_rows_is_found_for_a_saved_detector(home, saved):
    called = call("detect", home / "asked.csv", "--model", saved)
    rows = rows_of(called.out)
    assert next(iter(rows[0])) == "name"
    assert rows == rows_of((home / "first.csv").read_text())


def test_one_json_object_holds_the_rows_and_what_the_file_was_taken_for(home, saved):
    asked = ("detect", home / "asked.csv", "--model", saved, "--ids", "name", "--json")
    called = call(*asked)
    assert called.code == 0, called.err
    found = json.loads(called.out)
    assert (found["rows"], found["alarms"]) == (60, sum(row["alarm"] for row in found["scored"]))
    assert [row["name"] for row in found["scored"]] == [
        row["name"] for row in rows_of((home / "first.csv").read_text())
    ]
    kinds = {column["name"]: column["kind"] for column in found["data"]["columns"] if column["learned"]}
    assert kinds == dict.fromkeys(COLUMNS[::-1], "number")
    written = json.loads(call(*asked, "-o", home / "beside.csv").out)
    assert written["output"] == str(home / "beside.csv")
    assert "scored" not in written


def test_a_saved_detector_says_the_same(home, saved):
    called = call("detect", home / "asked.csv", "--model", saved, "--ids", "name")
    assert called.code == 0, called.err
    assert called.out == (home / "first.csv").read_text()


def test_every_format_holds_the_same(home, saved):
    tokens = ("detect", home / "asked.csv", "--model", saved, "--ids", "name", "--top", "2")
    printed = rows_of(call(*tokens).out)
    for suffix in (".json", ".parquet", ".tsv"):
        assert call(*tokens, "-o", home / f"found{suffix}").code == 0
    as_json = json.loads((home / "found.json").read_text())
    as_parquet = parquet.read_table(home / "found.parquet").to_pylist()
    assert as_json == as_parquet
    assert [float(row["score"]) for row in printed] == [row["score"] for row in as_json]
    assert [row["name"] for row in printed] == [row["name"] for row in as_json]
    assert "feature_2" in printed[0]
    assert "feature_3" not in printed[0]
    assert len((home / "found.tsv").read_text().splitlines()) == 61
    assert "exists" in sentence(call(*tokens, "-o", home / "found.json"))


def test_a_terminal_is_shown_the_most_anomalous_rows_alone(home, saved, monkeypatch):
    monkeypatch.setattr("isthmus.cli.detection_output.reads_a_person", lambda: True)
    tokens = ("detect", home / "asked.csv", "--model", saved, "--ids", "name")
    shown = call(*tokens)
    assert shown.code == 0, shown.err
    named = [line.split()[1] for line in shown.out.splitlines() if line.startswith("│ p")]
    assert named == [row["name"] for row in rows_of((home / "first.csv").read_text())[:10]]
    assert "age" in shown.out
    assert "The 10 most anomalous of 60 rows. All of them, with scores: add -o scores.csv" in shown.out
    assert "The" not in call(*tokens, "--most", "4").out
    assert "scored" in json.loads(call(*tokens, "--json").out)
    assert call(*tokens, "-o", home / "in-a-file.csv").out == ""


def test_numbers_with_a_sign_are_no_formulas(tmp_path):
    rows = own_rows(60)
    kinds = np.where(rows[:, 0] > 0, "=up", "-down")
    lines = [f"{a:.4f},{b:.4f},{kind}" for (a, b), kind in zip(rows[:, :2], kinds, strict=True)]
    (tmp_path / "mixed.csv").write_text("a,b,kind\n" + "\n".join(lines) + "\n")
    found = rows_of(call("detect", tmp_path / "mixed.csv").out)
    cells = [(row[f"feature_{rank}"], row[f"value_{rank}"]) for row in found for rank in (1, 2, 3)]
    assert any(float(value) < 0 for name, value in cells if name != "kind")
    assert {value for name, value in cells if name == "kind"} == {"'=up", "'-down"}


def test_rates_move_the_alarms(home, saved):
    def alarms(*flags):
        called = call("detect", home / "asked.csv", "--model", saved, "--ids", "name", *flags)
        return sum(row["alarm"] == "true" for row in rows_of(called.out)), called.err

    few, _ = alarms("--false-alarm-rate", "0.02")
    many, _ = alarms("--false-alarm-rate", "0.5")
    assert few < many
    none, err = alarms("--fdr", "0.001")
    assert none == 0
    assert "the smallest p-value is" in err


def test_a_table_is_judged_by_itself(home):
    called = call("detect", home / "asked.csv", "--ids", "name", "--contamination", "0.05")
    assert called.code == 0, called.err
    rows = rows_of(called.out)
    assert {row["name"] for row in rows[:2]} == {"p7", "p30"}
    assert sum(row["alarm"] == "true" for row in rows) == 3


def test_rows_without_ids_are_counted(home):
    rows = rows_of(call("detect", home / "asked.csv", "--drop", "name", *TWO).out)
    assert {rows[0]["row"], rows[1]["row"]} == {"7", "30"}


def test_a_run_of_fit_is_taken_with_its_held_out_rows(folder, table_run):
    called = call("detect", folder / "own.csv", "--model", table_run)
    assert called.code == 0, called.err
    assert len(rows_of(called.out)) == 60
    assert "12 rows held out are too few for a false-alarm rate of 0.05" in called.err


def test_a_picture_is_drawn(home, saved):
    pytest.importorskip("matplotlib")
    called = call("detect", home / "asked.csv", "--model", saved, "--ids", "name", "--plot", home / "why.png")
    assert called.code == 0, called.err
    assert (home / "why.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--train", "a.csv", "--model", "b"), "give one of them"),
        (("--save", "b"), "--save keeps a detector fitted with --train"),
        (("--model", "b", "--components", "2"), "is for a fit"),
        (("--fdr", "0.1", "--contamination", "0.1"), "set the same alarms"),
        (("-o", "found.npy"), "-o must end in .csv, .tsv, .parquet, .json, got 'found.npy'"),
        (("--plot", "why.txt"), "--plot must end in .png, .svg, .pdf"),
        (("--false-alarm-rate", "1"), "--false-alarm-rate"),
        (("--variant", "bent"), "--variant must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(home, flags, words):
    called = call("detect", home / "asked.csv", "--drop", "name", *flags)
    assert called.code == 2
    assert words in sentence(called)


def test_missing_columns_are_named(home, saved, tmp_path):
    write_table(tmp_path / "few.csv", np.ones((3, 2)), ["height", "b"])
    called = call("detect", tmp_path / "few.csv", "--model", saved)
    assert called.code == 1
    assert "missing" in sentence(called)


def test_every_score_of_the_detector_can_be_asked_for():
    assert get_args(Score) == MEASURES


def test_another_measure_needs_another_fit(home, saved):
    called = call("detect", home / "asked.csv", "--model", saved, "--score", "latent")
    assert called.code == 1
    assert "was fitted with --score combined" in sentence(called)


def test_a_saved_threshold_stays_unless_another_is_asked_for(home, tmp_path):
    tokens = ("detect", home / "asked.csv", "--ids", "name")
    fit = ("--train", home / "usual.csv", "--save", tmp_path / "saved", "--false-alarm-rate", "0.4")
    called = call(*tokens, *fit)
    assert call(*tokens, "--model", tmp_path / "saved").out == called.out
    assert call(*tokens, "--model", tmp_path / "saved", "--false-alarm-rate", "0.02").out != called.out


def test_other_commands_say_that_a_detector_is_none_of_theirs(home, saved):
    called = call("encode", saved, home / "asked.csv")
    assert called.code == 1
    assert "is an outlier detector; use it with isthmus detect" in sentence(called)


def test_shares_of_the_files_are_judged_as_the_whole_is(home, saved, tmp_path):
    rows = own_rows(90)
    for part in range(3):
        write_table(tmp_path / "asked" / f"{part}.csv", rows[30 * part : 30 * part + 30], COLUMNS)
    asked = (tmp_path / "asked", "--model", saved)
    assert call("detect", *asked, "-o", tmp_path / "whole.csv").code == 0
    for share in ("1/2", "2/2"):
        assert call("detect", *asked, "-o", tmp_path / "apart.csv", "--shard", share).code == 0
    apart = [rows_of(path.read_text()) for path in sorted((tmp_path / "apart").glob("*.csv"))]
    assert [len(part) for part in apart] == [60, 30]
    found, known = (
        {int(row["row"]): float(row["score"]) for row in part}
        for part in ([*apart[0], *apart[1]], rows_of((tmp_path / "whole.csv").read_text()))
    )
    assert found == pytest.approx(known, rel=1e-6)
    assert len(known) == 90
    for flags in (("--fdr", "0.1"), ()):
        refused = call("detect", *asked[: 3 if flags else 1], "-o", tmp_path / "no.csv", "--shard", "1/2", *flags)
        assert refused.code == 2
        assert "--model" in sentence(refused)


def test_a_model_of_rows_with_gaps_is_taken(home, tmp_path):
    rows = own_rows(120)
    write_table(tmp_path / "whole.csv", rows, COLUMNS)
    rows[5, 1] = np.nan
    write_table(tmp_path / "gaps.csv", rows, COLUMNS)
    flags = ("--missing", "mask", "--max-iter", "1", "--no-plots", "--no-page")
    for name in ("whole", "gaps"):
        assert call("fit", tmp_path / f"{name}.csv", *flags, "-o", tmp_path / name).code == 0
    for data, model in (("whole", "gaps"), ("gaps", "whole"), ("gaps", "gaps")):
        called = call("detect", tmp_path / f"{data}.csv", "--model", tmp_path / model)
        assert called.code == 0, called.err
        assert len(rows_of(called.out)) == 120
        assert "of 120 rows are alarms (novelty detection)" in called.err


def mixed_table(path, n_rows: int, seed: int = 0, *, broken: bool = False):
    rng = np.random.default_rng(seed)
    load = rng.uniform(20, 100, n_rows)
    rpm = 900 + 8 * load + 10 * rng.normal(size=n_rows)
    machine = rng.choice(["A", "B", "C"], n_rows)
    if broken:
        rpm[7], load[7], machine[11] = 900, 98, "Z"
    temp = [f"{value:.2f}" for value in 30 + 0.4 * load + rng.normal(size=n_rows)]
    temp[3] = ""
    lines = [f"2024-{1 + row % 12:02d}-{1 + row % 28:02d},{machine[row]},{'yes' if row % 3 else 'no'},{load[row]:.2f},"
             f"{rpm[row]:.1f},{temp[row]}" for row in range(n_rows)]  # fmt: skip
    path.write_text("\n".join(["day,machine,ok,load,rpm,temp", *lines, ""]))
    return path


def test_columns_of_several_kinds_and_gaps_are_taken(tmp_path):
    train, new = mixed_table(tmp_path / "train.csv", 240), mixed_table(tmp_path / "new.csv", 40, 1, broken=True)
    called = call("detect", new, "--train", train, "--save", tmp_path / "saved", "--plot", tmp_path / "why.png")
    assert called.code == 0, called.err
    rows = rows_of(called.out)
    assert {rows[0]["row"], rows[1]["row"]} == {"7", "11"}
    by_row = {row["row"]: row for row in rows}
    assert by_row["7"]["reason"].endswith("relation between rpm and load broken")
    assert not any("broken" in row["reason"] for row in rows if float(row["p_value"]) > 0.1)
    assert by_row["11"]["reason"].startswith("never seen category in machine")
    assert by_row["11"]["feature_1"] == "machine"
    assert by_row["11"]["value_1"] == "Z"
    assert by_row["11"]["expected_1"] in ("A", "B", "C")
    assert all(row["use"] == "novelty detection" for row in rows)
    again = call("detect", new, "--model", tmp_path / "saved")
    assert again.code == 0, again.err
    assert again.out == called.out
    within = call("detect", new, "--contamination", "0.05")
    assert within.code == 0, within.err
    assert all(row["use"] == "outlier detection" for row in rows_of(within.out))


def test_a_model_of_a_mixed_table_is_taken(tmp_path):
    data = mixed_table(tmp_path / "own.csv", 200)
    fitted = call("fit", data, "--max-iter", "1", "--no-plots", "--no-page", "-o", tmp_path / "run")
    assert fitted.code == 0, fitted.err
    called = call("detect", mixed_table(tmp_path / "new.csv", 40, 1, broken=True), "--model", tmp_path / "run")
    assert called.code == 0, called.err
    assert rows_of(called.out)[0]["row"] in ("7", "11")


def test_a_batch_that_has_drifted_is_told_of(tmp_path):
    rows = own_rows(300)
    write_table(tmp_path / "train.csv", rows[:200], COLUMNS)
    for name, moved in (("same", 0.0), ("moved", 1.5)):
        there = rows[200:].copy()
        there[:, 1] += moved * rows[:, 1].std()
        write_table(tmp_path / f"{name}.csv", there, COLUMNS)
    told = {
        name: call("detect", tmp_path / f"{name}.csv", "--train", tmp_path / "train.csv").err
        for name in ("same", "moved")
    }
    assert "unlike the normal ones" not in told["same"]
    assert "as a whole are unlike the normal ones" in told["moved"]
    assert f"moved: {COLUMNS[1]}" in told["moved"]


def test_rows_with_missing_cells_are_scored_by_the_cells_they_have(home, tmp_path):
    rows = own_rows(120)
    write_table(tmp_path / "whole.csv", rows, COLUMNS)
    rows[5, 1], rows[7, 2] = np.nan, rows[:, 2].max() + 20 * rows[:, 2].std()
    write_table(tmp_path / "holes.csv", rows, COLUMNS)
    flags = ("--max-iter", "1", "--no-plots", "--no-page")
    for name in ("whole", "holes"):
        assert call("fit", tmp_path / f"{name}.csv", *flags, "-o", tmp_path / name).code == 0
    for way in (
        ("--model", tmp_path / "holes"),
        ("--model", tmp_path / "whole"),
        ("--train", tmp_path / "whole.csv"),
        (),
    ):
        found = call("detect", tmp_path / "holes.csv", *way)
        assert found.code == 0, found.err
        first = next(csv.DictReader(found.out.splitlines()))
        assert (first["row"], first["feature_1"]) == ("7", COLUMNS[2])
        assert "nan" not in ",".join(found.out.splitlines()[1].split(",")[1:4])


def test_a_mixed_table_is_scored_and_its_columns_are_explained_in_words(home, tmp_path):
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal(240)
    lines = ["size,weight,length,kind,member"]
    for h in hidden:
        size, weight, length = h + 0.1 * rng.standard_normal(3)
        lines.append(f"{size:.4f},{weight:.4f},{length:.4f},{'u' if h > 0 else 'v'},{'yes' if h > 0 else 'no'}")
    (tmp_path / "usual.csv").write_text("\n".join(lines))
    (tmp_path / "own.csv").write_text("\n".join([*lines[:40], "1.5,1.5,1.5,v,yes"]))
    flags = ("--max-iter", "20", "--no-plots", "--no-page")
    assert call("fit", tmp_path / "usual.csv", *flags, "-o", tmp_path / "run").code == 0
    ways = (("--model", tmp_path / "run"), ("--train", tmp_path / "usual.csv", "--save", tmp_path / "saved"))
    for way in (*ways, ("--model", tmp_path / "saved")):
        found = call("detect", tmp_path / "own.csv", *way)
        assert found.code == 0, found.err
        first = next(csv.DictReader(found.out.splitlines()))
        assert first["row"] == "39"
        assert (first["feature_1"], first["value_1"], first["expected_1"]) == ("kind", "v", "u")
        assert first["reason"].endswith("relation between kind and member broken")


@pytest.mark.parametrize("role", ["--labels", "--ids", "--drop"])
def test_what_the_rows_learned_from_have_may_be_absent_from_the_rows_to_judge(role, home, tmp_path):
    rows = own_rows(40)
    write_table(tmp_path / "usual.csv", rows, COLUMNS, ids=np.arange(40), id_name="number")
    write_table(tmp_path / "asked.csv", rows[:9], COLUMNS)
    asked = (tmp_path / "asked.csv", "--train", tmp_path / "usual.csv")
    called = call("detect", *asked, role, "number")
    assert called.code == 0, called.err
    refused = call("detect", *asked, role, "number", "--drop", "name")
    assert refused.code == 1
    assert "no column 'name'" in sentence(refused)


def dated_rows(zone=None):
    rng, n = np.random.default_rng(0), 120
    days = pd.date_range("2024-01-01", periods=n, tz=zone)
    sent = days + pd.to_timedelta(3 + rng.integers(0, 2, n), "D")
    came = sent + pd.to_timedelta(5 + rng.integers(0, 2, n), "D")
    found = pd.DataFrame({"ordered": days, "sent": sent, "came": came})
    found.loc[70, "sent"] = pd.Timestamp("2011-01-01", tz=zone)
    return found


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_dates_are_timestamps_in_parquet_and_keep_their_zone(suffix, zone, tmp_path):
    rows = dated_rows(zone)
    path = tmp_path / f"orders.{suffix}"
    rows.to_parquet(path) if suffix == "parquet" else rows.to_csv(path, index=False)
    called = call("detect", path, "--ids", "ordered", "-o", tmp_path / "found.parquet")
    assert called.code == 0, called.err
    first = parquet.read_table(tmp_path / "found.parquet").slice(0, 1)
    kept = {None: None, "America/New_York": zone if suffix == "parquet" else "UTC"}[zone]  # text has offsets alone
    assert {first.schema.field(name).type.tz for name in ("ordered", "value_1", "expected_1")} == {kept}
    assert first.column("ordered").to_pylist() == [rows.loc[70, "ordered"].to_pydatetime()]
    assert (first.column("feature_1").to_pylist(), first.column("value_1").to_pylist()) == (
        ["sent"],
        [rows.loc[70, "sent"].to_pydatetime()],
    )
    assert rows_of(call("detect", path, "--ids", "ordered").out)[0]["ordered"].startswith("2024-03-11")


def test_cells_of_several_kinds_in_one_column_are_text(tmp_path):
    rows = dated_rows().assign(colour=np.where(np.arange(120) % 3, "red", "blue"))
    rows.to_parquet(tmp_path / "orders.parquet")
    assert call("detect", tmp_path / "orders.parquet", "--ids", "ordered", "-o", tmp_path / "found.parquet").code == 0
    found = parquet.read_table(tmp_path / "found.parquet")
    values = {name: value for row in found.slice(0, 1).to_pylist() for name, value in _named(row)}
    assert values["sent"] == "2011-01-01 00:00:00"
    assert values["colour"] in ("red", "blue")


def _named(row):
    return [(row[f"feature_{rank}"], row[f"value_{rank}"]) for rank in (1, 2, 3)]
