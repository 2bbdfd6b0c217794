"""Why a row is an anomaly, in words: which part of the score it is, and which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.anomaly.covariance import ShrunkCovariance

__all__ = ["NO_REASON", "partners", "reasons_of"]

NO_REASON = "like the normal rows"
FAR = "far from every normal row"
WORDS = {
    "mahalanobis": "relations between the columns broken",
    "density": "off the pattern of the normal rows",
    "neighbours": FAR,
    "core": "far from the bulk of the normal rows",
    "reconstruction": "not reconstructed",
    "latent": FAR,
    "region": "far from the bulk of the normal rows",
    "likelihood": "improbable",
}
LEAST = 3.0  # nats of a part, below which it is no reason
MOST_NAMED = 3


def partners(cells: ShrunkCovariance | None, owners: np.ndarray, n_columns: int) -> np.ndarray:
    """For each column the one it depends on most given all others, shape (n_columns,); -1 if it depends on none.

    That is the largest partial correlation, -P_jk / √(P_jj P_kk), between numbers of the two.
    """
    found = np.full(n_columns, -1)
    if cells is None or n_columns < 2:
        return found
    deviations = np.sqrt(cells.conditional_variances)
    for column in range(n_columns):
        own = owners == column
        unit = np.zeros((int(own.sum()), len(owners)))
        unit[np.arange(len(unit)), np.flatnonzero(own)] = 1.0
        strength = np.abs(cells.precision_times(unit) * deviations * deviations[own][:, None]).max(0)
        strength[own] = 0.0
        found[column] = owners[strength.argmax()] if strength.max() > 0 else -1
    return found


def reasons_of(
    parts: Mapping[str, np.ndarray],
    suspect: np.ndarray,
    contributions: np.ndarray,
    partner: np.ndarray,
    columns: Sequence[str],
    unseen: Mapping[int, Sequence[str]],
) -> tuple[str, ...]:
    """One reason a row.

    Parameters
    ----------
    parts
        What each part adds to the score of the rows, shape (n_rows,) each, once their suspect cells hold what was
        expected of them: what is left is not due to those cells.
    suspect, contributions
        Shape (n_rows, n_columns).
    partner
        Of each column, from `partners`.
    columns
        Their names.
    unseen
        For rows with a category that was not there at fit, the columns of it.
    """
    names = list(parts)
    nats = np.stack([parts[name] for name in names], 1)
    largest = nats.argmax(1)
    told = []
    for row in range(len(nats)):
        said = [f"never seen category in {_listed(unseen[row])}"] if row in unseen else []
        part, cells = names[largest[row]], np.flatnonzero(suspect[row])
        if nats[row, largest[row]] > LEAST and not (len(cells) and part == "mahalanobis"):
            said.append(WORDS[part])
        if len(cells):
            said.append(_relation(cells[np.argsort(-contributions[row, cells], kind="stable")], partner, columns))
        told.append("; ".join(said) or NO_REASON)
    return tuple(told)


def _relation(cells: np.ndarray, partner: np.ndarray, columns: Sequence[str]) -> str:
    if len(cells) > 1:
        return f"relation of {_listed([columns[cell] for cell in cells])} to the other columns broken"
    other = partner[cells[0]]
    if other < 0:
        return f"{columns[cells[0]]} unlike that of any normal row"
    return f"relation between {columns[cells[0]]} and {columns[other]} broken"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:MOST_NAMED])
    if len(names) > MOST_NAMED:
        return f"{', '.join(shown)} and {len(names) - MOST_NAMED} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
