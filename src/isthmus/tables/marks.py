"""What people write in a cell whose value is missing.

Some marks mean that everywhere; others, such as ``?`` or ``unknown``, only in a column of numbers or dates: in a column
of words they may be an answer like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ALWAYS_MISSING", "MISSING_AMONG_NUMBERS", "is_mark", "marked", "without_marks"]

ALWAYS_MISSING = frozenset(
    {"", "na", "n/a", "#n/a", "#na", "nan", "-nan", "null", "<na>", "<null>", "\\n", "nat", "#n/a n/a", "1.#qnan"}
    | {"-1.#ind", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!", "#error!"}
)  # fmt: skip
CAPITAL_NONE = "None"  # Python's own; "none" in lower case may be an answer
MISSING_AMONG_NUMBERS = frozenset(
    {"?", "??", "-", "--", "---", "–", "—", ".", "..", "...", "*", "**", "x", "t", "tr", "trace", "unknown", "unk"}
    | {"none", "n.a.", "n.a", "na.", "n/d", "nd", "n.d.", "nil", "missing", "not available", "not applicable"}
    | {"no data", "k.a.", "k. a.", "s/d", "(null)", "[null]", "(na)", "_", "/", "#", "tbd"}
    | {"0000-00-00", "0000-00-00 00:00:00", "00/00/0000", "00.00.0000"}
    | {"pending", "blank", "empty", "undefined", ":", "inf", "-inf", "+inf", "infinity", "-infinity"}
)  # fmt: skip


def is_mark(cell: str, *, among_numbers: bool = True) -> bool:
    """Whether a cell marks a missing value.

    >>> is_mark("N/A"), is_mark("?"), is_mark("?", among_numbers=False)
    (True, True, False)
    """
    word = cell.strip()
    return (
        word == CAPITAL_NONE
        or word.lower() in ALWAYS_MISSING
        or (among_numbers and word.lower() in MISSING_AMONG_NUMBERS)
    )


def marked(cells: pyarrow.Array, *, among_numbers: bool, others: Sequence[str] = ()) -> Any:
    """Which trimmed texts mark a missing value, as nulls do; an Arrow mask without nulls."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute  # its functions are generated at import
    words = ALWAYS_MISSING | (MISSING_AMONG_NUMBERS if among_numbers else frozenset())
    found = compute.is_in(compute.utf8_lower(cells), value_set=pyarrow.array(sorted(words), cells.type))
    exact = pyarrow.array([CAPITAL_NONE, *others], cells.type)
    return compute.or_(compute.or_(found, compute.is_in(cells, value_set=exact)), compute.is_null(cells))


def without_marks(cells: pyarrow.Array, *, among_numbers: bool, others: Sequence[str] = ()) -> Any:
    """The texts, with null for each that marks a missing value."""
    import pyarrow
    import pyarrow.compute

    compute: Any = pyarrow.compute
    missing = marked(cells, among_numbers=among_numbers, others=others)
    return compute.if_else(missing, pyarrow.scalar(None, cells.type), cells) if compute.any(missing).as_py() else cells
