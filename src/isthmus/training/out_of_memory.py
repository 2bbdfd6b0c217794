"""Recognising out-of-memory errors by the messages of each allocator."""

from __future__ import annotations

import torch

__all__ = ["is_out_of_memory"]

WORDS = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory could not be allocated."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in WORDS)
