"""The other detectors, with their own defaults, in the peers' environment: a job of benchmarks/anomalies.py.

    .venv-peers/bin/python benchmarks/anomaly_peers.py FOLDER SEED...

Reads 0.npz, 1.npz, … (arrays train, test) and writes the scores of the test rows to 0-scores.npz, …, one array a
detector. PyOD's networks standardise the columns themselves; the others are given standardised columns, but for
the isolation forest, which does not need them.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import numpy as np


def scores_of(train: np.ndarray, test: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Anomaly scores of the test rows, larger is stranger."""
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.knn import KNN
    from pyod.models.vae import VAE
    from sklearn.decomposition import PCA
    from sklearn.ensemble import IsolationForest
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    known, asked = scaler.transform(train), scaler.transform(test)
    pca = PCA(0.9).fit(known)
    return {
        "isolation_forest": -IsolationForest(random_state=seed).fit(train).score_samples(test),
        "knn": KNN().fit(known).decision_function(asked),
        "pca": ((asked - pca.inverse_transform(pca.transform(asked))) ** 2).sum(1),
        "pyod_autoencoder": AutoEncoder(random_state=seed, verbose=0).fit(train).decision_function(test),
        "pyod_vae": VAE(random_state=seed, verbose=0).fit(train).decision_function(test),
    }


def main() -> None:
    os.environ["TQDM_DISABLE"] = "1"
    warnings.filterwarnings("ignore")
    folder, seeds = Path(sys.argv[1]), [int(seed) for seed in sys.argv[2:]]
    for place, seed in enumerate(seeds):
        with np.load(folder / f"{place}.npz", allow_pickle=False) as arrays:
            found = scores_of(arrays["train"], arrays["test"], seed)
        np.savez(folder / f"{place}-scores.npz", **{name: np.nan_to_num(part) for name, part in found.items()})


if __name__ == "__main__":
    main()
