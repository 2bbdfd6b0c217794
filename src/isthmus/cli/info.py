"""``isthmus info``: what is in a run folder."""

from __future__ import annotations

from typing import Any

from isthmus.cli.outcome import print_json, show
from isthmus.cli.row_flags import JsonOutput, RunPath
from isthmus.cli.run_folder import FIGURES, Run, open_run, recorded_sentence
from isthmus.tables.generated_names import pattern_of_names

__all__ = ["info"]

MAX_NAMES, MAX_ENTRIES = 6, 24


def info(run: RunPath, /, *, json: JsonOutput = False) -> None:
    """Show what a run folder holds: the model, its settings, the data it was fitted on, the outcome."""
    found = open_run(run)
    if found.is_of_series:
        from isthmus.cli.commands_of_series import info_of_series

        facts = info_of_series(found)
    else:
        facts = _facts(found)
    if json:
        print_json(facts)
        return
    wide = max(map(len, facts))
    show(*(f"{name.replace('_', ' '):{wide}}  {_said(value)}" for name, value in facts.items() if value is not None))


def _facts(run: Run) -> dict[str, Any]:
    from isthmus.variants import name_of

    estimator = run.load()
    architecture = estimator.model_
    record = run.record
    default = type(estimator)()
    changed = {
        name: value
        for name, value in estimator.get_params().items()
        if value != getattr(default, name) and name not in ("random_state", "verbose")
    }
    return {
        "model": str(run.model_path),
        "variant": name_of(estimator),
        "n_features": estimator.n_features_in_,
        "n_components": estimator.n_components_,
        "hidden_layer_sizes": list(estimator.fitted_.architecture.hidden_widths),
        "convolution_stages": list(estimator.fitted_.architecture.stages) or None,
        "parameters": sum(weight.numel() for weight in architecture.parameters()),
        "epochs": estimator.fitted_.n_iter,
        "planned_epochs": estimator.fitted_.planned_epochs or None,
        "best_epoch": estimator.best_epoch_,
        "refit_rows": estimator.fitted_.refit_rows or None,
        "settings": changed,
        "seed": estimator.random_state,
        "data": None if record is None else record.source,
        "rows": None if record is None else record.n_rows,
        "columns": _columns(run, estimator),
        "kinds": _kinds(run, estimator),
        "likelihoods": dict(estimator.column_likelihoods_) or None,
        "left_out": None if record is None or not record.passed_over else list(record.passed_over),
        "given": None if estimator.fitted_.given_layout is None else list(estimator.fitted_.given_layout.names),
        "labels": None if record is None else record.label_name,
        "ids": None if record is None else record.id_name,
        "dropped": None if record is None or not record.drop else list(record.drop),
        "rows_are": None if estimator.fitted_.row_shape is None else str(estimator.fitted_.row_shape),
        "axes": _axes(estimator.fitted_.row_shape),
        "image_shape": None if record is None or record.image_shape is None else list(record.image_shape),
        "outcome": recorded_sentence(run),
        "figures": sorted(str(path) for path in (run.path / FIGURES).glob("*.png")) or None,
        "fitted_by": None if run.library_version is None else f"isthmus {run.library_version}",
    }


def _axes(shape: Any) -> dict[str, int] | None:
    return None if shape is None else dict(zip(shape.axes, shape.sizes, strict=True))


def _columns(run: Run, estimator: Any) -> list[str] | str | None:
    """The names, or the pattern of generated ones."""
    if run.record is not None:
        names = run.record.columns
        if isinstance(names, str):
            return names
        return (pattern_of_names(names) if estimator.fitted_.row_shape else None) or list(names)
    names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else list(map(str, names))


def _kinds(run: Run, estimator: Any) -> dict[str, str] | None:
    """The kind of each column that was learned from; None for pictures and the like."""
    if estimator.fitted_.layout is not None:
        return {column.name: column.kind for column in estimator.fitted_.layout.columns}
    names = _columns(run, estimator)
    if names is None or estimator.fitted_.row_shape is not None:
        return None
    return dict.fromkeys([names] if isinstance(names, str) else names, "number")


def _said(value: Any) -> str:
    if isinstance(value, dict):
        said = [f"{name}={entry!r}" for name, entry in value.items()]
        more = f" and {len(said) - MAX_ENTRIES:,} more" if len(said) > MAX_ENTRIES else ""
        return ", ".join(said[:MAX_ENTRIES]) + more or "the defaults"
    if isinstance(value, list) and value and isinstance(value[0], str):
        from isthmus.tables.errors import said

        return said(value, MAX_NAMES)
    return " ".join(map(str, value)) or "none (linear)" if isinstance(value, list) else str(value)
