"""``isthmus detect FILE --time COLUMN``: episodes on standard output, steps in a file, bad input in one sentence."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import call, sentence

from isthmus import load

HOURS = pd.date_range("2024-01-01", periods=900, freq="h")


def frame(seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(900)
    a, b = np.sin(2 * np.pi * t / 24) + 0.1 * rng.normal(size=900), rng.normal(size=900)
    a[500:525] = 1.0
    return pd.DataFrame({"stamp": HOURS, "a": a, "b": b, "label": ((t >= 500) & (t < 525)).astype(int)})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "sensors.csv"
    frame().to_csv(path, index=False)
    return path


def episodes(called):
    assert called.code == 0, called.err
    return pd.read_csv(io.StringIO(called.out), parse_dates=["start", "end", "peak", "focus_start", "focus_end"])


def test_episodes_are_written_to_standard_output(file):
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--alarms", "1 per month")
    found = episodes(called)
    top = found.loc[found["score"].idxmax()]
    assert HOURS[480] <= top["focus_start"] <= top["focus_end"] <= HOURS[540]
    assert top["start"] <= top["peak"] <= top["end"]
    assert top["channel_1"] == "a"
    assert top["contribution_1"] + top["contribution_2"] == pytest.approx(top["score"], rel=1e-5)  # six digits each
    assert "the threshold is set for 1 per month" in called.err


@pytest.mark.parametrize(("step", "rate"), [("m", "2 per week"), ("D", "1 per 200 steps")])
def test_the_rate_suggested_has_steps_enough(step, rate, tmp_path):
    stamps = np.datetime64("2024-01-01", "s") + np.arange(400) * np.timedelta64(1, step)
    readings = np.sin(np.arange(400) / 4)
    rows = [f"{stamp},{reading:.4f}" for stamp, reading in zip(stamps, readings, strict=True)]
    path = tmp_path / "series.csv"
    path.write_text("\n".join(["time,reading", *rows]))
    assert f"--alarms '{rate}'" in call("detect", path, "--time", "time").err


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json"])
def test_every_step_is_written_in_the_order_of_the_file(suffix, file, tmp_path):
    shuffled = frame().sample(frac=1, random_state=0)
    shuffled.to_csv(file, index=False)
    out = tmp_path / f"steps{suffix}"
    called = call("detect", file, "--time", "stamp", "--labels", "label", "-o", out)
    assert called.code == 0, called.err
    readers = {".csv": pd.read_csv, ".tsv": lambda path: pd.read_csv(path, sep="\t"), ".parquet": pd.read_parquet,
               ".json": pd.read_json}  # fmt: skip
    steps = readers[suffix](out)
    assert pd.to_datetime(steps["stamp"]).tolist() == shuffled["stamp"].tolist()
    assert steps["label"].tolist() == shuffled["label"].tolist()
    np.testing.assert_allclose(steps["contribution a"] + steps["contribution b"], steps["score"], rtol=1e-6)
    np.testing.assert_array_equal(
        steps["score"] > steps["threshold"], steps["alarm"] & (steps["score"] > steps["threshold"])
    )
    assert steps["rank"].between(0, 1).all()
    anomalous = steps["label"] == 1
    assert steps.loc[anomalous, "score"].min() > steps["score"].median()
    assert "backwards" in called.err


def test_what_is_learned_is_saved_and_used_again(file, tmp_path):
    past = tmp_path / "past.parquet"
    clean = frame(1).drop(columns="label")
    clean.loc[500:525, "a"] = np.sin(2 * np.pi * np.arange(500, 526) / 24)
    clean.to_parquet(past)
    common = ("detect", file, "--time", "stamp", "--drop", "label")
    first = call(*common, "--train", past, "--save", tmp_path / "detector", "--tracked")
    again = call(*common, "--model", tmp_path / "detector")
    assert first.code == again.code == 0, first.err + again.err
    assert first.out == again.out
    assert len(episodes(first))


def test_each_entity_is_a_series_of_its_own(file, tmp_path):
    one, two = frame(), frame(1)
    two["a"] = two["a"] * 5 + 100
    table = pd.concat([one.assign(machine="m1"), two.assign(machine="m2")]).drop(columns="label")
    table.to_csv(file, index=False)
    called = call("detect", file, "--time", "stamp", "--entity", "machine", "-o", tmp_path / "steps.csv")
    found = episodes(called)
    for machine in ("m1", "m2"):
        own = found[found["machine"] == machine]
        assert HOURS[480] <= own.loc[own["score"].idxmax(), "focus_start"] <= HOURS[540]
    steps = pd.read_csv(tmp_path / "steps.csv")
    assert (steps["machine"] == table["machine"].to_numpy()).all()


def test_an_entity_of_a_few_readings_is_left_without_scores(file, tmp_path):
    both = pd.concat([frame().assign(machine="pump"), frame().assign(machine="new")[:5]])
    both.to_csv(file, index=False)
    flags = ("--time", "stamp", "--drop", "label", "--entity", "machine")
    called = call("detect", file, *flags, "-o", tmp_path / "steps.csv")
    assert called.code == 0, called.err
    assert "note: without scores: machine 'new': the series has 5 steps" in called.err
    steps = pd.read_csv(tmp_path / "steps.csv")
    assert steps["machine"].tolist() == both["machine"].tolist()
    assert steps["score"].notna().tolist() == (both["machine"] == "pump").tolist()
    both[-5:].to_csv(file, index=False)
    assert "machine 'new': the series has 5 steps" in sentence(call("detect", file, *flags))


def test_several_series_in_one_are_pointed_out(file):
    pd.concat([frame().assign(machine="pump"), frame(1).assign(machine="fan")]).to_csv(file, index=False)
    flags = ("--time", "stamp", "--drop", "label")
    assert "if each 'machine' is a series of its own, give --entity machine." in call("detect", file, *flags).err
    assert "--entity" not in call("detect", file, *flags, "--entity", "machine").err
    frame().assign(machine=np.where(np.arange(900) % 7 < 3, "pump", "fan")).to_csv(file, index=False)
    assert "--entity" not in call("detect", file, *flags).err


def test_a_channel_that_is_stuck_in_the_new_file_is_still_a_channel(file, tmp_path):
    assert call("detect", file, "--time", "stamp", "--drop", "label", "--save", tmp_path / "detector").code == 0
    stuck = frame(2).drop(columns="label")
    stuck["b"] = 0.25
    stuck.to_csv(tmp_path / "new.csv", index=False)
    called = call("detect", tmp_path / "new.csv", "--time", "stamp", "--model", tmp_path / "detector")
    assert "b" in set(episodes(called)["channel_1"])


def test_the_figure_is_drawn(file, tmp_path):
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--plot", tmp_path / "series.svg")
    assert called.code == 0, called.err
    assert (tmp_path / "series.svg").stat().st_size > 10_000


def test_local_stamps_are_written_in_utc(file):
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--time-zone", "Europe/Berlin")
    plain = call("detect", file, "--time", "stamp", "--drop", "label")
    moved = episodes(plain)["peak"] - episodes(called)["peak"]
    assert (moved == pd.Timedelta("1h")).all()


def test_stamps_with_a_zone_are_converted_and_take_no_other(file):
    zoned = frame().assign(stamp=HOURS.tz_localize("UTC").tz_convert("Europe/Berlin"))
    zoned.to_csv(file, index=False)
    called = call("detect", file, "--time", "stamp", "--alarms", "2")
    assert "note: the stamps have a time zone; times are given in UTC." in called.err
    refused = sentence(call("detect", file, "--time", "stamp", "--time-zone", "Asia/Tokyo"))
    assert "column 'stamp': its stamps have a time zone of their own; leave out --time-zone Asia/Tokyo" in refused


def test_what_was_done_to_the_past_is_said_and_that_nothing_comes_after_it(file, tmp_path):
    past = pd.concat([frame(1)[:400], frame(2)[:400]])
    past.to_csv(tmp_path / "past.csv", index=False)
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--train", tmp_path / "past.csv")
    assert "past.csv': 400 stamps are repeated; readings of the same stamp are averaged." in called.err
    called = call("detect", file, "--time", "stamp", "--until", "2031-01-01")
    assert "note: there is no step after 2031-01-01: the series ends at 2024-02-07 11:00:00" in called.err


def test_rows_that_look_like_a_series_are_pointed_out(file):
    assert "'stamp' advances evenly; if the rows are a series, --time stamp takes" in call("detect", file).err
    frame().sample(frac=1, random_state=0).to_csv(file, index=False)
    assert "advances evenly" not in call("detect", file).err


def test_episodes_of_the_clean_past_are_marked(file):
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--until", "2024-01-18", "--alarms", "20")
    found = episodes(called)
    past = found["part"] == "clean past"
    assert set(found["part"]) == {"clean past", "after"}
    assert (found.loc[past, "end"] < "2024-01-18").all()
    assert (found.loc[~past, "end"] >= "2024-01-18").all()
    assert f"{(~past).sum()} episodes after 2024-01-18" in called.err
    assert f"{past.sum()} episode" in called.err.split("clean past")[0].split("note: ")[-1]
    assert "part" not in episodes(call("detect", file, "--time", "stamp", "--drop", "label"))


WRONG = {
    "no such column": (("--time", "stmp"), r"no column 'stmp' for --time (did you mean 'stamp'?)"),
    "a flag of rows": (("--time", "stamp", "--fdr", "0.1", "--variant", "sparse"), "--fdr, --variant: not for a"),
    "no time": (("--tracked", "--stride", "2"), "--stride, --tracked: for a series, whose column of times --time"),
    "too long a stride": (("--time", "stamp", "--stride", "200"), "a stride of 200 steps is longer than the window of"),
    "a stride for a model": (("--time", "stamp", "--model", "x", "--stride", "4"), "--stride: fixed when the detector"),
    "two pasts": (("--time", "stamp", "--train", "x.csv", "--until", "2024"), "--train and --until each say"),
    "a rate of nothing": (("--time", "stamp", "--alarms", "0 per week"), "--alarms must be a number of episodes"),
    "a rate of words": (("--time", "stamp", "--alarms", "few"), "--alarms must be a number of episodes"),
    "until a word": (("--time", "stamp", "--until", "soon"), "--until: 'soon' is no date"),
    "too long a window": (("--time", "stamp", "--window", "600"), "900 steps are too few for a window of 600"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_can_not_be_is_one_sentence(name, file):
    flags, words = WRONG[name]
    called = call("detect", file, *flags)
    assert called.code in (1, 2)
    assert words in sentence(called)


def test_windows_are_at_the_stride_asked_for(file, tmp_path):
    saved = tmp_path / "detector"
    called = call("detect", file, "--time", "stamp", "--drop", "label", "--stride", "20", "--save", saved)
    assert called.code == 0, called.err
    assert {window.stride for window in load(saved).model_.windows} == {20}


def test_a_model_of_rows_is_refused(file, tmp_path):
    rows = tmp_path / "rows.csv"
    pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc")).to_csv(rows, index=False)
    assert call("detect", rows, "--train", rows, "--save", tmp_path / "rows-detector").code == 0
    called = call("detect", file, "--time", "stamp", "--model", tmp_path / "rows-detector")
    assert "needs the detector of a series" in sentence(called)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin"])
def test_times_in_parquet_are_timestamps_in_their_zone(tmp_path, zone):
    from pyarrow import parquet

    times = pd.date_range("2024-01-01", periods=300, freq="h", tz=zone)
    values = np.sin(np.arange(300) / 4) + 0.1 * np.random.default_rng(0).normal(size=300)
    pd.DataFrame({"when": times, "load": values}).to_parquet(tmp_path / "series.parquet")
    output = tmp_path / "steps.parquet"
    called = call("detect", tmp_path / "series.parquet", "--time", "when", "-o", output)
    assert called.code == 0, called.err
    found = parquet.read_table(output)
    assert str(found.schema.field("when").type) == ("timestamp[us]" if zone is None else f"timestamp[us, tz={zone}]")
    assert found.column("when").to_pylist() == list(times.to_pydatetime())


def test_no_entity_of_many_is_lumped_with_others(tmp_path):
    """The reader keeps the most common categories of a column to learn from; an entity is none."""
    many = pd.concat([frame(place)[["stamp", "a"]][:60].assign(machine=f"m{place}") for place in range(55)])
    many.to_csv(tmp_path / "machines.csv", index=False)
    tokens = ("--time", "stamp", "--entity", "machine", "-o", tmp_path / "steps.csv")
    called = call("detect", tmp_path / "machines.csv", *tokens)
    assert "other" not in called.err
    assert pd.read_csv(tmp_path / "steps.csv")["machine"].nunique() == 55


@pytest.mark.parametrize(("names", "types"), [((3, 12), "int64"), (("03", "12"), "string")])
def test_entities_keep_their_type(names, types, tmp_path):
    from pyarrow import parquet

    both = pd.concat([frame(place).assign(machine=name) for place, name in enumerate(names)])
    both.to_csv(tmp_path / "machines.csv", index=False)
    tokens = ("detect", tmp_path / "machines.csv", "--time", "stamp", "--entity", "machine", "--alarms", "2")
    called = call(*tokens, "-o", tmp_path / "steps.parquet", "--json")
    assert called.code == 0, called.err
    found = parquet.read_table(tmp_path / "steps.parquet").column("machine")
    assert (str(found.type), found.to_pylist()) == (types, both["machine"].tolist())
    assert {one["machine"] for one in json.loads(called.out)["episodes"]} == set(names)
