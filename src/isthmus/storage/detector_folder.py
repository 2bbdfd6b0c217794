"""A fitted outlier detector as a folder: its autoencoder's own two files, and two more.

    config.json, model.safetensors        the autoencoder, as `isthmus.storage.model_folder` writes it
    detector.json                         settings, threshold and how large each part usually is
    detector.safetensors                  column units, residual variances, usual codes, held-out scores

They are read with the same suspicion: strict JSON, two checksums, every shape known before a number is read.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import torch as safetensors
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from isthmus.anomaly.detector import MOST_REFERENCE_ROWS, AutoencoderOutlierDetector
from isthmus.anomaly.scores import Columns, Surprise
from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import check_hyperparameters, hyperparameters
from isthmus.storage.folder_writing import new_folder
from isthmus.storage.safe_reading import (
    StorageError,
    TensorKind,
    checksum,
    open_regular_file,
    parse_object,
    read_header,
    require_keys,
    shortened,
)

__all__ = ["DETECTOR_FILE", "load_detector", "save_detector"]

FORMAT, FORMAT_VERSION = "isthmus detector", 1
DETECTOR_FILE, ARRAY_FILE = "detector.json", "detector.safetensors"
MOST_BYTES = 16 << 20
CHOSEN_IN_FIT = ("n_components", "random_state")  # of the autoencoder, where the user left them open
NUMBERS = ("offset", "likelihood_base")
KEYS = {
    "format",
    "format_version",
    "settings",
    "autoencoder_left_open",
    "feature_names",
    *NUMBERS,
    "false_alarm_rate",
    "n_trimmed",
    "surprises",
    "arrays_sha256",
    "facts_sha256",
}


def save_detector(
    detector: AutoencoderOutlierDetector,
    path: str | os.PathLike[str],
    autoencoder_files: dict[str, bytes],
    *,
    overwrite: bool,
) -> Path:
    """Write a fitted detector to the folder ``path``, with the files of its autoencoder, whole or not at all."""
    check_is_fitted(detector)
    arrays = {
        "center": detector.columns_.center,
        "spread": detector.columns_.spread,
        "residual_variances": detector.residual_variances_,
        "calibration_scores": detector.calibration_scores_,
        "reference": detector.reference_,
    }
    data = safetensors.save({name: torch.from_numpy(np.ascontiguousarray(part)) for name, part in arrays.items()})
    names = getattr(detector, "feature_names_in_", None)
    rate = float(detector.false_alarm_rate_)
    facts: dict[str, Any] = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "settings": _settings_of(detector),
        "autoencoder_left_open": _left_open(detector),
        "feature_names": None if names is None else [str(name) for name in names],
        "offset": float(detector.offset_),
        "likelihood_base": float(detector._likelihood_base),
        "false_alarm_rate": None if math.isnan(rate) else rate,
        "n_trimmed": int(detector.n_trimmed_),
        "surprises": {name: [one.center, one.spread, one.origin] for name, one in detector.surprises_.items()},
        "arrays_sha256": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(facts | {"facts_sha256": checksum(facts)}, indent=1, ensure_ascii=False).encode()
    return new_folder(path, {**autoencoder_files, ARRAY_FILE: data, DETECTOR_FILE: text}, overwrite=overwrite)


def load_detector(folder: Path, autoencoder: BaseAutoencoder) -> AutoencoderOutlierDetector:
    """The detector in ``folder``, around its autoencoder, which has been read already."""
    where = repr(str(folder))
    try:
        with open_regular_file(folder, DETECTOR_FILE) as file:
            facts = parse_object(file.read(MOST_BYTES), DETECTOR_FILE)
        if facts.get("format") != FORMAT or facts.get("format_version") != FORMAT_VERSION:
            raise StorageError(f"{where} holds a detector of another format; update isthmus, or save it again.")
        require_keys(facts, KEYS, DETECTOR_FILE)
        if checksum({name: value for name, value in facts.items() if name != "facts_sha256"}) != facts["facts_sha256"]:
            raise ValueError(f"{DETECTOR_FILE} was changed after it was written")
        return _restored(facts, _arrays(folder, facts, autoencoder), autoencoder)
    except StorageError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # what a stranger wrote may make anything raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".; ")
        raise StorageError(f"{where} is damaged: {reason}; save the detector again.") from error


def _arrays(folder: Path, facts: dict[str, Any], autoencoder: BaseAutoencoder) -> dict[str, np.ndarray]:
    """The numbers, once their types and shapes are those of a detector of so many columns."""
    wide = (autoencoder.n_features_in_,)
    with open_regular_file(folder, ARRAY_FILE) as file:
        kinds = read_header(file, ARRAY_FILE)
        rows = {name: kind.shape[0] if kind.shape else 0 for name, kind in kinds.items()}
        expected = {name: TensorKind("F64", wide) for name in ("center", "spread", "residual_variances")}
        expected["calibration_scores"] = TensorKind("F64", (rows.get("calibration_scores", 0),))
        expected["reference"] = TensorKind("F32", (rows.get("reference", 0), *wide))
        if kinds != expected or min(rows.values()) < 1:
            raise ValueError(f"{ARRAY_FILE} does not hold the arrays of a detector of {wide[0]} columns")
        if rows["reference"] > MOST_REFERENCE_ROWS:
            raise ValueError(f"{ARRAY_FILE} holds more reference rows than {MOST_REFERENCE_ROWS:,}")
        file.seek(0)
        data = file.read()
        if hashlib.sha256(data).hexdigest() != facts["arrays_sha256"]:
            raise ValueError(f"{ARRAY_FILE} was changed after it was written")
        arrays = {name: part.clone().numpy() for name, part in safetensors.load(data).items()}
    for name, part in arrays.items():
        if not np.isfinite(part).all():
            raise ValueError(f"{name} holds NaN or infinity")
    if arrays["spread"].min() <= 0 or arrays["residual_variances"].min() <= 0:
        raise ValueError("spread and residual_variances must be above 0")
    if (np.diff(arrays["calibration_scores"]) < 0).any():
        raise ValueError("calibration_scores must ascend")
    return arrays


def _restored(
    facts: dict[str, Any], arrays: dict[str, np.ndarray], autoencoder: BaseAutoencoder
) -> AutoencoderOutlierDetector:
    settings, rate, names = facts["settings"], facts["false_alarm_rate"], facts["feature_names"]
    known = {*hyperparameters(AutoencoderOutlierDetector), "random_state"}
    require_keys(settings, known, "settings")
    detector = AutoencoderOutlierDetector(**settings)
    check_hyperparameters(detector)
    for name in NUMBERS:
        _require_number(name, facts[name])
    if rate is not None:
        _require_number("false_alarm_rate", rate)
    if type(facts["n_trimmed"]) is not int:
        raise ValueError(f"n_trimmed must be a whole number, got {shortened(facts['n_trimmed'])}")
    left_open = facts["autoencoder_left_open"]
    if left_open is not None:
        if not isinstance(left_open, list) or not set(left_open) <= set(CHOSEN_IN_FIT):
            raise ValueError(f"autoencoder_left_open must be names of settings, got {shortened(left_open)}")
        detector.autoencoder = clone(autoencoder).set_params(**dict.fromkeys(left_open))
    detector.autoencoder_ = autoencoder
    n_features = autoencoder.n_features_in_
    columns: dict[str, Any] = {"n_features_in_": n_features}
    if names is not None:
        if len(names) != n_features or not all(type(name) is str for name in names):
            raise ValueError(f"feature_names must be {n_features} names")
        columns["feature_names_in_"] = np.array(names, dtype=object)
    vars(detector).update(columns)
    detector.columns_ = Columns(arrays["center"], arrays["spread"])
    detector.residual_variances_ = arrays["residual_variances"]
    detector.calibration_scores_ = arrays["calibration_scores"]
    detector.reference_ = arrays["reference"]
    detector._find_neighbours()
    detector._likelihood_base = float(facts["likelihood_base"])
    if set(facts["surprises"]) != set(detector._parts_used()):
        raise ValueError("its surprises are not those of its measure")
    detector.surprises_ = {name: _surprise(name, one) for name, one in facts["surprises"].items()}
    detector.offset_, detector.n_trimmed_ = float(facts["offset"]), facts["n_trimmed"]
    detector.false_alarm_rate_ = float("nan") if rate is None else float(rate)
    return detector


def _left_open(detector: AutoencoderOutlierDetector) -> list[str] | None:
    if detector.autoencoder is None:
        return None
    return [name for name in CHOSEN_IN_FIT if getattr(detector.autoencoder, name) is None]


def _surprise(name: str, numbers: Any) -> Surprise:
    if not isinstance(numbers, list) or len(numbers) != 3:
        raise ValueError(f"the surprise of {name} must be three numbers, got {shortened(numbers)}")
    for number in numbers:
        _require_number(f"the surprise of {name}", number)
    if numbers[1] <= 0:
        raise ValueError(f"the spread of {name} must be above 0, got {shortened(numbers[1])}")
    return Surprise(*map(float, numbers))


def _require_number(name: str, value: Any) -> None:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {shortened(value)}")


def _settings_of(detector: AutoencoderOutlierDetector) -> dict[str, Any]:
    settings = {name: getattr(detector, name) for name in hyperparameters(type(detector))}
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in settings.items()}
    state = detector.random_state
    return plain | {"random_state": int(state) if isinstance(state, (int, np.integer)) else None}
