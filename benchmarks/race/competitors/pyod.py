"""PyOD's AutoEncoder, an outlier detector, with its own ReLU on the code and linear output."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pyod.models.auto_encoder import AutoEncoder

from race.compete import compete
from race.job import Job
from race.network import reconstruct_with
from race.stopwatch import Reconstruct, Stopwatch


class TimedAutoEncoder(AutoEncoder):
    """Reports every step and epoch to the stopwatch; scoring the training rows afterwards is not counted."""

    def __init__(self, watch: Stopwatch, **settings: Any):
        super().__init__(**settings)
        self.watch = watch

    def training_forward(self, batch_data: Any) -> Any:
        loss = super().training_forward(batch_data)
        self.watch.step(reconstruct_with(self.model))
        return loss

    def epoch_update(self) -> None:
        self.watch.lap(reconstruct_with(self.model))

    def train(self, train_loader: Any) -> None:
        super().train(train_loader)
        self.watch.stop()


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    detector = TimedAutoEncoder(
        watch,
        preprocessing=False,
        lr=1e-3,
        epoch_num=job.epochs,
        batch_size=job.batch_size,
        hidden_neuron_list=list(job.widths),
        batch_norm=False,
        dropout_rate=0.0,
        random_state=job.seed,
        verbose=0,
        device="cpu",
    )
    detector.fit(train)
    return reconstruct_with(detector.model.eval())


if __name__ == "__main__":
    compete(fit)
