"""The benchmark "When is a network worth it?": its record survives an interruption, and worse defaults are noticed."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def part(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module(f"worth_it.{name}")


def lines_of(errors: dict[str, float]) -> list[dict[str, Any]]:
    """Two splits of each set, with the error given and a small standard error."""
    return [
        {"set": name, "rule": "quarter", "split": split, "error": error, "standard_error": 0.01}
        for name, error in errors.items()
        for split in range(2)
    ]


def test_a_line_cut_by_an_interruption_is_passed_over_and_the_next_one_whole(monkeypatch, tmp_path):
    results, path = part(monkeypatch, "results"), tmp_path / "record.jsonl"
    results.append(path, {"set": "a", "error": 0.123456789, "bits": float("inf")})
    with path.open("a") as file:
        file.write('{"set": "b", "err')
    results.append(path, {"set": "c"})
    assert list(results.read_lines(path)) == [{"set": "a", "error": 0.123457, "bits": None}, {"set": "c"}]


@pytest.mark.parametrize(
    ("now", "n_faults"),
    [
        ({"crabs": 0.5, "olive": 0.4}, 0),
        ({"crabs": 0.45, "olive": 0.4}, 0),
        ({"crabs": 0.65, "olive": 0.4}, 2),  # one set, and the mean
        ({"crabs": 0.52, "olive": 0.42}, 1),  # a little on each
        ({}, 1),
    ],
)
def test_defaults_that_got_worse_are_noticed(monkeypatch, now, n_faults):
    quick = part(monkeypatch, "quick")
    _, faults = quick.compared(lines_of(now), lines_of({"crabs": 0.5, "olive": 0.4}))
    assert len(faults) == n_faults, faults


def test_the_catalogue_has_two_hundred_sets_of_every_kind_with_a_source_and_a_licence(monkeypatch):
    quick = part(monkeypatch, "quick")
    with (BENCHMARKS / "worth_it" / "catalogue.csv").open(encoding="utf-8", newline="") as file:
        sets = list(csv.DictReader(file))
    assert len({one["name"] for one in sets}) == len(sets) >= 200
    assert len({one["kind"] for one in sets}) == 9
    for one in sets:
        assert all(one[field] for field in ("reader", "where", "package", "licence")), one
    assert set(quick.QUICK) <= {one["name"] for one in sets}
    assert len(set(quick.QUICK)) == 30
