"""The manifolds of `benchmarks/manifolds.py` and the peers' estimates, in the peers' environment.

    python benchmarks/manifolds_peers.py SEED ROWS OUT.npz

OUT gets ``dimensions``, one for each manifold, ``X/NAME``, its rows, and ``ESTIMATOR/NAME``, (dimension, seconds).
Estimators have scikit-dimension's defaults.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np
import skdim
from skdim.datasets import BenchmarkManifolds

ESTIMATORS = ("TwoNN", "MLE", "ESS", "DANCo", "lPCA")


def main(seed: str, rows: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    benchmark = BenchmarkManifolds(random_state=int(seed))
    found = {}
    for name, X in benchmark.generate(n=int(rows)).items():
        dimension = int(benchmark.truth.loc[name, "Intrinsic Dimension"])
        found[f"X/{name}"], found[f"dimension/{name}"] = X, np.array(dimension)
        for estimator in ESTIMATORS:
            started = time.perf_counter()
            np.random.seed(int(seed))  # DANCo draws from the global generator
            estimate = getattr(skdim.id, estimator)().fit(X).dimension_
            found[f"{estimator}/{name}"] = np.array([float(estimate), time.perf_counter() - started])
        print(name, dimension, {one: round(float(found[f"{one}/{name}"][0]), 2) for one in ESTIMATORS}, flush=True)
    np.savez(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
