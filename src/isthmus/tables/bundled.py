"""The data sets that need no download: those included in scikit-learn, and Fashion-MNIST from Debian."""

from __future__ import annotations

import difflib
import gzip
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from isthmus.tables.container import File
from isthmus.tables.errors import DataError
from isthmus.tables.formats.idx import read_idx_bytes
from isthmus.tables.row_shape import pixel_names
from isthmus.tables.table import Table

__all__ = ["BUNDLED", "load_bundled"]

BUNDLED: dict[str, str] = {
    "digits": "1,797 handwritten digits of 8×8 pixels from 0 to 1, labelled 0 to 9",
    "iris": "150 irises, 4 measurements in cm, labelled by species",
    "wine": "178 wines, 13 chemical measurements, labelled by cultivar",
    "breast_cancer": "569 tumours, 30 measurements of cell nuclei, labelled malignant or benign",
    "diabetes": "442 patients, 10 measurements, scaled as scikit-learn does; no labels",
    "linnerud": "20 men, 3 exercises; no labels",
    "fashion-mnist": "70,000 pictures of clothes, 28×28 pixels from 0 to 1, labelled by kind (from Debian)",
}

FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_KINDS = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def load_bundled(name: str) -> Table:
    """The data set called ``name``, one of `BUNDLED`; a `DataError` for any other name.

    >>> digits = load_bundled("digits")
    >>> digits.values.shape, digits.image_shape, digits.columns[-1]
    ((1797, 64), (8, 8), 'pixel_7_7')
    """
    if name not in BUNDLED:
        close = difflib.get_close_matches(name, BUNDLED, n=1, cutoff=0.5)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        raise DataError(f"{name!r}: no such bundled data set{guess}; there are {', '.join(BUNDLED)}.")
    own = {"digits": _digits, "fashion-mnist": _fashion_mnist}
    table = own[name]() if name in own else _from_sklearn(name)
    there = (f"this is the bundled data set; ./{name} is the file or folder of that name",)
    return replace(table, notes=there) if Path(name).exists() else table


def _digits() -> Table:
    # read in place: importing sklearn.datasets would cost a second before anything is printed
    spec = find_spec("sklearn")
    folders = [] if spec is None else spec.submodule_search_locations or []
    files = [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        pixels, labels = np.asarray(bunch.data), np.asarray(bunch.target)
    else:
        with gzip.open(file, "rt", encoding="ascii") as text:
            cells = np.loadtxt(text, delimiter=",")
        pixels, labels = np.ascontiguousarray(cells[:, :-1]), cells[:, -1].astype(np.int64)
    return Table(
        pixels / 16,
        pixel_names((8, 8)),
        labels=labels,
        label_name="digit",
        image_shape=(8, 8),
        name="digits",
    )


def _from_sklearn(name: str) -> Table:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    labelled = name in ("iris", "wine", "breast_cancer")
    return Table(
        np.asarray(bunch.data, np.float64),
        tuple(map(str, bunch.feature_names)),
        labels=np.asarray(bunch.target_names, np.str_)[bunch.target] if labelled else None,
        label_name="class" if labelled else None,
        name=name,
    )


def _fashion_mnist() -> Table:
    if not FASHION_FOLDER.is_dir():
        raise DataError(
            f"'fashion-mnist': not found in {FASHION_FOLDER}; install it with: sudo apt install dataset-fashion-mnist."
        )
    parts = [
        (
            read_idx_bytes(File(FASHION_FOLDER / f"{part}-images-idx3-ubyte.gz")),
            read_idx_bytes(File(FASHION_FOLDER / f"{part}-labels-idx1-ubyte.gz")),
        )
        for part in ("train", "t10k")
    ]
    n_train, n_rows = len(parts[0][0]), sum(len(pixels) for pixels, _ in parts)
    height, width = parts[0][0].shape[1:]
    values = np.empty((n_rows, height * width), np.float32)
    start = 0
    for pixels, _ in parts:
        rows = values[start : start + len(pixels)]
        np.divide(pixels.reshape(len(pixels), -1), np.float32(255), out=rows)
        start += len(pixels)
    return Table(
        values,
        pixel_names((height, width)),
        labels=np.array(FASHION_KINDS)[np.concatenate([labels for _, labels in parts])],
        label_name="kind",
        image_shape=(height, width),
        name="fashion-mnist",
        official_test=np.arange(n_train, n_rows),
    )
