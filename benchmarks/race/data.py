"""The rows every competitor gets: float32, made with NumPy and scikit-learn alone, so equal in every environment."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from race.job import Job

__all__ = ["load"]

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
TABLE_FACTORS = 10
TABLE_TEST_ROWS = 1000
SLICE = 50_000


def load(job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, C-contiguous."""
    if job.data == "digits":
        train, test = _digits()
    elif job.data == "fashion-mnist":
        train, test = (_idx_images(FASHION_FOLDER / f"{part}-images-idx3-ubyte.gz") for part in ("train", "t10k"))
    elif job.data == "table":
        train, test = _table(job.rows or 1_000_000, job.columns, 0), _table(TABLE_TEST_ROWS, job.columns, 1)
    else:
        raise ValueError(f"data: must be digits, fashion-mnist or table, got {job.data!r}.")
    return train[: job.rows], test


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """The tutorial's split: 80/20, stratified, seed 42."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32)
    train, test = train_test_split(pixels, test_size=0.2, random_state=42, stratify=labels)
    return train, test


def _idx_images(path: Path) -> np.ndarray:
    with gzip.open(path) as file:
        raw = file.read()
    count = int.from_bytes(raw[4:8], "big")
    return np.frombuffer(raw, np.uint8, offset=16).reshape(count, -1).astype(np.float32) / np.float32(255)


def _table(n_rows: int, n_columns: int, seed: int) -> np.ndarray:
    """Ten factors, curved and mixed, with a little noise; made in slices, so nothing but the table is large."""
    mixing = np.random.default_rng(7).standard_normal((2 * TABLE_FACTORS, n_columns), np.float32) / 4
    rng = np.random.default_rng([seed, n_rows])
    values = np.empty((n_rows, n_columns), np.float32)
    for begin in range(0, n_rows, SLICE):
        rows = values[begin : begin + SLICE]
        factors = rng.standard_normal((len(rows), TABLE_FACTORS), np.float32)
        np.matmul(np.hstack([factors, np.tanh(factors[:, ::-1] * factors)]), mixing, out=rows)
        rows += 0.1 * rng.standard_normal(rows.shape, np.float32)
    return values
