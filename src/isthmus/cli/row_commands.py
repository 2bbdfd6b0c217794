"""``isthmus encode``, ``decode``, ``reconstruct``, ``impute`` and ``score``: rows in, one row out for each.

Each entry is a function with its command's help as docstring. It takes the fitted model and returns what to write: the
names of the columns, and a function of their values for a block of rows. `_row_command` does the rest: the flags,
opening the run and the rows, matching columns, and writing block by block with ids and labels.

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

from isthmus.cli.conditions import Conditions, GivenValues
from isthmus.cli.engine import Engine, answers_here, answers_of_workers
from isthmus.cli.matching_rows import Expected, codes_expected, open_matching, rows_expected
from isthmus.cli.outcome import CommandError, UsageError, say
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading
from isthmus.cli.row_flags import (
    Draws,
    Drop,
    Ids,
    Interval,
    Labels,
    Latents,
    Overwrite,
    PicturesOutput,
    RunPath,
    Samples,
    Shard,
    StandardErrors,
    TableOutput,
    rows_of,
)
from isthmus.cli.rows_output import require_writable, say_left_out, shared, side_by_side, write_blocks
from isthmus.cli.run_folder import open_run
from isthmus.text_table import counted

if TYPE_CHECKING:
    from isthmus.tables import Table
    from isthmus.tables.stream import TableStream

__all__ = ["decode", "encode", "impute", "reconstruct", "score"]

Rows = Annotated[str, rows_of("Rows with the columns of the fit, in any order")]
Codes = Annotated[str, Parameter(help="Codes as isthmus encode writes them.")]
OPTIONAL = ("shard", "std", "draws", "interval", "latents", "importance_samples")  # flags that only some commands have
ENTRIES: dict[str, Callable[[_Fitted], _Written]] = {}


@dataclass(frozen=True)
class _Fitted:
    """The model of a command: the path as typed, the estimator, the columns and conditions of its rows, and flags."""

    path: str
    estimator: Any
    rows: Expected
    conditions: Conditions
    std: bool = False
    draws: int | None = None
    interval: float | None = None
    latents: int | None = None
    importance_samples: int | None = None

    def given(self, block: Table) -> dict[str, Any]:
        """The conditions of a block's rows, as a keyword argument; empty for a model without conditions."""
        return {"given": self.conditions.of(block)} if self.conditions.names else {}


@dataclass(frozen=True)
class _Written:
    """What a command writes: the names of its columns, their values for a block of rows, and a closing sentence."""

    columns: Sequence[str]
    values: Callable[[Table], Any]
    what: str = "row"
    closing: Callable[[TableStream, _Gaps], str] | None = None
    copies: Sequence[Callable[[Table], Any]] = ()  # for several files: the values of each


class _Gaps:
    """Counts of the empty cells in the blocks that pass, and of the rows that have them."""

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

    def say_rows(self) -> None:
        """Say that rows with empty cells were encoded by a model that learned from complete ones."""
        if self.rows:
            rows = counted(self.rows, "row", "has", "have")
            say(f"note: {rows} empty cells; the code is the best one for the observed cells.")


def _row_command(
    *optional: str, reads_codes: bool = False, pictures: bool = False
) -> Callable[[Callable[[_Fitted], _Written]], Callable[..., None]]:
    """Make a command of an entry.

    ``optional`` names its flags among `OPTIONAL`. It reads codes instead of rows with ``reads_codes``, and may write a
    folder of PNG files with ``pictures``.
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
            std: StandardErrors = False,
            given: GivenValues = (),
            engine: Engine = "local",
            draws: Draws = None,
            interval: Interval = None,
            latents: Latents = None,
            importance_samples: Samples = None,
        ) -> None:
            output, share = shared(output, shard) if "shard" in optional else (output, None)
            refuse_own_inputs([output], [data], run)
            found = open_run(run)
            if found.is_of_series:
                from isthmus.cli.commands_of_series import series_rows

                series_rows(entry.__name__, found, data, output, reading=reading, overwrite=overwrite)
                return
            outputs = _numbered(output, draws)
            if not pictures:  # refused before the model is loaded, as nothing here depends on it
                for one in outputs:
                    require_writable(one, overwrite=overwrite)
            estimator = found.load()
            if latents is not None and not estimator.fitted_.model.bottleneck.ordered:
                raise UsageError(
                    "--latents takes the first latents of an ordered code; fit one with isthmus fit --variant nested, "
                    "or leave --latents out."
                )
            rows = rows_expected(found, estimator)
            conditions = Conditions(found, estimator, given)
            settings = std, draws, interval, latents, importance_samples
            written = entry(_Fitted(run, estimator, rows, conditions, *settings))
            if engine == "ray" and written.copies:
                raise UsageError("--draws are made by one process; leave --engine out.")
            row_shape = rows.row_shape if pictures and interval is None else None
            if pictures:
                require_writable(output, overwrite=overwrite, row_shape=row_shape)
            expected = codes_expected(found, estimator, latents) if reads_codes else rows
            stream = open_matching(
                data, expected, labels=labels, ids=ids, drop=drop, share=share, reading=reading, given=conditions
            )
            fitted = estimator.fitted_
            guessed = not reads_codes and fitted.model.completion is None and fitted.layout is None
            for one, values in zip(outputs, written.copies or (written.values,), strict=True):
                if engine == "ray":
                    asked = str(Path(run).resolve()), entry.__name__, given, settings
                    answers = answers_of_workers(_answer_of, asked, stream.blocks())
                else:
                    answers = answers_here(values, stream.blocks())
                gaps = _Gaps()  # the same for every file
                write_blocks(
                    one,
                    stream,
                    gaps.counted(answers) if guessed or written.closing is not None else answers,
                    written.columns,
                    row_shape=row_shape,
                    overwrite=overwrite,
                    what=written.what,
                )
            if written.closing is None:
                gaps.say_rows()
                return
            say_left_out(stream, written.columns)
            if output is not None:
                say(written.closing(stream, gaps))

        flags = dict(inspect.signature(command, eval_str=True).parameters)
        if reads_codes:
            flags["data"] = flags["data"].replace(name="codes", annotation=Codes)
        if pictures:
            flags["output"] = flags["output"].replace(annotation=PicturesOutput)
        for name in OPTIONAL:
            if name not in optional:
                del flags[name]
        face: Any = command
        face.__name__, face.__qualname__, face.__doc__ = entry.__name__, entry.__qualname__, entry.__doc__
        face.__signature__ = inspect.Signature(list(flags.values()))
        face.__annotations__ = {flag.name: flag.annotation for flag in flags.values()}
        ENTRIES[entry.__name__] = entry
        return face

    return command_of


def _answer_of(run: str, entry: str, given: tuple[str, ...], settings: tuple[Any, ...]) -> Callable[[Table], Any]:
    """In a worker: the function that answers a block of rows."""
    found = open_run(run)
    estimator = found.load()
    conditions = Conditions(found, estimator, given)
    return ENTRIES[entry](_Fitted(run, estimator, rows_expected(found, estimator), conditions, *settings)).values


@_row_command("shard", "std", "latents")
def encode(model: _Fitted) -> _Written:
    """Encode rows: write the code of each.

    Row ids and labels are kept beside the codes, and so are the given columns (--given), which isthmus decode needs.
    Without -o the codes are printed as CSV.
    """
    estimator = model.estimator
    latents = list(estimator.get_feature_names_out())[: model.latents]

    def encoded(block: Table, **settings: Any) -> Any:
        return estimator.transform(block.rows, size=model.latents, **model.given(block), **settings)

    if not model.std:
        return _Written(latents, lambda block: model.conditions.written(block, encoded(block), latents), what="code")
    if not estimator.fitted_.has_errors:
        raise CommandError(
            f"{model.path!r}: no standard errors of its codes are known; encode without --std, or fit a variant with "
            "point codes, such as vanilla."
        )

    def with_errors(block: Table) -> Any:
        import numpy as np

        return np.concatenate(encoded(block, return_std=True), 1)

    names = [*latents, *(f"{name}_std" for name in latents)]
    return _Written(names, lambda block: model.conditions.written(block, with_errors(block), names), what="code")


@_row_command("latents", reads_codes=True, pictures=True)
def decode(model: _Fitted) -> _Written:
    """Decode codes: write the row that each stands for.

    Row ids and labels are kept beside the rows. Without -o the rows are printed as CSV.
    """
    return _Written(
        model.rows.columns, lambda block: model.estimator.inverse_transform(block.values, **model.given(block))
    )


def _numbered(output: Path | None, draws: int | None) -> list[Path | None]:
    """The files to write: the named one, or one for each draw."""
    if draws is None:
        return [output]
    if output is None or not output.suffix:
        raise UsageError("--draws needs -o FILE; draws are written to FILE-1 and so on.")
    return [output.with_name(f"{output.stem}-{place + 1}{output.suffix}") for place in range(draws)]


@_row_command("shard", "interval", "latents", pictures=True)
def reconstruct(model: _Fitted) -> _Written:
    """Encode rows and decode them again: write the reconstruction of each.

    Row ids, labels and column names are kept. Without -o the rows are printed as CSV.
    """
    if model.interval is not None:
        return _with_bands(model, model.interval)
    return _Written(
        model.rows.columns,
        lambda block: model.estimator.reconstruct(block.rows, size=model.latents, **model.given(block)),
    )


def _with_bands(model: _Fitted, interval: float) -> _Written:
    """Reconstructions, then the lower and the upper limits of the columns that have bands: numbers and dates."""
    names = model.rows.columns

    def banded(block: Table) -> Any:
        import numpy as np

        given = {"size": model.latents, "interval": interval} | model.given(block)
        if block.is_mixed:
            return side_by_side(*model.estimator.reconstruct(block, **given))
        return np.concatenate([np.asarray(part) for part in model.estimator.reconstruct(block.values, **given)], 1)

    return _Written([*names, *(f"{name}_low" for name in names), *(f"{name}_high" for name in names)], banded)


@_row_command("draws")
def impute(model: _Fitted) -> _Written:
    """Fill the empty cells of rows with what the model expects there; every other cell stays as it is.

    A model fitted to complete rows fills them too, from the other cells of the row. With --draws they are drawn at
    random, for variances and Rubin's rules. Without -o the rows are printed as CSV.
    """
    if not model.estimator.fitted_.takes_gaps:
        likelihood = model.estimator.fitted_.model.likelihood
        why = (
            "fit it again with --missing mask" if likelihood.takes_missing else "its likelihood takes no missing cells"
        )
        raise CommandError(f"{model.path!r} can't fill cells; {why}.")
    count = model.draws
    held: dict[str, Any] = {}  # the draws of the last block: a table in memory is one block, drawn once

    def filled(block: Table) -> Any:
        return model.estimator.impute(block.rows, **model.given(block))

    def drawn(place: int) -> Callable[[Table], Any]:
        def values(block: Table) -> Any:
            key = block.values.tobytes()
            if held.get("key") != key:
                held.update(key=key, tables=model.estimator.impute(block.rows, draws=count, **model.given(block)))
            return held["tables"][place]

        return values

    def closing(stream: TableStream, gaps: _Gaps) -> str:
        drawn_or = "filled" if count is None else f"drawn {counted(count, 'time')}"
        n_cells = counted(len(stream) * stream.n_columns, "cell")
        if not gaps.cells:
            return f"None of {n_cells} was empty."
        was, are = ("was", "is") if gaps.cells == 1 else ("were", "are")
        return f"{gaps.cells:,} of {n_cells} {was} empty and {are} {drawn_or}."

    copies = () if count is None else [drawn(place) for place in range(count)]
    return _Written(model.rows.columns, filled, closing=closing, copies=copies)


@_row_command("shard", "importance_samples")
def score(model: _Fitted) -> _Written:
    """Score rows: write the log density of each, in nats; the lower it is, the less likely the row.

    It is the evidence of the row (for a linear model PCA's log density), and for a variational model a lower bound of
    it. Row ids and labels are kept beside it. Without -o it is printed as CSV.
    """

    def scores(block: Table) -> Any:
        return model.estimator.score_samples(block.rows, model.importance_samples, **model.given(block))[:, None]

    return _Written(["log_density"], scores, what="log density")
