"""The manifolds of `benchmarks/manifolds.py` and the peers' estimates, in the peers' environment.

    python benchmarks/manifolds_peers.py SEED ROWS OUT.npz

ROWS is their number, or an .npz of other tables, ``X/NAME`` and ``dimension/NAME``. OUT gets the same two for each
manifold, and ``ESTIMATOR/NAME``, (dimension, seconds). Estimators have scikit-dimension's defaults.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator

import numpy as np
import skdim
from skdim.datasets import BenchmarkManifolds

ESTIMATORS = ("TwoNN", "MLE", "ESS", "DANCo", "lPCA")


def main(seed: str, rows: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    found: dict[str, np.ndarray] = {}
    for name, X, dimension in tables(int(seed), rows):
        found[f"X/{name}"], found[f"dimension/{name}"] = X, np.array(dimension)
        for estimator in ESTIMATORS:
            started = time.perf_counter()
            np.random.seed(int(seed))  # DANCo draws from the global generator
            estimate = getattr(skdim.id, estimator)().fit(X).dimension_
            found[f"{estimator}/{name}"] = np.array([float(estimate), time.perf_counter() - started])
        print(name, dimension, {one: round(float(found[f"{one}/{name}"][0]), 2) for one in ESTIMATORS}, flush=True)
    np.savez(out, **found)


def tables(seed: int, rows: str) -> Iterator[tuple[str, np.ndarray, int]]:
    """Name, rows and true dimension of each table."""
    if rows.endswith(".npz"):
        with np.load(rows) as arrays:
            for name in (key[2:] for key in arrays if key.startswith("X/")):
                yield name, arrays[f"X/{name}"], int(arrays[f"dimension/{name}"])
        return
    benchmark = BenchmarkManifolds(random_state=seed)
    for name, X in benchmark.generate(n=int(rows)).items():
        yield name, X, int(benchmark.truth.loc[name, "Intrinsic Dimension"])


if __name__ == "__main__":
    main(*sys.argv[1:])
