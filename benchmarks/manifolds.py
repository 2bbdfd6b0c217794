"""The size that `smallest` finds, compared with estimators of intrinsic dimension, on scikit-dimension's manifolds.

    python benchmarks/manifolds.py [--seeds 2] [--rows 1000]

The twenty-four manifolds of `BenchmarkManifolds` (Hein & Audibert 2005; Campadelli et al. 2015), without noise. TwoNN,
MLE, ESS, DANCo and local PCA have scikit-dimension's defaults and run in the peers' environment. No default of isthmus
was chosen on these manifolds.

The two answer different questions. An intrinsic dimension is local: a circle has 1. A code is global: a single number
cannot go round a circle continuously, so the smallest code of a closed manifold may be larger by one, and that of a
tightly wound manifold, such as a spiral of many turns, depends on what a network of this size can unwind. Writes
benchmarks/results/manifolds.json and prints the table. DANCo takes a minute or two for each manifold.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

from isthmus.smallest.choosing import Target, choose
from race.environments import python_for, set_up_peers
from ways import Ways

HERE = Path(__file__).parent
PEERS = ("TwoNN", "MLE", "ESS", "DANCo", "lPCA")
SPLITS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    ways = Ways(HERE / "results" / "manifolds.json", again=asked.again)
    set_up_peers()
    for seed in range(asked.seeds):
        given = manifolds(seed, asked.rows)
        for name in sorted((key[2:] for key in given if key.startswith("X/")), key=lambda one: given[f"X/{one}"].shape):
            dimension = float(given[f"dimension/{name}"])
            for peer in PEERS:
                found, seconds = given[f"{peer}/{name}"]
                ways.measure(name, seed, peer, functools.partial(dict, true=dimension, found=found, seconds=seconds))
            ways.measure(name, seed, "isthmus", functools.partial(size_of, given[f"X/{name}"], dimension, seed))
    print(summary(ways))


def manifolds(seed: int, rows: int) -> dict[str, np.ndarray]:
    """Rows, true dimensions and the peers' estimates, computed in the peers' environment."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "manifolds.npz"
        subprocess.run([python_for("skdim"), HERE / "manifolds_peers.py", str(seed), str(rows), out], check=True)
        with np.load(out) as arrays:
            return dict(arrays)


def size_of(X: np.ndarray, dimension: float, seed: int) -> dict[str, float]:
    """The size that `isthmus smallest` chooses, from all rows."""
    found = choose(X, Target("evidence"), {}, n_splits=SPLITS, seed=seed, say=lambda text: None)
    return {"true": dimension, "found": found.size}


def summary(ways: Ways) -> str:
    """For each method: how often it is right when rounded, how often within one, and the mean error in percent."""
    lines = ["| way | right | within one | mean error, % of the true dimension |", "|---|---|---|---|"]
    for way in ("isthmus", *PEERS):
        rows = [row for row in ways.rows if row["way"] == way]
        off = np.array([round(row["found"]) - row["true"] for row in rows])
        relative = np.mean([abs(row["found"] - row["true"]) / row["true"] for row in rows])
        lines.append(f"| {way} | {np.sum(off == 0)} of {len(off)} | {np.sum(abs(off) <= 1)} | {relative:.0%} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
