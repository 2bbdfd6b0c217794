"""Tables of numbers, read in and written out: what stands on either side of an autoencoder.

Nothing here knows of models. Every complaint about a file is a `DataError` of one sentence.
"""

from isthmus.data.atomic import atomic_write
from isthmus.data.bundled import BUNDLED, load_bundled
from isthmus.data.opening import open_table
from isthmus.data.reading import read_table
from isthmus.data.splitting import split_rows, split_table
from isthmus.data.table import DataError, Table
from isthmus.data.writing import write_images, write_table

__all__ = [
    "BUNDLED",
    "DataError",
    "Table",
    "atomic_write",
    "load_bundled",
    "open_table",
    "read_table",
    "split_rows",
    "split_table",
    "write_images",
    "write_table",
]
