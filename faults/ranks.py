"""kill -9 of one process of several that torchrun started: all start again and go on from the last checkpoint."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from faults.worker import rows

SIZES = (2, 4)  # whose lanes are the same, and so the bits of what they learn
N_EPOCHS = 400
PATIENCE = 120  # seconds until a fit that does not end counts as lost


def _begun(folder: Path, run: str, size: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(size)]
    command += ["--max-restarts", "3", "-m", "isthmus", "fit", "rows.npy", "-o", run, "--max-iter", str(N_EPOCHS)]
    command += ["--n-components", "2", "--checkpoint-epochs", "1", "--no-plots", "--no-page", "--seed", "0"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _children(parent: int) -> list[int]:
    found = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [int(child) for child in found]


def _loss_and_weights(run: Path) -> tuple[str, dict[str, bytes]]:
    """The last loss as printed to all its digits, and the weights."""
    header, *_, last = (run / "history.csv").read_text().splitlines()
    loss = dict(zip(header.split(","), last.split(","), strict=True))["validation_loss"]
    tensors = load_file(run / "model" / "model.safetensors")
    return loss, {name: part.tobytes() for name, part in tensors.items() if not name.startswith("history.")}


def tries(n_tries: int) -> Iterator[str | None]:
    """Kill a process of a group at a random moment of its training; what was lost, in words, or None."""
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "rows.npy", rows())
        if _begun(folder, "whole", 2).wait(PATIENCE):
            yield "the fit that nobody harmed failed"
            return
        expected = _loss_and_weights(folder / "whole")
        for number in range(n_tries):
            yield _harmed(folder, f"run-{number}", drawn, expected)


def _harmed(folder: Path, run: str, drawn: random.Random, expected: tuple[str, dict[str, bytes]]) -> str | None:
    size = drawn.choice(SIZES)
    process = _begun(folder, run, size)
    left = folder / f"{run}.unfinished"
    until = time.monotonic() + PATIENCE
    while not any(left.glob("checkpoint-*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(drawn.uniform(0, 1))
    victims = _children(process.pid) if process.poll() is None else []
    if not victims or not left.exists():
        process.wait(PATIENCE)
        return f"{run}: over before it could be harmed"
    os.kill(drawn.choice(victims), signal.SIGKILL)
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{run}: {size} processes hang after one was killed"
    if code:
        return f"{run}: {size} processes ended with the code {code} after one was killed"
    if _loss_and_weights(folder / run) != expected:
        return f"{run}: another loss or other weights than of the fit that nobody harmed"
    return None
