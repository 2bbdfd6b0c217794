"""A command started by ``torchrun`` in several processes: they form a group, and only the first prints and writes."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from typing import TYPE_CHECKING

from isthmus.cli.outcome import CommandError

if TYPE_CHECKING:
    from torch.distributed import Store

__all__ = ["is_main_process", "joined", "restarted"]

POLL_SECONDS, TIMEOUT = 0.02, 600.0
FIRST_WAIT, TRY_FOR, TRY_AGAIN = 60.0, 5.0, 0.2  # seconds; for the first process to listen


@contextmanager
def joined() -> Iterator[None]:
    """Join the group of processes that ``torchrun`` has started, if it has.

    They communicate by NCCL where each has a GPU, else by gloo. Only the first one prints; errors of the others are
    still raised.
    """
    if "WORLD_SIZE" not in os.environ:
        yield
        return
    import torch
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    place = _meeting_place()
    try:
        store, rank, size = next(distributed.rendezvous("env://", timeout=timedelta(seconds=TIMEOUT)))
        own_store = distributed.PrefixStore(_agreed_name(store, rank, size), store)
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        distributed.init_process_group(backend, store=own_store, rank=rank, world_size=size)
    except RuntimeError as error:
        raise CommandError(f"the processes did not meet at {place}: {str(error).splitlines()[0]}") from error
    try:
        if is_main_process():
            yield
        else:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                yield
    except RuntimeError as error:
        if isinstance(error, distributed.DistError) or "gloo" in str(error).lower():
            raise CommandError(
                "another process of this fit was lost; torchrun --max-restarts N starts them all again up to N times, "
                "and they resume from the last checkpoint."
            ) from error
        raise
    finally:
        distributed.destroy_process_group()


def _meeting_place() -> str:
    """The address at which the processes meet, once something listens there.

    PyTorch would wait for a wrong address in a call that no signal interrupts; here every attempt is short.
    """
    import socket  # only here: every command imports this file

    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if missing:
        raise CommandError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']} is set without {' and '.join(missing)}; start several processes "
            "with torchrun, or unset WORLD_SIZE for one."
        )
    host, port = os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]
    place = f"{host}:{port} (MASTER_ADDR, MASTER_PORT)"
    if not (port.isdecimal() and 0 < int(port) < 1 << 16):
        raise CommandError(f"MASTER_PORT={port} is not a port; it must be a number from 1 to 65535.")
    try:
        addresses = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise CommandError(f"{place} is not a known address: {error}") from None
    if is_main_process() and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True":
        return place  # this process is about to listen there itself
    until, refused = time.monotonic() + FIRST_WAIT, OSError("no answer")
    while time.monotonic() < until:
        for *_, address in addresses:
            try:
                socket.create_connection((str(address[0]), int(port)), timeout=TRY_FOR).close()
            except OSError as error:
                refused = error
            else:
                return place
        time.sleep(TRY_AGAIN)
    raise CommandError(f"no process answered at {place} for {FIRST_WAIT:.0f} seconds: {refused}")


def _agreed_name(store: Store, rank: int, size: int) -> str:
    """A name for the group on which the present processes agree, and which no earlier group had.

    After a restart ``torchrun`` may provide the old store, with the addresses of processes that have ended. So each
    process stores a random word; the first lists the words it sees until every process has found its own among them.
    """
    word = secrets.token_hex(16)
    store.set(f"isthmus/word/{rank}", word)
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        if rank == 0:
            store.set("isthmus/words", " ".join(store.get(f"isthmus/word/{each}").decode() for each in range(size)))
        words = store.get("isthmus/words").decode()
        if word in words.split():
            name = f"isthmus/{hashlib.sha256(words.encode()).hexdigest()}"
            store.set(f"{name}/{rank}", "here")
            if rank == 0 and store.check([f"{name}/{each}" for each in range(size)]):
                store.set(f"{name}/all", "here")
            if store.check([f"{name}/all"]):
                return name
        time.sleep(POLL_SECONDS)
    raise CommandError(f"not all of {size} processes had joined after {TIMEOUT:.0f} seconds.")


def is_main_process() -> bool:
    """Whether this is the first of the processes, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0


def restarted() -> bool:
    """Whether ``torchrun --max-restarts`` has restarted this command after a process was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
