"""What a code keeps of an embedding: which words are near, and how near people find them.

An embedding is used by the cosine of two vectors. Of each row's ten nearest by it, the share that is among the ten
nearest by the cosine of codes says what a search in the code would find. Where people have scored pairs of words
(WordSim-353 and its kin), Spearman's rank correlation of their scores with the cosine says the same of meaning.
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
    """Mean share of each row's nearest neighbours that are nearest by codes too; None of too few rows.

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
    """Spearman's rank correlation with people's scores.

    Attributes
    ----------
    vectors, code, pca : float
        By the cosine of the vectors as they are, of codes, and of PCA's codes of the same size.
    n_pairs, n_absent : int
        Pairs both words of which are known, and the others.
    """

    vectors: float
    code: float
    pca: float
    n_pairs: int
    n_absent: int

    def sentence(self) -> str:
        """All of it in one sentence."""
        absent = "" if not self.n_absent else f" ({self.n_absent:,} more pairs have a word that is not there)"
        return (
            f"Rank correlation with people's scores of {self.n_pairs:,} pairs{absent}: vectors {self.vectors:.3f}, "
            f"codes {self.code:.3f}, PCA {self.pca:.3f}."
        )


def read_pairs(path: str | Path) -> list[tuple[str, str, float]]:
    """Two words and a score a line, separated by commas, tabs or blanks; a first line of names is passed over."""
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
        told = ", ".join(faults[:3]) or "there are none"
        raise DataError(f"{where}: a line must hold two words and a score, such as tiger,cat,7.35; got {told}.")
    return found


def pair_scores(
    pairs: Sequence[tuple[str, str, float]],
    words: Sequence[str],
    rows: np.ndarray,
    codes: np.ndarray,
    pca_codes: np.ndarray,
) -> PairScores:
    """How people's scores of pairs agree with the cosines of rows, codes and PCA's codes, one a word.

    A word is looked for as it is written, then in small letters.
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
