"""pythae's AE with its BaseTrainer."""

from __future__ import annotations

import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from pythae.trainers.training_callbacks import TrainingCallback
from torch import nn

from race.compete import compete
from race.job import Job
from race.network import perceptron
from race.stopwatch import Reconstruct, Stopwatch


class Encoder(BaseEncoder):
    """The tutorial's encoder as a pythae module."""

    def __init__(self, layers: tuple[int, ...]):
        super().__init__()
        self.latent_dim = layers[-1]
        self.layers = nn.Sequential(*perceptron(layers))

    def forward(self, x: torch.Tensor) -> ModelOutput:
        return ModelOutput(embedding=self.layers(x))


class Decoder(BaseDecoder):
    """The tutorial's decoder as a pythae module."""

    def __init__(self, layers: tuple[int, ...]):
        super().__init__()
        self.layers = nn.Sequential(*perceptron(layers), nn.Sigmoid())

    def forward(self, z: torch.Tensor) -> ModelOutput:
        return ModelOutput(reconstruction=self.layers(z))


class Lap(TrainingCallback):
    """Reports every step and epoch to the stopwatch."""

    def __init__(self, watch: Stopwatch, reconstruct: Reconstruct):
        self.watch, self.reconstruct = watch, reconstruct

    def on_train_step_end(self, training_config: BaseTrainerConfig, **_: object) -> None:
        self.watch.step(self.reconstruct)

    def on_epoch_end(self, training_config: BaseTrainerConfig, **_: object) -> None:
        self.watch.lap(self.reconstruct)


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    layers = (train.shape[1], *job.widths)
    model = AE(
        AEConfig(input_dim=(train.shape[1],), latent_dim=job.widths[-1]),
        encoder=Encoder(layers),
        decoder=Decoder(layers[::-1]),
    )

    def reconstruct(X: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            return model({"data": torch.from_numpy(X)}).recon_x.numpy()

    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder,
            per_device_train_batch_size=job.batch_size,
            num_epochs=job.epochs,
            learning_rate=1e-3,
            optimizer_cls="Adam",
            seed=job.seed,
            no_cuda=True,
        )
        rows = BaseDataset(torch.from_numpy(train), torch.zeros(len(train)))
        BaseTrainer(model, rows, training_config=settings, callbacks=[Lap(watch, reconstruct)]).train()
    return reconstruct


if __name__ == "__main__":
    compete(fit)
