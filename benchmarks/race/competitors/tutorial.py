"""The tutorial's training loop: DataLoaders, Adam at 0.001, an evaluation pass over the test rows every epoch."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from race.compete import compete
from race.job import Job
from race.network import Autoencoder, reconstruct_with
from race.stopwatch import Reconstruct, Stopwatch


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> Reconstruct:
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.seed)
    model = Autoencoder(train.shape[1], job.widths)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.MSELoss()
    rows, test_rows = torch.from_numpy(train), torch.from_numpy(watch.test)
    training_batches = DataLoader(TensorDataset(rows, rows), batch_size=job.batch_size, shuffle=True)
    test_batches = DataLoader(TensorDataset(test_rows, test_rows), batch_size=job.batch_size)
    for _ in range(job.epochs):
        model.train()
        training_loss = 0.0
        for x, target in training_batches:
            optimizer.zero_grad()
            loss = criterion(model(x), target)
            loss.backward()
            optimizer.step()
            watch.step(reconstruct_with(model))
            training_loss += loss.item() * len(x)
        model.eval()
        test_loss = 0.0
        with torch.no_grad():
            for x, target in test_batches:
                test_loss += criterion(model(x), target).item() * len(x)
        watch.lap(reconstruct_with(model))
    return reconstruct_with(model)


if __name__ == "__main__":
    compete(fit)
