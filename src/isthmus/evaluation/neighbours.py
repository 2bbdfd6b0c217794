"""What a code keeps of an embedding: nearest neighbours, and agreement with human similarity scores.

Embeddings are compared by the cosine of two vectors. The share of each row's ten nearest neighbours that are also among
the ten nearest by the cosine of codes says what a search in the codes would find. For pairs of words scored by people
(such as WordSim-353), Spearman's rank correlation of their scores with the cosine measures how much meaning is kept.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from isthmus.tables.errors import DataError

__all__ = ["PairScores", "neighbours_kept", "pair_scores", "read_pairs"]

N_NEAREST = 10


def neighbours_kept(rows: np.ndarray, codes: np.ndarray, n_nearest: int = N_NEAREST) -> float | None:
    """Mean share of each row's nearest neighbours that are also nearest by codes; None for too few rows.

    It compares all pairs, so pass at most a few thousand.
    """
    if len(rows) <= 2 * n_nearest:
        return None
    near = [_nearest(np.asarray(part, np.float64), n_nearest) for part in (rows, codes)]
    return float(np.mean([len(np.intersect1d(one, other)) / n_nearest for one, other in zip(*near, strict=True)]))


def _nearest(vectors: np.ndarray, count: int) -> np.ndarray:
    similar = _unit(vectors) @ _unit(vectors).T
    np.fill_diagonal(similar, -np.inf)
    return np.argpartition(-similar, count - 1, axis=1)[:, :count]


def _unit(vectors: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


@dataclass(frozen=True)
class PairScores:
    """Spearman's rank correlation with human scores.

    Attributes
    ----------
    vectors, code, pca : float
        Of the cosine of the vectors themselves, of codes, and of PCA's codes of the same size.
    n_pairs, n_absent : int
        Number of pairs with both words among the rows, and of the others.
    """

    vectors: float
    code: float
    pca: float
    n_pairs: int
    n_absent: int

    def sentence(self) -> str:
        """The result in one sentence."""
        absent = "" if not self.n_absent else f" ({self.n_absent:,} more have a word that is not in the data)"
        return (
            f"Rank correlation with human scores of {self.n_pairs:,} pairs{absent}: vectors {self.vectors:.3f}, "
            f"codes {self.code:.3f}, PCA {self.pca:.3f}."
        )


def read_pairs(path: str | Path) -> list[tuple[str, str, float]]:
    """Read two words and a score per line, separated by commas, tabs or spaces; a header line is skipped."""
    where, found, faults = repr(str(path)), [], []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{where}: not readable as text ({error}); check the path.") from error
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    for number, line in enumerate(lines):
        separator = "\t" if "\t" in line else "," if "," in line else " "
        cells = [cell for cell in next(csv.reader([line], delimiter=separator)) if cell != ""]
        try:
            found.append((cells[0], cells[1], float(cells[2])))
        except (IndexError, ValueError):
            if number:
                faults.append(repr(line[:40]))
    if faults or not found:
        got = ", ".join(faults[:3]) or "no lines"
        raise DataError(f"{where}: a line must hold two words and a score, such as tiger,cat,7.35; got {got}.")
    return found


def pair_scores(
    pairs: Sequence[tuple[str, str, float]],
    words: Sequence[str],
    rows: np.ndarray,
    codes: np.ndarray,
    pca_codes: np.ndarray,
) -> PairScores:
    """How human scores of pairs agree with the cosines of rows, codes and PCA's codes, one per word.

    A word is looked up as written, then in lower case.
    """
    from scipy.stats import spearmanr

    place = {str(word): row for row, word in enumerate(words)}
    found = []
    for first, second, score in pairs:
        rows_of = [place.get(word, place.get(word.lower())) for word in (first, second)]
        if None not in rows_of:
            found.append((*rows_of, score))
    if len(found) < 3:
        raise DataError(f"{len(found)} of {len(pairs)} pairs have both words among the rows; at least 3 are needed.")
    one, other = (np.array([pair[side] for pair in found]) for side in (0, 1))
    scores = np.array([pair[2] for pair in found])

    def agreement(vectors: np.ndarray) -> float:
        unit = _unit(np.asarray(vectors, np.float64))
        return float(spearmanr((unit[one] * unit[other]).sum(1), scores).statistic)

    return PairScores(agreement(rows), agreement(codes), agreement(pca_codes), len(found), len(pairs) - len(found))
