"""``isthmus denoise``: noisy rows in, the same rows without their noise out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from isthmus.cli.matching_rows import Expected, read_matching, unnamed
from isthmus.cli.outcome import CommandError, UsageError, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import READ_BY_ITSELF, Reading, ReadingFlags
from isthmus.cli.row_flags import Drop, Ids, JsonOutput, Labels, Overwrite, PicturesOutput, Seed, rows_of
from isthmus.cli.rows_output import require_writable, write_rows
from isthmus.cli.typed_flags import typed_among
from isthmus.text_table import counted

if TYPE_CHECKING:
    import numpy as np

    from isthmus.denoising import Denoiser, Restoration
    from isthmus.tables import Table

__all__ = ["denoise"]

EVALUATED_ONE_IN = 5  # clean rows: one in five is held out
MIN_EVALUATED = 50
MAX_COLUMNS_OF_PCA = 2048  # beyond it, the principal directions stored in the model are used


@dataclass(frozen=True)
class _Outcome:
    """A fitted denoiser, its training rows unless it was loaded, and how well it restored rows whose truth is known."""

    denoiser: Denoiser
    learned: np.ndarray | None
    evaluated: Restoration | None = None
    on_what: str = ""


def denoise(
    data: Annotated[str, rows_of("Noisy rows")],
    /,
    *,
    clean: str | None = None,
    reference: str | None = None,
    corruption: Literal["gaussian", "masking", "salt_and_pepper"] = "gaussian",
    level: Annotated[float | None, Parameter(validator=Number(gte=0))] = None,
    scale: Literal["auto", "standard", "none"] = "auto",
    model: str | None = None,
    output: PicturesOutput = None,
    save: Path | None = None,
    figure: Path | None = None,
    ids: Ids = None,
    labels: Labels = None,
    drop: Drop = (),
    seed: Seed = 42,
    overwrite: Overwrite = False,
    json: JsonOutput = False,
    reading: Reading = READ_BY_ITSELF,
) -> None:
    """Remove noise from rows.

    With --clean, a model is trained on clean rows to which noise is added; without it, on the noisy rows alone, which
    requires that the noise is independent between cells. The noise level is estimated unless you give it. If clean rows
    are given, the improvement is compared with that of PCA at its best rank.

    Parameters
    ----------
    clean
        Clean rows of the same columns to train on: those of DATA, or others like them. One in five is kept for the
        evaluation.
    reference
        The clean rows of DATA, in its order, for the evaluation only.
    corruption
        How the rows were corrupted: noise on every cell, cells set to 0, or cells set to the extremes.
    level
        Standard deviation of the noise in the data's units, or share of corrupted cells. [default: estimated]
    scale
        Whether the noise is the same in all columns (none) or proportional to their standard deviations (standard);
        auto: standard if the columns have different units, unless the level of Gaussian noise is given.
    model
        A folder written by --save; nothing is trained then.
    save
        Folder to save the denoiser in, for --model.
    figure
        PNG, SVG or PDF of the first pictures, noisy, denoised and clean.
    seed
        Seed of the training.
    """
    if model is not None and (others := typed_among("clean", "level", "scale", "corruption", "seed", "save")):
        raise UsageError(f"--model has its own training and noise; leave out {', '.join(others)}.")
    if level is not None and corruption != "gaussian" and level >= 1:
        raise UsageError(f"--level is a share of cells, below 1, for --corruption {corruption}, got {level:g}.")
    refuse_own_inputs([output, figure], [data, clean, reference], model, replaced=[save])
    if model is not None and (run := _series_run(model)) is not None:
        from isthmus.cli.commands_of_series import series_rows

        series_rows("reconstruct", run, data, output, reading=reading, overwrite=overwrite, allowed=("model",))
        return
    fitted = None if model is None else _loaded(model)
    read = _read(data, fitted, reading, labels=labels, ids=ids, drop=drop)
    table = _complete(read)
    require_writable(output, overwrite=overwrite, row_shape=table.row_shape)
    _require_places(save, figure, table, overwrite=overwrite)
    expected = Expected(
        table.columns, f"the columns of {data!r}", table.label_name, table.id_name, drop, table.image_shape
    )
    truth = None if reference is None else read_matching(reference, expected, reading=reading).values
    if truth is not None and len(truth) != len(table):
        raise CommandError(f"--reference {reference!r}: {counted(len(truth), 'row')}, and {data!r} has {len(table)}.")
    if fitted is not None:
        outcome = _Outcome(fitted, None)
    else:
        asked = _Noise(corruption, level, None if scale == "none" else scale, seed)
        if clean is None:
            outcome = _learned_blind(table, asked)
        else:
            outcome = _learned_from_clean(table, read_matching(clean, expected, reading=reading).values, asked)
    restored = outcome.denoiser.denoise(table.values)
    evaluated, on_what = outcome.evaluated, outcome.on_what
    if truth is not None:
        evaluated = _evaluate(outcome.denoiser, outcome.learned, table, truth, table.values, restored)
        on_what = f"against {reference!r}"
    if save is not None:
        _name_columns(outcome.denoiser, table)
        from isthmus.storage import save as save_folder

        save_folder(outcome.denoiser, save, overwrite=overwrite)
        say(f"The denoiser is in {str(save)!r}.")
    if figure is not None:
        _draw(figure, table, restored, truth)
    # Without -o standard output is for the rows, unless the report is asked for.
    if output is not None or not json:
        rows = read.with_numbers(restored) if read.is_mixed else restored
        write_rows(output, rows, table.columns, beside=table, row_shape=table.row_shape, overwrite=overwrite)
    _report(
        outcome.denoiser,
        evaluated,
        on_what,
        given=level is not None or model is not None,
        json=json,
        quiet=output is None,
    )


def _series_run(model: str) -> Any:
    """The run, if the model is of a series; else None."""
    from isthmus.cli.run_folder import open_run

    try:
        run = open_run(model)
    except CommandError:
        return None
    return run if run.is_of_series else None


def _loaded(model: str) -> Denoiser:
    from isthmus.denoising import Denoiser
    from isthmus.storage import load

    found = load(model)
    if not isinstance(found, Denoiser):
        raise CommandError(f"{model!r} holds {type(found).__name__}, not a denoiser; isthmus denoise --save makes one.")
    return found


def _read(data: str, fitted: Denoiser | None, reading: ReadingFlags, **roles: Any) -> Table:
    from isthmus.tables import read

    if fitted is None:
        return read(data, **roles, **reading.options())
    names = getattr(fitted, "feature_names_in_", None)
    columns = unnamed(fitted.n_features_in_) if names is None else tuple(map(str, names))
    expected = Expected(columns, "the columns the denoiser was fitted on", image_shape=fitted.image_shape)
    return read_matching(data, expected, **roles, reading=reading)


def _complete(read: Table) -> Table:
    """The numeric columns of a table, missing cells filled by a linear model."""
    import dataclasses

    import numpy as np

    table = read.numbers()
    left_out = () if read.description is None else read.description.left_out
    if left_out:
        say(f"note: not in the output: {', '.join(f'{one.name!r} ({one.why})' for one in left_out)}.")
    if read.is_mixed:
        say(f"{counted(table.n_columns, 'numeric column', 'is', 'are')} denoised; all others are left as they are.")
    gaps = np.isnan(table.values)
    if not gaps.any():
        return table
    from isthmus.denoising.rows import unit_scale
    from isthmus.variants.vanilla import Autoencoder

    say(f"{counted(int(gaps.sum()), 'missing cell', 'is', 'are')} filled by a linear model first …")
    size = max(1, min(table.n_columns // 2, len(table) // 4, 20))
    linear = {"hidden_layer_sizes": (), "max_iter": 0, "scale": unit_scale(table)}
    filler = Autoencoder(size, **linear, missing="mask", random_state=0)
    return dataclasses.replace(table, cells=filler.fit(table.values).impute(table.values))


def _require_places(save: Path | None, figure: Path | None, table: Table, *, overwrite: bool) -> None:
    from isthmus.tables.atomic import refuse_existing

    if figure is not None:
        if table.image_shape is None:
            raise UsageError("--figure needs rows that are pictures; leave it out.")
        if figure.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise UsageError(f"--figure must end in .png, .svg or .pdf, got {str(figure)!r}.")
    for place in (save, figure):
        if place is not None and not overwrite:
            refuse_existing(place)


@dataclass(frozen=True)
class _Noise:
    """What is asked of a denoiser."""

    corruption: str
    level: float | None
    scale: str | None
    seed: int

    def denoiser(self, table: Table, *, clean: bool) -> Denoiser:
        from isthmus.denoising import Denoiser
        from isthmus.denoising.rows import chosen_scale

        scale = chosen_scale(self.scale, table, self.corruption, self.level)
        settings = {"image_shape": table.image_shape, "scale": scale, "random_state": self.seed}
        return Denoiser(self.corruption, self.level, clean=clean, **settings)


def _learned_from_clean(table: Table, rows: np.ndarray, asked: _Noise) -> _Outcome:
    """Fit on four fifths of the clean rows and evaluate on the others."""
    import numpy as np

    from isthmus.denoising import add_noise
    from isthmus.denoising.levels import are_pairs

    order = np.random.default_rng(asked.seed).permutation(len(rows))
    n_evaluated = len(rows) // EVALUATED_ONE_IN if len(rows) >= MIN_EVALUATED else 0
    kept, learned = np.sort(order[:n_evaluated]), np.sort(order[n_evaluated:])
    say(f"training on {counted(len(learned), 'clean row')} …")
    pairs = are_pairs(table.values, rows)
    denoiser = asked.denoiser(table, clean=True)
    noisy = table.values[learned] if pairs else table.values
    denoiser.fit(noisy, rows[learned])
    if not n_evaluated:
        return _Outcome(denoiser, rows[learned])
    truth = rows[kept]
    if pairs:
        noisy, on_what = table.values[kept], f"on {n_evaluated:,} of the rows, whose clean versions were held out"
    else:
        level = denoiser.noise_level_ or 0.0
        noisy = add_noise(truth / denoiser.scale_, asked.corruption, level, asked.seed) * denoiser.scale_
        on_what = f"on {n_evaluated:,} held-out clean rows, to which such noise was added"
    evaluated = _evaluate(denoiser, rows[learned], table, truth, noisy, denoiser.denoise(noisy))
    return _Outcome(denoiser, rows[learned], evaluated, on_what)


def _learned_blind(table: Table, asked: _Noise) -> _Outcome:
    say(f"training on {counted(len(table), 'noisy row')} alone …")
    return _Outcome(asked.denoiser(table, clean=False).fit(table.values), table.values)


def _name_columns(denoiser: Denoiser, table: Table) -> None:
    """Store the columns' names in the denoiser, so that later rows are matched by them."""
    import numpy as np

    if table.image_shape is None and table.columns != unnamed(table.n_columns):
        denoiser.feature_names_in_ = np.array(table.columns, dtype=object)


def _evaluate(
    denoiser: Denoiser,
    learned: np.ndarray | None,
    table: Table,
    truth: np.ndarray,
    noisy: np.ndarray,
    restored: np.ndarray,
) -> Restoration | None:
    """Restored rows compared with PCA of the training rows; a saved denoiser has PCA's first axes."""
    from isthmus.denoising import principal_axes, restoration

    scale = denoiser.scale_
    truth, noisy, restored = truth / scale, noisy / scale, restored / scale
    learned = None if learned is None else learned / scale
    if float(truth.max()) <= float(truth.min()):
        return None
    autoencoder = denoiser.autoencoder_
    known = autoencoder.scaling_.center, autoencoder.principal_.directions.numpy()
    pca = principal_axes(learned) if learned is not None and learned.shape[1] <= MAX_COLUMNS_OF_PCA else known
    return restoration(noisy, restored, truth, pca=pca, image_shape=table.image_shape)


def _draw(figure: Path, table: Table, restored: np.ndarray, truth: np.ndarray | None) -> None:
    from isthmus import plots

    try:
        drawn = plots.plot_denoised(table.values, restored, truth, table.image_shape or ())
        plots.save_figure(drawn, figure)
    except ImportError as error:
        if (error.name or "").split(".")[0] != "matplotlib":
            raise
        raise CommandError("no figures without matplotlib: pip install 'isthmus[plots]'.") from error


def _report(
    denoiser: Denoiser, evaluated: Restoration | None, on_what: str, *, given: bool, json: bool, quiet: bool
) -> None:
    import dataclasses

    if json:
        figures = None if evaluated is None else dataclasses.asdict(evaluated) | {"evaluated": on_what}
        print_json(
            {
                "corruption": denoiser.corruption,
                "level": denoiser.noise_level_,
                "level_estimated": not given,
                "columns_scaled": bool((denoiser.scale_ != 1).any()),
                "psnr": figures,
            }
        )
        return
    lines = [_level_said(denoiser, given=given)]
    if evaluated is not None:
        lines.append(f"{evaluated.sentence()[:-1]}, measured {on_what}.")
    for line in lines:
        (say if quiet else show)(line)


def _level_said(denoiser: Denoiser, *, given: bool) -> str:
    level = denoiser.noise_level_
    if level is None:
        return f"The denoiser was trained on every level of {denoiser.corruption} noise up to a high one."
    verb = "was taken to" if given else "is estimated to"
    if denoiser.corruption == "gaussian":
        if (denoiser.scale_ != 1).any():
            return f"The noise {verb} be {level:.1%} of each column's standard deviation."
        return f"The noise {verb} have standard deviation {level:.4g}, in the data's units."
    what = "0" if denoiser.corruption == "masking" else "an extreme"
    return f"The share of cells set to {what} {verb} be {100 * level:.1f}%."
