"""What later commands need to know of the series of a run of ``isthmus fit --time``."""

from __future__ import annotations

from isthmus.storage.record import fact, record

__all__ = ["SERIES_RUN", "SeriesRecord"]

SERIES_RUN = "isthmus series run"
SEEDS = 2**32


@record
class SeriesRecord:
    """The source of a series, its columns, and the flags it was read with.

    ``source`` is an absolute path, ``sha256`` that of the readings on their grid: held-out stretches are never looked
    up in data that have changed.
    """

    source: str = fact(paths=True)
    name: str = fact(paths=True)
    time: str
    entity: str | None
    labels: str | None
    drop: tuple[str, ...]
    time_zone: str | None
    channels: tuple[str, ...] = fact(lengths=(1, 100_000))
    n_rows: int = fact(at_least=1)
    n_steps: int = fact(at_least=1)
    seed: int = fact(at_least=0, below=SEEDS)
    sha256: str = fact(lengths=(64, 64))
    reading: dict[str, bool | float | str | tuple[str, ...]] | None = fact(default=None)
