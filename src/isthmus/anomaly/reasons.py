"""Why a row is an anomaly, in words: which part of the score it is, and which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.anomaly.covariance import ShrunkCovariance

__all__ = ["LEAST", "NO_REASON", "RELATIONS", "REMARKABLE", "partners", "reasons_of"]

NO_REASON = "like the normal rows"
UNNAMED = "a little unlike the normal rows in all parts of the score"
FAR = "far from every normal row"
RELATIONS = ("relations", "mahalanobis")  # parts that are about these
WORDS = {
    **dict.fromkeys(RELATIONS, "relations between the columns broken"),
    "density": FAR,
    "neighbours": FAR,
    "core": "far from the bulk of the normal rows",
    "reconstruction": "not reconstructed",
    "latent": FAR,
    "region": "far from the bulk of the normal rows",
    "likelihood": "improbable",
}
BULK = ("core", "region")
REMARKABLE = 0.1  # the largest p-value of a row that a reason is given for
LEAST = 3.0  # nats of a part, below which it is no reason
MOST_NAMED = 3
MOST_NUMBERS = 1_000  # of a row, beyond which nobody reads of single relations
LEAST_VALUE = 1e-12


def partners(cells: ShrunkCovariance | None, owners: np.ndarray, n_columns: int) -> np.ndarray:
    """For each column the one it depends on most given all others, shape (n_columns,); -1 where that isn't known.

    That is the largest partial correlation, -P_jk / √(P_jj P_kk); of categories its like,
    ‖P_gg^(-1/2) P_gh P_hh^(-1/2)‖.
    """
    found = np.full(n_columns, -1)
    if cells is None or n_columns < 2 or len(owners) > MOST_NUMBERS:
        return found
    precision = cells.precision_block(np.arange(len(owners)))
    roots = np.zeros(precision.shape)
    for column in range(n_columns):
        own = np.flatnonzero(owners == column)
        values, axes = np.linalg.eigh(precision[np.ix_(own, own)])
        roots[np.ix_(own, own)] = (axes / np.sqrt(np.maximum(values, LEAST_VALUE))) @ axes.T
    member = np.eye(n_columns)[owners]
    strength = member.T @ (roots @ precision @ roots) ** 2 @ member
    np.fill_diagonal(strength, 0.0)
    return np.where(strength.max(1) > 0, strength.argmax(1), -1)


def reasons_of(
    parts: Mapping[str, np.ndarray],
    suspect: np.ndarray,
    contributions: np.ndarray,
    partner: np.ndarray,
    columns: Sequence[str],
    unseen: Mapping[int, Sequence[str]],
    remarkable: np.ndarray,
) -> tuple[str, ...]:
    """One reason a row.

    Parameters
    ----------
    parts
        How surprising each part of the rows is, in nats, shape (n_rows,) each, once their suspect cells hold what was
        expected of them: what is left is not due to those cells.
    suspect, contributions
        Shape (n_rows, n_columns).
    partner
        Of each column, from `partners`.
    columns
        Their names.
    unseen
        For rows with a category that was not there at fit, the columns of it.
    remarkable
        Which rows need a reason, booleans of shape (n_rows,): of others only such categories are told.
    """
    names = list(parts)
    nats = np.stack([parts[name] for name in names], 1)
    # who is far from every normal row is far from the bulk of them, too
    bulk, rest = np.isin(names, BULK), ~np.isin(names, BULK)
    told_by_others = rest.any() and (np.where(rest, nats, 0.0) > LEAST).any(1)[:, None]
    largest = np.where(bulk & told_by_others, 0.0, nats).argmax(1)
    told = []
    for row in range(len(nats)):
        said = [f"never seen category in {_listed(unseen[row])}"] if row in unseen else []
        part = names[largest[row]]
        known = [cell for cell in np.flatnonzero(suspect[row]).tolist() if columns[cell] not in unseen.get(row, ())]
        cells = np.array(known, int)
        if remarkable[row] and nats[row, largest[row]] > LEAST and not (len(cells) and part in RELATIONS):
            said.append(WORDS[part])
        if remarkable[row] and len(cells):
            said.append(_relation(cells[np.argsort(-contributions[row, cells], kind="stable")], partner, columns))
        told.append("; ".join(said) or (UNNAMED if remarkable[row] else NO_REASON))
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
