"""The rows a page shows: held-out rows, or a sample of them, and two or three constructed probes.

If there are more held-out rows than a page has room for, a sample is drawn with a fixed seed and the rows with the
largest errors are added, so the ranking starts with the true worst; figures and ranks are still those of all rows.
Probes show the limits of a model: the mean row is often reconstructed better than any real one, an inverted or shifted
picture hardly at all.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from isthmus.explorer.packing import Packer
from isthmus.explorer.row_kind import RowKind
from isthmus.tables.column import BooleanForm

__all__ = [
    "LINES_ROOM",
    "Items",
    "choose_items",
    "exact_divisor",
    "fields_of",
    "items_facts",
    "named",
    "plain_words",
    "probe_rows",
]

ROOM, TABLE_ROOM = 480_000, 2_100_000  # bytes of rows before compression: 20,000 of ten columns
COLOUR_ROOM = 2_500_000  # two hundred photos of 64 × 64
LINES_ROOM = 6_000_000  # windows, which overlap and so compress
MAX_ITEMS, MIN_ITEMS = 20_000, 24
WORST_KEPT = 24
DIVISORS = (1, 2, 4, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255)
SHIFT = 2  # pixels, but at most a quarter of the height
LONGEST_NAME, NO_NAME = 60, "(blank)"
DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, eq=False)
class Items:
    """What is shown, for all models alike.

    Attributes
    ----------
    kind : RowKind
        The noun for a row, and how it is drawn.
    rows : ndarray of shape (n_items + n_probes, n_features)
        float64, in the user's units; NaN where a cell is missing. Probes come last.
    places : ndarray of shape (n_items,)
        The index of each item among the held-out rows.
    ids : list of str
        The name of each item.
    labels : ndarray of shape (n_items,) or None
        Indices into ``classes``.
    classes, colours : tuple of str
        Names of the classes, and their colours, which are those of the figures.
    probes : tuple of str
    columns : tuple of str
    image_shape : tuple of int or None
        (channels, height, width).
    span : tuple of float
        The fixed grey range of every picture.
    fields : tuple of dict
        The columns of a mixed-type table: name, kind (number, boolean, date or category), the range of its encoded
        columns, and its categories. Empty if every column is a number.
    given : ndarray of shape (n_items + n_probes, n_given) or None
        The encoded condition of each.
    n_held_out, n_ranked, n_training : int
        Number of held-out rows, of those that were ranked by error, and of training rows, 0 if they were not given.
    """

    kind: RowKind
    rows: np.ndarray
    places: np.ndarray
    ids: list[str]
    labels: np.ndarray | None
    classes: tuple[str, ...]
    probes: tuple[str, ...]
    columns: tuple[str, ...]
    image_shape: tuple[int, int, int] | None
    span: tuple[float, float]
    n_held_out: int
    n_ranked: int
    n_training: int
    title: str
    label_name: str
    colours: tuple[str, ...] = ()
    fields: tuple[dict[str, Any], ...] = ()
    given: np.ndarray | None = None


def choose_items(errors: np.ndarray, n_features: int, byte_wide: bool, room: int = ROOM, seed: int = 0) -> np.ndarray:
    """Which held-out rows to show, in order: all of them, or a sample and those with the largest ``errors``."""
    width = n_features * (1 if byte_wide else 4) + 64
    room = int(np.clip(room // width, MIN_ITEMS, MAX_ITEMS))
    if len(errors) <= room:
        return np.arange(len(errors))
    worst = np.argsort(-errors, kind="stable")[: min(WORST_KEPT, room // 2)]
    rest = np.setdiff1d(np.arange(len(errors)), worst)
    drawn = np.random.default_rng(seed).choice(rest, room - len(worst), replace=False)
    return np.sort(np.concatenate([worst, drawn]))


def probe_rows(
    first: np.ndarray, mean: np.ndarray, span: tuple[float, float], image_shape: tuple[int, int, int] | None
) -> dict[str, np.ndarray]:
    """Constructed rows by name, made from the training mean and one held-out row."""
    probes = {"mean row" if image_shape is None else "mean picture": mean}
    if image_shape is None:
        return probes | {"inverted first row": 2 * mean - first}
    picture = first.reshape(image_shape)
    step = max(1, min(SHIFT, image_shape[1] // 4))
    shifted = np.roll(picture, step, axis=2)
    return probes | {
        "inverted first picture": span[0] + span[1] - first,
        f"shifted by {step}, first picture": shifted.ravel(),
    }


def exact_divisor(rows: np.ndarray) -> int | None:
    """The smallest k for which all rows hold whole multiples of 1/k between 0 and 255/k, or None."""
    if not np.isfinite(rows).all() or rows.size == 0 or rows.min() < 0:
        return None
    for divisor in DIVISORS:
        scaled = rows * divisor
        if scaled.max() <= 255 and np.allclose(scaled, np.rint(scaled), rtol=0, atol=1e-4):
            return divisor
    return None


def grey_range(rows: np.ndarray) -> tuple[float, float]:
    """The fixed range of pictures: [0, 1] or [0, 255] if all values lie in it, else the rows' own."""
    low, high = float(np.nanmin(rows)), float(np.nanmax(rows))
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if low >= 0 and 1 < high <= 255 and high > 64:
        return 0.0, 255.0
    return low, (high if high > low else low + 1)


def class_indices(labels: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as indices into their names; numbers in order of size, strings in alphabetical order."""
    labels = np.asarray(labels)
    if labels.dtype == object:
        labels = labels.astype(str)  # strings and None can't be compared
    values, indices = np.unique(labels, return_inverse=True)
    return indices.ravel(), tuple(named(_as_text(value)) for value in values.tolist())


def plain_words(text: Any, most: int = LONGEST_NAME) -> str:
    r"""A name on one line of limited length, without control characters and marks that change the text direction.

    >>> plain_words("a\nb\u202ec", 60), plain_words("x" * 90, 5)
    ('a bc', 'xxxx…')
    """
    kept = (
        c
        for c in str(text)
        if c.isspace() or (c not in DIRECTION_MARKS and unicodedata.category(c) not in ("Cc", "Cs"))
    )
    words = " ".join("".join(kept).split())
    return words if len(words) <= most else words[: most - 1] + "…"


def named(text: Any) -> str:
    """A name in plain words; "(blank)" if nothing of it is visible."""
    return plain_words(text) or NO_NAME


def channels_first(shape: Sequence[int] | None) -> tuple[int, int, int] | None:
    """An image shape with its channels: (8, 8) is (1, 8, 8)."""
    if shape is None:
        return None
    height, width = (int(side) for side in shape[-2:])
    return (int(shape[0]) if len(shape) == 3 else 1, height, width)


def items_facts(items: Items, packer: Packer, center: np.ndarray, spread: np.ndarray) -> dict[str, Any]:
    """The items for the page's JSON; rows as bytes if that is exact, else in units of ``spread``."""
    real = items.rows[: len(items.places)]
    divisor = exact_divisor(real)
    if divisor is None:
        rows = packer.floats((items.rows - center) / spread)
        how = {"center": packer_list(center), "spread": packer_list(spread)}
    else:
        rows, how = packer.shares(real, divisor), {}
        how["probes"] = packer.floats(items.rows[len(items.places) :])
    return {
        "title": items.title,
        **items.kind.facts(),
        "rows": rows,
        "units": how,
        "ids": items.ids,
        "labels": None if items.labels is None else packer.whole_numbers(items.labels),
        "classes": list(items.classes),
        "colours": list(items.colours),
        "labelName": items.label_name,
        "probes": list(items.probes),
        "columns": list(items.columns),
        "fields": list(items.fields),
        "shape": None if items.image_shape is None else list(items.image_shape),
        "span": list(items.span),
        "heldOut": items.n_held_out,
        "ranked": items.n_ranked,
        "training": items.n_training,
    }


def fields_of(layout: Any) -> tuple[dict[str, Any], ...]:
    """The columns of a mixed-type table for the page's JSON; empty if all are numbers."""
    if layout is None:
        return ()
    fields = []
    for column, (start, stop) in zip(layout.columns, layout.spans(), strict=True):
        kind = "number" if column.kind == "count" else column.kind
        if kind == "date" and not column.dtype.startswith(("date", "timestamp", "datetime")):
            kind = "number"  # a time of day or a duration, in days
        words = column.form if isinstance(column.form, BooleanForm) else None
        names = [plain_words(name.removeprefix(f"{column.name}=")) or NO_NAME for name in column.encoded_names]
        fields.append(
            {"name": named(column.name), "kind": kind, "begin": start, "end": stop, "whole": column.whole}
            | ({"categories": names} if kind == "category" else {})
            | ({} if words is None else {"words": [plain_words(words.false), plain_words(words.true)]})
        )
    return tuple(fields)


def packer_list(values: np.ndarray) -> list[float]:
    """Numbers for JSON in full precision: a column of timestamps keeps its seconds."""
    return [float(value) if math.isfinite(value) else 0.0 for value in values]


def _as_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
