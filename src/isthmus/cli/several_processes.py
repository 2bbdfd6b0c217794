"""A command that ``torchrun`` starts in several processes: they join, and only the first speaks and writes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

__all__ = ["is_first", "joined", "started_again"]


@contextmanager
def joined() -> Iterator[None]:
    """Join the processes that ``torchrun`` has started, if it has, for what is done together.

    They speak to each other by NCCL where each has a graphics card, else by gloo. What others than the first have to
    say goes nowhere; their errors are raised all the same.
    """
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        if is_first():
            yield
        else:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                yield
    finally:
        distributed.destroy_process_group()


def is_first() -> bool:
    """Whether this is the first of the processes, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def started_again() -> bool:
    """Whether ``torchrun --max-restarts`` has started this command anew after a process was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
