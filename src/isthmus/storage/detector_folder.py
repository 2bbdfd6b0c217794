"""An outlier detector as it is saved: settings, threshold, how large each part usually is, and its autoencoder.

Among its tensors are the units of the columns, residual variances, reference rows and the held-out scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from isthmus.anomaly.detector import MOST_REFERENCE_ROWS, AutoencoderOutlierDetector
from isthmus.anomaly.scores import LEAST_SPREAD, Reference, StandardUnits, Surprise
from isthmus.hyperparameter import check_hyperparameters
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import Setting, fact, record
from isthmus.storage.settings import Settings, estimator_of, hyperparameters_of, require_settings, settings_of
from isthmus.storage.tensor_file import StoredTensors, TensorKind
from isthmus.tables.layout import TableLayout

__all__ = ["DetectorKind", "DetectorRecord"]

LARGEST = 1e100  # of which the square, and a hundredth's part of which a thousand times, are numbers still
ABOVE_ZERO = ("spread", "residual_variances")


@record
class DetectorRecord:
    """All of a detector that is no tensor; ``autoencoder`` is the unfitted one it was given, if any."""

    settings: dict[str, Setting]
    autoencoder: Settings | None
    feature_names: tuple[str, ...] | None
    offset: float = fact(at_least=-LARGEST, at_most=LARGEST)
    likelihood_base: float = fact(at_least=-LARGEST, at_most=LARGEST)
    false_alarm_rate: float = fact(at_least=0, at_most=1, finite=False)
    n_trimmed: int = fact(at_least=0)
    surprises: dict[str, Surprise] = fact(lengths=(1, 8))
    layout: TableLayout | None = fact(default=None)

    def __post_init__(self) -> None:
        for name, one in self.surprises.items():
            if max(abs(one.center), abs(one.spread), abs(one.origin)) > LARGEST or one.spread < LEAST_SPREAD:
                raise ValueError(
                    f"surprises.{name} must have a spread of at least {LEAST_SPREAD} and no number beyond {LARGEST:g}, "
                    f"got {one}"
                )


class DetectorKind(Kind):
    """`AutoencoderOutlierDetector`."""

    format = "isthmus detector"
    record = DetectorRecord
    inner = ("autoencoder",)

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, AutoencoderOutlierDetector)

    def take_apart(self, estimator: Any) -> Parts:
        names = getattr(estimator, "feature_names_in_", None)
        record = DetectorRecord(
            settings=hyperparameters_of(estimator),
            autoencoder=None if estimator.autoencoder is None else settings_of(estimator.autoencoder),
            feature_names=None if names is None else tuple(map(str, names)),
            offset=float(estimator.offset_),
            likelihood_base=float(estimator.likelihood_base_),
            false_alarm_rate=float(estimator.false_alarm_rate_),
            n_trimmed=int(estimator.n_trimmed_),
            surprises=dict(estimator.surprises_),
            layout=estimator.layout_,
        )
        arrays = {
            "center": estimator.columns_.center,
            "spread": estimator.columns_.spread,
            "residual_variances": estimator.residual_variances_,
            "calibration_scores": estimator.calibration_scores_,
            "reference": estimator.reference_.rows,
        }
        tensors = {name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in arrays.items()}
        return Parts(record, tensors, {"autoencoder": estimator.autoencoder_})

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> AutoencoderOutlierDetector:
        autoencoder, names = inner["autoencoder"], record.feature_names
        n_features = autoencoder.fitted_.architecture.n_features
        n_columns = n_features if record.layout is None else len(record.layout.columns)
        if record.layout is not None and record.layout.width != n_features:
            raise ValueError(f"the layout of its table must have {n_features} encoded columns")
        require_settings(AutoencoderOutlierDetector, record.settings)
        detector = AutoencoderOutlierDetector(**record.settings)
        check_hyperparameters(detector)
        arrays = _arrays(tensors, n_features)
        if names is not None and len(names) != n_columns:
            raise ValueError(f"feature_names must be {n_columns} names, got {len(names)}")
        detector.autoencoder = None if record.autoencoder is None else estimator_of(record.autoencoder)
        detector.autoencoder_ = autoencoder
        vars(detector).update({"n_features_in_": n_columns, "layout_": record.layout})
        if names is not None:
            vars(detector).update({"feature_names_in_": np.array(names, dtype=object)})
        detector.columns_ = StandardUnits(arrays["center"], arrays["spread"])
        detector.residual_variances_ = arrays["residual_variances"]
        detector.calibration_scores_ = arrays["calibration_scores"]
        detector.reference_ = Reference(arrays["reference"])
        detector.likelihood_base_ = record.likelihood_base
        if record.surprises.keys() != {*detector.parts_used_}:
            raise ValueError("its surprises are not those of its measure")
        detector.surprises_ = record.surprises
        detector.offset_, detector.n_trimmed_ = record.offset, record.n_trimmed
        detector.false_alarm_rate_ = record.false_alarm_rate
        return detector


def _arrays(tensors: StoredTensors, n_features: int) -> dict[str, np.ndarray]:
    """The numbers, once they are those of a detector of so many columns."""
    rows = {name: kind.shape[0] if kind.shape else 0 for name, kind in tensors.kinds.items()}
    n_scores, n_reference = (rows.get(name, 0) for name in ("calibration_scores", "reference"))
    if n_scores < 1 or not 1 <= n_reference <= MOST_REFERENCE_ROWS:
        raise ValueError(f"it must have held-out scores, and from 1 to {MOST_REFERENCE_ROWS:,} reference rows")
    expected = {name: TensorKind("F64", (n_features,)) for name in ("center", "spread", "residual_variances")}
    expected["calibration_scores"] = TensorKind("F64", (n_scores,))
    expected["reference"] = TensorKind("F32", (n_reference, n_features))
    arrays = {name: part.numpy() for name, part in tensors.read(expected).items()}
    for name, part in arrays.items():
        if not np.isfinite(part).all():
            raise ValueError(f"{name} holds NaN or infinity")
        if name in ABOVE_ZERO and not 1 / LARGEST <= part.min() <= part.max() <= LARGEST:
            raise ValueError(f"{name} must be from {1 / LARGEST:g} to {LARGEST:g}")
    if (np.diff(arrays["calibration_scores"]) < 0).any():
        raise ValueError("calibration_scores must ascend")
    return arrays
