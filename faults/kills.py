"""kill -9 at random moments, in training and in saving."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from faults.worker import KINDS, ended, fit, forked, valid_steps, weights


def slowed_save() -> None:
    """Slow saves down so that kills hit them: every flush waits a little first."""
    flush = os.fsync

    def slow(handle: int) -> None:
        time.sleep(0.003)
        flush(handle)

    os.fsync = slow


def _disturbed(folder: Path, kind: type, streamed: bool, in_save: bool) -> None:
    if in_save:
        slowed_save()
    fit(folder, kind, streamed)


def tries(n_tries: int, in_save: bool, seconds: float) -> Iterator[str | None]:
    """Kill a fit up to three times, then let it finish, until ``seconds`` are over; yield what was lost, or None."""
    drawn = random.Random(int(in_save))
    expected: dict[tuple[type, bool], str] = {}
    done, until = 0, time.monotonic() + seconds
    while done < n_tries and time.monotonic() < until:
        kind, streamed = drawn.choice(KINDS), drawn.random() < 0.5
        case = kind, streamed
        if case not in expected:
            expected[case] = weights(fit(None, kind, streamed))
        with tempfile.TemporaryDirectory() as place:
            folder, reached, kills, lost = Path(place) / "work", -1, 0, None
            for _ in range(6):
                child = forked(lambda: _disturbed(folder, kind, streamed, in_save))  # noqa: B023
                time.sleep(drawn.uniform(0.05, 0.5))
                os.kill(child, signal.SIGKILL)
                if ended(child) != -signal.SIGKILL:
                    break
                kills += 1
                newest = max(valid_steps(folder), default=-1)
                if newest < reached:
                    lost = f"{kind.__name__}: step {reached} was kept, and after a kill only {newest}"
                reached = newest
                if kills == 3:
                    break
            if lost is None and weights(fit(folder, kind, streamed)) != expected[case]:
                lost = f"{kind.__name__}, streamed={streamed}: other weights than the uninterrupted fit"
        done += kills
        for number in range(kills):
            yield lost if number == 0 else None
