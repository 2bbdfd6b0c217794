"""Counts of genes in cells as 10x Genomics writes them: a matrix of genes × cells, and the names of both beside it.

CellRanger 3 and later write matrix.mtx.gz, features.tsv.gz and barcodes.tsv.gz, CellRanger 2 matrix.mtx, genes.tsv and
barcodes.tsv; on GEO all of them have a prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.tables.container import File
from isthmus.tables.errors import DataError

__all__ = ["NamesBeside", "distinct_names", "names_beside"]

MAX_BYTES = 1 << 26
CELLS, GENES = ("barcodes",), ("features", "genes")
MADE_BY = b"cellranger"  # in a comment of the matrix


@dataclass(frozen=True, eq=False)
class NamesBeside:
    """Names of cells and genes, None without a file, with the names of the files; and whether 10x wrote the matrix."""

    cells: np.ndarray | None
    genes: np.ndarray | None
    files: tuple[str, ...]
    by_10x: bool

    def genes_are_rows(self, shape: tuple[int, int], where: str) -> bool:
        """Whether a matrix of this shape is genes × cells; a `DataError` if it has other sides than there are names."""
        sides = {True: (self.genes, self.cells), False: (self.cells, self.genes)}
        fits = {
            genes_first: all(names is None or len(names) == side for names, side in zip(pair, shape, strict=True))
            for genes_first, pair in sides.items()
        }
        if not any(fits.values()):
            counts = " and ".join(
                f"{len(names):,} {what}"
                for names, what in ((self.genes, "genes"), (self.cells, "cells"))
                if names is not None
            )
            raise DataError(
                f"{where}: a matrix of {shape[0]:,} × {shape[1]:,}, but {' and '.join(self.files)} beside it name "
                f"{counts}; they belong to another matrix, or a file is cut short: download them again, or move the "
                "names away."
            )
        return fits[True] and (self.by_10x or bool(self.files))


def names_beside(path: Path, head: bytes) -> NamesBeside:
    """What lies beside a matrix with this path and these first bytes."""
    of_10x = path.name.lower().partition(".mtx")[0].endswith("matrix")
    prefix = path.name[: path.name.lower().rindex("matrix")] if of_10x else ""
    cells, genes = _first_of(path, prefix, CELLS), _first_of(path, prefix, GENES)
    return NamesBeside(
        None if cells is None else np.array([line[0] for line in _lines(cells)], np.str_),
        None if genes is None else _gene_names(genes),
        tuple(repr(file.name) for file in (genes, cells) if file is not None),
        of_10x or MADE_BY in head[:4096].lower(),
    )


def distinct_names(names: np.ndarray, ids: np.ndarray | None) -> np.ndarray | None:
    """Names, those that repeat replaced by their ids; None if some still repeat.

    >>> distinct_names(np.array(["TBCE", "A", "TBCE"]), np.array(["E1", "E2", "E3"])).tolist()
    ['E1', 'A', 'E3']
    """
    _, place, count = np.unique(names, return_inverse=True, return_counts=True)
    if ids is not None and len(ids) == len(names):
        names = np.where(count[place] > 1, ids, names)
    return names if len(np.unique(names)) == len(names) else None


def _first_of(path: Path, prefix: str, names: tuple[str, ...]) -> Path | None:
    candidates = (path.with_name(f"{prefix}{name}.tsv{end}") for name in names for end in ("", ".gz"))
    return next((one for one in candidates if one.is_file()), None)


def _lines(path: Path) -> list[list[str]]:
    with File(path).open() as stream:
        return [line.split("\t") for line in stream.read(MAX_BYTES).decode("utf-8", "replace").splitlines()]


def _gene_names(path: Path) -> np.ndarray:
    """The symbols, which stand second; where genes share one, their ids."""
    lines = _lines(path)
    ids, names = (np.array([line[min(at, len(line) - 1)] for line in lines], np.str_) for at in (0, 1))
    apart = distinct_names(names, ids)
    return names if apart is None else apart
