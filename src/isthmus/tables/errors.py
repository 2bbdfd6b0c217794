"""The error that every reader and writer raises."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["DataError", "reason_of", "said"]

SHOWN_NAMES = 12


class DataError(ValueError):
    """Data that cannot be read, used or written: one sentence that says what, where, and what to do."""


def said(names: Sequence[str], limit: int | None = SHOWN_NAMES) -> str:
    """Names as they are listed in a message.

    >>> said(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(map(repr, names[:limit]))
    return shown if limit is None or len(names) <= limit else f"{shown} and {len(names) - limit} more"


def reason_of(error: BaseException) -> str:
    """The first line of the message of an error of another library, without a final period, for use in a sentence."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
