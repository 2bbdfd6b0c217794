"""From measurements to what is said of a set: five splits in one line, and whether the difference is beyond chance.

Test rows of random splits overlap, and so do training rows, so five differences vary less than independent ones would.
The corrected resampled t-test (Nadeau & Bengio 2003) allows for it:

    t = mean(g) / √( (1/J + n_test/n_train) · var(g) )       g = log(PCA's error / the network's), J splits

with J - 1 degrees of freedom. The network wins where t is beyond chance (5%, two-sided) and its error 1% lower or more;
the closed form wins where it is the other way round; elsewhere PCA does as well, and is to be preferred.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from worth_it.catalogue import Set

__all__ = ["Outcome", "outcomes"]

BEYOND_CHANCE, NOTABLE = 0.05, 0.01
LEAST_ERROR = 1e-9  # of the mean row's error; below it both are perfect


@dataclass(frozen=True)
class Outcome:
    """A set at one size: means over splits.

    Attributes
    ----------
    ratio : float
        The network's error over the closed form's, the geometric mean.
    p : float
        Of the corrected resampled t-test; 1 where all splits kept the closed form.
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
        """By which share the network's error is lower."""
        return 1 - self.ratio


def outcomes(lines: Iterable[dict[str, Any]], sets: Iterable[Set]) -> list[Outcome]:
    """One a set and size, in the order of the catalogue; sizes measured under another name are not counted twice."""
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
    floor = LEAST_ERROR * max(np.mean([line["mean_row"] for line in lines]), 1e-300)
    errors, theirs = (np.maximum([line[key] for line in lines], floor) for key in ("error", "pca"))
    gains = np.log(theirs / errors)
    p = _chance(gains, float(np.mean([line["test"] / line["train"] for line in lines])))
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


def _chance(gains: np.ndarray, test_to_train: float) -> float:
    """p, two-sided; what no split changed is 1, and one split alone says nothing."""
    n = len(gains)
    if n < 2 or np.allclose(gains, 0, atol=1e-6):
        return 1.0
    error = math.sqrt((1 / n + test_to_train) * float(gains.var(ddof=1)))
    return float(2 * student.sf(abs(gains.mean()) / max(error, 1e-12), n - 1))
