"""Principal component analysis: what any autoencoder has to beat."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import PCA

from race.compete import compete
from race.job import Job
from race.stopwatch import Reconstruct, Stopwatch


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    model = PCA(job.widths[-1], svd_solver="covariance_eigh").fit(train)

    def reconstruct(X: np.ndarray) -> np.ndarray:
        return model.inverse_transform(model.transform(X))

    watch.lap(reconstruct)
    return reconstruct


if __name__ == "__main__":
    compete(fit)
