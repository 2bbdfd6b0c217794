"""Scored rows, the most anomalous first: as a table in the requested format, and as a figure."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli.detection_summary import reads_a_person, show_most_anomalous
from isthmus.cli.outcome import CommandError, UsageError, escaped, print_json, say
from isthmus.cli.rows_output import to_stdout
from isthmus.text_table import counted

if TYPE_CHECKING:
    import numpy as np

    from isthmus.anomaly import DetectionResult
    from isthmus.tables import Table

__all__ = [
    "DetectionOutput",
    "as_rows",
    "draw_top_anomalies",
    "require_writable",
    "stamp_column",
    "write_columns",
    "write_detections",
    "written_stamp",
]

TABLES = (".csv", ".tsv", ".parquet", ".json")
PICTURES = (".png", ".svg", ".pdf")
DetectionOutput = Annotated[
    Path | None,
    Parameter(
        ("--output", "-o"),
        help="File to write: .csv, .tsv, .parquet or .json. Without it a terminal shows the most anomalous rows, and a "
        "pipe gets all of them as CSV.",
    ),
]


def require_writable(output: Path | None, plot: Path | None, save: Path | None, *, overwrite: bool) -> None:
    """Refuse an output that could not be written, before anything is computed for it."""
    from isthmus.tables.atomic import refuse_existing

    for path, flag, suffixes in ((output, "-o", TABLES), (plot, "--plot", PICTURES)):
        if path is not None:
            if path.suffix.lower() not in suffixes:
                raise UsageError(f"{flag} must end in {', '.join(suffixes)}, got {str(path)!r}.")
            if not overwrite:
                refuse_existing(path)
    if save is not None and not overwrite:
        refuse_existing(save)


def write_detections(
    output: Path | None,
    table: Table,
    detection: DetectionResult,
    alarms: np.ndarray,
    *,
    top: int,
    most: int | None,
    overwrite: bool,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write one line per scored row: id, score, p-value, whether it is an alarm, why, and its top columns.

    For each of the ``top`` columns: name, contribution, value and expected value. With ``facts``, standard output gets
    one JSON object with them, and with the rows unless a file is written.
    """
    columns = {name: cells[:most] for name, cells in _columns(table, detection, alarms, top).items()}
    if output is None and facts is None and reads_a_person():
        show_most_anomalous(columns)
    elif output is not None or facts is None:
        typed = _typed_columns(columns, table, detection, top) if _is_parquet(output) else None
        write_columns(output, columns, overwrite=overwrite, typed=typed)
    if facts is not None:
        print_json({**facts, **({"scored": as_rows(columns)} if output is None else {"output": str(output)})})
    if output is not None:
        n_written = min(len(table), most or len(table))
        verb = "is" if n_written == 1 else "are"
        say(f"{counted(n_written, 'row')}, the most anomalous first, {verb} in {str(output)!r}.")


def write_columns(
    output: Path | None,
    columns: Mapping[str, Any],
    *,
    overwrite: bool,
    zone: str | None = None,
    typed: Mapping[str, Any] | None = None,
) -> None:
    """Write named columns in the format of the output's suffix; without an output, as CSV on standard output.

    Arrays of dates are timestamps in Parquet, in UTC with ``zone`` as their time zone if there is one; else text.
    ``typed`` has those columns as Arrow arrays whose type in Parquet is another than in text.
    """
    from isthmus.tables import atomic_write

    suffix = ".csv" if output is None else output.suffix.lower()
    if _is_parquet(output):
        from pyarrow import parquet

        with atomic_write(output or Path(), overwrite=overwrite) as temporary:
            parquet.write_table(_as_arrow({**columns, **(typed or {})}, zone), temporary)
        return
    if suffix == ".json":
        rows = as_rows(columns)
        with atomic_write(output or Path(), overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
        return
    data = _as_text(_with_written_stamps(columns), "\t" if suffix == ".tsv" else ",")
    if output is None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "detected.csv")
            path.write_bytes(data)
            to_stdout(path)
        return
    with atomic_write(output, overwrite=overwrite) as temporary:
        temporary.write_bytes(data)


def _as_arrow(columns: Mapping[str, Any], zone: str | None) -> Any:
    import pyarrow

    def typed(cells: Any) -> Any:
        if isinstance(cells, pyarrow.Array):
            return cells
        if _are_dates(cells):
            return pyarrow.array(cells.astype("datetime64[us]"), pyarrow.timestamp("us", zone))
        kinds = {type(cell) for cell in cells if cell is not None}
        mixed = str in kinds and len(kinds) > 1
        return pyarrow.array([None if cell is None else str(cell) for cell in cells] if mixed else cells)

    return pyarrow.table({name: typed(cells) for name, cells in columns.items()})


def _is_parquet(output: Path | None) -> bool:
    return output is not None and output.suffix.lower() == ".parquet"


def _are_dates(cells: Any) -> bool:
    return getattr(getattr(cells, "dtype", None), "kind", "") == "M"


def written_stamp(stamp: Any) -> Any:
    """A date as spreadsheets read it; a number as Python's, int where whole."""
    import numpy as np

    if isinstance(stamp, np.datetime64):
        text = str(stamp).replace("T", " ")
        return text.removesuffix(".000000")
    number = float(stamp)
    return int(number) if number.is_integer() else number


def stamp_column(stamps: np.ndarray) -> Any:
    """A column of stamps to write: dates as they are, numbers as Python's."""
    return stamps if stamps.dtype.kind == "M" else [written_stamp(stamp) for stamp in stamps]


def as_rows(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as a record for each row."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*_with_written_stamps(columns).values(), strict=True)]


def _with_written_stamps(columns: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        name: [written_stamp(stamp) for stamp in cells] if _are_dates(cells) else cells
        for name, cells in columns.items()
    }


def _id_name(table: Table) -> str:
    return "row" if table.id_name is None else table.id_name


def _typed_columns(columns: Mapping[str, list[Any]], table: Table, detection: DetectionResult, top: int) -> Any:
    """The ids, values and expected values that are dates, as Arrow arrays of timestamps."""
    from isthmus.cli.detection_types import timestamps_of
    from isthmus.tables.row_ids import as_arrow, dates_in

    n_rows = len(columns["score"])
    order, found = detection.order[:n_rows], {}
    if table.ids is not None:
        found[_id_name(table)] = as_arrow(*dates_in(table.ids[order], table.id_zone))
    places = detection.explanation.top(top)[order]
    for rank in range(places.shape[1]):
        for name in (f"value_{rank + 1}", f"expected_{rank + 1}"):
            found[name] = timestamps_of(table, places[:, rank].tolist(), columns[name])
    return {name: cells for name, cells in found.items() if cells is not None}


def _columns(table: Table, detection: DetectionResult, alarms: np.ndarray, top: int) -> dict[str, Any]:
    import numpy as np

    from isthmus.tables.row_ids import as_text

    why = detection.explanation
    order = detection.order
    ids = np.arange(len(table)) if table.ids is None else as_text(table.ids, table.id_zone)
    columns: dict[str, Any] = {
        _id_name(table): ids[order].tolist(),
        "score": _short(why.scores[order]),
        "p_value": _short(detection.p_values[order]),
        "alarm": alarms[order].tolist(),
        "reason": [why.reasons[row] for row in order],
        "use": [detection.use.partition(":")[0]] * len(order),
    }
    places = why.top(top)[order]
    for rank in range(places.shape[1]):
        chosen = (order, places[:, rank])
        columns[f"feature_{rank + 1}"] = [table.display_names[place] for place in places[:, rank]]
        columns[f"contribution_{rank + 1}"] = _short(why.contributions[chosen])
        columns[f"value_{rank + 1}"] = _cells(table, order, places[:, rank], why.values)
        columns[f"expected_{rank + 1}"] = _cells(table, order, places[:, rank], why.expected, short=True)
    if table.labels is not None:
        columns[table.label_name or "label"] = table.labels[order].tolist()
    return columns


def _short(values: Any) -> list[float]:
    """Numbers with six significant digits."""
    return [float(f"{value:.6g}") for value in values]


def _cells(table: Table, order: Any, places: Any, values: Any, *, short: bool = False) -> list[Any]:
    """One cell per row: numbers, or text if not all are numbers; None where missing."""
    cells = [values[row, place] for row, place in zip(order, places, strict=True)]
    if table.is_mixed and not all(cell is None or isinstance(cell, float) for cell in cells):
        return [_word(cell, short=short) for cell in cells]
    return [None if cell is None or cell != cell else float(f"{cell:.6g}") if short else float(cell) for cell in cells]


def _word(cell: Any, *, short: bool) -> str | None:
    """A cell of any kind as text; None where missing."""
    if cell is None or cell != cell:
        return None
    if isinstance(cell, float):
        return f"{cell:.6g}" if short else f"{cell:.15g}"
    return str(cell)


def _as_text(columns: dict[str, list[Any]], separator: str) -> bytes:
    """Delimited text; an apostrophe precedes text that a spreadsheet would run as a formula."""
    import csv
    import io

    from isthmus.tables.writing import FORMULA

    def cell(value: Any) -> Any:
        if isinstance(value, str):
            return FORMULA.sub("'", value)
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else value

    # csv quotes cells that contain characters of its line end: an unquoted \r could start a new row with a formula
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    lines = []
    for row in (tuple(columns), *zip(*columns.values(), strict=True)):
        writer.writerow([cell(value) for value in row])
        lines.append(text.getvalue().removesuffix("\r\n"))
        text.seek(0)
        text.truncate()
    return "".join(f"{line}\n" for line in lines).encode()


def draw_top_anomalies(path: Path, table: Table, detection: DetectionResult, alarms: np.ndarray) -> None:
    """Draw the columns that contribute most to the scores of the most anomalous rows, with expected values."""
    from isthmus import plots

    order = detection.order[:6]
    top = detection.take(order)
    why = top.explanation
    numbers = order if table.ids is None else table.ids[order]
    unnamed = table.id_name in (None, "row")
    names = [f"row {number}" if unnamed else escaped(str(number)) for number in numbers]
    mixed = table.is_mixed

    def words(values: np.ndarray) -> Any:
        import numpy as np

        rows = [[escaped(_word(cell, short=True) or "missing") for cell in row] for row in values]
        return np.array(rows, dtype=object)

    try:
        figure = plots.plot_anomalies(
            why.contributions,
            words(why.values) if mixed else why.values,
            words(why.expected) if mixed else why.expected,
            columns=[escaped(name) for name in table.display_names],
            names=names,
            p_values=top.p_values,
            alarms=alarms[order],
            threshold=detection.threshold.score,
            reasons=[escaped(reason) for reason in why.reasons],
        )
        plots.save_figure(figure, path)
    except ImportError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise CommandError("no figure without matplotlib: pip install 'isthmus[plots]'.") from error
    say(f"The figure is {str(path)!r}.")
