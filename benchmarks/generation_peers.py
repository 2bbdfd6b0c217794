"""pythae's VAE for `benchmarks/generation.py`, in its own environment: fit, sample, write.

    python benchmarks/generation_peers.py JOB.npz OUT.npz

JOB holds ``train`` (rows in [0, 1]), ``size``, ``epochs``, ``batch``, ``count``, ``seed`` and ``loss``; OUT gets the
rows drawn from N(0, I) (``prior``) and from pythae's own Gaussian mixture on the codes (``density``). Networks
and samplers are pythae's defaults.
"""

from __future__ import annotations

import logging
import sys
import tempfile

import numpy as np
import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, VAEConfig
from pythae.samplers import GaussianMixtureSampler, GaussianMixtureSamplerConfig, NormalSampler
from pythae.trainers import BaseTrainer, BaseTrainerConfig


def main(job: str, out: str) -> None:
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    with np.load(job) as given:
        train = torch.from_numpy(given["train"].astype(np.float32))
        size, epochs, batch, count, seed = (int(given[name]) for name in ("size", "epochs", "batch", "count", "seed"))
        loss = str(given["loss"])
    torch.manual_seed(seed)
    model = VAE(VAEConfig(input_dim=(train.shape[1],), latent_dim=size, reconstruction_loss=loss))
    with tempfile.TemporaryDirectory() as folder:
        settings = BaseTrainerConfig(
            output_dir=folder, per_device_train_batch_size=batch, num_epochs=epochs, learning_rate=1e-3, seed=seed,
            no_cuda=True,
        )  # fmt: skip
        BaseTrainer(model, BaseDataset(train, torch.zeros(len(train))), training_config=settings).train()
    torch.manual_seed(seed + 1)
    np.random.seed(seed + 1)
    prior = NormalSampler(model).sample(count)
    mixture = GaussianMixtureSampler(model, GaussianMixtureSamplerConfig(n_components=10))
    mixture.fit(train)
    density = mixture.sample(count)
    np.savez(out, prior=prior.reshape(count, -1).numpy(), density=density.reshape(count, -1).numpy())


if __name__ == "__main__":
    main(*sys.argv[1:])
