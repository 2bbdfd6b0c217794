"""skorch: a torch module with scikit-learn's interface."""

from __future__ import annotations

import numpy as np
import torch
from skorch import NeuralNetRegressor
from skorch.callbacks import Callback

from race.compete import compete
from race.job import Job
from race.network import Autoencoder, reconstruct_with
from race.stopwatch import Reconstruct, Stopwatch


class Lap(Callback):
    """Reports every step and epoch to the stopwatch."""

    def __init__(self, watch: Stopwatch):
        self.watch = watch

    def on_batch_end(self, net: NeuralNetRegressor, **_: object) -> None:
        self.watch.step(reconstruct_with(net.module_))

    def on_epoch_end(self, net: NeuralNetRegressor, **_: object) -> None:
        self.watch.lap(reconstruct_with(net.module_))


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    net = NeuralNetRegressor(
        Autoencoder(train.shape[1], job.widths),
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=job.batch_size,
        max_epochs=job.epochs,
        train_split=None,
        iterator_train__shuffle=True,
        callbacks=[Lap(watch)],
        verbose=0,
    )
    net.fit(train, train)
    return reconstruct_with(net.module_)


if __name__ == "__main__":
    compete(fit)
