"""A limit: only the matrix products of the job, in their own shapes, into preallocated buffers.

``settings``: ``dtype="bfloat16"`` multiplies in that format, ``forward_only=True`` is the encoder's forward pass.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch

from race.compete import compete
from race.job import Job
from race.stopwatch import Stopwatch


def step_products(layers: tuple[int, ...], n_rows: int, dtype: torch.dtype, forward_only: bool) -> Callable[[], None]:
    """A function that computes the products of one step on ``n_rows`` rows."""
    activations = [torch.rand(n_rows, width).to(dtype) for width in layers]
    gradients = [torch.rand(n_rows, width).to(dtype) for width in layers]
    weights = [torch.rand(end, begin).to(dtype) for begin, end in itertools.pairwise(layers)]
    weight_gradients = [torch.empty_like(weight) for weight in weights]

    def step() -> None:
        for index, weight in enumerate(weights):
            torch.mm(activations[index], weight.t(), out=activations[index + 1])
        if forward_only:
            return
        for index in reversed(range(len(weights))):
            torch.mm(gradients[index + 1].t(), activations[index], out=weight_gradients[index])
            if index > 0:
                torch.mm(gradients[index + 1], weights[index], out=gradients[index])

    return step


def fit(job: Job, train: np.ndarray, watch: Stopwatch) -> None:
    torch.set_num_threads(job.threads)
    forward_only = job.settings.get("forward_only", False)
    dtype = getattr(torch, job.settings.get("dtype", "float32"))
    layers = (train.shape[1], *job.widths)
    if not forward_only:
        layers = (*layers, *layers[-2::-1])
    sizes = [len(rows) for rows in np.array_split(train, range(job.batch_size, len(train), job.batch_size))]
    steps = {size: step_products(layers, size, dtype, forward_only) for size in set(sizes)}
    watch.begin()
    for _ in range(job.epochs):
        for size in sizes:
            steps[size]()
        watch.lap()


if __name__ == "__main__":
    compete(fit)
