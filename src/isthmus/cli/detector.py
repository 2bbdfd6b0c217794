"""The detector of ``isthmus detect``: a new one, a saved one, or one around the model of a run."""

from __future__ import annotations

from typing import Any

from isthmus.cli.matching_rows import Expected, rows_expected, unnamed
from isthmus.cli.outcome import CommandError, say, warnings_said
from isthmus.cli.run_folder import open_run
from isthmus.text_table import counted

__all__ = ["detection_of", "detector_of", "say_fitted", "say_limits", "unfitted_detector"]


def unfitted_detector(variant: str | None, components: int | None, settings: dict[str, Any], contamination: Any) -> Any:
    """A detector with these settings, around a variant if one is named."""
    from isthmus.anomaly import AutoencoderOutlierDetector

    autoencoder = None
    if variant is not None or components is not None:
        from isthmus.cli.hyperparameter_flags import chosen_variant

        autoencoder = chosen_variant(variant or "vanilla")(components, scale="standard")
    chosen = {} if contamination is None else {"contamination": contamination}
    return AutoencoderOutlierDetector(autoencoder=autoencoder, **chosen, **settings)


def detector_of(path: str, settings: dict[str, Any]) -> tuple[Any, Expected]:
    """The detector at ``path``: one that was saved, or one made around the autoencoder of a run."""
    from isthmus.anomaly import AutoencoderOutlierDetector

    run = open_run(path)
    found = run.load_any()
    if isinstance(found, AutoencoderOutlierDetector):
        measure = settings.get("measure", found.measure)
        if found.measure != measure:
            raise CommandError(f"{path!r} was fitted with --score {found.measure}; fit it again for --score {measure}.")
        if "false_alarm_rate" in settings:
            with warnings_said():
                found.set_false_alarm_rate(settings["false_alarm_rate"])
        names = getattr(found, "feature_names_in_", None)
        columns = unnamed(found.scorer_.n_features) if names is None else tuple(map(str, names))
        shape = found.row_shape_
        pictures = None if shape is None else shape.image_shape
        known: dict[str, Any] = {"image_shape": pictures, "layout": found.layout_, "row_shape": shape}
        known["reading"] = found.reading_ or {}
        return found, Expected(columns, "the columns the detector was fitted on", **known)
    from isthmus.cli.data_split import held_out_again

    run.require_autoencoder(found)
    if found.fitted_.given is not None:
        raise CommandError(
            f"{path!r} was fitted with --given, and isthmus detect scores rows without conditions; fit a run without "
            "--given, whose columns are then compared with the others."
        )
    rows = held_out_again(run)
    with warnings_said():
        detector = AutoencoderOutlierDetector(**settings).fit_around(found, rows.table.take(rows.train), rows.held_out)
    say_fitted(detector, len(rows.train))
    return detector, rows_expected(run, found)


def detection_of(path: str, settings: tuple[tuple[str, Any], ...]) -> Any:
    """In a worker: the function that scores a block of rows."""
    return detector_of(path, dict(settings))[0].detect


def say_fitted(detector: Any, n_rows: int) -> None:
    """Say what the detector learned from."""
    n_held_out = len(detector.calibration_scores_)
    say(f"{counted(n_rows, 'normal row')}; the scores of {n_held_out:,} of them, held out, set the threshold.")
    say_limits(detector)


def say_limits(detector: Any) -> None:
    """Note that the threshold comes from a fitted tail, if it does; a fit without a tail warns by itself."""
    n_held_out = len(detector.calibration_scores_)
    if detector.false_alarm_rate_ < 1 / (n_held_out + 1):
        say(
            f"note: {n_held_out} held-out rows are too few for a false-alarm rate of {detector.false_alarm_rate:g}; "
            "the threshold comes from a tail fitted to their scores, and is approximate."
        )
