"""The size that `smallest` finds, compared with estimators of intrinsic dimension, on scikit-dimension's manifolds.

    python benchmarks/manifolds.py [--seeds 2] [--rows 1000]
    python benchmarks/manifolds.py --noisy     the estimators on the tables of benchmarks/smallest.py instead

The twenty-four manifolds of `BenchmarkManifolds` (Hein & Audibert 2005; Campadelli et al. 2015), without noise. TwoNN,
MLE, ESS, DANCo and local PCA have scikit-dimension's defaults and run in the peers' environment. No default of isthmus
was chosen on these manifolds.

The two answer different questions. An intrinsic dimension is local: a circle has 1. A code is global: a single number
cannot go round a circle continuously, so the smallest code of a closed manifold may be larger by one, and that of a
tightly wound manifold, such as a spiral of many turns, depends on what a network of this size can unwind. Columns that
do not depend on each other, as in a cube, need no code. And noise has no dimension, but gives a manifold all of them:
the tables of `smallest.py` have noise, and the sizes found are those recorded there.

Writes benchmarks/results/manifolds.json and both tables in docs/uses/smallest.md. It takes an hour or two.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from isthmus.smallest.choosing import Target, choose
from race.environments import python_for, set_up_peers
from smallest import draw
from ways import Ways

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "uses" / "smallest.md"
NOISY = "noisy "
PEERS = ("TwoNN", "MLE", "ESS", "DANCo", "lPCA")
SPLITS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--noisy", action="store_true", help="only the tables of smallest.py")
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    ways = Ways(HERE / "results" / "manifolds.json", again=asked.again)
    set_up_peers()
    if asked.noisy:
        measure_noisy(ways)
    for seed in range(0 if asked.noisy else asked.seeds):
        given = estimates(seed, str(asked.rows))
        for name in sorted((key[2:] for key in given if key.startswith("X/")), key=lambda one: given[f"X/{one}"].shape):
            dimension = float(given[f"dimension/{name}"])
            for peer in PEERS:
                found, seconds = given[f"{peer}/{name}"]
                ways.measure(name, seed, peer, functools.partial(dict, true=dimension, found=found, seconds=seconds))
            ways.measure(name, seed, "isthmus", functools.partial(size_of, given[f"X/{name}"], dimension, seed))
    page = PAGE.read_text()
    for mark, rows in (
        ("manifolds", [row for row in ways.rows if not row["set"].startswith(NOISY)]),
        ("noisy", [row for row in ways.rows if row["set"].startswith(NOISY)]),
    ):
        text = summary(rows) if rows else "not measured"
        print(f"{mark}\n{text}")
        before, rest = page.split(f"<!-- {mark} -->")
        page = f"{before}<!-- {mark} -->\n{text}\n<!-- /{mark} -->{rest.split(f'<!-- /{mark} -->')[1]}"
    PAGE.write_text(page)


def measure_noisy(ways: Ways) -> None:
    """The peers on the tables of `smallest.py`, beside the sizes recorded there."""
    recorded = json.loads((HERE / "results" / "smallest.json").read_text())["recovery"]
    named = {f"{row['kind']} {row['hidden']} {row['seed']}": row for row in recorded}
    with tempfile.TemporaryDirectory() as scratch:
        tables = Path(scratch) / "tables.npz"
        drawn = {f"X/{name}": draw(row["kind"], row["hidden"], row["seed"])[0] for name, row in named.items()}
        np.savez(tables, **drawn, **{f"dimension/{name}": np.array(row["hidden"]) for name, row in named.items()})
        given = estimates(0, str(tables))
    for name, row in named.items():
        for peer in PEERS:
            found, seconds = given[f"{peer}/{name}"]
            figures = {"true": row["hidden"], "found": float(found), "seconds": float(seconds)}
            ways.measure(NOISY + name, 0, peer, functools.partial(dict, figures))
        ways.measure(NOISY + name, 0, "isthmus", functools.partial(dict, true=row["hidden"], found=row["found"]))


def estimates(seed: int, rows: str) -> dict[str, np.ndarray]:
    """Rows, true dimensions and the peers' estimates, computed in the peers' environment.

    ``rows`` is the number of rows of each manifold, or a file of other tables.
    """
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "manifolds.npz"
        subprocess.run([python_for("skdim"), HERE / "manifolds_peers.py", str(seed), rows, out], check=True)
        with np.load(out) as arrays:
            return dict(arrays)


def size_of(X: np.ndarray, dimension: float, seed: int) -> dict[str, float]:
    """The size that `isthmus smallest` chooses, from all rows."""
    found = choose(X, Target("evidence"), {}, n_splits=SPLITS, seed=seed, say=lambda text: None)
    return {"true": dimension, "found": found.size}


def summary(found: list[dict[str, Any]]) -> str:
    """For each method: how often it is right when rounded, how often within one, and the mean error in percent."""
    lines = ["| method | right | within one | mean error, % of the true dimension |", "|---|---|---|---|"]
    for way in ("isthmus", *PEERS):
        rows = [row for row in found if row["way"] == way]
        off = np.array([round(row["found"]) - row["true"] for row in rows])
        relative = np.mean([abs(row["found"] - row["true"]) / row["true"] for row in rows])
        lines.append(f"| {way} | {np.sum(off == 0)} of {len(off)} | {np.sum(abs(off) <= 1)} | {relative:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
