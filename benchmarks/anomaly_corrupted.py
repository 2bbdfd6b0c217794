"""One wrong cell in a row: who finds the row, and who names the column.

    python benchmarks/anomaly_corrupted.py --packages PATH     where those of worth_it/packages.txt are

The protocols swap and move of benchmarks/anomalies.py, on two synthetic tables (2 factors in 6 columns, 3 in 10, with
noise), which had a part in the choices, and on public ones, which had none and are shipped by scikit-learn and other
packages. Writes the table in docs/uses/anomalies.md.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from anomalies import BROKEN, MAX_ROWS, baselines, ours, split_of
from anomaly_tables import NAMES, write_into_page
from worth_it.catalogue import catalogue, read
from worth_it.readers import Places

FACTORS = {"2 factors": (800, 2, 6, 0.3), "3 factors": (1000, 3, 10, 0.5)}  # rows, factors, columns, noise
BUNDLED = ("breast_cancer", "diabetes", "iris", "wine")
PUBLIC = ("Boston", "Auto", "College", "CASchools", "cpus", "crabs", "Hitters", "UN98", "fgl", "MASchools")
PUBLIC += ("Griliches", "spam7", "GrinnellHouses", "leafshape")
SHOWN = ("isthmus", "relations", "ridge", "pca", "knn", "isolation_forest")


def factor_table(name: str, seed: int) -> np.ndarray:
    n_rows, n_factors, n_columns, noise = FACTORS[name]
    rng = np.random.default_rng([7, seed])
    mixed = rng.normal(size=(n_rows, n_factors)) @ rng.normal(size=(n_factors, n_columns))
    return mixed + noise * rng.normal(size=mixed.shape)


def bundled(name: str) -> np.ndarray:
    import sklearn.datasets

    return getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)[0]


def tables(packages: Path) -> dict[str, Callable[[int], np.ndarray]]:
    """Each table as a function of the seed."""
    public, places = {one.name: one for one in catalogue()}, Places(packages, None)
    return (
        {name: lambda seed, name=name: factor_table(name, seed) for name in FACTORS}
        | {name: lambda seed, name=name: bundled(name) for name in BUNDLED}
        | {name: lambda seed, name=name: np.asarray(read(public[name], places).values, float) for name in PUBLIC}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, required=True, help="where the packages of the tables were installed")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these tables, without a change of the page")
    asked = parser.parse_args()
    warnings.filterwarnings("ignore")
    found: dict[str, dict[str, list[list[float]]]] = {protocol: {} for protocol in BROKEN}
    chosen = {name: one for name, one in tables(asked.packages).items() if not asked.only or name in asked.only}
    for name, table in chosen.items():
        for protocol in BROKEN:
            fits: dict[str, list[list[float]]] = {}
            for seed in range(asked.seeds):
                rows = np.unique(table(seed), axis=0)
                rows = rows[np.random.default_rng(seed).permutation(len(rows))[:MAX_ROWS]]
                split = split_of(rows, np.zeros(len(rows), dtype=bool), seed, protocol)
                assert split is not None  # only the protocols with anomalies among the training rows leave sets out
                for who, figures in (ours(split, seed) | baselines(split, seed)).items():
                    fits.setdefault(who, []).append([figures["auroc"], figures.get("first_column", np.nan)])
            for who, part in fits.items():
                found[protocol].setdefault(who, []).append(np.mean(part, axis=0).tolist())
            line = (f"{who} {found[protocol][who][-1][0]:.3f}/{found[protocol][who][-1][1]:.2f}" for who in SHOWN[:3])
            print(f"{name}, {protocol}:", ", ".join(line), flush=True)
    lines = ["| detector | swap | column first | move | column first |", "|---|---|---|---|---|"]
    for who in SHOWN:
        cells = []
        for protocol in BROKEN:
            means = [statistics.fmean(part) for part in zip(*found[protocol][who], strict=True)]
            cells += [f"{means[0]:.3f}", "" if np.isnan(means[1]) else f"{means[1]:.0%}"]
        lines.append(f"| {NAMES[who]} | " + " | ".join(cells) + " |")
    lines.append(f"| *tables, seeds* | {len(chosen)}, {asked.seeds} | | | |")
    print("\n".join(["", *lines]))
    if not asked.only:
        write_into_page({"anomaly-corrupted": "\n".join(lines)})


if __name__ == "__main__":
    main()
