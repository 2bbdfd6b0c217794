"""``isthmus encode``, ``decode``, ``reconstruct``, ``impute`` and ``score``: rows in, one row out for each.

One table. An entry is a function with its command's help, which is given the fitted model and says what to write:
the names of the columns, and their values for a block of rows. What the entries share is written once, in
`_row_command`: the flags, opening the run and the rows, matching columns, and writing block by block with ids and
labels beside the values.

===========  =========  ====================  =====================================
command      reads      writes                by
===========  =========  ====================  =====================================
encode       rows       codes                 `BaseAutoencoder.transform`
decode       codes      rows, or pictures     `BaseAutoencoder.inverse_transform`
reconstruct  rows       rows, or pictures     `BaseAutoencoder.reconstruct`
impute       rows       rows                  `BaseAutoencoder.impute`
score        rows       log densities         `BaseAutoencoder.score_samples`
===========  =========  ====================  =====================================
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.matching_rows import Expected, codes_expected, open_matching, rows_expected
from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import Drop, Ids, Labels, Overwrite, PicturesOutput, RunPath, Shard, TableOutput, rows_of
from isthmus.cli.rows_output import require_writable, shared, write_blocks
from isthmus.cli.run_folder import open_run

if TYPE_CHECKING:
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["decode", "encode", "impute", "reconstruct", "score"]

Rows = Annotated[str, rows_of("Rows with the columns of the fit, in any order")]
Errors = Annotated[bool, Parameter(help="Write the standard error of each latent beside the code.", show_default=False)]
Draws = Annotated[
    int | None,
    Parameter(
        help="Draw the cells, so many times, and write as many files: FILE-1.csv and so on.",
        validator=Number(gte=1),
        show_default=False,
    ),
]
Interval = Annotated[
    float | None,
    Parameter(
        help="Write beside each column the ends of a band that holds this share of new cells, such as 0.9.",
        validator=Number(gt=0, lt=1),
        show_default=False,
    ),
]
Codes = Annotated[str, Parameter(help="Codes as isthmus encode writes them.")]


@dataclass(frozen=True)
class _Fitted:
    """The model that a command is given: the path as it was typed, the estimator, and the columns of its rows."""

    path: str
    estimator: Any
    rows: Expected
    errors: bool = False
    draws: int | None = None
    interval: float | None = None


@dataclass(frozen=True)
class _Written:
    """What a command writes: the names of its columns, their values for a block of rows, and a closing sentence."""

    columns: Sequence[str]
    values: Callable[[Table], Any]
    what: str = "rows"
    closing: Callable[[TableStream], str] | None = None
    copies: Sequence[Callable[[Table], Any]] = ()  # of a command that writes several files: the values of each


class _Gaps:
    """Rows with empty cells, of a model that learned from whole ones: they are answered for, and then it is said."""

    def __init__(self, estimator: Any, answer: Callable[[Table], Any]):
        self.estimator, self.answer, self.count = estimator, answer, 0

    def values(self, block: Table) -> Any:
        """What the answer is, the rows with empty cells counted."""
        import numpy as np

        fitted = self.estimator.fitted_
        if fitted.model.completion is None and fitted.layout is None:
            self.count += int(np.isnan(block.values).any(1).sum())
        return self.answer(block)

    def tell(self) -> None:
        """Say how many there were."""
        if self.count:
            rows = "1 row has" if self.count == 1 else f"{self.count:,} rows have"
            say(f"note: {rows} empty cells; the code is the best one for the cells that are there.")


def _row_command(
    *,
    reads_codes: bool = False,
    pictures: bool = False,
    shards: bool = False,
    errors: bool = False,
    several: bool = False,
    bands: bool = False,
) -> Callable[[Callable[[_Fitted], _Written]], Callable[..., None]]:
    """Make a command of an entry.

    ``reads_codes`` instead of rows; with ``pictures`` it may write a folder of PNG files, with ``shards`` take a share
    of the rows, with ``errors`` write standard errors too, with ``several`` a file a draw, and with ``bands`` bands.
    """

    def command_of(entry: Callable[[_Fitted], _Written]) -> Callable[..., None]:
        def command(
            run: RunPath,
            data: Rows,
            /,
            *,
            output: TableOutput = None,
            ids: Ids = None,
            labels: Labels = None,
            drop: Drop = (),
            reading: Reading = READ_BY_ITSELF,
            overwrite: Overwrite = False,
            shard: Shard = None,
            std: Errors = False,
            draws: Draws = None,
            interval: Interval = None,
        ) -> None:
            output, share = shared(output, shard) if shards else (output, None)
            refuse_own_inputs([output], [data], run)
            found = open_run(run)
            if found.is_of_series:
                from isthmus.cli.series_commands import series_rows

                rows_only = {"--ids": ids, "--labels": labels, "--drop": drop, "--shard": share, "--std": std}
                rows_only |= {"--draws": draws, "--interval": interval}
                name = entry.__name__
                series_rows(
                    name, found, data, output, not_of_series=rows_only, reading=reading, overwrite=overwrite
                )  # fmt: skip
                return
            outputs = _numbered(output, draws)
            if not pictures:  # what depends on no model is refused before one is loaded
                for one in outputs:
                    require_writable(one, overwrite=overwrite)
            estimator = found.load()
            rows = rows_expected(found, estimator)
            written = entry(_Fitted(run, estimator, rows, std, draws, interval))
            row_shape = rows.row_shape if pictures and interval is None else None
            if pictures:
                require_writable(output, overwrite=overwrite, row_shape=row_shape)
            expected = codes_expected(found, estimator) if reads_codes else rows
            stream = open_matching(data, expected, labels=labels, ids=ids, drop=drop, share=share, reading=reading)
            gaps = _Gaps(estimator, written.values)
            counted = gaps.values if written.closing is None and not reads_codes else written.values
            for one, values in zip(outputs, written.copies or (counted,), strict=True):
                write_blocks(
                    one,
                    stream,
                    values,
                    written.columns,
                    row_shape=row_shape,
                    overwrite=overwrite,
                    what=written.what,
                )
            if output is not None and written.closing is not None:
                say(written.closing(stream))
            gaps.tell()

        flags = dict(inspect.signature(command, eval_str=True).parameters)
        if reads_codes:
            flags["data"] = flags["data"].replace(name="codes", annotation=Codes)
        if pictures:
            flags["output"] = flags["output"].replace(annotation=PicturesOutput)
        if not shards:
            del flags["shard"]
        if not errors:
            del flags["std"]
        if not bands:
            del flags["interval"]
        if not several:
            del flags["draws"]
        face: Any = command
        face.__name__, face.__qualname__, face.__doc__ = entry.__name__, entry.__qualname__, entry.__doc__
        face.__signature__ = inspect.Signature(list(flags.values()))
        face.__annotations__ = {flag.name: flag.annotation for flag in flags.values()}
        return face

    return command_of


@_row_command(shards=True, errors=True)
def encode(model: _Fitted) -> _Written:
    """Encode rows: write the code of each.

    Row ids and labels are kept beside the codes. Without -o the codes are printed as CSV.
    """
    estimator = model.estimator
    latents = list(estimator.get_feature_names_out())
    if not model.errors:
        return _Written(latents, lambda block: estimator.transform(block.rows), what="codes")
    if not estimator.fitted_.has_errors:
        raise CommandError(
            f"{model.path!r}: no standard errors of its codes are known; encode without --std, or fit a variant with "
            "point codes, such as vanilla."
        )

    def with_errors(block: Table) -> Any:
        import numpy as np

        return np.concatenate(estimator.transform(block.rows, return_std=True), 1)

    return _Written([*latents, *(f"{name}_std" for name in latents)], with_errors, what="codes")


@_row_command(reads_codes=True, pictures=True)
def decode(model: _Fitted) -> _Written:
    """Decode codes: write the row that each stands for.

    Row ids and labels are kept beside the rows. Without -o the rows are printed as CSV.
    """
    return _Written(model.rows.columns, lambda block: model.estimator.inverse_transform(block.values))


def _numbered(output: Path | None, draws: int | None) -> list[Path | None]:
    """The files to write: the one that was named, or one a draw."""
    if draws is None:
        return [output]
    if output is None or not output.suffix:
        raise UsageError("--draws needs -o FILE; draws are written to FILE-1 and so on.")
    return [output.with_name(f"{output.stem}-{place + 1}{output.suffix}") for place in range(draws)]


@_row_command(pictures=True, shards=True, bands=True)
def reconstruct(model: _Fitted) -> _Written:
    """Encode rows and decode them again: write the reconstruction of each.

    Row ids, labels and column names are kept. Without -o the rows are printed as CSV.
    """
    if model.interval is not None:
        return _with_bands(model, model.interval)
    return _Written(model.rows.columns, lambda block: model.estimator.reconstruct(block.rows))


def _with_bands(model: _Fitted, interval: float) -> _Written:
    """Reconstructions, and beside them the lower and upper ends of their bands."""
    if model.estimator.fitted_.layout is not None and not model.estimator.fitted_.layout.is_plain:
        raise CommandError(
            f"{model.path!r}: --interval writes bands of numbers, and its table has columns of other kinds; use "
            "reconstruct(X, interval=…) in Python."
        )

    def banded(block: Table) -> Any:
        import numpy as np

        return np.concatenate(
            [np.asarray(part) for part in model.estimator.reconstruct(block.values, interval=interval)], 1
        )

    names = model.rows.columns
    return _Written([*names, *(f"{name}_low" for name in names), *(f"{name}_high" for name in names)], banded)


@_row_command(several=True)
def impute(model: _Fitted) -> _Written:
    """Fill the empty cells of rows with what the model expects there; every other cell stays as it is.

    A model that learned from complete rows fills them too, each row by the cells it has. With --draws they are drawn,
    for variances and Rubin's rules. Without -o the rows are printed as CSV.
    """
    import numpy as np

    if not model.estimator.fitted_.takes_gaps:
        raise CommandError(f"{model.path!r} can't fill cells; fit it again with --missing mask.")
    empty: list[int] = []

    def filled(block: Table) -> Any:
        empty.append(int(np.isnan(block.values).sum()))
        return model.estimator.impute(block.rows)

    count = model.draws
    held: dict[str, Any] = {}  # the draws of the last block: a table in memory is one block, and drawn once

    def drawn(place: int) -> Callable[[Table], Any]:
        def values(block: Table) -> Any:
            if place == 0:
                empty.append(int(np.isnan(block.values).sum()))
            key = block.values.tobytes()
            if held.get("key") != key:
                held.update(key=key, tables=model.estimator.impute(block.rows, draws=count))
            return held["tables"][place]

        return values

    def closing(stream: TableStream) -> str:
        drawn_or = "filled" if count is None else f"drawn, {count} times"
        return f"{sum(empty):,} of {len(stream) * stream.n_columns:,} cells were empty and are {drawn_or}."

    copies = () if count is None else [drawn(place) for place in range(count)]
    return _Written(model.rows.columns, filled, closing=closing, copies=copies)


@_row_command(shards=True)
def score(model: _Fitted) -> _Written:
    """Score rows: write the log density of each, in nats; the lower it is, the less likely the row.

    It is the evidence of the row (for a linear model PCA's log density), and for a variational model a lower bound of
    it. Row ids and labels are kept beside it. Without -o it is printed as CSV.
    """
    return _Written(
        ["log_density"], lambda block: model.estimator.score_samples(block.rows)[:, None], what="log densities"
    )
