"""Reading ahead: the next item is made while the current one is in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["one_ahead"]

T = TypeVar("T")
END: Any = object()


def one_ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items in the same order, each made in a separate thread while the one before it is in use.

    Two are held at a time. An error in making an item is raised where the item would have come.

    >>> list(one_ahead(number * number for number in range(4)))
    [0, 1, 4, 9]
    """
    source = iter(items)
    with ThreadPoolExecutor(max_workers=1) as maker:
        waiting = maker.submit(next, source, END)
        while (item := waiting.result()) is not END:
            waiting = maker.submit(next, source, END)
            yield item
