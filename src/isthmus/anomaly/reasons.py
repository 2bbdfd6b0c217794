"""Why a row is an anomaly, in words: which part of the score is large, and because of which columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from isthmus.anomaly.covariance import ShrunkCovariance

__all__ = ["MIN_NATS", "NO_REASON", "RELATIONS", "REMARKABLE", "partners", "reasons_of"]

NO_REASON = "like the normal rows"
UNNAMED = "a little unlike the normal rows in all parts of the score"
FAR = "far from every normal row"
RELATIONS = ("relations", "mahalanobis")  # the parts about relations between columns
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
REMARKABLE = 0.1  # the largest p-value of a row that gets a reason
MIN_NATS = 3.0  # nats, below which a part of the score is no reason
MAX_NAMED = 3
MAX_NUMBERS = 1_000  # encoded columns, above which single relations are of no use
MIN_VALUE = 1e-12


def partners(cells: ShrunkCovariance | None, owners: np.ndarray, n_columns: int) -> np.ndarray:
    """The column that each column depends on most given all others, shape (n_columns,); -1 where unknown.

    That is the one with the largest partial correlation, -P_jk / √(P_jj P_kk); for categories the largest
    ‖P_gg^(-1/2) P_gh P_hh^(-1/2)‖.
    """
    found = np.full(n_columns, -1)
    if cells is None or n_columns < 2 or len(owners) > MAX_NUMBERS:
        return found
    precision = cells.precision_block(np.arange(len(owners)))
    roots = np.zeros(precision.shape)
    for column in range(n_columns):
        own = np.flatnonzero(owners == column)
        values, axes = np.linalg.eigh(precision[np.ix_(own, own)])
        roots[np.ix_(own, own)] = (axes / np.sqrt(np.maximum(values, MIN_VALUE))) @ axes.T
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
    """One reason per row.

    Parameters
    ----------
    parts
        The surprise of each part of the score, in nats, shape (n_rows,) each, once suspect cells hold what was expected
        of them: what remains is not due to those cells.
    suspect, contributions
        Shape (n_rows, n_columns).
    partner
        The result of `partners`.
    columns
        Their names.
    unseen
        The columns in which a row has a category not seen at fit.
    remarkable
        Which rows need a reason, booleans of shape (n_rows,); for others only unseen categories are reported.
    """
    names = list(parts)
    nats = np.stack([parts[name] for name in names], 1)
    # a row far from every normal row is far from the bulk of them, too
    bulk = np.isin(names, BULK)
    other_reason = np.any(np.where(bulk, 0.0, nats) > MIN_NATS, axis=1, keepdims=True)
    largest = np.where(bulk & other_reason, 0.0, nats).argmax(1)
    reasons = []
    for row in range(len(nats)):
        found = [f"never seen category in {_listed(unseen[row])}"] if row in unseen else []
        part = names[largest[row]]
        known = [cell for cell in np.flatnonzero(suspect[row]).tolist() if columns[cell] not in unseen.get(row, ())]
        cells = np.array(known, int)
        if remarkable[row] and nats[row, largest[row]] > MIN_NATS and not (len(cells) and part in RELATIONS):
            found.append(WORDS[part])
        if remarkable[row] and len(cells):
            found.append(_relation(cells[np.argsort(-contributions[row, cells], kind="stable")], partner, columns))
        reasons.append("; ".join(found) or (UNNAMED if remarkable[row] else NO_REASON))
    return tuple(reasons)


def _relation(cells: np.ndarray, partner: np.ndarray, columns: Sequence[str]) -> str:
    if len(cells) > 1:
        return f"relation of {_listed([columns[cell] for cell in cells])} to the other columns broken"
    other = partner[cells[0]]
    if other < 0:
        return f"{columns[cells[0]]} unlike that of any normal row"
    return f"relation between {columns[cells[0]]} and {columns[other]} broken"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        return f"{', '.join(shown)} and {len(names) - MAX_NAMED} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
