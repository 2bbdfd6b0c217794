"""The regression test of the defaults: thirty sets, compared with their recorded errors.

Each is measured again at a quarter of its columns on the first two splits, with the same rows and seeds, which takes
minutes. The defaults got worse if

- the geometric mean of (error now / error recorded) over all sets is above 1.02, or
- on some set the mean error of both splits is more than 15% above the record and more than twice the standard error of
  the record's own paired differences.

Sets used to choose defaults are among them only if their kind has no others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["QUICK", "SPLITS", "compared"]

SPLITS = 2
QUICK = (
    "crabs", "olive", "quakes", "Boston", "USMacroG", "cpus", "birthwt", "leafshape", "barro", "ecoli1", "bupa",
    "ceosal1", "keel_heart", "penguins", "cars", "ais", "housevotes", "Credit", "Iwasaki_Big_Five", "biopsy", "co2",
    "gold", "italy_power", "Baseball", "mlb_players_18", "crime_and_punishment", "glove_few", "coffee_spectra",
    "brown_yeast", "patches_page",
)  # fmt: skip
WORSE, MUCH_WORSE, CHANCE = 1.02, 1.15, 2.0
LEAST = 1e-12


def compared(now: Iterable[dict[str, Any]], recorded: Iterable[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """A line per set, and a sentence for each way in which the defaults got worse."""
    before = {(line["set"], line["split"]): line for line in recorded if line["rule"] == "quarter"}
    by_set: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for line in now:
        if line["split"] >= 0 and (line["set"], line["split"]) in before:
            by_set.setdefault(line["set"], []).append((line, before[line["set"], line["split"]]))
    lines, faults, logs = [], [], []
    for name, pairs in by_set.items():
        ours, theirs = (np.array([pair[index]["error"] for pair in pairs]) + LEAST for index in (0, 1))
        ratio = float(np.exp(np.log(ours / theirs).mean()))
        logs.append(np.log(ratio))
        lines.append(f"{name:24} {theirs.mean():10.4g} -> {ours.mean():10.4g}   {ratio:.3f}")
        noise = CHANCE * float(np.mean([pair[1]["standard_error"] for pair in pairs]))
        if ratio > MUCH_WORSE and ours.mean() - theirs.mean() > noise:
            faults.append(f"{name}: the error is {100 * (ratio - 1):.0f}% above the record")
    missing = sorted(set(QUICK) - set(by_set))
    if missing:
        lines.append(f"not compared, as they are unavailable or not recorded: {', '.join(missing)}")
    if not logs:
        return lines, ["no set could be compared with the record"]
    mean = float(np.exp(np.mean(logs)))
    lines.append(f"{len(logs)} sets, geometric mean of error now over error recorded: {mean:.4f}")
    if mean > WORSE:
        faults.append(f"over {len(logs)} sets the error is {100 * (mean - 1):.1f}% above the record")
    return lines, faults
