"""What the tests share: the tutorial's digits, small tables, and every variant there is."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from sklearn import datasets
from sklearn.model_selection import train_test_split


@pytest.fixture(scope="session")
def digits():
    """The tutorial's split, pixels in [0, 1]: 1,437 rows to train on, 360 held out, and the labels."""
    X, y = datasets.load_digits(return_X_y=True)
    return train_test_split(X / 16.0, y, test_size=0.2, random_state=42, stratify=y)


def curved_table(n_rows: int = 120, n_features: int = 6, seed: int = 0) -> np.ndarray:
    """Two hidden numbers mapped nonlinearly into ``n_features`` columns of unequal size, with a little noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((n_rows, 2))
    waves = np.sin(hidden @ rng.standard_normal((2, n_features)) + rng.uniform(0, 3, n_features))
    table = hidden @ rng.standard_normal((2, n_features)) + waves + 0.1 * rng.standard_normal((n_rows, n_features))
    return table * np.linspace(0.5, 2, n_features) + np.arange(n_features)


@pytest.fixture
def table() -> np.ndarray:
    """120 rows of 6 columns on a curved surface."""
    return curved_table()


MEMORY = Path("/dev/shm")


def pytest_configure():
    """Files are written to memory where it has room: on a disk, whoever writes over a file waits for it."""
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > 4 << 30:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish():
    """What has been imported and collected stays; the garbage collector need not go through it again and again."""
    gc.collect()
    gc.freeze()


# Files with a test of several seconds (``pytest --durations=40``). They go first, so the last tests are short ones and
# no process waits long for another.
SLOWEST = (
    "test_polish.py", "test_parity.py", "test_saved_kinds.py", "test_docs.py", "test_pretraining.py",
    "test_distributed.py", "test_faults.py", "test_estimator_checks.py", "test_examples.py", "test_family.py",
    "test_exercises.py", "test_onnx.py", "test_untrusted.py", "test_denoising.py", "test_large.py",
    "test_computed_pages.py", "test_accessibility.py", "test_kinds.py", "test_not_worse_than_pca.py",
    "test_anomaly.py", "test_evidence.py", "test_checkpoints.py", "test_size_by_fits.py",
)  # fmt: skip


def pytest_collection_modifyitems(items):
    """The slowest files first; files and the tests in them otherwise keep their order."""
    order = {name: place for place, name in enumerate(SLOWEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(SLOWEST)))


def pytest_generate_tests(metafunc):
    """``kind`` runs a test over every variant in the folder; nobody keeps a list."""
    given = {name for mark in metafunc.definition.iter_markers("parametrize") for name in mark.args[:1]}
    if "kind" in metafunc.fixturenames and "kind" not in given:
        from isthmus.variants import variants

        found = variants()
        metafunc.parametrize("kind", list(found.values()), ids=list(found))
