"""Distributed (data-parallel) training with `torch.distributed`; a single process needs none of it.

Each process has the whole model and a share of every batch. It adds up the gradients of its rows in one flat buffer;
one all-reduce of that buffer gives every process the gradient of the whole batch, and all take the same step (Li et
al. 2020, arXiv:2006.15704). PyTorch's own wrapper collects gradients from autograd's hooks in several such buckets;
here they are in one buffer from the start.

A float32 sum depends on the order of its terms, and after a hundred steps a difference of one bit is visible. So a
batch is divided into a fixed number of accumulation slots, whatever the number of processes. Each slot's gradient is
computed separately, and the slots are summed in float64, where rounding is too small for their order to matter: one,
two or four processes take the same steps to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, distributed

__all__ = ["ALONE", "ProcessGroup", "process_group"]

SLOTS = 4


@dataclass(frozen=True)
class ProcessGroup:
    """The ``rank`` of this process, the number of processes, and the number of accumulation slots of a batch."""

    rank: int = 0
    size: int = 1
    slots: int = 1

    @property
    def is_distributed(self) -> bool:
        """Whether there is more than one process."""
        return self.size > 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that reports and writes files."""
        return self.rank == 0

    @property
    def own_slots(self) -> range:
        """The slots of this process."""
        return range(self.rank, self.slots, self.size)

    def all_reduce_(self, numbers: Tensor) -> Tensor:
        """Sum over all processes in place; every process gets the same bits."""
        if self.is_distributed:
            sent = _sendable(numbers)
            distributed.all_reduce(sent)
            if sent is not numbers:
                numbers.copy_(sent)
        return numbers

    def broadcast_(self, numbers: Tensor) -> Tensor:
        """Copy the first process's values to all processes, in place."""
        if self.is_distributed:
            sent = _sendable(numbers)
            distributed.broadcast(sent, src=0)
            if sent is not numbers:
                numbers.copy_(sent)
        return numbers


ALONE = ProcessGroup()


def process_group() -> ProcessGroup:
    """The process group that ``torchrun`` or the command line set up; otherwise this process alone."""
    if not distributed.is_available() or not distributed.is_initialized():
        return ALONE
    size = distributed.get_world_size()
    return ProcessGroup(distributed.get_rank(), size, SLOTS if SLOTS % size == 0 else size)


def _sendable(numbers: Tensor) -> Tensor:
    """NCCL sends from GPUs only."""
    if distributed.get_backend() == "nccl" and numbers.device.type != "cuda":
        return numbers.cuda()
    return numbers.contiguous()
