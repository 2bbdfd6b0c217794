"""scikit-learn's MLPRegressor from X to X: ReLU on the code and a linear output are its own."""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPRegressor

from race.compete import compete
from race.job import Job
from race.stopwatch import Reconstruct, Stopwatch


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    hidden = (*job.widths, *job.widths[-2::-1])
    model = MLPRegressor(hidden_layer_sizes=hidden, batch_size=job.batch_size, random_state=job.seed)
    for _ in range(job.epochs):
        model.partial_fit(train, train)
        watch.lap(model.predict)
    return model.predict


if __name__ == "__main__":
    compete(fit)
