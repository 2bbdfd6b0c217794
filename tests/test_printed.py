"""What Python prints of a result: a table a person can read, not its arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris

from isthmus import (
    Autoencoder,
    AutoencoderOutlierDetector,
    History,
    SeriesOutlierDetector,
    evaluate,
    open_table,
    rate_distortion,
)

QUICK = {"max_iter": 12, "hidden_layer_sizes": (4,), "random_state": 0}


@pytest.fixture(scope="module")
def model():
    return Autoencoder(2, **QUICK).fit(load_iris().data)


def test_an_evaluation_is_its_table_and_its_sentence(model):
    found = evaluate(model, load_iris().data)
    *table, sentence = repr(found).splitlines()
    assert sentence == found.sentence
    for figure in found.table():
        (line,) = (line for line in table if f" {figure.name} " in line)
        assert figure.written()[1] in line


def test_a_history_is_its_first_and_last_epochs(model):
    names, *lines = repr(model.history_).splitlines()
    assert names.split() == list(model.history_.columns)
    epochs = [line.split()[0] for line in lines]
    assert epochs == ["0", "1", "2", "3", "…", *(f"{epoch:g}" for epoch in model.history_["epoch"][-4:])]
    assert repr(History()) == "History()"


def test_a_rate_distortion_marks_the_size_chosen():
    found = rate_distortion(load_iris().data, n_seeds=1, as_good_as=2, max_iter=2)
    *table, sentence = repr(found).splitlines()
    assert sentence == found.sentence
    (line,) = (line for line in table if "←" in line)
    assert line.split()[1] == str(found.size)


def test_a_detection_is_its_most_anomalous_rows():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"load": rng.normal(size=80), "kind": rng.choice(["new", "old"], 80)})
    frame.loc[7, "load"] = 40.0
    frame.loc[9, "kind"] = None
    found = AutoencoderOutlierDetector(random_state=0).fit_detect(frame)
    _, *rows, count = repr(found).splitlines()
    assert [int(row.split()[0]) for row in rows] == found.order[:10].tolist()
    assert rows[0].split()[0] == "7"
    assert rows[0].split()[3] == "yes"
    assert f"{found.above.sum()} of 80 rows are alarms" in count
    _, first, second = repr(found.explanation.take(np.array([7, 9]))).splitlines()
    assert first.split()[2:3] + first.split()[4:5] == ["load", "40"]
    assert second.split()[0] == "1"
    assert repr(found.explanation).splitlines()[-1].split() == ["…"] * 7


def test_a_series_is_its_episodes():
    rng = np.random.default_rng(0)
    steps = np.sin(np.arange(900) / 4) + 0.1 * rng.normal(size=900)
    assert repr(SeriesOutlierDetector().fit_detect(steps)) == "0 episodes in 900 steps."
    steps[500:520] += 3
    found = SeriesOutlierDetector().fit_detect(steps)
    _, *lines, count = repr(found).splitlines()
    assert [line.split()[0] for line in lines] == [str(one.start) for one in found.episodes]
    assert count == f"{len(lines)} episode{'s' * (len(lines) > 1)} in 900 steps."
    hours = np.datetime64("2024-01-01", "us") + np.arange(900) * np.timedelta64(1, "h")
    times = repr(SeriesOutlierDetector().fit_detect(steps, times=hours))
    assert str(hours[found.episodes[0].first]).removesuffix(":00.000000").replace("T", " ") in times


def test_a_stream_is_its_columns(tmp_path):
    np.save(tmp_path / "rows.npy", np.zeros((3, 2)))
    assert "3 rows" in repr(open_table(tmp_path / "rows.npy"))
    pd.DataFrame({"load": [0.5, 1.5, 2.5], "kind": list("aba")}).to_parquet(tmp_path / "rows.parquet")
    stream = open_table(tmp_path / "rows.parquet")
    assert repr(stream) == str(stream.description)
    assert "kind" in repr(stream)
