"""Which processes compute the results for blocks of rows: this one, or workers of a Ray cluster; always in order.

This process reads the rows and writes the answers. With ``--engine ray`` the blocks go to workers, each of which loads
the model once. Blocks and threads per block are the same in both cases, so results on the same kind of machine are
identical to the last digit. Ray passes the block of a lost worker to another.
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

BLOCKS_PER_CPU = 2  # in flight: read, but not yet written
RETRIES = 5  # of a block whose worker was lost

Engine = Annotated[
    Literal["local", "ray"],
    Parameter(
        help="Where blocks of rows are processed: in this process, or by the workers of a Ray cluster, the one that "
        "RAY_ADDRESS names or else a local one (needs isthmus[ray])."
    ),
]
Answer = Callable[["Table"], Any]


def answers_here(answer: Answer, blocks: Iterator[Table]) -> Iterator[tuple[Table, Any]]:
    """Each block with its answer, computed in this process while the next block is read."""
    from isthmus.tables.ahead import one_ahead

    for block in one_ahead(blocks):
        yield block, answer(block)


def answers_of_workers(
    load: Callable[..., Answer], what: Sequence[Any], blocks: Iterator[Table]
) -> Iterator[tuple[Table, Any]]:
    """Each block with its answer, from the workers of a Ray cluster.

    ``load(*what)`` returns the function that answers a block, in a worker. ``load`` is a module-level function, and
    ``what`` holds strings and numbers. Only as many blocks are held at once as keep the cluster busy.
    """
    import torch

    with _cluster() as ray:
        answered = ray.remote(max_retries=RETRIES)(_answered)
        most = BLOCKS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 1)))
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
    except ray.exceptions.RayTaskError as error:  # the error as this process would have raised it
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
    """Ray, connected to the cluster that RAY_ADDRESS names, or to one started here and stopped afterwards."""
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
