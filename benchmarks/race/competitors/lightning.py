"""Lightning's Trainer, without logger, checkpoints or progress bar."""

from __future__ import annotations

import lightning
import numpy as np
import torch
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

from race.compete import compete
from race.job import Job
from race.network import Autoencoder, reconstruct_with
from race.stopwatch import Reconstruct, Stopwatch


class Module(lightning.LightningModule):
    """The tutorial's network and its loss."""

    def __init__(self, n_features: int, widths: tuple[int, ...]):
        super().__init__()
        self.network = Autoencoder(n_features, widths)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        return mse_loss(self.network(batch[0]), batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


class Lap(lightning.Callback):
    """Reports every step and epoch to the stopwatch."""

    def __init__(self, watch: Stopwatch):
        self.watch = watch

    def on_train_batch_end(self, _: lightning.Trainer, pl_module: Module, *__: object) -> None:
        self.watch.step(reconstruct_with(pl_module.network))

    def on_train_epoch_end(self, _: lightning.Trainer, pl_module: Module) -> None:
        self.watch.lap(reconstruct_with(pl_module.network))


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    module = Module(train.shape[1], job.widths)
    batches = DataLoader(TensorDataset(torch.from_numpy(train)), batch_size=job.batch_size, shuffle=True)
    trainer = lightning.Trainer(
        max_epochs=job.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Lap(watch)],
    )
    trainer.fit(module, batches)
    return reconstruct_with(module.network)


if __name__ == "__main__":
    compete(fit)
