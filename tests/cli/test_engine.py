"""--engine ray: the answers of one process, from two workers, in order, whatever becomes of a worker."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from cli.conftest import call, sentence
from isthmus.cli.engine import answers_of_workers
from isthmus.tables import Table, read

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module")
def workers():
    ray.init(num_cpus=2, include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize("command", ["encode", "reconstruct", "score"])
def test_workers_give_the_file_of_one_process(command, table_run, folder, tmp_path, workers):
    alone = call(command, table_run, folder / "own.csv", "-o", tmp_path / "alone.csv")
    spread = call(command, table_run, folder / "own.csv", "-o", tmp_path / "spread.csv", "--engine", "ray")
    assert (alone.code, spread.code) == (0, 0), spread.err
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "spread.csv").read_bytes()


def test_workers_fill_cells_and_count_them(table_run, folder, tmp_path, workers):
    lines = (folder / "own.csv").read_text().splitlines()
    cells = lines[3].split(",")
    cells[1] = ""
    (tmp_path / "gaps.csv").write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    alone = call("impute", table_run, tmp_path / "gaps.csv", "-o", tmp_path / "alone.csv")
    spread = call("impute", table_run, tmp_path / "gaps.csv", "-o", tmp_path / "spread.csv", "--engine", "ray")
    assert "1 of " in alone.err
    assert alone.err.replace("alone", "spread") == spread.err
    assert (tmp_path / "alone.csv").read_bytes() == (tmp_path / "spread.csv").read_bytes()


def test_workers_detect_as_one_process_does(folder, tmp_path, workers):
    known, roles = folder / "own.csv", ("--ids", "name", "--labels", "kind")
    call("detect", known, "--train", known, "--save", tmp_path / "detector", *roles)
    for engine in ("local", "ray"):
        flags = ("--model", tmp_path / "detector", "--engine", engine, "-o", tmp_path / f"{engine}.csv")
        assert call("detect", known, *flags, *roles).code == 0
    assert (tmp_path / "local.csv").read_bytes() == (tmp_path / "ray.csv").read_bytes()
    refused = call("detect", known, "--engine", "ray")
    assert "give --model" in sentence(refused)


def _blocks(count: int):
    for number in range(count):
        yield Table(np.full((2, 1), float(number)), ("a",))


def _load_first_dies(folder: str):
    """What answers a block; the first worker that loads it is killed by its second block."""
    marks = Path(folder)

    def answer(block: Table) -> np.ndarray:
        if block.values[0, 0] == 3 and not (marks / "killed").exists():
            (marks / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return block.values + 1

    return answer


def test_a_block_whose_worker_is_killed_is_answered_by_another(tmp_path, workers):
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        answers = list(answers_of_workers(_load_first_dies, (str(tmp_path),), _blocks(12)))
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert (tmp_path / "killed").exists()
    assert [float(answer[0, 0]) for _, answer in answers] == [number + 1.0 for number in range(12)]
    assert all(block.values[0, 0] + 1 == answer[0, 0] for block, answer in answers)


def _load_fails(path: str):
    raise ValueError(f"no model at {path}")


def test_what_a_worker_refuses_is_said_as_here(workers):
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    try:
        with pytest.raises(ValueError, match="no model at run"):
            list(answers_of_workers(_load_fails, ("run",), _blocks(2)))
    finally:
        ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def test_without_ray_the_command_says_what_to_install(table_run, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    refused = call("encode", table_run, folder / "own.csv", "--engine", "ray")
    assert "pip install 'isthmus[ray]'" in sentence(refused)


def test_a_partition_function_gives_the_codes_of_the_command(table_run, folder, tmp_path):
    """As docs/several-processes.md shows it for Spark and Dask."""
    import pandas

    import isthmus

    call("encode", table_run, folder / "own.csv", "-o", tmp_path / "codes.csv")
    model = isthmus.load(table_run / "model")
    rows = pandas.read_csv(folder / "own.csv")[list(model.feature_names_in_)]
    codes = np.concatenate([model.transform(part) for part in (rows[:20], rows[20:])])
    np.testing.assert_allclose(codes, read(tmp_path / "codes.csv", ids="name", labels="kind").values, rtol=1e-4)
