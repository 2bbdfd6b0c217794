"""Paths from one code to another.

    linear      z(t) = (1 - t) z₀ + t z₁
    spherical   the direction turns evenly and the length changes evenly (Shoemake 1985; White 2016, arXiv:1609.04468)

Draws from N(0, I) in n dimensions have lengths near √n, so the middle of a linear path lies where there are few codes:
hence the spherical path, for variational codes of more than a few dimensions.
"""

from __future__ import annotations

import numpy as np

__all__ = ["linear_path", "spherical_path"]

NEARLY_PARALLEL = 1e-6


def linear_path(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """Points between pairs of codes, both ends included: (n_pairs, n_dims) twice to (n_pairs, steps, n_dims).

    >>> linear_path(np.zeros((1, 1)), np.ones((1, 1)), 3).ravel().tolist()
    [0.0, 0.5, 1.0]
    """
    share = np.linspace(0.0, 1.0, steps)[None, :, None]
    return (1 - share) * starts[:, None] + share * ends[:, None]


def spherical_path(starts: np.ndarray, ends: np.ndarray, steps: int) -> np.ndarray:
    """As `linear_path`, along great circles about the origin.

    A pair whose directions are equal, opposite or undefined (a code of zeros) has no unique circle; its path is linear.
    """
    path = linear_path(starts, ends, steps)
    lengths = [np.linalg.norm(codes, axis=1) for codes in (starts, ends)]
    nonzero = (lengths[0] > 0) & (lengths[1] > 0)
    units = [codes[nonzero] / length[nonzero, None] for codes, length in zip((starts, ends), lengths, strict=True)]
    angle = np.arccos(np.clip((units[0] * units[1]).sum(1), -1, 1))
    turns = (angle > NEARLY_PARALLEL) & (angle < np.pi - NEARLY_PARALLEL)
    angle, units = angle[turns, None], [unit[turns] for unit in units]
    share = np.linspace(0.0, 1.0, steps)
    weights = [np.sin(part * angle) / np.sin(angle) for part in (1 - share, share)]
    direction = weights[0][..., None] * units[0][:, None] + weights[1][..., None] * units[1][:, None]
    turning = np.flatnonzero(nonzero)[turns]
    length = (1 - share) * lengths[0][turning, None] + share * lengths[1][turning, None]
    path[turning] = length[..., None] * direction
    return path
