"""The cells kept from the first pass give the same table as reading the file twice."""

from __future__ import annotations

import numpy as np
import pytest

from isthmus.tables import open_table, understanding
from isthmus.tables.formats import text
from isthmus.tables.kept_cells import KeptCells

N_ROWS = 6000
LATE = range(N_ROWS - 20, N_ROWS)  # rows of the last block


def column(kind: str) -> list[str]:
    """A column of one kind in its first blocks, and in some cases of another in the last."""
    number = [f"{row / 7:.3f}" for row in range(N_ROWS)]
    day = [str(np.datetime64("2001-01-01") + row % 3000) for row in range(N_ROWS)]
    long = [f"order {row} as it was agreed with the customer long ago" for row in range(N_ROWS)]
    return {
        "numbers": number,
        "whole": [str(row % 1500) for row in range(N_ROWS)],
        "gaps": ["" if row % 9 == 0 else cell for row, cell in enumerate(number)],
        "late marks": ["?" if row in LATE else cell for row, cell in enumerate(number)],
        "late NA": ["NA" if row in LATE else cell for row, cell in enumerate(number)],
        "late infinity": ["inf" if row in LATE else cell for row, cell in enumerate(number)],
        "late words": [f"w{row % 3}" if row > 4500 else cell for row, cell in enumerate(number)],
        "late units": [f"{cell} km" if row in LATE else cell for row, cell in enumerate(number)],
        "days": day,
        "late NA among days": ["NA" if row in LATE else cell for row, cell in enumerate(day)],
        "late times of day": [f"{cell} 10:30:00" if row in LATE else cell for row, cell in enumerate(day)],
        "words": [f"k{row % 5}" for row in range(N_ROWS)],
        "prose": long,
        "codes": [f"{row % 1500:05d}" for row in range(N_ROWS)],
    }[kind]


KINDS = ("numbers", "whole", "gaps", "late marks", "late NA", "late infinity", "late words", "late units", "days")
KINDS += ("late NA among days", "late times of day", "words", "prose", "codes")


def opened(path, monkeypatch, *, kept: bool, **asked):
    """The table of many blocks of text, with its description."""
    with monkeypatch.context() as here:
        here.setattr(text, "BLOCK", 1 << 14)
        here.setattr(understanding, "HELD_TEXT", 0)
        if not kept:
            here.setattr(KeptCells, "batches", lambda *_: None)
        stream = open_table(path, held_bytes=1, **asked)
        table = stream.load()
        return stream, table


def written(path, kinds):
    columns = [column(kind) for kind in kinds]
    lines = [",".join(kind.replace(" ", "_") for kind in kinds), *map(",".join, zip(*columns, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def same(one, other):
    assert one[0].description.to_facts() == other[0].description.to_facts()
    assert one[1].columns == other[1].columns
    if one[1].frame is None:
        np.testing.assert_array_equal(one[1].values, other[1].values)
    else:
        assert one[1].frame.equals(other[1].frame)
    for words in ("ids", "labels"):
        found, known = getattr(one[1], words), getattr(other[1], words)
        assert (found is None) == (known is None)
        assert found is None or found.tolist() == known.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_kept_column_equals_one_that_is_read_again(kind, tmp_path, monkeypatch):
    path = written(tmp_path / "t.csv", tuple(dict.fromkeys(("words", "numbers", kind))))
    same(opened(path, monkeypatch, kept=True), opened(path, monkeypatch, kept=False))


def test_ids_and_labels_are_kept_as_written(tmp_path, monkeypatch):
    path = written(tmp_path / "t.csv", ("codes", "numbers", "whole"))
    roles = {"ids": "codes", "labels": "whole"}
    found = opened(path, monkeypatch, kept=True, **roles)
    same(found, opened(path, monkeypatch, kept=False, **roles))
    assert found[1].ids[:2].tolist() == ["00000", "00001"]


def test_text_is_parsed_once_where_the_guess_was_right(tmp_path, monkeypatch):
    path = written(tmp_path / "t.csv", ("words", "gaps", "days", "prose"))
    passes = []
    read = text.TextSource.batches
    monkeypatch.setattr(text.TextSource, "batches", lambda self: passes.append(1) or read(self))
    opened(path, monkeypatch, kept=True)
    assert len(passes) == 1


def test_a_full_disk_costs_a_second_pass_and_nothing_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = written(tmp_path / "t.csv", ("words", "gaps"))
    known = opened(path, monkeypatch, kept=False)
    monkeypatch.setattr(KeptCells, "_write", full)
    same(opened(path, monkeypatch, kept=True), known)
