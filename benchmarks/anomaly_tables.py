"""The tables of benchmarks/anomalies.py, from its saved figures: means over sets of means over seeds."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from isthmus.tables import atomic_write

PAGE = Path(__file__).parent.parent / "docs" / "uses" / "anomalies.md"
NAMES = {
    "isthmus": "isthmus",
    "relations": "isthmus, `relations` alone",
    "knn": "5 nearest neighbours",
    "dte": "DTE, non-parametric",
    "lof": "LOF",
    "pca": "PCA, Mahalanobis",
    "ridge": "ridge, column by column",
    "isolation_forest": "isolation forest",
    "pyod_autoencoder": "PyOD AutoEncoder",
    "pyod_vae": "PyOD VAE",
    "pyod_knn": "PyOD KNN",
    "pyod_lof": "PyOD LOF",
    "pyod_ecod": "PyOD ECOD",
    "pyod_copod": "PyOD COPOD",
}
PROTOCOLS = ("clean", "5 %", "10 %", "swap", "move")
RATES = ("0.01", "0.05", "0.1")
MIN_HELD_OUT = 100
Runs = dict[str, dict[str, dict[int, dict[str, Any]]]]


def tables_of(saved: dict[str, dict[str, Any]]) -> dict[str, str]:
    """All tables, by their marks in the page."""
    runs: Runs = {}
    for key, figures in saved.items():
        name, protocol, seed = key.split(", ")
        runs.setdefault(protocol, {}).setdefault(name, {})[int(seed)] = figures
    return {
        "anomalies": f"{_means(runs)}\n\n{_sentences(runs)}",
        "anomaly-sets": _sets(runs.get("clean", {})),
        "anomaly-rates": _rates(runs.get("clean", {})),
    }


def of_sets(sets: dict[str, dict[int, dict[str, Any]]], detector: str, key: str) -> list[float]:
    """Mean over seeds of each set; empty unless the detector was measured wherever this library was."""
    fits = [[one.get(detector, {}).get(key) for one in seeds.values() if "isthmus" in one] for seeds in sets.values()]
    fits = [fit for fit in fits if fit]
    return [statistics.fmean(fit) for fit in fits] if all(None not in fit for fit in fits) else []


def _means(runs: Runs) -> str:
    """Detectors by protocols, AUROC / average precision; below them the numbers of sets and seeds."""
    there = [protocol for protocol in PROTOCOLS if protocol in runs]
    lines = ["| detector | " + " | ".join(there) + " |", "|---" * (len(there) + 1) + "|"]
    for detector, name in NAMES.items():
        pairs = [[of_sets(runs[one], detector, key) for key in ("auroc", "ap")] for one in there]
        cells = [" / ".join(f"{statistics.fmean(part):.3f}" for part in pair) if pair[0] else "" for pair in pairs]
        if any(cells):
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    counts = []
    for protocol in there:
        seeds = [sum("isthmus" in fit for fit in one.values()) for one in runs[protocol].values()]
        counts.append(f"{len(seeds)}, {min(seeds)}" + (f" to {max(seeds)}" if min(seeds) < max(seeds) else ""))
    lines.append("| *sets, seeds* | " + " | ".join(counts) + " |")
    return "\n".join(lines)


def _sentences(runs: Runs) -> str:
    """Wins over sets, how often the broken column is named first, and the time of a fit."""
    from scipy.stats import wilcoxon

    said = []
    for protocol in ("clean", "5 %", "10 %"):
        for other in ("knn", "isolation_forest"):
            pair = [of_sets(runs.get(protocol, {}), one, "auroc") for one in ("isthmus", other)]
            if len(pair[0]) > 1:
                wins = sum(a > b for a, b in zip(*pair, strict=True))
                said.append(
                    f"{protocol}, {NAMES[other]}: ahead in AUROC on {wins} of {len(pair[0])} sets "
                    f"(Wilcoxon p {wilcoxon(*pair).pvalue:.2g})"
                )
    text = "; ".join(said) + "." if said else ""
    for protocol, what in (("swap", "swapped"), ("move", "moved")):
        sets = runs.get(protocol, {}).values()
        named = {
            who: [part for one in sets for part in of_sets({"": one}, who, "first_column")]
            for who in ("isthmus", "ridge")
        }
        if named["isthmus"] and named["ridge"]:
            ours, theirs = (statistics.fmean(part) for part in named.values())
            text += (
                f" The {what} cell's column is named first in {ours:.0%} of the rows, by ridge in {theirs:.0%} "
                f"({len(named['isthmus'])} sets)."
            )
    pairs = [
        (one["isthmus"]["fit_cpu_seconds"], one["pyod_autoencoder"]["fit_cpu_seconds"])
        for seeds in runs.get("clean", {}).values()
        for one in seeds.values()
        if {"isthmus", "pyod_autoencoder"} <= set(one)
    ]
    if pairs:
        ratio = statistics.median(a / b for a, b in pairs)
        ours, theirs = (sum(part) for part in zip(*pairs, strict=True))
        text += (
            f" A fit takes {ratio:.2f} times the CPU time of PyOD's AutoEncoder (median of {len(pairs)} fits; "
            f"{ours:.0f} s against {theirs:.0f} s in all)."
        )
    return text


def _sets(sets: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Every set; the spread is the standard deviation of this library's AUROC over seeds."""
    shown = [name for name in NAMES if any(of_sets({one: seeds}, name, "auroc") for one, seeds in sets.items())]
    lines = ["| set | " + " | ".join(NAMES[name] for name in shown) + " | spread |", "|---" * (len(shown) + 2) + "|"]
    for one, seeds in sorted(sets.items()):
        cells = []
        for name in shown:
            pair = [of_sets({one: seeds}, name, key) for key in ("auroc", "ap")]
            cells.append(" / ".join(f"{part[0]:.3f}" for part in pair) if pair[0] else "")
        spread = statistics.pstdev(fit["isthmus"]["auroc"] for fit in seeds.values() if "isthmus" in fit)
        lines.append(f"| {one} | " + " | ".join(cells) + f" | {spread:.3f} |")
    return "\n".join(lines)


def _rates(sets: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Stated and observed false-alarm rates, and which differ by more than two binomial standard deviations."""
    lines = ["| set | held out | tested | " + " | ".join(f"stated {float(rate):.0%}" for rate in RATES) + " |"]
    lines.append("|---" * (len(RATES) + 3) + "|")
    totals = dict.fromkeys(RATES, 0.0)
    n_tested = n_off = n_stated = 0
    for one, seeds in sorted(sets.items()):
        fits = [fit["isthmus"] for fit in seeds.values() if "isthmus" in fit]
        cells = []
        for rate in RATES:
            met = statistics.fmean(fit["false_alarms"][rate] for fit in fits)
            totals[rate] += sum(fit["false_alarms"][rate] * fit["normal_tested"] for fit in fits)
            off = _off(fits, float(rate))
            counted = fits[0]["held_out"] >= MIN_HELD_OUT
            n_off, n_stated = n_off + (off and counted), n_stated + counted
            cells.append(f"{met:.1%}{'*' if off else ''}")
        n_tested += sum(fit["normal_tested"] for fit in fits)
        lines.append(f"| {one} | {fits[0]['held_out']:,} | {fits[0]['normal_tested']:,} | " + " | ".join(cells) + " |")
    pooled = " | ".join(f"{totals[rate] / max(1, n_tested):.1%}" for rate in RATES)
    lines.append(f"| *all rows* | | {n_tested:,} | {pooled} |")
    lines.append(
        f"\n\\* more than two standard deviations off: {n_off} of the {n_stated} rates of sets with at least "
        f"{MIN_HELD_OUT} rows held out."
    )
    return "\n".join(lines)


def _off(fits: list[dict[str, Any]], rate: float) -> bool:
    """Whether the mean rate is off by more than two standard deviations; held-out and tested rows both vary."""
    met = statistics.fmean(fit["false_alarms"][str(rate)] for fit in fits)
    variance = statistics.fmean(rate * (1 - rate) * (1 / fit["normal_tested"] + 1 / fit["held_out"]) for fit in fits)
    return abs(met - rate) > 2 * (variance / len(fits)) ** 0.5 + 1e-12


def write_into_page(tables: dict[str, str]) -> None:
    """Replace the tables between their marks in the docs."""
    text = PAGE.read_text()
    for name, table in tables.items():
        before, rest = text.split(f"<!-- {name} -->")
        text = f"{before}<!-- {name} -->\n{table}\n<!-- /{name} -->{rest.split(f'<!-- /{name} -->')[1]}"
    with atomic_write(PAGE) as temporary:
        temporary.write_text(text)
