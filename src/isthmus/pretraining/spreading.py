"""Label spreading: targets spread from labelled rows to their neighbours, over the graph of learned codes.

    F ← α S F + (1 - α) Y,   S = D^-½ W D^-½        (Zhou et al. 2004, Learning with local and global consistency)

W joins each row to its nearest neighbours, symmetrically. A column of ones is spread along with the targets; their
ratio is a weighted mean of the labels that reach a row.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

__all__ = ["neighbour_graph", "spread"]


def neighbour_graph(codes: np.ndarray, n_neighbours: int = 5) -> sparse.csr_matrix:
    """S of codes of shape (n_rows, n_components): symmetric, normalised, shape (n_rows, n_rows)."""
    from sklearn.neighbors import kneighbors_graph

    n_neighbours = min(n_neighbours, len(codes) - 1)
    joined = sparse.csr_matrix(kneighbors_graph(codes, n_neighbours, mode="connectivity"))
    joined = sparse.csr_matrix(joined.maximum(joined.T))
    scale = sparse.diags_array(1 / np.sqrt(np.asarray(joined.sum(1)).ravel()))
    return sparse.csr_matrix(scale @ joined @ scale)


def spread(graph: sparse.csr_matrix, targets: np.ndarray, labelled: np.ndarray, alpha: float = 0.95) -> np.ndarray:
    """Targets of every row, shape (n_rows, n_targets), from those of the rows with indices ``labelled``.

    A row that no label reaches gets the mean of the labels.
    """
    start = np.zeros((graph.shape[0], targets.shape[1] + 1))
    start[labelled, :-1], start[labelled, -1] = targets, 1
    flow = start
    for _ in range(100):
        flow = alpha * (graph @ flow) + (1 - alpha) * start
    reached = flow[:, -1:] > 1e-12
    return np.where(reached, flow[:, :-1] / np.where(reached, flow[:, -1:], 1), targets.mean(0))
