"""Signals as exceptions: a command that is asked to end cleans up on its way out."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["in_an_import", "signals_unwind"]

ENDED = 143


@contextmanager
def signals_unwind() -> Iterator[list[int]]:
    """Let SIGTERM clean up as Ctrl-C does; yields a list to which every Ctrl-C is appended."""
    interrupted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def leave(*_: Any) -> None:
        raise SystemExit(ENDED)

    def interrupt(number: int, _: Any) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    before = {signal.SIGTERM: signal.signal(signal.SIGTERM, leave)}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # background jobs ignore it
        before[signal.SIGINT] = signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_an_import(error: BaseException) -> bool:
    """Whether a module was being imported: PyTorch and NumPy turn a Ctrl-C there into other errors."""
    return any(frame.f_code.co_name == "<module>" for frame, _ in traceback.walk_tb(error.__traceback__))
