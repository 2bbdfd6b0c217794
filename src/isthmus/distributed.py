"""The processes that train one model together, by `torch.distributed`; one process alone needs none of it.

Each has the whole model and a share of every batch. After each has added up the gradients of its rows, one sum over
all processes of the one flat buffer they lie in gives every one of them the gradient of the whole batch, and all take
the same step: data parallelism (Li et al. 2020, arXiv:2006.15704), with one bucket. PyTorch's own wrapper gathers
gradients from autograd's hooks into such buckets; here they are in one already.

A sum of float32 numbers depends on their order, and a hundred steps make a difference of one bit visible. So a batch is
cut into slots, as many of them whatever the number of processes, each slot is worked on by itself, and the slots are
summed in float64, where their order leaves no trace: one, two or four processes take the same steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, distributed

__all__ = ["ALONE", "ProcessGroup", "process_group"]

SLOTS = 4


@dataclass(frozen=True)
class ProcessGroup:
    """The ``rank`` of this process, from 0, how many there are, and in how many slots a batch is taken."""

    rank: int = 0
    size: int = 1
    slots: int = 1

    @property
    def is_distributed(self) -> bool:
        """Whether there is any other."""
        return self.size > 1

    @property
    def is_main(self) -> bool:
        """Whether this is the one that speaks and writes."""
        return self.rank == 0

    @property
    def own_slots(self) -> range:
        """Those that fall to this process."""
        return range(self.rank, self.slots, self.size)

    def all_reduce_(self, numbers: Tensor) -> Tensor:
        """The sum over all processes, in place and the same to the last bit in each."""
        if self.is_distributed:
            sent = _sendable(numbers)
            distributed.all_reduce(sent)
            if sent is not numbers:
                numbers.copy_(sent)
        return numbers

    def broadcast_(self, numbers: Tensor) -> Tensor:
        """What the first process has, in place."""
        if self.is_distributed:
            sent = _sendable(numbers)
            distributed.broadcast(sent, src=0)
            if sent is not numbers:
                numbers.copy_(sent)
        return numbers


ALONE = ProcessGroup()


def process_group() -> ProcessGroup:
    """Those of the process group that was set up, as ``torchrun`` and the command line do; else this one alone."""
    if not distributed.is_available() or not distributed.is_initialized():
        return ALONE
    size = distributed.get_world_size()
    return ProcessGroup(distributed.get_rank(), size, SLOTS if SLOTS % size == 0 else size)


def _sendable(numbers: Tensor) -> Tensor:
    """NCCL sends from graphics cards only."""
    if distributed.get_backend() == "nccl" and numbers.device.type != "cuda":
        return numbers.cuda()
    return numbers.contiguous()
