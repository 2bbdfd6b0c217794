"""Which device, number format and number of threads to compute with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["choose_device", "threads_for", "use_bfloat16"]

# Multiply-adds per step below which a second thread costs more than it gains; measured in benchmarks/.
WORK_FOR_THREADS = 5e7


def choose_device(asked: str | None) -> torch.device:
    """The requested device, or the fastest available: CUDA, then Apple's MPS, then the CPU."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if asked is None:
        found = next(name for name, there in available.items() if there)
        index = os.environ.get("LOCAL_RANK") if found == "cuda" else None  # each process has a GPU of its own
        return torch.device(found if index is None else f"{found}:{index}")
    name = asked.split(":")[0]
    if not available.get(name, False):
        there = ", ".join(name for name, there in available.items() if there)
        raise ValueError(f"device: {asked!r} is not available on this machine; it has {there}.")
    return torch.device(asked)


def use_bfloat16(precision: str, device: torch.device, work: float) -> bool:
    """Whether matrix products should use bfloat16: on request, or by default where it is several times faster.

    That is large work on a CPU with bfloat16 instructions. Weights, sums of gradients and all evaluation stay in
    float32.
    """
    if precision != "auto":
        return precision == "bfloat16"
    has_instructions = device.type == "cpu" and torch.cpu._is_avx512_bf16_supported()
    return has_instructions and work >= WORK_FOR_THREADS


@contextmanager
def threads_for(work: float) -> Iterator[None]:
    """A context with one thread for small steps, and the user's setting for large ones.

    Two threads on tiny matrices are slower than one, much slower on a busy machine: they synchronize at every product.
    """
    before = torch.get_num_threads()
    if work < WORK_FOR_THREADS and before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
