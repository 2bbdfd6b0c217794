"""What the command line's tests share: a user's table, runs fitted on it, one way to call a command."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from isthmus.cli.outcome import run
from isthmus.tables import write_images, write_table

QUICK = ("--max-iter", "2", "--no-plots")
COLUMNS = ("height", "weight", "age", "weird\x1b[31m", "b", "a")


@dataclass(frozen=True)
class Called:
    """What came of a command."""

    code: int
    out: str
    err: str


def call(*tokens: object) -> Called:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(token) for token in tokens])
        out.flush()
    return Called(code, out.buffer.getvalue().decode(), err.getvalue())


def sentence(called: Called) -> str:
    """The one line that a command which ended badly leaves, besides what it said on its way."""
    assert "Traceback" not in called.err
    lines = [line for line in called.err.splitlines() if line.startswith("isthmus: ")]
    assert len(lines) == 1, called.err
    return lines[0]


def own_rows(n_rows: int = 60) -> np.ndarray:
    rng = np.random.default_rng(3)
    hidden = rng.standard_normal((n_rows, 2))
    return np.sin(hidden @ rng.standard_normal((2, 6))) + 0.05 * rng.standard_normal((n_rows, 6))


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    """A user's folder: a table as CSV, Parquet, .npy and .npz, and pictures."""
    folder = tmp_path_factory.mktemp("home")
    values = own_rows()
    words = {"ids": np.array([f"p{row}" for row in range(60)]), "id_name": "name"}
    words |= {"labels": np.where(values[:, 0] > 0, "up", "down"), "label_name": "kind"}
    for suffix in (".csv", ".parquet", ".npz", ".npy"):
        write_table(folder / f"own{suffix}", values, COLUMNS, **words)
    pictures = np.random.default_rng(0).random((40, 20))
    write_images(folder / "pictures", pictures, (4, 5), [f"{'ab'[row % 2]}/{row}.png" for row in range(40)])
    return folder


def _fitted(folder: Path, name: str, *tokens: object) -> Path:
    called = call("fit", *tokens, "-o", folder / name, *QUICK)
    assert called.code == 0, called.err
    return folder / name


@pytest.fixture(scope="session")
def table_run(folder) -> Path:
    """A vanilla run on the table."""
    return _fitted(folder, "table-run", folder / "own.csv", "--ids", "name", "--labels", "kind")


@pytest.fixture(scope="session")
def picture_run(folder) -> Path:
    """A variational run on the pictures."""
    return _fitted(folder, "picture-run", folder / "pictures", "--variant", "variational")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file under a folder with its bytes: to see that nothing was touched."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
