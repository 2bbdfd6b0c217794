"""Several processes take the very steps that one takes, in memory and from the disk."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch import distributed

from conftest import curved_table
from isthmus import (
    Autoencoder,
    CombinedAutoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from isthmus.tables.batches import ArrayStream

KINDS = (
    Autoencoder,
    CombinedAutoencoder,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)


def fitted_weights(kind: type, streamed: bool, max_iter: int = 3) -> str:
    X = curved_table(210, 6).astype(np.float32)
    source: np.ndarray | ArrayStream = X
    if streamed:
        source = ArrayStream(X, segment_rows=30)
        source.held_bytes = 4 * 6 * 70
    model = kind(2, hidden_layer_sizes=(16,), batch_size=32, max_iter=max_iter, random_state=0).fit(source)
    assert model.history_[-1]["train_loss"] < model.history_[0]["train_loss"]
    weights = [part.numpy().tobytes() for part in model.model_.state_dict().values()]
    weights += [model.scaling_.center.tobytes(), model.scaling_.spread.tobytes()]
    return hashlib.sha256(b"".join(weights)).hexdigest()


def by_processes(size: int, folder: Path, kind: type, streamed: bool, max_iter: int = 3) -> list[str]:
    """What each of ``size`` forked processes ends with."""
    children = []
    for rank in range(size):
        child = os.fork()
        if child:
            children.append(child)
            continue
        code = 1
        try:
            distributed.init_process_group("gloo", init_method=f"file://{folder}/met", rank=rank, world_size=size)
            (folder / str(rank)).write_text(fitted_weights(kind, streamed, max_iter))
            distributed.destroy_process_group()
            code = 0
        finally:
            os._exit(code)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * size
    return [(folder / str(rank)).read_text() for rank in range(size)]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_one_and_several_processes_learn_the_same_bits(kind, streamed, tmp_path):
    found = set()
    for size in (1, 2, 4) if kind is Autoencoder else (1, 4):  # the sum over shares is of no variant's making
        (tmp_path / f"of-{size}").mkdir()
        found |= set(by_processes(size, tmp_path / f"of-{size}", kind, streamed))
    assert len(found) == 1


def test_epochs_enough_to_polish_by_are_the_same_bits_too(tmp_path):
    found = set()
    for size in (1, 2):
        (tmp_path / f"of-{size}").mkdir()
        found |= set(by_processes(size, tmp_path / f"of-{size}", Autoencoder, False, 16))
    assert len(found) == 1


def test_torchrun_of_the_command_line(tmp_path):
    np.save(tmp_path / "x.npy", curved_table(100, 5).astype(np.float32))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "isthmus", "fit", "x.npy", "-o", "run", "--max-iter", "2", "--no-plots", "--no-page"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("PCA") > 0
    assert (tmp_path / "run" / "history.csv").exists()
