"""The catalogue of public data sets, and the rows of each: which are left out, and how they are split.

``catalogue.csv`` has a line per set:

    name, kind          of the kinds below
    reader, where       the function of `worth_it.readers`, and its argument
    labels, drop        column of classes, and columns to leave out (identifiers, copies of others), separated by spaces
    package             the package that ships it, from packages.txt, or "folder" for files in the user's folder
    licence             of the set or of its package, as far as known
    chose               yes if its rows were used to choose a default of isthmus
    rows, columns       of what `read` returns, by which the cheapest are measured first; empty if never read

| kind | what a row is | the closed form | how the error is measured |
|---|---|---|---|
| table, spectra, expression, vectors, ratings | columns scaled to variance 1 by the training rows | PCA | squared |
| pictures, series | as they are: pixels or steps have one unit | PCA | squared |
| mixed | words, booleans and dates beside numbers | PCA of one-hot columns | squared, of the encoded columns |
| counts | counts | PCA of Pearson residuals | Poisson deviance |
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from worth_it.readers import READERS, Places, UnavailableError

__all__ = ["KINDS", "Rows", "Set", "catalogue", "read"]

CATALOGUE = Path(__file__).parent / "catalogue.csv"
KINDS = ("table", "mixed", "pictures", "series", "counts", "ratings", "vectors", "spectra", "expression")
STANDARDIZED = ("table", "ratings", "vectors", "spectra", "expression")
MAX_ROWS, MAX_COLUMNS, MAX_CATEGORIES, MAX_MISSING = 2000, 200, 20, 0.1
WINDOW, MIN_WINDOWS, MIN_ROWS, MIN_COLUMNS, SPLITS, SHARE = 32, 10, 30, 4, 5, 0.2


@dataclass(frozen=True)
class Set:
    """A line of the catalogue."""

    name: str
    kind: str
    reader: str
    where: str
    labels: str
    drop: str
    package: str
    licence: str
    chose: str
    rows: str
    columns: str

    @property
    def cells(self) -> int:
        """Its size, to sort by; sets never read come last."""
        return int(self.rows) * int(self.columns) if self.rows else 1 << 40

    @property
    def chose_defaults(self) -> bool:
        """Whether it was used to choose a default."""
        return self.chose == "yes"


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows: an array, or a DataFrame if columns are of several kinds.

    ``begins`` are the first steps of the windows of a series, which overlap; None if rows are split at random.
    """

    values: Any
    labels: np.ndarray | None
    begins: np.ndarray | None = None

    def split(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of training and test rows of one of five splits: random, or for a series one fifth of the time each.

        Windows that overlap a test window are not used for training.
        """
        n_rows = len(self.values)
        if self.begins is None:
            order = np.random.default_rng([23, number]).permutation(n_rows)
            n_test = round(SHARE * n_rows)
            return order[n_test:], order[:n_test]
        edges = np.quantile(self.begins, [number / SPLITS, (number + 1) / SPLITS])
        test = (self.begins >= edges[0]) & (self.begins <= edges[1])
        near = (self.begins > edges[0] - WINDOW) & (self.begins < edges[1] + WINDOW)
        return np.flatnonzero(~near), np.flatnonzero(test)


def catalogue() -> list[Set]:
    """All sets, in the order of the file."""
    with CATALOGUE.open(encoding="utf-8", newline="") as file:
        sets = [Set(**line) for line in csv.DictReader(file)]
    names = [one.name for one in sets]
    twice = {name for name in names if names.count(name) > 1}
    unknown = {one.name for one in sets if one.kind not in KINDS or one.reader not in {*READERS, "elsewhere"}}
    if twice or unknown:
        raise ValueError(f"catalogue.csv: listed twice: {sorted(twice)}; unknown kind or reader: {sorted(unknown)}")
    return sets


def read(one: Set, places: Places) -> Rows:
    """The rows of a set, at most 2,000, always the same ones; `UnavailableError` if it is not on this machine."""
    if one.reader == "elsewhere":
        raise UnavailableError(f"{one.name} is available from {one.where}")
    kind, where = one.kind, one.where
    found, labels = READERS[one.reader](places, where)
    if isinstance(found, pd.DataFrame):
        found = found.drop(columns=one.drop.split(), errors="raise")
        if one.labels:
            labels = found[one.labels].astype(str).to_numpy()
            found = found.drop(columns=one.labels)
    if kind == "series" and one.reader not in ("ts", "ucr", "tslearn"):
        return _windows(found)
    if kind == "mixed":
        values, labels = _mixed(found, labels)
    else:
        values, labels = _numbers(found, labels)
    if kind not in ("mixed", "counts"):
        values = _narrowed(values, kind)
    if kind == "counts":
        values = _common(values)
        enough = values.sum(1) > 0
        values, labels = values[enough], None if labels is None else labels[enough]
    if len(values) < MIN_ROWS or values.shape[1] < MIN_COLUMNS:
        raise UnavailableError(f"{one.name}: too few complete rows or columns, {values.shape[0]} by {values.shape[1]}")
    kept = np.sort(np.random.default_rng(23).permutation(len(values))[:MAX_ROWS])
    taken = values.iloc[kept] if kind == "mixed" else values[kept]
    return Rows(taken, None if labels is None else labels[kept])


def _mixed(frame: pd.DataFrame, labels: np.ndarray | None) -> tuple[pd.DataFrame, np.ndarray | None]:
    """Columns of numbers, booleans and categories with few levels; complete rows."""
    kept = {}
    for name, column in frame.items():
        if column.isna().mean() > MAX_MISSING or column.nunique(dropna=True) < 2:
            continue
        if pd.api.types.is_bool_dtype(column):
            kept[str(name)] = column.astype(bool) if not column.isna().any() else column.astype(str)
        elif pd.api.types.is_numeric_dtype(column):
            kept[str(name)] = column.astype(float)
        elif column.nunique() <= MAX_CATEGORIES:
            kept[str(name)] = column.astype(str).where(column.notna())
    made = pd.DataFrame(kept)
    complete = made.notna().all(axis=1).to_numpy() & ~made.duplicated().to_numpy()
    return made[complete].reset_index(drop=True), None if labels is None else labels[complete]


def _numbers(found: Any, labels: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Columns of numbers that vary; complete rows without duplicates."""
    if isinstance(found, pd.DataFrame):
        numbers = found.select_dtypes(include=["number", "bool"]).apply(pd.to_numeric, downcast=None)
        numbers = numbers.loc[:, numbers.isna().mean() <= MAX_MISSING]
        found = numbers.to_numpy(np.float64, na_value=np.nan)
    values = np.asarray(found, np.float64)
    complete = np.isfinite(values).all(1)
    values, labels = values[complete], None if labels is None else np.asarray(labels)[complete]
    first = np.sort(np.unique(values, axis=0, return_index=True)[1])
    values, labels = values[first], None if labels is None else labels[first]
    return values[:, values.std(0) > 1e-12 * np.abs(values).max(0)], labels


def _common(counts: np.ndarray) -> np.ndarray:
    """Columns that are above zero in most rows."""
    return counts[:, np.sort(np.argsort(-(counts > 0).sum(0), kind="stable")[:MAX_COLUMNS])]


def _narrowed(values: np.ndarray, kind: str) -> np.ndarray:
    """At most 200 columns: the genes of largest variance, means of neighbouring wavelengths or steps, or the first."""
    n_columns = values.shape[1]
    if n_columns <= MAX_COLUMNS or kind == "pictures":
        return values
    if kind == "expression":
        return values[:, np.sort(np.argsort(-values.var(0), kind="stable")[:MAX_COLUMNS])]
    if kind in ("spectra", "series"):
        width = -(-n_columns // MAX_COLUMNS)
        return values[:, : n_columns // width * width].reshape(len(values), -1, width).mean(2)
    return values[:, :MAX_COLUMNS]


def _windows(found: Any) -> Rows:
    """Windows of 32 steps of the first numeric column, divided by the standard deviation of the series."""
    if isinstance(found, pd.DataFrame):
        found = found.select_dtypes("number").iloc[:, 0].interpolate(limit_direction="both").to_numpy(np.float64)
    series = np.asarray(found, np.float64).ravel()[: MAX_ROWS * WINDOW // 4]
    stride = max(1, -(-(len(series) - WINDOW) // MAX_ROWS))
    begins = np.arange(0, len(series) - WINDOW + 1, stride)
    if len(series) < MIN_WINDOWS * WINDOW:  # a fifth of them for testing, with a gap on either side
        raise UnavailableError(f"a series of {len(series)} steps")
    windows = np.lib.stride_tricks.sliding_window_view(series, WINDOW)[begins]
    return Rows((windows - series.mean()) / series.std(), None, begins)
