"""scikit-learn's MLPRegressor from X to X, with its own ReLU on the code and linear output.

It has no hook within an epoch: with ``looks`` it gets the rows of an epoch a few batches at a time.
"""

from __future__ import annotations

import numpy as np
from sklearn.neural_network import MLPRegressor

from race.compete import compete
from race.job import Job
from race.stopwatch import Reconstruct, Stopwatch

LOOK = 4  # batches


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    hidden = (*job.widths, *job.widths[-2::-1])
    model = MLPRegressor(hidden_layer_sizes=hidden, batch_size=job.batch_size, random_state=job.seed)
    rng = np.random.default_rng(job.seed)
    for _ in range(job.epochs):
        if job.looks:
            order = rng.permutation(len(train))
            for indices in np.split(order, range(LOOK * job.batch_size, len(order), LOOK * job.batch_size)):
                rows = train[indices]
                model.partial_fit(rows, rows)
                watch.step(model.predict, LOOK)
        else:
            model.partial_fit(train, train)
        watch.lap(model.predict)
    return model.predict


if __name__ == "__main__":
    compete(fit)
