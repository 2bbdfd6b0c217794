"""isthmus, encoding many rows: the model is PCA of the first of them, and an epoch is one `transform` of all."""

from __future__ import annotations

import numpy as np
import torch

from isthmus.variants import variant
from race.compete import compete
from race.job import Job
from race.stopwatch import Stopwatch

ROWS_TO_FIT = 10_000


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> None:
    torch.set_num_threads(job.threads)
    settings = {"hidden_layer_sizes": job.widths[:-1], "max_iter": 0, "random_state": job.seed}
    estimator = variant("vanilla")(job.widths[-1], **settings).fit(train[:ROWS_TO_FIT])
    watch.begin()
    for _ in range(job.epochs):
        estimator.transform(train)
        watch.lap()


if __name__ == "__main__":
    compete(fit)
