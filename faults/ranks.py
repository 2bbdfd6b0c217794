"""Several processes: one is killed, some have no rows, or nothing listens at the address."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from faults.commands import called
from faults.worker import ended, forked, rows, said_to, weights
from isthmus import Autoencoder, VariationalAutoencoder

SIZES = (2, 4)  # numbers of processes that give the same bits
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
    """The last loss with all its digits, and the weights."""
    header, *_, last = (run / "history.csv").read_text().splitlines()
    loss = dict(zip(header.split(","), last.split(","), strict=True))["validation_loss"]
    tensors = load_file(run / "model" / "model.safetensors")
    return loss, {name: part.tobytes() for name, part in tensors.items() if not name.startswith("history.")}


def tries(n_tries: int) -> Iterator[str | None]:
    """Kill one process of a group at a random moment of training; yield what was lost, or None."""
    drawn = random.Random(0)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        np.save(folder / "rows.npy", rows())
        if _begun(folder, "whole", 2).wait(PATIENCE):
            yield "the undisturbed fit failed"
            return
        expected = _loss_and_weights(folder / "whole")
        for number in range(n_tries):
            yield _disturbed(folder, f"run-{number}", drawn, expected)


def _disturbed(folder: Path, run: str, drawn: random.Random, expected: tuple[str, dict[str, bytes]]) -> str | None:
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
        return f"{run}: finished before the kill"
    os.kill(drawn.choice(victims), signal.SIGKILL)
    try:
        code = process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return f"{run}: {size} processes hang after one was killed"
    if code:
        return f"{run}: {size} processes ended with the code {code} after one was killed"
    if _loss_and_weights(folder / run) != expected:
        return f"{run}: loss or weights differ from the undisturbed fit"
    return None


def _of_few(folder: Path, kind: type, n_rows: int, batch_size: int, rank: int, size: int) -> None:
    """One of ``size`` processes that fit a table of a few rows; it writes a hash of its weights."""
    from torch import distributed

    if size > 1:
        distributed.init_process_group("gloo", init_method=f"file://{folder}/met-{size}", rank=rank, world_size=size)
    settings = {"hidden_layer_sizes": (4,), "batch_size": batch_size, "max_iter": 3, "random_state": 0}
    model = kind(1, **settings).fit(rows()[:n_rows, :3])
    (folder / f"{size}-{rank}").write_text(weights(model))
    if size > 1:
        distributed.destroy_process_group()


KINDS = (Autoencoder, VariationalAutoencoder)
FEW = ((2, 2), (3, 1), (3, 100), (5, 2), (9, 3))  # rows, and rows of a batch


def empty_shares(kinds: tuple[type, ...] = KINDS, sizes: tuple[tuple[int, int], ...] = FEW) -> Iterator[str | None]:
    """Batches, or the whole table, of fewer rows than there are processes: some processes have none and wait."""
    for kind in kinds:
        for n_rows, batch_size in sizes:
            with tempfile.TemporaryDirectory() as place:
                folder = Path(place)
                codes = []
                for size in (1, 2, 4):
                    children = [
                        forked(lambda: _of_few(folder, kind, n_rows, batch_size, rank, size))  # noqa: B023
                        for rank in range(size)
                    ]
                    codes += [ended(child) for child in children]
                found = {path.read_text() for path in folder.glob("[124]-*")}
                what = f"{kind.__name__}, {n_rows} rows, batches of {batch_size}"
                yield None if not any(codes) and len(found) == 1 else f"{what}: exits {codes}, {len(found)} results"


def wrong_address() -> Iterator[str | None]:
    """A process gets an address where nothing listens, or an invalid one."""
    from isthmus.cli import distributed

    with socket.create_server(("127.0.0.1", 0)) as server:
        free = str(server.getsockname()[1])
    places = (("127.0.0.1", free), ("nobody.invalid", "29500"), ("127.0.0.1", "70000"), ("127.0.0.1", "x"), ("", "1"))
    with tempfile.TemporaryDirectory() as place:
        folder, said = Path(place), Path(place) / "said"
        np.save(folder / "rows.npy", rows())
        for host, port in places:
            tokens = ("fit", "rows.npy", "--max-iter", "1", "--no-plots", "--no-page", "-o", "run")

            def lost() -> None:
                said_to(said)
                distributed.FIRST_WAIT = 1.0
                os.environ.update(WORLD_SIZE="2", RANK="1", MASTER_ADDR=host, MASTER_PORT=port)  # noqa: B023
                called(folder, tokens)()  # noqa: B023

            started = time.monotonic()
            code, lines = ended(forked(lost)), said.read_text().splitlines()
            refused = [line for line in lines if line.startswith("isthmus: ") and "MASTER_" in line]
            whole = (
                code == 1 and len(refused) == 1 and not (folder / "run").exists() and time.monotonic() - started < 60
            )
            yield None if whole else f"{host}:{port}: exit {code}, said {lines[-1:]}"
