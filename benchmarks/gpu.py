"""On a GPU: seconds per epoch against a plain PyTorch loop, and whether results equal the CPU's up to rounding.

    python benchmarks/gpu.py             about two minutes on a machine with a GPU
    python benchmarks/gpu.py --quick     few rows and narrow layers: whether it runs at all

Both train the same network on the same rows with the same batches and number format. The plain loop has its rows on the
device, takes batches by index, steps with the fused AdamW and never waits for the device within an epoch. Fits take
turns; median and range of the ratios of each round are printed. A fit is timed at two lengths, so that the time before
and after the epochs cancels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from isthmus import Autoencoder
from isthmus.training.devices import choose_device

BATCHES = (128, 1024, 8192)
ROUNDS, SHORT, LONG = 3, 2, 8  # epochs of the two fits whose difference is timed
CLOSE = 1e-3  # largest relative difference of CPU and GPU after the same steps: float32 sums in another order


def curved_rows(n_rows: int, n_features: int) -> np.ndarray:
    """Columns that are nonlinear functions of eight hidden variables, with a little noise."""
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal((n_rows, 8))
    rows = np.tanh(hidden @ rng.standard_normal((8, 64))) @ rng.standard_normal((64, n_features))
    return (rows + 0.1 * rng.standard_normal(rows.shape)).astype(np.float32)


def model(device: str, width: int, batch: int, epochs: int) -> Autoencoder:
    """Random start, one format, no search and no early stopping: an epoch does the same work as the plain loop's."""
    return Autoencoder(
        8, hidden_layer_sizes=(width, width), batch_size=batch, max_iter=epochs, start="random", precision="float32",
        validation_fraction=0.1, early_stopping=False, polish=0, device=device, random_state=0,
    )  # fmt: skip


def seconds_of(task) -> float:
    """Wall seconds, the device's own work included."""
    started = time.perf_counter()
    task()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def plain_epochs(X: np.ndarray, device: torch.device, width: int, batch: int, epochs: int) -> None:
    """The loop a user would write by hand, without its mistakes."""
    torch.manual_seed(0)
    rows = torch.from_numpy((X - X.mean(0)) / X.std()).to(device)
    rows, held_out = rows[len(rows) // 10 :], rows[: len(rows) // 10]
    sizes = (X.shape[1], width, width, 8, width, width, X.shape[1])
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.GELU()]
    network = nn.Sequential(*layers[:-1]).to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        for places in torch.randperm(len(rows), device=device).split(batch):
            x = rows[places]
            optimizer.zero_grad(set_to_none=True)
            nn.functional.mse_loss(network(x), x).backward()
            optimizer.step()
        with torch.no_grad():
            nn.functional.mse_loss(network(held_out), held_out).item()


def race(X: np.ndarray, device: torch.device, width: int, batch: int, n_rounds: int) -> list[float]:
    """The plain loop's seconds an epoch over isthmus's, in each round: above 1 isthmus is faster."""

    def ours(epochs: int) -> float:
        return seconds_of(lambda: model(str(device), width, batch, epochs).fit(X))

    def plain(epochs: int) -> float:
        return seconds_of(lambda: plain_epochs(X, device, width, batch, epochs))

    ours(1), plain(1)  # warm up: compiling, tuning and allocating happen once
    rounds = []
    for _ in range(n_rounds):
        times = [run(epochs) for epochs in (SHORT, LONG) for run in (plain, ours)]
        rounds.append((times[2] - times[0]) / max(times[3] - times[1], 1e-9))
    return rounds


def differences(X: np.ndarray, device: torch.device, width: int) -> dict[str, float]:
    """Largest differences of the same fit on the CPU and on the device, relative to the CPU's spread."""
    here, there = (model(name, width, 256, 2).fit(X) for name in ("cpu", str(device)))
    few = X[:500]
    pairs = {
        "validation loss": [fit.history_.columns["validation_loss"] for fit in (here, there)],
        "codes": [fit.transform(few) for fit in (here, there)],
        "reconstructions": [fit.reconstruct(few) for fit in (here, there)],
        "log densities": [fit.score_samples(few) for fit in (here, there)],
    }
    found = {}
    for name, pair in pairs.items():
        cpu, gpu = (np.asarray(one, dtype=np.float64) for one in pair)
        found[name] = float(np.abs(cpu - gpu).max() / max(cpu.std(), 1e-12))
    return found


def main() -> int:
    """Print the ratios and the differences; return 1 if a difference exceeds rounding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    device = choose_device(None)
    name = torch.cuda.get_device_name() if device.type == "cuda" else device.type
    print(f"{name}, PyTorch {torch.__version__}, float32")
    if device.type == "cpu":
        print("no GPU here: both sides run on the CPU, and the differences are of a fit with itself")
    torch.backends.cuda.matmul.allow_tf32 = False
    n_rows, n_features, width = (600, 20, 16) if quick else (60_000, 784, 512)
    X = curved_rows(n_rows, n_features)
    for batch in BATCHES[: 1 if quick else None]:
        rounds = sorted(race(X, device, width, batch, 1 if quick else ROUNDS))
        print(
            f"batch {batch:5}: isthmus {statistics.median(rounds):.2f} x as fast as the plain loop "
            f"({rounds[0]:.2f} to {rounds[-1]:.2f})"
        )
    found = differences(X[:5000], device, width)
    for what, size in found.items():
        print(f"{what}: CPU and {device.type} differ by {size:.1e}{'' if size <= CLOSE else ', MORE THAN ROUNDING'}")
    return int(any(not size <= CLOSE for size in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
