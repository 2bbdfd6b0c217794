"""The format of a file, by its bytes; formats that are not read are recognized to be refused with advice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.tables.container import File, without_packing
from isthmus.tables.errors import DataError
from isthmus.tables.formats import (
    arff,
    excel,
    feather,
    hdf5,
    idx,
    json,
    matlab,
    numpy,
    parquet,
    pictures,
    sound,
    sparse,
    text,
    word_vectors,
    word_vectors_binary,
)

__all__ = ["READABLE", "SUFFIXES", "format_of", "is_table_name"]

# in this order: the first match wins
FORMATS: tuple[tuple[str, Callable[[File], bool]], ...] = (
    ("parquet", parquet.matches),
    ("feather", feather.is_file),
    ("arrow stream", feather.is_stream),
    ("npy", numpy.is_array),
    ("npz", numpy.is_archive),
    ("excel", excel.matches),
    ("hdf5", hdf5.matches),
    ("matlab", matlab.matches),
    ("sound", sound.matches),
    ("picture", pictures.matches),
    ("idx", idx.matches),
    ("word vectors in binary", word_vectors_binary.matches),
)
TEXTS: tuple[tuple[str, Callable[[File], bool]], ...] = (
    ("matrix market", sparse.is_matrix_market),
    ("arff", arff.matches),
    ("json", json.matches),
    ("svmlight", sparse.is_svmlight),
    ("word vectors", word_vectors.matches),
)
OPENERS: dict[str, Callable[..., Any]] = {
    "npy": numpy.open_array, "npz": numpy.open_archive, "excel": excel.open_file, "hdf5": hdf5.open_file,
    "matlab": matlab.open_file, "matrix market": sparse.open_matrix_market, "svmlight": sparse.open_svmlight,
    "arff": arff.open_file, "json": json.open_file, "word vectors": word_vectors.open_file,
    "word vectors in binary": word_vectors_binary.open_file, "text": text.open_file,
}  # fmt: skip
SUFFIXES = (
    *text.SUFFIXES, *parquet.SUFFIXES, *feather.SUFFIXES, *numpy.SUFFIXES, *json.SUFFIXES, *excel.SUFFIXES,
    *arff.SUFFIXES, *sparse.SUFFIXES, *hdf5.SUFFIXES, *word_vectors.SUFFIXES,
)  # fmt: skip
READABLE = (
    "text (CSV and its kin), Excel, Parquet, Feather, Arrow, JSON, NumPy, HDF5, MATLAB, ARFF, svmlight, Matrix Market, "
    "word vectors, IDX, pictures, WAV and FLAC, packed or not"
)
PICKLE = "a pickle, which could run any program when it is read", "save the table as .parquet or .npy"
R = "R's own format", "write it from R: write.csv(table, 'table.csv')"
SPSS = "an SPSS file", "export it as CSV, or read it with pandas.read_spss"
SAS = "export it as CSV, or read it with pandas.read_sas"
STATA = "a Stata file", "export it as CSV, or read it with pandas.read_stata"
WEB_PAGE = "a web page", "download the data themselves, not the page about them"
NETCDF = "a NetCDF file of version 3", "convert it: nccopy -k nc4 FILE table.nc, which is read as HDF5"
REFUSED = (  # first bytes, what they are, what to do
    (
        b"SQLite format 3\0",
        "an SQLite database",
        "export its table: sqlite3 -csv -header FILE 'select * from TABLE' > table.csv",
    ),
    (b"%PDF", "a PDF", "copy its table into a spreadsheet first"),
    *((bytes((0x80, version)), *PICKLE) for version in (2, 3, 4, 5)),
    *((mark, *R) for mark in (b"RDX", b"RDA", b"X\n\0\0")),
    *((mark, *SPSS) for mark in (b"$FL2", b"$FL3", b"ascii spss port file")),
    (b"header record*******", "a SAS transport file", SAS),
    (b"simple  =", "a FITS file", "export its table as CSV, or its pictures as TIFF"),
    (b"<stata_dta>", *STATA),
    *((bytes((version, order, 1)), *STATA) for version in (0x71, 0x72, 0x73) for order in (1, 2)),
    (b"\x00" * 12 + b"\xc2\xea\x81\x60", "a SAS file", SAS),
    *((mark, *WEB_PAGE) for mark in (b"<!doctype", b"<html", b"<head")),
    (b"<table", "a table of a web page", "open it in a spreadsheet and save it as .xlsx or .csv"),
    (b"<?xml", "XML", "export it as CSV"),
    *((mark, *NETCDF) for mark in (b"CDF\x01", b"CDF\x02")),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data", "fetch them: git lfs pull"),
    (b"\x7fELF", "a program", "name the data"),
    (b"Obj\x01", "Avro", "convert it to Parquet"),
    (b"ORC", "ORC", "convert it to Parquet"),
)


def format_of(file: File) -> str:
    """The name of the format of a file; a `DataError` with advice if it is not read."""
    if not file.head:
        raise DataError(f"{file.where}: the file is empty; it needs column names and rows of cells.")
    known = next((name for name, matches in FORMATS if matches(file)), None)
    if known is not None:
        return known
    lower = file.head[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for mark, what, cure in REFUSED:
        if file.head.startswith(mark) or lower.startswith(mark):
            raise DataError(f"{file.where}: {what}; {cure}.")
    if file.suffix in (".pkl", ".pickle", ".joblib"):
        raise DataError(f"{file.where}: {PICKLE[0]}; {PICKLE[1]}.")
    if file.suffix in (".yaml", ".yml"):
        raise DataError(f"{file.where}: YAML; export it as CSV or JSON.")
    if not text.matches(file):
        raise DataError(
            f"{file.where}: by its first bytes it is none of the formats that are read: {READABLE}; convert it."
        )
    return next((name for name, matches in TEXTS if matches(file)), "text")


def is_table_name(name: str) -> bool:
    """Whether a file name has the suffix of a table, compressed or not."""
    return without_packing(name).endswith(SUFFIXES)
