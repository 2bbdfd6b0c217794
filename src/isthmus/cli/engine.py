"""Which processes answer for blocks of rows: this one, or those of a Ray cluster; in the order of the rows either way.

This process reads the rows and writes the answers. With ``--engine ray`` the blocks in between go to workers, each of
which loads the model from its folder once. A block is the same rows wherever it is answered, on as many threads, so the
results are those of one process to the last digit, on machines of one kind. Ray gives the block of a worker that was
lost to another one.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from isthmus.cli.outcome import CommandError

if TYPE_CHECKING:
    from isthmus.tables import Table

__all__ = ["Engine", "answers_here", "answers_of_workers"]

WAITING = 2  # blocks for each CPU of the cluster that are read, answered or yet to be written
RETRIES = 5  # of a block whose worker was lost

Engine = Annotated[
    Literal["local", "ray"],
    Parameter(
        help="What processes blocks of rows: this process, or the workers of the Ray cluster that RAY_ADDRESS names "
        "(else of one on this machine); needs isthmus[ray]."
    ),
]
Answer = Callable[["Table"], Any]


def answers_here(answer: Answer, blocks: Iterator[Table]) -> Iterator[tuple[Table, Any]]:
    """Each block with its answer, from this process; the next block is read meanwhile."""
    from isthmus.tables.ahead import one_ahead

    for block in one_ahead(blocks):
        yield block, answer(block)


def answers_of_workers(
    load: Callable[..., Answer], what: Sequence[Any], blocks: Iterator[Table]
) -> Iterator[tuple[Table, Any]]:
    """Each block with its answer, from the workers of a Ray cluster.

    ``load(*what)`` gives a worker what answers a block. It is a function that a module has, and ``what`` names things
    by words and numbers. No more blocks are held at once than keep the cluster busy.
    """
    import torch

    with _cluster() as ray:
        answered = ray.remote(max_retries=RETRIES)(_answered)
        most = WAITING * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[tuple[Table, Any]] = deque()
        for block in blocks:
            waiting.append((block, answered.remote(load, tuple(what), torch.get_num_threads(), block)))
            if len(waiting) >= most:
                yield _received(ray, *waiting.popleft())
        while waiting:
            yield _received(ray, *waiting.popleft())


def _received(ray: Any, block: Table, answer: Any) -> tuple[Table, Any]:
    try:
        return block, ray.get(answer)
    except ray.exceptions.RayTaskError as error:  # what this process would have raised, and no worker's traceback
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise CommandError(
            f"--engine ray: a block of rows was lost with its worker {RETRIES + 1} times: {error}"
        ) from None


def _answered(load: Callable[..., Answer], what: tuple[Any, ...], threads: int, block: Table) -> Any:
    """In a worker: the answer for one block."""
    import torch

    torch.set_num_threads(threads)
    return _loaded(load, what)(block)


@lru_cache(maxsize=1)
def _loaded(load: Callable[..., Answer], what: tuple[Any, ...]) -> Answer:
    return load(*what)


@contextmanager
def _cluster() -> Iterator[Any]:
    """Ray, connected: to the cluster that RAY_ADDRESS names, or to one that is started here and stopped again."""
    try:
        import ray
    except ImportError:
        raise CommandError("--engine ray needs Ray: pip install 'isthmus[ray]'.") from None
    found = ray.is_initialized()
    if not found:
        ray.init(include_dashboard=False, logging_level=logging.ERROR, log_to_driver=False)
    try:
        yield ray
    finally:
        if not found:
            ray.shutdown()
