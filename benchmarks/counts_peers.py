"""scVI for `benchmarks/counts.py`, in the peers' environment: fit, encode held-out rows, write expected counts.

    python benchmarks/counts_peers.py JOB.npz OUT.npz

JOB holds ``train``, ``test``, ``latents``, ``seed`` and ``likelihood`` (of scVI: "poisson", "nb" or "zinb"); OUT gets
``mean``, the expected counts of the test rows given their totals, averaged over draws of their codes, and
``seconds``. Everything else is scVI's default; training stops early where a tenth of the training rows no longer gains.
"""

from __future__ import annotations

import sys
import time
import warnings

import anndata
import numpy as np
import scvi
import torch

DRAWS = 25


def main(job: str, out: str) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    with np.load(job) as given:
        train, test = given["train"].astype(np.float32), given["test"].astype(np.float32)
        latents, seed, likelihood = int(given["latents"]), int(given["seed"]), str(given["likelihood"])
    scvi.settings.seed = seed
    started = time.perf_counter()
    learned, held_out = anndata.AnnData(train), anndata.AnnData(test)
    scvi.model.SCVI.setup_anndata(learned)
    model = scvi.model.SCVI(learned, n_latent=latents, gene_likelihood=likelihood)
    model.train(accelerator="cpu", early_stopping=True, enable_progress_bar=False)
    shares = model.get_normalized_expression(held_out, n_samples=DRAWS, return_numpy=True, library_size=1)
    mean = test.sum(1, keepdims=True) * shares
    np.savez(out, mean=mean, seconds=time.perf_counter() - started)


if __name__ == "__main__":
    main(*sys.argv[1:])
