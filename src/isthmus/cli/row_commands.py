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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from isthmus.cli.engine import Engine, answers_here, answers_of_workers
from isthmus.cli.matching_rows import Expected, codes_expected, open_matching, rows_expected
from isthmus.cli.outcome import CommandError, say
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
Codes = Annotated[str, Parameter(help="Codes as isthmus encode writes them.")]
ENTRIES: dict[str, Callable[[_Fitted], _Written]] = {}


@dataclass(frozen=True)
class _Fitted:
    """The model that a command is given: the path as it was typed, the estimator, and the columns of its rows."""

    path: str
    estimator: Any
    rows: Expected
    errors: bool = False


@dataclass(frozen=True)
class _Written:
    """What a command writes: the names of its columns, their values for a block of rows, and a closing sentence."""

    columns: Sequence[str]
    values: Callable[[Table], Any]
    what: str = "rows"
    closing: Callable[[TableStream, _Gaps], str] | None = None


class _Gaps:
    """The empty cells of the blocks that pass, and the rows that have them."""

    def __init__(self) -> None:
        self.cells = self.rows = 0

    def counted(self, answers: Iterator[tuple[Table, Any]]) -> Iterator[tuple[Table, Any]]:
        """The same blocks and answers."""
        import numpy as np

        for block, answer in answers:
            empty = np.isnan(block.values)
            self.cells += int(empty.sum())
            self.rows += int(empty.any(1).sum())
            yield block, answer

    def tell(self) -> None:
        """Say that rows with empty cells were answered for, by a model that learned from whole ones."""
        if self.rows:
            rows = "1 row has" if self.rows == 1 else f"{self.rows:,} rows have"
            say(f"note: {rows} empty cells; the code is the best one for the cells that are there.")


def _row_command(
    *, reads_codes: bool = False, pictures: bool = False, shards: bool = False, errors: bool = False
) -> Callable[[Callable[[_Fitted], _Written]], Callable[..., None]]:
    """Make a command of an entry.

    ``reads_codes`` instead of rows; with ``pictures`` it may write a folder of PNG files, with ``shards`` take a share
    of the rows, and with ``errors`` write standard errors too.
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
            engine: Engine = "local",
        ) -> None:
            output, share = shared(output, shard) if shards else (output, None)
            refuse_own_inputs([output], [data], run)
            found = open_run(run)
            if found.is_of_series:
                from isthmus.cli.series_commands import series_rows

                ray = None if engine == "local" else engine
                rows_only = {
                    "--ids": ids, "--labels": labels, "--drop": drop, "--shard": share, "--std": std, "--engine": ray,
                }  # fmt: skip
                name = entry.__name__
                series_rows(
                    name, found, data, output, not_of_series=rows_only, reading=reading, overwrite=overwrite
                )  # fmt: skip
                return
            if not pictures:  # what depends on no model is refused before one is loaded
                require_writable(output, overwrite=overwrite)
            estimator = found.load()
            rows = rows_expected(found, estimator)
            written = entry(_Fitted(run, estimator, rows, std))
            row_shape = rows.row_shape if pictures else None
            if pictures:
                require_writable(output, overwrite=overwrite, row_shape=row_shape)
            expected = codes_expected(found, estimator) if reads_codes else rows
            stream = open_matching(data, expected, labels=labels, ids=ids, drop=drop, share=share, reading=reading)
            if engine == "ray":
                asked = str(Path(run).resolve()), entry.__name__, std
                answers = answers_of_workers(_answer_of, asked, stream.blocks())
            else:
                answers = answers_here(written.values, stream.blocks())
            gaps, fitted = _Gaps(), estimator.fitted_
            guessed = not reads_codes and fitted.model.completion is None and fitted.layout is None
            write_blocks(
                output,
                stream,
                gaps.counted(answers) if guessed or written.closing is not None else answers,
                written.columns,
                row_shape=row_shape,
                overwrite=overwrite,
                what=written.what,
            )
            if output is not None and written.closing is not None:
                say(written.closing(stream, gaps))
            elif written.closing is None:
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
        face: Any = command
        face.__name__, face.__qualname__, face.__doc__ = entry.__name__, entry.__qualname__, entry.__doc__
        face.__signature__ = inspect.Signature(list(flags.values()))
        face.__annotations__ = {flag.name: flag.annotation for flag in flags.values()}
        ENTRIES[entry.__name__] = entry
        return face

    return command_of


def _answer_of(run: str, entry: str, errors: bool) -> Callable[[Table], Any]:
    """In a worker: what answers a block of rows."""
    found = open_run(run)
    estimator = found.load()
    return ENTRIES[entry](_Fitted(run, estimator, rows_expected(found, estimator), errors)).values


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


@_row_command(pictures=True, shards=True)
def reconstruct(model: _Fitted) -> _Written:
    """Encode rows and decode them again: write the reconstruction of each.

    Row ids, labels and column names are kept. Without -o the rows are printed as CSV.
    """
    return _Written(model.rows.columns, lambda block: model.estimator.reconstruct(block.rows))


@_row_command()
def impute(model: _Fitted) -> _Written:
    """Fill the empty cells of rows with what the model expects there; every other cell stays as it is.

    A model that learned from complete rows fills them too, each row by the cells it has. Without -o the rows are
    printed as CSV.
    """
    if not model.estimator.fitted_.takes_gaps:
        raise CommandError(f"{model.path!r} can't fill cells; fit it again with --missing mask.")

    def closing(stream: TableStream, gaps: _Gaps) -> str:
        return f"{gaps.cells:,} of {len(stream) * stream.n_columns:,} cells were empty and are filled."

    return _Written(model.rows.columns, lambda block: model.estimator.impute(block.rows), closing=closing)


@_row_command(shards=True)
def score(model: _Fitted) -> _Written:
    """Score rows: write the log density of each, in nats; the lower it is, the less likely the row.

    It is the evidence of the row (for a linear model PCA's log density), and for a variational model a lower bound of
    it. Row ids and labels are kept beside it. Without -o it is printed as CSV.
    """
    return _Written(
        ["log_density"], lambda block: model.estimator.score_samples(block.rows)[:, None], what="log densities"
    )
