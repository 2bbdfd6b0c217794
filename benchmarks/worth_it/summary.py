"""Summaries of a set: its splits in one line, and whether the difference is beyond chance.

In each split the errors of the held-out rows are compared in pairs, by a t-test. Rows of different splits overlap, so
their p-values depend on one another; twice their median is a p-value whatever the dependence (Meinshausen, Meier &
Bühlmann 2009).

The network wins if that is below 5% and its error, the geometric mean over splits, is lower by 1% or more; the closed
form wins in the opposite case; otherwise PCA does as well and is preferred.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from worth_it.catalogue import Set

__all__ = ["Outcome", "outcomes"]

BEYOND_CHANCE, NOTABLE = 0.05, 0.01
MIN_ERROR = 1e-9  # of the error of the mean row; below it both are perfect
SAME = 1e-6  # of an error


@dataclass(frozen=True)
class Outcome:
    """A set at one size: means over splits.

    Attributes
    ----------
    ratio : float
        The network's error over the closed form's, the geometric mean.
    p : float
        Twice the median over splits; 1 if they kept the closed form.
    winner : str
        "network", "closed form" or "level".
    unexplained, noise : float
        The share of the mean row's error that the closed form leaves, and that the network leaves.
    """

    name: str
    kind: str
    chose: bool
    rule: str
    size: int
    rows: int
    columns: int
    splits: int
    ratio: float
    lowest: float
    highest: float
    p: float
    winner: str
    unexplained: float
    noise: float
    seconds: float
    sentence: str
    neighbours: float | None
    pca_neighbours: float | None
    logistic: float | None
    pca_logistic: float | None
    bits: float | None
    pca_bits: float | None

    @property
    def less(self) -> float:
        """The share by which the network's error is lower."""
        return 1 - self.ratio


def outcomes(lines: Iterable[dict[str, Any]], sets: Iterable[Set]) -> list[Outcome]:
    """One per set and size, in the order of the catalogue; a size measured under two names is counted once."""
    by_key: dict[tuple[str, str], dict[int, dict[str, Any]]] = {}
    for line in lines:
        if line["split"] >= 0:
            by_key.setdefault((line["set"], line["rule"]), {})[line["split"]] = line
    found = []
    for one in sets:
        for (name, rule), splits in by_key.items():
            if name == one.name:
                found.append(_outcome(one, rule, [splits[number] for number in sorted(splits)]))
    return found


def _outcome(one: Set, rule: str, lines: list[dict[str, Any]]) -> Outcome:
    floor = MIN_ERROR * max(np.mean([line["mean_row"] for line in lines]), 1e-300)
    errors, theirs = (np.maximum([line[key] for line in lines], floor) for key in ("error", "pca"))
    gains = np.log(theirs / errors)
    p = _chance(gains, lines)
    ratio = float(np.exp(-gains.mean()))
    winner = "level"
    if p < BEYOND_CHANCE and ratio < 1 - NOTABLE:
        winner = "network"
    elif p < BEYOND_CHANCE and ratio > 1 + NOTABLE:
        winner = "closed form"
    nothing = np.array([line["mean_row"] for line in lines])

    def mean(key: str) -> float | None:
        known = [line[key] for line in lines if line.get(key) is not None]
        return float(np.mean(known)) if known else None

    return Outcome(
        name=one.name,
        kind=one.kind,
        chose=one.chose_defaults,
        rule=rule,
        size=lines[0]["size"],
        rows=lines[0]["train"] + lines[0]["test"],
        columns=lines[0]["columns"],
        splits=len(lines),
        ratio=ratio,
        lowest=float(np.exp(-gains.max())),
        highest=float(np.exp(-gains.min())),
        p=p,
        winner=winner,
        unexplained=float(np.mean(theirs / nothing)),
        noise=float(np.mean(errors / nothing)),
        seconds=float(np.median([line["seconds"] for line in lines])),
        sentence=next((line["sentence"] for line in lines if "sentence" in line), ""),
        neighbours=mean("neighbours"),
        pca_neighbours=mean("pca_neighbours"),
        logistic=mean("logistic"),
        pca_logistic=mean("pca_logistic"),
        bits=mean("bits"),
        pca_bits=mean("pca_bits"),
    )


def _chance(gains: np.ndarray, lines: list[dict[str, Any]]) -> float:
    """Twice the median p of the splits; a split with a change below a millionth has p = 1."""
    found = []
    for gain, line in zip(gains, lines, strict=True):
        if abs(gain) < SAME or not line["standard_error"]:
            found.append(1.0)
        else:
            found.append(2 * float(student.sf(abs(line["difference"]) / line["standard_error"], line["test"] - 1)))
    return min(1.0, 2 * float(np.median(found)))
