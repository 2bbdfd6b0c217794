"""Flags of the commands that read rows, most of them shared, each with its help."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.outcome import UsageError
from isthmus.cli.reading_flags import OF_TABLES
from isthmus.cli.typed_flags import typed_besides

__all__ = [
    "Draws",
    "Drop",
    "Ids",
    "Interval",
    "JsonOutput",
    "Labels",
    "Latents",
    "Overwrite",
    "PicturesOutput",
    "RunPath",
    "Samples",
    "Seed",
    "SeriesEntity",
    "SeriesTime",
    "Shard",
    "StandardErrors",
    "Stride",
    "TableOutput",
    "TimeZone",
    "refuse_flags_of_tables",
    "require_time",
    "rows_of",
]

OF_SERIES = ("time", "entity", "time_zone", "window")
READ = (
    "a table (CSV, Excel, Parquet, JSON …), an array, a folder of pictures or sounds, word vectors, a bundled data "
    "set; - reads standard input"
)
TABLES = ".csv, .tsv, .parquet, .npy or .npz"


def rows_of(what: str) -> Parameter:
    """The argument that names the data: their purpose, and the formats that are read."""
    return Parameter(help=f"{what}: {READ}.")


RunPath = Annotated[str, Parameter(help="The run folder that isthmus fit wrote, or the model folder in it.")]
Seed = Annotated[int, Parameter(validator=Number(gte=0, lt=2**32))]
Labels = Annotated[
    str | None, Parameter(help="Column of classes, not used for training; by default the one named in the fit.")
]
Ids = Annotated[str | None, Parameter(help="Column that names the rows; by default the one named in the fit.")]
Drop = Annotated[
    tuple[str, ...],
    Parameter(
        help="Column to leave out, in addition to those left out in the fit; repeat for more.",
        show_default=False,
    ),
]
TableOutput = Annotated[
    Path | None,
    Parameter(("--output", "-o"), help=f"File to write: {TABLES}. Without it: CSV on standard output."),
]
PicturesOutput = Annotated[
    Path | None,
    Parameter(
        ("--output", "-o"),
        help=f"File to write: {TABLES}; or, where rows are pictures, a folder for PNG files. "
        "Without it: CSV on standard output.",
    ),
]
Overwrite = Annotated[bool, Parameter(help="Replace the output if it exists.", show_default=False)]
Shard = Annotated[
    str | None,
    Parameter(
        help="I/N: take the I-th of N shares of DATA's files, written as FILE/part-….; automatic under torchrun."
    ),
]
Latents = Annotated[
    int | None,
    Parameter(
        help="Use only the first N latents of an ordered code (--variant nested).",
        validator=Number(gte=1),
        show_default=False,
    ),
]
StandardErrors = Annotated[
    bool, Parameter(help="Write the standard error of each latent beside the code.", show_default=False)
]
Draws = Annotated[
    int | None,
    Parameter(
        help="Draw the missing cells this many times, and write a file for each draw: FILE-1.csv, FILE-2.csv …",
        validator=Number(gte=1),
        show_default=False,
    ),
]
Interval = Annotated[
    float | None,
    Parameter(
        help="Write for each column also the limits of a band that holds this share of new cells, such as 0.9.",
        validator=Number(gt=0, lt=1),
        show_default=False,
    ),
]
Samples = Annotated[
    int | None,
    Parameter(
        help="Draws per row for a variational model's tighter, importance-weighted bound.",
        validator=Number(gte=1),
        show_default=False,
    ),
]
JsonOutput = Annotated[bool, Parameter(help="Print one JSON object and nothing else.", show_default=False)]
SeriesTime = Annotated[
    str | None,
    Parameter(help="Column of time stamps, dates or numbers: the rows are then steps of a series, in this order."),
]
SeriesEntity = Annotated[
    str | None,
    Parameter(help="For a series: column that names the series of each row, such as a machine."),
]
Stride = Annotated[
    int | None,
    Parameter(
        help="For a series: steps between two windows. [default: about a quarter of a window]",
        validator=Number(gte=1),
        show_default=False,
    ),
]
TimeZone = Annotated[
    str | None,
    Parameter(help="For a series: time zone of stamps without one, such as Europe/Berlin. They are written in UTC."),
]


def require_time(flags: Mapping[str, Any]) -> None:
    """Refuse flags of a series where no column of times is named."""
    given = [flag for flag, value in flags.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: for a series, whose column of times --time names.")


def refuse_flags_of_tables(*names: str) -> None:
    """Refuse, where a column of times is named, all flags but those of a series' file and of ``names``."""
    if others := typed_besides(*OF_SERIES, *OF_TABLES, *names):
        raise UsageError(f"{', '.join(others)}: not for a series, whose column of times --time names.")
