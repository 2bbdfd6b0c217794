"""``isthmus smallest FILE --time COLUMN``: the smallest code of a series' windows."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import call, sentence


@pytest.fixture
def file(tmp_path):
    """A sine with noise: two components of a linear code, at most two of a nonlinear one."""
    t, rng = np.arange(1200), np.random.default_rng(0)
    value = np.sin(2 * np.pi * t / 25) + 0.1 * rng.standard_normal(1200)
    path = tmp_path / "sine.csv"
    pd.DataFrame({"stamp": pd.date_range("2024-01-01", periods=1200, freq="h"), "value": value}).to_csv(
        path, index=False
    )
    return path


def test_a_sine_takes_two_components_and_no_more_numbers_by_a_network(file):
    called = call("smallest", file, "--time", "stamp", "--sizes", "1,2,3", "--json")
    assert called.code == 0, called.err
    found = json.loads(called.out)
    assert found["smallest_closed_form"] == 2
    assert found["smallest_network"] <= 2
    assert len(found["closed_form"]) == len(found["network"]) == 3


def test_a_window_too_long_to_hold_blocks_out_is_halved_and_said(file):
    t = np.arange(1200)
    value = np.sin(2 * np.pi * t / 100) + 0.1 * np.random.default_rng(0).standard_normal(1200)
    pd.DataFrame({"stamp": t, "value": value}).to_csv(file, index=False)
    flags = ("smallest", file, "--time", "stamp", "--sizes", "1,2,3")
    called = call(*flags)
    assert called.code == 0, called.err
    first, *_, last = called.out.splitlines()
    assert first in {f"windows of {size} steps" for size in (24, 25, 26)}  # of 100, too, 50 are too many
    assert "2 by singular spectrum analysis" in called.out
    assert last.startswith("why: ")
    assert "of windows of 100 steps out; choose a shorter" in sentence(call(*flags, "--window", "100"))


def test_flags_of_tables_are_refused_beside_a_series(file, tmp_path):
    said = sentence(call("smallest", file, "--time", "stamp", "--output", tmp_path / "run", "--max-error", "1"))
    for flag in ("--max-error", "--output", "--time"):
        assert flag in said
