"""Where the arithmetic runs: device, number format and number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

__all__ = ["choose_device", "number_format", "seeded", "threads_for"]

# Multiply-adds in one step below which a second thread costs more than it brings; measured in benchmarks/.
WORK_FOR_THREADS = 5e7


def choose_device(asked: str | None) -> torch.device:
    """The device asked for, or the fastest there is: CUDA, then Apple's MPS, then the processor."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked is None:
        return torch.device(next(name for name, there in available.items() if there))
    name = asked.split(":")[0]
    if not available.get(name, False):
        there = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"device: {asked!r} is not available on this machine; it has {there}.")
    return torch.device(asked)


def number_format(precision: str, device: torch.device) -> AbstractContextManager:
    """A context in which matrix products run in bfloat16 where that was asked for."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """Use one thread for small steps, the user's setting for large ones, and put the setting back.

    Two threads on tiny matrices are slower than one, and many times slower on a busy machine: they wait for
    each other at every product.
    """
    before = torch.get_num_threads()
    if work < WORK_FOR_THREADS and before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Torch's generators seeded inside, and left outside as they were found."""
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield
