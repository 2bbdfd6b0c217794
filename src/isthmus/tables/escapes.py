r"""Whether a backslash escapes quotes, as in ``"he said \"no\""``; other files double the quote.

A backslash before the closing quote of a cell is no evidence: ``"C:\data\",5``.
"""

from __future__ import annotations

import re

__all__ = ["EscapesInBytes", "escapes"]

# within a cell, or before a closing quote
ESCAPED = r"\\{quote}(?:[^,;|:\t\r\n{quote}]|{quote}[ ]*(?:[,;|\t\r\n]|\Z))"


def escapes(text: str, quote: str) -> bool:
    r"""Whether quotes in a text are escaped by backslashes.

    >>> escapes('1,"he said \\"no\\"",2', '"'), escapes('1,"C:\\data\\",2', '"')
    (True, False)
    """
    return f"\\{quote}" in text and re.search(ESCAPED.format(quote=quote), text) is not None


class EscapesInBytes:
    """The same for a stream of UTF-8, block by block; ``found`` is set once an escape was seen."""

    def __init__(self, quote: str):
        self._mark = f"\\{quote}".encode()
        self._pattern = re.compile(ESCAPED.format(quote=quote).replace(r"|\Z", "").encode())
        self._last, self.found = b"", False

    def add(self, block: bytes) -> None:
        """Search the next block."""
        text = self._last + block if self._last else block
        if not self.found and b"\\" in text and self._mark in text:  # searching for one byte is ten times as fast
            self.found = self._pattern.search(text) is not None
        self._last = block[-3:] if b"\\" in block[-3:] else b""
