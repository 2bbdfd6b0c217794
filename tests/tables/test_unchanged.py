"""A file that changes between two passes over it: the rows that were read first, or an error; never a mixture."""

from __future__ import annotations

import os

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from isthmus.tables import DataError, open_table
from isthmus.tables.batches import ArrayStream
from isthmus.tables.container import File
from isthmus.tables.formats.numpy import _ArrayFile

ROWS = np.random.default_rng(0).normal(size=(3000, 4)).astype(np.float32)


def write(path, rows):
    columns = pa.table({name: rows[:, place] for place, name in enumerate("abcd")})
    {
        ".csv": lambda: np.savetxt(path, rows, delimiter=",", fmt="%.6f", header="a,b,c,d", comments=""),
        ".npy": lambda: np.save(path, rows),
        ".parquet": lambda: pyarrow.parquet.write_table(columns, path, row_group_size=1000),
        ".feather": lambda: pyarrow.feather.write_feather(columns, path, compression="uncompressed"),
    }[path.suffix]()


def rewrite_in_place(path):
    other = path.with_name(f"other{path.suffix}")
    write(other, ROWS + 1)
    with path.open("r+b") as file:
        file.write(other.read_bytes())


def replace(path):
    other = path.with_name(f"other{path.suffix}")
    write(other, ROWS + 1)
    other.replace(path)


def append(path):
    with path.open("ab") as file:
        file.write(b"1,2,3,4\n" * 9)


CHANGES = {
    "appended to": append,
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "rewritten": rewrite_in_place,
    "replaced": replace,
    "removed": os.unlink,
}


def opened(path):
    if path.suffix == ".npy":  # a small array is held, a large one is read from the disk
        return ArrayStream(_ArrayFile(path, File(path, repr(str(path)))))
    return open_table(path)


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".npy"])
def test_a_changed_file_is_refused(suffix, how, tmp_path):
    path = tmp_path / f"rows{suffix}"
    write(path, ROWS)
    stream = opened(path)
    np.testing.assert_array_equal(np.concatenate(list(stream)), ROWS)
    CHANGES[how](path)
    words = "removed" if how == "removed" else "changed"
    with pytest.raises(DataError, match=f"rows{suffix}': was {words} while it was being read; leave it alone"):
        list(stream)


@pytest.mark.parametrize("how", CHANGES)
def test_a_table_of_text_is_copied_before_it_is_used(how, tmp_path):
    path = tmp_path / "rows.csv"
    write(path, ROWS)
    stream = opened(path)
    CHANGES[how](path)
    np.testing.assert_allclose(np.concatenate(list(stream)), ROWS, atol=1e-6)
