"""Colours of classes: distinct also with colour blindness, and most different where classes are neighbours.

The ten colours are those of the explorer's page, found by search: in OKLab, times 100, any two differ by at least 17 in
normal vision and 10.9 in each kind of colour blindness (Machado, Oliveira and Fernandes 2009, full severity). They are
assigned by the positions of the classes, so colours that are easily confused go to classes far from each other. Figures
and the page of the same rows call `colours_of_codes`, so a class has the same colour in all of them.
"""

from __future__ import annotations

import numpy as np

__all__ = ["PALETTE", "class_colours", "colour_distances", "colours_of_codes"]

PALETTE = (
    "#2f69e3", "#cb7304", "#11a6ad", "#954aa3", "#f0b528", "#555c5a", "#b91701", "#c07eff", "#3fdc9a", "#b6c2f0",
)  # fmt: skip
GREY = "#8a9099"
MAX_COLOURED = 40  # classes, above which colours say nothing
MAX_ROWS = 5_000  # from which the positions of classes are computed
ROUNDS = 12
CLOSE = 4  # distance below which two colours count as equal

# Linear RGB as seen with all cones, and without the long, the middle and the short ones (Machado et al. 2009).
VISIONS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    ]
)
# Ottosson's OKLab: linear RGB to cones, and cube roots of cones to lightness and two opponent axes.
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ]
)


def colour_distances(colours: tuple[str, ...] | list[str]) -> np.ndarray:
    """Distances of all pairs of n colours (#rrggbb), shape (4, n, n): normal vision, then without each kind of cone."""
    shares = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours]) / 255
    linear = np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.einsum("sij,nj->sni", VISIONS, linear), 0, 1)
    lab = 100 * np.cbrt(seen @ TO_CONES.T) @ TO_LAB.T
    return np.linalg.norm(lab[:, :, None] - lab[:, None], axis=-1)


def colours_of_codes(codes: np.ndarray, classes: np.ndarray, count: int) -> list[str]:
    """A colour for each of ``count`` classes, from the codes of rows, shape (n, p), and their classes, shape (n,).

    The position of a class is the median of its codes in the plane of the first two principal axes; that of a class
    without rows is the mean of all.
    """
    codes, classes = np.asarray(codes, dtype=float)[:MAX_ROWS], np.asarray(classes)[:MAX_ROWS]
    centred = codes - codes.mean(0)
    if codes.shape[1] > 2:
        centred = centred @ np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    places = [centred[classes == one] for one in range(count)]
    return class_colours(
        np.array([np.median(some, axis=0) if len(some) else np.zeros(centred.shape[1]) for some in places])
    )


def class_colours(centres: np.ndarray) -> list[str]:
    """A colour for each class, from the centres of the classes, shape (n, p).

    Starts in the order of the palette and exchanges colours while that lowers the sum over pairs of the closeness of
    classes times the similarity of their colours. Above ten classes colours repeat, far from each other; above forty
    all are grey.
    """
    count = len(centres)
    if count > MAX_COLOURED:
        return [GREY] * count
    usable = PALETTE[:count]
    if count < 3:
        return list(usable)
    similarity = (CLOSE / np.maximum(colour_distances(usable).min(0), CLOSE)) ** 2
    between = np.linalg.norm(centres[:, None] - centres[None], axis=-1)
    typical = np.median(between[np.triu_indices(count, 1)]) or 1.0
    closeness = 1 / (0.05 + (between / typical) ** 2)
    np.fill_diagonal(closeness, 0)
    given = np.arange(count) % len(usable)

    def total(order: np.ndarray) -> float:
        return float((closeness * similarity[np.ix_(order, order)]).sum())

    least = total(given)
    for _ in range(ROUNDS):
        before = least
        for i, j in zip(*np.tril_indices(count, -1), strict=True):
            exchanged = given.copy()
            exchanged[[i, j]] = exchanged[[j, i]]
            now = total(exchanged)
            if now < least * (1 - 1e-12):
                given, least = exchanged, now
        if least == before:
            break
    return [usable[at] for at in given]
