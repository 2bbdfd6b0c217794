"""How often the smallest code is found where it is known, and the sizes found for the bundled data.

    python benchmarks/smallest.py            everything; about ten minutes
    python benchmarks/smallest.py --tables   only the bundled data

Tables are drawn with 1, 2, 3, 5 or 10 hidden variables, 20 to 40 columns, 600 to 2,000 rows, and noise of 0.05 to
0.3 of each column's deviation. None of these generators was used to design the choice of sizes. The bundled data use
new 80/20 splits. Writes benchmarks/results/smallest.json and the tables in docs/uses/smallest.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from isthmus import rate_distortion
from isthmus.smallest.choosing import Target, choose
from isthmus.tables import load_bundled

RESULTS = Path(__file__).parent / "results" / "smallest.json"
PAGE = Path(__file__).parent.parent / "docs" / "uses" / "smallest.md"
DIMENSIONS = (1, 2, 3, 5, 10)
SEEDS = 3


def linear(rng: np.random.Generator, hidden: np.ndarray, n_columns: int) -> np.ndarray:
    """A plane: weighted sums."""
    return hidden @ rng.laplace(size=(hidden.shape[1], n_columns))


def bowl(rng: np.random.Generator, hidden: np.ndarray, n_columns: int) -> np.ndarray:
    """Sums, and squares of sums at half weight."""
    linear_part, square = (hidden @ rng.standard_normal((hidden.shape[1], n_columns)) for _ in range(2))
    return linear_part / linear_part.std(0) + 0.5 * (square / square.std(0)) ** 2


def answers(rng: np.random.Generator, hidden: np.ndarray, n_columns: int) -> np.ndarray:
    """Logistic curves of sums, like rates of agreement with a question."""
    sums = hidden @ rng.standard_normal((hidden.shape[1], n_columns))
    return 1 / (1 + np.exp(-2.5 * sums / sums.std(0) + rng.uniform(-1, 1, n_columns)))


def waves(rng: np.random.Generator, hidden: np.ndarray, n_columns: int) -> np.ndarray:
    """Cosines of sums, each over about two thirds of a turn."""
    sums = hidden @ rng.standard_normal((hidden.shape[1], n_columns))
    return np.cos(sums / sums.std(0) + rng.uniform(0, 2 * np.pi, n_columns))


KINDS: dict[str, Callable[..., np.ndarray]] = {"linear": linear, "bowl": bowl, "answers": answers, "waves": waves}


def draw(kind: str, dimension: int, seed: int) -> tuple[np.ndarray, float]:
    """A table with ``dimension`` hidden numbers, columns of deviation 1 before noise, and the noise."""
    rng = np.random.default_rng([seed, dimension, *kind.encode()])
    n_rows, n_columns, noise = int(rng.integers(600, 2001)), int(rng.integers(20, 41)), rng.uniform(0.05, 0.3)
    table = KINDS[kind](rng, rng.standard_normal((n_rows, dimension)), n_columns)
    table = (table - table.mean(0)) / table.std(0)
    return table + noise * rng.standard_normal(table.shape), float(noise)


def recovered(seeds: Iterable[int]) -> Iterable[dict[str, Any]]:
    """One row per table: the hidden dimension, and the sizes found by default and by PCA with the same rule."""
    for seed in seeds:
        for kind in KINDS:
            for dimension in DIMENSIONS:
                table, noise = draw(kind, dimension, seed)
                found = choose(table, Target("evidence"), {}, n_splits=SEEDS, seed=seed, say=lambda text: None)
                yield {
                    "kind": kind,
                    "hidden": dimension,
                    "seed": seed,
                    "rows": table.shape[0],
                    "columns": table.shape[1],
                    "noise": noise,
                    "found": found.size,
                    "votes": found.votes,
                    "pca": found.pca_size,
                    "rule": found.rule,
                    "evidence": found.criteria["evidence"].size,
                    "within": found.criteria["evidence"].within,
                    "cells": found.criteria["entries"].size,
                    "noise found": found.noise_variance,
                    "tried": found.tried,
                }


def tables() -> Iterable[dict[str, Any]]:
    """The bundled data, by hidden cells and by targets."""
    for name, asked in (
        ("digits", {}),
        ("digits", {"as_good_as": 10}),
        ("digits", {"keep": 0.8}),
        ("breast_cancer", {"scale": "standard"}),
        ("wine", {"scale": "standard"}),
        ("diabetes", {}),
    ):
        found = rate_distortion(load_bundled(name).values, n_seeds=SEEDS, **asked)
        yield {"data": name, "asked": asked} | found.to_dict()


def recovery_table(rows: list[dict[str, Any]]) -> str:
    """How often the size is right and how often within one, by kind; and by dimension for curved tables."""
    lines = [
        "| tables | right | within one | hidden cells alone: right | PCA with the same rule: within one |",
        "|---|---|---|---|---|",
    ]
    groups = {kind: [row for row in rows if row["kind"] == kind] for kind in KINDS}
    curved = [row for row in rows if row["kind"] != "linear"]
    groups |= {f"curved, {size} hidden": [row for row in curved if row["hidden"] == size] for size in DIMENSIONS}
    groups["all"] = rows
    for name, group in groups.items():
        if not group:
            continue
        right = sum(row["found"] == row["hidden"] for row in group)
        near = sum(abs(row["found"] - row["hidden"]) <= 1 for row in group)
        pca = sum(abs(row["pca"] - row["hidden"]) <= 1 for row in group)
        cells = sum(row["cells"] == row["hidden"] for row in group)
        counts = (f"{count} of {len(group)}" for count in (right, near, cells, pca))
        lines.append(f"| {name} | {' | '.join(counts)} |")
    return "\n".join(lines)


def tables_table(rows: list[dict[str, Any]]) -> str:
    """Sizes, errors and bits on the bundled data."""
    lines = [
        "| data | asked | numbers | PCA needs | error, mean (lowest – highest) | nested error | bits | PCA's bits |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        at = next((one for one in row["curve"] if one["size"] == row["size"]), None)
        asked = ", ".join(f"{name}={value}" for name, value in row["asked"].items()) or "nothing"
        if at is None or row["bits"] is None:
            lines.append(f"| {row['data']} | {asked} | {row['size']} | – | – | – | – | – |")
            continue
        error = f"{at['error']:.4g} ({at['lowest']:.4g} – {at['highest']:.4g})"
        bits = [
            f"{value:.0f}" if value is not None else "–" for value in (row["bits"]["needed"], row["bits"]["pca_needed"])
        ]
        needs = row["pca_needs"] if row["pca_needs"] is not None else f"more than {row['n_directions']}"
        cells = [row["data"], asked, row["size"], needs, error, f"{at['nested']:.4g}", *bits]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def write(known: dict[str, Any]) -> None:
    """The results file, and both tables between their marks in the page."""
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    page = PAGE.read_text()
    for mark, text in (("recovery", recovery_table(known["recovery"])), ("tables", tables_table(known["tables"]))):
        before, rest = page.split(f"<!-- {mark} -->")
        after = rest.split(f"<!-- /{mark} -->")[1]
        page = f"{before}<!-- {mark} -->\n{text}\n<!-- /{mark} -->{after}"
    PAGE.write_text(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", action="store_true", help="only the bundled data")
    parser.add_argument("--draws", type=int, default=1, help="tables drawn for each kind and dimension")
    asked = parser.parse_args()
    earlier = json.loads(RESULTS.read_text())["recovery"] if asked.tables and RESULTS.exists() else []
    known: dict[str, Any] = {"recovery": earlier, "tables": []}
    for row in tables():
        known["tables"].append(row)
        print(row["data"], row["asked"], row["sentence"], flush=True)
        write(known)
    if not asked.tables:
        for row in recovered(range(asked.draws)):
            known["recovery"].append(row)
            print(row["kind"], row["hidden"], "->", row["found"], row["votes"], "PCA", row["pca"], flush=True)
            write(known)


if __name__ == "__main__":
    main()
