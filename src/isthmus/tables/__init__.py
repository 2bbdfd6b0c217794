"""Tables, read in and written out: what stands on either side of an autoencoder.

Nothing here knows of models. Every complaint about a file is a `DataError` of one sentence.
"""

from isthmus.tables.atomic import atomic_write
from isthmus.tables.bundled import BUNDLED, load_bundled
from isthmus.tables.errors import DataError
from isthmus.tables.opening import open_table, read
from isthmus.tables.splitting import split_rows, split_table
from isthmus.tables.table import Table
from isthmus.tables.writing import write_table
from isthmus.tables.writing_files import write_images, write_sounds

__all__ = [
    "BUNDLED",
    "DataError",
    "Table",
    "atomic_write",
    "load_bundled",
    "open_table",
    "read",
    "split_rows",
    "split_table",
    "write_images",
    "write_sounds",
    "write_table",
]
