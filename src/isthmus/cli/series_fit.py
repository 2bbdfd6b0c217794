"""``isthmus fit FILE --time COLUMN``: an autoencoder of windows, beside singular spectrum analysis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.cli.hyperparameter_flags import chosen_variant, settings_of
from isthmus.cli.outcome import CommandError, UsageError, print_json, say, show
from isthmus.cli.own_inputs import refuse_own_inputs
from isthmus.cli.reading_flags import ReadingFlags

__all__ = ["AskedWindows", "fit_series"]


@dataclass(frozen=True)
class AskedWindows:
    """What was asked of the command."""

    data: str
    time: str
    entity: str | None
    time_zone: str | None
    reading: ReadingFlags
    stride: int | None
    variant: str
    settings: Mapping[str, Any]
    labels: str | None
    drop: tuple[str, ...]
    seed: int
    memory: int | None


def fit_series(
    asked: AskedWindows, run: Path, not_of_series: Mapping[str, Any], *, overwrite: bool, json: bool
) -> None:
    """Fit windows of a series, write the model to ``run``, and print its held-out errors beside the closed form's."""
    given = [flag for flag, value in not_of_series.items() if value]
    if given:
        raise UsageError(f"{', '.join(given)}: for tables of rows, and --time names a series.")
    from isthmus.tables.atomic import refuse_existing

    if not overwrite:
        refuse_existing(run)
    refuse_own_inputs([], [asked.data], replaced=[run])
    model = _unfitted(asked)
    from isthmus.series.reading import read_series
    from isthmus.storage import save

    file = read_series(
        asked.data,
        time=asked.time,
        entity=asked.entity,
        labels=asked.labels,
        drop=asked.drop,
        time_zone=asked.time_zone,
        held_bytes=None if asked.memory is None else asked.memory << 20,
        options={name: value for name, value in asked.reading.options().items() if name != "window"},
    )
    notes = (*file.notes, *(note for series in file.series for note in series.notes))
    for note in dict.fromkeys(notes):
        say(f"note: {note}")
    say(f"fitting windows of {len(file.series[0].channels)} channels …")
    try:
        model.fit(list(file.series))
    except ValueError as error:
        raise CommandError(str(error).replace("WindowedAutoencoder: ", "")) from error
    save(model, run, overwrite=overwrite)
    report = _report(model, len(file), run)
    if json:
        print_json(report)
        return
    show(*_shown(model, report))


def _unfitted(asked: AskedWindows) -> Any:
    from isthmus.series import WindowedAutoencoder

    chosen = settings_of(asked.variant, asked.settings)
    size, length = chosen.pop("n_components", None), asked.reading.window
    if length is not None and (length < 2 or length != int(length)):
        raise UsageError(f"--window must be a whole number of steps of a series, at least 2, got {length:g}.")
    typed = {name for name, value in asked.settings.items() if value is not None and name != "n_components"}
    autoencoder = None
    if asked.variant != "vanilla" or typed:
        given = {name: value for name, value in chosen.items() if name in typed}
        autoencoder = chosen_variant(asked.variant)(**given)
    return WindowedAutoencoder(
        size if isinstance(size, int) else None,
        window="auto" if length is None else int(length),
        stride=asked.stride,
        autoencoder=autoencoder,
        random_state=asked.seed,
    )


def _report(model: Any, n_steps: int, run: Path) -> dict[str, Any]:
    import numpy as np

    errors = {name: float(np.mean(one)) if one else None for name, one in model.block_errors_.items()}
    return {
        "run": str(run),
        "steps": n_steps,
        "channels": list(model.channels_),
        "window": model.length_,
        "stride": model.stride_,
        "n_components": model.n_components_,
        "kept": model.kind_,
        "held_out_errors": errors,
    }


def _shown(model: Any, report: Mapping[str, Any]) -> list[Any]:
    from rich.table import Table

    table = Table(title="Mean squared error of windows on held-out contiguous blocks, in standard units")
    table.add_column("model")
    table.add_column("error", justify="right")
    table.add_column("kept")
    for name, error in report["held_out_errors"].items():
        table.add_row(name, "not held out" if error is None else f"{error:.4g}", "kept" if name == model.kind_ else "")
    reason = (
        "No network does better there than chance explains."
        if model.kind_ == "singular spectrum analysis"
        else f"The {model.kind_} does better there than chance explains."
    )
    return [
        table,
        f"{model.n_components_} numbers for a window of {model.length_} steps of {len(model.channels_)} "
        f"{'channel' if len(model.channels_) == 1 else 'channels'}. {reason}",
        f"The model is in {report['run']!r}: isthmus.load of it has transform, denoise, impute and sample.",
    ]
