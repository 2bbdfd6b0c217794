"""The stored form of an outlier detector: settings, threshold, distributions of the parts, and its autoencoders.

Its tensors are the units of the columns, covariances, normal rows and the held-out scores.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from isthmus.anomaly.calibration import N_FOLDS
from isthmus.anomaly.conformal import Calibration
from isthmus.anomaly.covariance import MAX_DIRECTIONS, ShrunkCovariance
from isthmus.anomaly.detection import Scoring
from isthmus.anomaly.detector import AutoencoderOutlierDetector
from isthmus.anomaly.encoding import spans_of
from isthmus.anomaly.latent import Reference
from isthmus.anomaly.neighbours import MAX_ROWS, NormalRows
from isthmus.anomaly.ranks import MAX_KNOTS, NormalScores
from isthmus.anomaly.relations import ColumnSurprises
from isthmus.anomaly.scorer import MEASURES, Scorer, combined
from isthmus.anomaly.scores import LARGEST as BEYOND
from isthmus.anomaly.scores import MIN_SPREAD, StandardUnits, Surprise
from isthmus.anomaly.tail import Tail
from isthmus.input_validation import set_columns
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import Setting, fact, record
from isthmus.storage.settings import Settings, estimator_of, hyperparameters_of, settings_of, unfitted
from isthmus.storage.tensor_file import StoredTensors, TensorKind, tensors_from
from isthmus.tables.layout import TableLayout
from isthmus.tables.row_shape import RowShape

__all__ = ["DetectorKind", "DetectorRecord"]

MIN_REST = 1e-16  # of a variance in standard units
LARGEST = 1e100  # whose square is finite
ABOVE_ZERO = ("spread", "variances", "limit")  # suffixes of names
EARLIER_WEIGHTS = {"mahalanobis": 0.5, "density": 1.5, "neighbours": 1.5, "core": 0.75}
EARLIER_WEIGHTS |= {"reconstruction": 1.0, "latent": 0.5, "region": 0.5}
COVARIANCES = ("relation", "learned", "ranked")  # of each autoencoder
KNOTS = ("knots", "scores", "outermost")
FOLDS = tuple(f"fold_{place}" for place in range(2, N_FOLDS + 1))


@record
class DetectorRecord:
    """All of a detector but its tensors; ``autoencoder`` is the unfitted one it was given, if any.

    ``rests`` are the variances of its covariances outside their bases, ``bases`` the likelihood bases of the other
    folds. Earlier versions had neither, nor a tail. ``nearest`` are the rows of the denoiser, all where it is None;
    ``norm`` is how parts are added; ``joins`` tells whether new rows are counted in the units.
    ``row_shape`` is the shape of a picture or a sound, and ``reading`` the flags with which its files were read.
    """

    settings: dict[str, Setting]
    autoencoder: Settings | None
    feature_names: tuple[str, ...] | None
    offset: float = fact(at_least=-LARGEST, at_most=LARGEST)
    likelihood_base: float = fact(at_least=-LARGEST, at_most=LARGEST)
    false_alarm_rate: float = fact(at_least=0, at_most=1, finite=False)
    n_trimmed: int = fact(at_least=0)
    surprises: dict[str, Surprise] = fact(lengths=(1, 8))
    weights: dict[str, float] | None = fact(default=None, at_least=0, at_most=1e6)
    layout: TableLayout | None = None
    width: float | None = fact(default=None, at_least=1 / LARGEST, at_most=LARGEST)
    bases: tuple[float, ...] = fact(default=(), at_least=-LARGEST, at_most=LARGEST)
    rests: dict[str, float] | None = fact(default=None, at_least=MIN_REST, at_most=1 / MIN_REST)
    tail: Tail | None = None
    nearest: int | None = fact(default=None, at_least=1, at_most=MAX_ROWS)
    norm: float = fact(default=1.0, at_least=1, at_most=100)
    joins: bool = False
    row_shape: RowShape | None = None
    reading: dict[str, bool | float | str] | None = None

    def __post_init__(self) -> None:
        for name, one in self.surprises.items():
            if (
                max(abs(one.center), abs(one.spread), abs(one.origin)) > LARGEST
                or one.spread < MIN_SPREAD
                or not 0.01 <= one.power <= 1
            ):
                raise ValueError(
                    f"surprises.{name} must have a spread of at least {MIN_SPREAD}, a power from 0.01 to 1 and no "
                    f"number beyond {LARGEST:g}, got {one}"
                )
        for tail in (self.tail, *(one.tail for one in self.surprises.values())):
            if tail is not None and not (
                abs(tail.threshold) <= LARGEST and 1 / LARGEST <= tail.scale <= LARGEST and 0 <= tail.shape <= 1e6
            ):
                raise ValueError(f"tail must have a scale above 0 and a shape of at least 0, got {tail}")


class DetectorKind(Kind):
    """`AutoencoderOutlierDetector`."""

    format = "isthmus detector"
    record = DetectorRecord
    inner = ("autoencoder",)
    more = FOLDS

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, AutoencoderOutlierDetector)

    def take_apart(self, estimator: Any) -> Parts:
        names, scorer = getattr(estimator, "feature_names_in_", None), estimator.scorer_
        arrays = {
            "center": scorer.units.center,
            "spread": scorer.units.spread,
            "limit": np.full(scorer.units.spread.shape, scorer.units.limit),
            "calibration_scores": estimator.calibration_.scores,
        }
        rests: dict[str, float] = {}
        if scorer.cells is not None:
            arrays |= {"cell_basis": scorer.cells.basis, "cell_variances": scorer.cells.variances}
            rests["cell"] = scorer.cells.rest
        if scorer.normal is not None:
            arrays |= {"normal": scorer.normal.rows, "core": scorer.normal.core.astype(np.float32)}
        if scorer.columns is not None:
            arrays |= {"column_center": scorer.columns.center, "column_spread": scorer.columns.spread}
        inner = {}
        for name, one in zip(("", *FOLDS), (scorer, *scorer.others), strict=False):
            found, own_rests = _own_arrays(one)
            arrays |= {_named(key, name): part for key, part in found.items()}
            rests |= {_named(key, name): rest for key, rest in own_rests.items()}
            inner[name or "autoencoder"] = one.autoencoder
        record = DetectorRecord(
            settings=hyperparameters_of(estimator),
            autoencoder=None if estimator.autoencoder is None else settings_of(estimator.autoencoder),
            feature_names=None if names is None or estimator.layout_ is not None else tuple(map(str, names)),
            offset=float(estimator.offset_),
            likelihood_base=float(scorer.likelihood_base),
            false_alarm_rate=float(estimator.false_alarm_rate_),
            n_trimmed=int(estimator.n_trimmed_),
            surprises=dict(estimator.scoring_.surprises),
            weights=estimator.scoring_.weights,
            layout=estimator.layout_,
            width=None if scorer.normal is None else scorer.normal.width,
            bases=tuple(float(one.likelihood_base) for one in scorer.others),
            rests=rests or None,
            tail=estimator.calibration_.tail,
            nearest=None if scorer.normal is None else scorer.normal.nearest,
            norm=float(estimator.scoring_.norm),
            joins=scorer.new_rows,
            row_shape=estimator.row_shape_,
            reading=estimator.reading_,
        )
        return Parts(record, tensors_from(arrays), inner)

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> AutoencoderOutlierDetector:
        autoencoder, layout = inner["autoencoder"], record.layout
        n_numbers = len(autoencoder.scaling_.center)
        detector = unfitted(AutoencoderOutlierDetector, record.settings)
        n_columns = n_numbers if layout is None else len(layout.columns)
        if layout is not None and layout.width != n_numbers:
            raise ValueError(f"the layout of its table must have {n_numbers} encoded columns, got {layout.width}")
        if record.row_shape is not None and record.row_shape.n_numbers != n_numbers:
            raise ValueError(f"row_shape must have {n_numbers} numbers, got {record.row_shape.n_numbers}")
        names = record.feature_names if layout is None else tuple(layout.names)
        if names is not None and len(names) != n_columns:
            raise ValueError(f"feature_names must be {n_columns} names, got {len(names)}")
        folds = [name for name in FOLDS if name in inner]
        if len(record.bases) != len(folds) or any(len(inner[name].scaling_.center) != n_numbers for name in folds):
            raise ValueError("the autoencoders of its folds must have the same columns")
        arrays = _arrays(tensors, n_numbers, folds)
        parts = tuple(record.surprises)
        for name in ("", *folds):
            _require_parts(parts, detector.measure, arrays, name)
        detector.autoencoder = None if record.autoencoder is None else estimator_of(record.autoencoder)
        set_columns(detector, n_columns, names)
        detector.layout_, detector.row_shape_, detector.reading_ = layout, record.row_shape, record.reading
        common = {
            "units": StandardUnits(arrays["center"], arrays["spread"], arrays.get("limit", BEYOND)),
            "parts": parts,
            "normal": _normal_rows(arrays, record.width, record.nearest),
            "cells": _covariance(arrays, "cell", record.rests),
            "columns": ColumnSurprises(arrays["column_center"], arrays["column_spread"])
            if "column_spread" in arrays
            else None,
            "spans": spans_of(layout),
        }
        members = [
            Scorer(
                inner[name or "autoencoder"],
                **common,
                residuals=_covariance(arrays, _named("relation", name), record.rests),
                learned=_covariance(arrays, _named("learned", name), record.rests),
                ranked=_covariance(arrays, _named("ranked", name), record.rests),
                ranks=_normal_scores(arrays, name),
                variances=arrays[_named("residual_variances", name)],
                decoded=Reference(arrays[_named("reference", name)]) if _named("reference", name) in arrays else None,
                likelihood_base=base,
            )
            for name, base in zip(("", *folds), (record.likelihood_base, *record.bases), strict=True)
        ]
        scorer = dataclasses.replace(combined(members), new_rows=record.joins)
        detector.scorer_, detector.autoencoder_, detector.n_trimmed_ = scorer, autoencoder, record.n_trimmed
        weights = record.weights or {name: EARLIER_WEIGHTS.get(name, 1.0) for name in parts}
        weights = weights if detector.measure == "combined" else None
        detector.scoring_ = Scoring(dict(record.surprises), weights, record.norm)
        detector.calibration_ = Calibration(arrays["calibration_scores"], record.tail)
        detector.calibration_scores_ = detector.calibration_.scores
        detector.offset_, detector.false_alarm_rate_ = record.offset, record.false_alarm_rate
        return detector


def _named(name: str, fold: str) -> str:
    return f"{fold}_{name}" if fold else name


def _own_arrays(scorer: Scorer) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """The arrays that belong to one autoencoder, and the rests of its covariances."""
    assert scorer.variances is not None  # every autoencoder has residuals
    arrays = {"residual_variances": scorer.variances}
    if scorer.decoded is not None:
        arrays["reference"] = scorer.decoded.rows
    if scorer.ranks is not None:
        arrays |= {name: getattr(scorer.ranks, name) for name in KNOTS}
    rests = {}
    for name, one in zip(COVARIANCES, (scorer.residuals, scorer.learned, scorer.ranked), strict=True):
        if one is not None:
            arrays |= {f"{name}_basis": one.basis, f"{name}_variances": one.variances}
            rests[name] = one.rest
    return arrays, rests


def _require_parts(parts: tuple[str, ...], measure: str, arrays: Mapping[str, np.ndarray], fold: str) -> None:
    """Refuse parts of a score that aren't those of the measure, or that lack what they are computed from."""
    if not {*parts} <= {*MEASURES, *EARLIER_WEIGHTS} or (measure != "combined" and parts != (measure,)):
        raise ValueError("its surprises are not those of its measure")
    own, normal = _named("relation_basis", fold), _named("reference", fold)
    needs = {"relations": "column_spread", "mahalanobis": own, "latent": normal, "region": normal}
    needs |= dict.fromkeys(("density", "neighbours", "core"), "normal")
    lacking = [part for part in parts if part in needs and needs[part] not in arrays]
    if lacking:
        raise ValueError(f"it has no {needs[lacking[0]]}, which the part {lacking[0]} needs")


def _covariance(
    arrays: Mapping[str, np.ndarray], name: str, rests: Mapping[str, float] | None
) -> ShrunkCovariance | None:
    if f"{name}_basis" not in arrays:
        return None
    if rests is None or name not in rests:
        raise ValueError(f"rests must say the variance outside {name}_basis")
    basis, variances = arrays[f"{name}_basis"], arrays[f"{name}_variances"]
    if np.abs(basis @ basis.T - np.eye(len(basis))).max() > 1e-6 or not variances.min() >= MIN_REST:
        raise ValueError(f"{name}_basis must be orthonormal, and its variances at least {MIN_REST:g}")
    return ShrunkCovariance(basis, variances, rests[name])


def _normal_scores(arrays: Mapping[str, np.ndarray], fold: str) -> NormalScores | None:
    names = [_named(name, fold) for name in KNOTS]
    if names[0] not in arrays:
        return None
    if any((np.diff(arrays[name], axis=1) < 0).any() for name in names):
        raise ValueError(f"{', '.join(names)} must ascend in every column")
    return NormalScores(*(arrays[name] for name in names))


def _normal_rows(arrays: Mapping[str, np.ndarray], width: float | None, nearest: int | None) -> NormalRows | None:
    if "normal" not in arrays:
        return None
    core = arrays["core"] > 0
    if width is None or not core.any():
        raise ValueError("its normal rows must have a width, and a core")
    return NormalRows(arrays["normal"], core, width, nearest)


def _arrays(tensors: StoredTensors, n_features: int, folds: list[str]) -> dict[str, np.ndarray]:
    """The arrays, if they are those of a detector of ``n_features`` encoded columns."""
    rows = {name: kind.shape[0] if kind.shape else 0 for name, kind in tensors.kinds.items()}
    if rows.get("calibration_scores", 0) < 1:
        raise ValueError("it must have held-out scores")
    references = [_named("reference", fold) for fold in ("", *folds)]
    for name in ("normal", *references):
        if name in rows and not 1 <= rows[name] <= MAX_ROWS:
            raise ValueError(f"it must have from 1 to {MAX_ROWS:,} rows of {name}")
    vectors = ["center", "spread", *(name for name in ("limit", "column_center", "column_spread") if name in rows)]
    vectors += [_named("residual_variances", fold) for fold in ("", *folds)]
    expected = {name: TensorKind("F64", (n_features,)) for name in vectors}
    expected["calibration_scores"] = TensorKind("F64", (rows["calibration_scores"],))
    expected |= {name: TensorKind("F32", (rows[name], n_features)) for name in references if name in rows}
    if "normal" in rows:
        expected["normal"] = TensorKind("F32", (rows["normal"], n_features))
        expected["core"] = TensorKind("F32", (rows["normal"],))
    for name in ("cell", *(_named(one, fold) for one in COVARIANCES for fold in ("", *folds))):
        count = rows.get(f"{name}_basis", 0)
        if count > min(n_features, MAX_DIRECTIONS):
            raise ValueError(f"{name}_basis must have at most {min(n_features, MAX_DIRECTIONS)} directions")
        if count:
            expected[f"{name}_basis"] = TensorKind("F64", (count, n_features))
            expected[f"{name}_variances"] = TensorKind("F64", (count,))
    for fold in ("", *folds):
        shape = tensors.kinds.get(_named("knots", fold), TensorKind("F64", (0, 0))).shape
        if shape[-1]:
            if not 1 <= shape[-1] <= MAX_KNOTS:
                raise ValueError(f"it must have from 1 to {MAX_KNOTS} {_named('knots', fold)}")
            expected |= {_named(name, fold): TensorKind("F64", (n_features, shape[-1])) for name in KNOTS[:2]}
            expected[_named("outermost", fold)] = TensorKind("F64", (n_features, 2))
    arrays = {name: part.numpy() for name, part in tensors.read(expected).items()}
    for name, part in arrays.items():
        if not np.isfinite(part).all() or float(np.abs(part).max()) > LARGEST:
            raise ValueError(f"{name} holds NaN, infinity or numbers beyond {LARGEST:g}")
        if name.endswith(ABOVE_ZERO) and not float(part.min()) >= 1 / LARGEST:
            raise ValueError(f"{name} must be at least {1 / LARGEST:g}")
    if (np.diff(arrays["calibration_scores"]) < 0).any():
        raise ValueError("calibration_scores must ascend")
    return arrays
