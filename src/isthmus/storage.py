"""A fitted model as a folder: ``config.json`` says what it is, ``model.safetensors`` holds its numbers.

    save(estimator, "digits-model")         load("digits-model").transform(X)

What comes back gives the same codes, rows and scores to the last bit on the same machine. Nothing in the
folder is code and nothing is unpickled: classes come from the library's own variants, by name. A file from a
stranger is checked before it is believed (`isthmus.safe_reading`): what the settings imply, what the header
says and how long the file is must agree before anything is allocated, so that memory is bounded by the file's
own size, and two checksums find every flipped bit. That guards against damage and against running code, not
against a stranger's model being a bad model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import numbers
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus import __version__
from isthmus.assembly import assemble, choose_architecture
from isthmus.estimator import BaseAutoencoder
from isthmus.folder_writing import new_folder
from isthmus.history import History
from isthmus.hyperparameter import check_hyperparameters, hyperparameters
from isthmus.model.autoencoder import AutoencoderModel
from isthmus.model.network import Architecture
from isthmus.model.principal import Principal
from isthmus.safe_reading import (
    MOST_TENSORS,
    StorageError,
    TensorKind,
    open_regular_file,
    parse_object,
    read_header,
    require_keys,
    sha256_of,
)
from isthmus.scaling import ColumnStatistics, Scaling
from isthmus.training.devices import choose_device, seeded
from isthmus.variants import variants

__all__ = ["FORMAT_VERSION", "StorageError", "load", "save"]

FORMAT = "isthmus model"
FORMAT_VERSION = 1
CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
MOST_CONFIG_BYTES = 16 << 20
KINDS = {torch.float32: "F32", torch.float64: "F64"}


@dataclass(frozen=True)
class Fitted:
    """What `fit` found out that is neither a setting nor a tensor; written to ``config.json`` as it stands."""

    n_features: int
    feature_names: list[str] | None
    dtype: str
    seed: int
    noise_variance: float
    scaling_unit: float
    code_unit: float
    total_variance: float
    rank: int
    n_directions: int
    n_iter: int
    best_epoch: int
    history_columns: list[str]
    history_rows: int

    def __post_init__(self) -> None:
        for field, least in {
            "n_features": 1,
            "seed": 0,
            "rank": 1,
            "n_directions": 1,
            "n_iter": 0,
            "best_epoch": 0,
            "history_rows": 0,
        }.items():
            value = getattr(self, field)
            if type(value) is not int or value < least:
                raise StorageError(f"{field} must be a whole number of at least {least}, got {_short(value)}")
        for field in ("noise_variance", "scaling_unit", "code_unit", "total_variance"):
            value = getattr(self, field)
            if type(value) not in (int, float) or not math.isfinite(value) or value < 0:
                raise StorageError(f"{field} must be a finite number of at least 0, got {_short(value)}")
            if value == 0 and field != "total_variance":
                raise StorageError(f"{field} must be above 0, got 0")
        for field in ("feature_names", "history_columns"):
            value = getattr(self, field)
            if field == "feature_names" and value is None:
                continue
            if not isinstance(value, list) or not all(isinstance(name, str) and _encodes(name) for name in value):
                raise StorageError(f"{field} must be a list of names, got {_short(value)}")
        if self.feature_names is not None and len(self.feature_names) != self.n_features:
            raise StorageError(f"feature_names has {len(self.feature_names)} names for {self.n_features} columns")
        if len(set(self.history_columns)) < len(self.history_columns):
            raise StorageError("history_columns has a name twice")
        if self.dtype not in ("float32", "float64"):
            raise StorageError(f"dtype must be 'float32' or 'float64', got {_short(self.dtype)}")
        if self.n_directions > min(self.rank, self.n_features) or self.best_epoch > self.n_iter:
            raise StorageError("n_directions or best_epoch is larger than there can be")

    def kinds(self) -> dict[str, TensorKind]:
        """The tensors these facts imply, beside the network's own."""
        wide = (self.n_features,)
        return {
            "scaling.center": TensorKind("F64", wide),
            "scaling.spread": TensorKind("F64", wide),
            "principal.mean": TensorKind("F32", wide),
            "principal.directions": TensorKind("F32", (self.n_directions, self.n_features)),
            "principal.variances": TensorKind("F32", (self.n_directions,)),
        } | {f"history.{name}": TensorKind("F64", (self.history_rows,)) for name in self.history_columns}


# ---- writing -------------------------------------------------------------------------------------------


def save(estimator: BaseAutoencoder, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a fitted estimator to the folder ``path``, whole or not at all, and give the folder's path.

    Parameters
    ----------
    path
        A new folder; missing parents are made.
    overwrite
        Replace the model folder that is there. It is moved aside last, when the new one is complete; a folder
        that holds anything but a model is never replaced.

    Raises
    ------
    StorageError
        If the folder exists or can't be written, or the estimator is not one of the library's variants, has
        weights that are no numbers, or had its settings changed since `fit`.

    Notes
    -----
    A ``random_state`` that is a generator is stored as None (the seed drawn from it is kept), and so is no
    optimiser: `partial_fit` goes on from the same weights with a fresh one.
    """
    check_is_fitted(estimator)
    names = {kind: name for name, kind in variants().items()}
    if type(estimator) not in names:
        raise StorageError(
            f"{type(estimator).__name__} cannot be saved: a model folder names one of isthmus's own variants "
            f"({', '.join(names.values())}), and this class is none of them."
        )
    fitted, tensors = _facts_of(estimator), _tensors_of(estimator)
    _require_sound(estimator, fitted, tensors)
    data = safetensors.save(tensors)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "variant": names[type(estimator)],
        "hyperparameters": _settings_of(estimator),
        "architecture": dataclasses.asdict(estimator._architecture),
        "fitted": dataclasses.asdict(fitted),
        "tensors": {name: dataclasses.asdict(kind) for name, kind in _kinds_of(tensors).items()},
        "tensors_sha256": hashlib.sha256(data).hexdigest(),
    }
    config["config_sha256"] = _checksum(config)
    text = json.dumps(config, indent=1, ensure_ascii=False, allow_nan=False).encode()
    if len(text) > MOST_CONFIG_BYTES:
        raise StorageError(
            f"{type(estimator).__name__} cannot be saved: its {CONFIG_FILE} would have {len(text):,} bytes, and "
            f"{MOST_CONFIG_BYTES:,} is the most; give the columns shorter names."
        )
    return new_folder(path, {TENSOR_FILE: data, CONFIG_FILE: text}, overwrite=overwrite)


def _settings_of(estimator: BaseAutoencoder) -> dict[str, Any]:
    settings = {name: _plain(getattr(estimator, name)) for name in hyperparameters(type(estimator))}
    state = estimator.random_state
    return settings | {"random_state": int(state) if isinstance(state, numbers.Integral) else None}


def _plain(value: Any) -> Any:
    """A setting as JSON has it; numpy's numbers become Python's."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return [int(entry) for entry in value]


def _facts_of(estimator: BaseAutoencoder) -> Fitted:
    names = getattr(estimator, "feature_names_in_", None)
    history, principal = estimator.history_, estimator.principal_
    return Fitted(
        n_features=int(estimator.n_features_in_),
        feature_names=None if names is None else [str(name) for name in names],
        dtype=np.dtype(estimator._dtype).name,
        seed=int(estimator._seed),
        noise_variance=float(estimator.noise_variance_),
        scaling_unit=float(estimator.scaling_.unit),
        code_unit=float(estimator._code_unit),
        total_variance=float(principal.total_variance),
        rank=int(principal.rank),
        n_directions=len(principal.directions),
        n_iter=int(estimator.n_iter_),
        best_epoch=int(estimator.best_epoch_),
        history_columns=list(history.columns),
        history_rows=len(history),
    )


def _tensors_of(estimator: BaseAutoencoder) -> dict[str, Tensor]:
    """Copies of all numbers, by their name in the file; a history may hold infinities, nothing else may."""
    principal, scaling = estimator.principal_, estimator.scaling_
    found = {f"model.{name}": tensor for name, tensor in estimator.model_.state_dict().items()}
    found |= {f"principal.{name}": getattr(principal, name) for name in ("mean", "directions", "variances")}
    found |= {f"scaling.{name}": torch.from_numpy(getattr(scaling, name)) for name in ("center", "spread")}
    for name, values in estimator.history_.columns.items():
        found[f"history.{name}"] = torch.tensor(values, dtype=torch.float64)
    return {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in found.items()}


def _require_sound(estimator: BaseAutoencoder, fitted: Fitted, tensors: dict[str, Tensor]) -> None:
    """What is not readable is not written."""
    who = type(estimator).__name__
    try:
        check_hyperparameters(estimator)
        built = _built_empty(estimator, estimator._architecture, fitted)
        same = _architecture_asked(estimator, estimator._architecture, fitted) == estimator._architecture
    except (ValueError, TypeError, RuntimeError) as error:
        raise StorageError(f"{who} cannot be saved: {str(error).rstrip('.')}; fit it again first.") from error
    if not same or _expected_kinds(built, fitted) != _kinds_of(tensors):
        raise StorageError(f"{who} cannot be saved: its settings were changed after fit; fit it again first.")
    broken = _first_not_finite(tensors)
    if broken is not None:
        raise StorageError(f"{who} cannot be saved: {broken} holds NaN or infinity; fit it again first.")


# ---- reading -------------------------------------------------------------------------------------------


def load(path: str | os.PathLike[str]) -> BaseAutoencoder:
    """The estimator that `save` wrote to the folder ``path``, ready to use.

    It goes to the device its settings ask for where this machine has it, else to the processor. Links inside
    the folder are not followed.

    Raises
    ------
    StorageError
        In one sentence, if the folder is missing, foreign, from a newer format, or damaged in any way.
    """
    folder = Path(path)
    where = repr(str(folder))
    config = _read_config(folder)
    try:
        return _from_config(config, folder, where)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        if isinstance(error, StorageError) and str(error).startswith(where):
            raise
        reason = str(error).splitlines()[0][:300].rstrip(".;")
        raise StorageError(f"{where} is damaged: {reason}; save the model again.") from error


def _read_config(folder: Path) -> dict[str, Any]:
    where = repr(str(folder))
    try:
        if not folder.is_dir():
            what = "is a file, and a model is a folder" if folder.exists() else "does not exist"
            raise StorageError(f"{where} {what}; name a folder that isthmus.save wrote.")
    except OSError as error:
        raise StorageError(f"{where} cannot be read: {error.strerror or error}.") from error
    with open_regular_file(folder, CONFIG_FILE) as file:
        data = file.read(MOST_CONFIG_BYTES + 1)
    if len(data) > MOST_CONFIG_BYTES:
        raise StorageError(f"{where} is damaged: {CONFIG_FILE} is longer than {MOST_CONFIG_BYTES:,} bytes.")
    config = parse_object(data, f"{where}: {CONFIG_FILE}")
    if config.get("format") != FORMAT:
        raise StorageError(f"{where} is not an isthmus model folder: its {CONFIG_FILE} is another program's.")
    version = config.get("format_version")
    if type(version) is not int or version < 1:
        raise StorageError(f"{where} is damaged: format_version must be a whole number, got {_short(version)}.")
    if version > FORMAT_VERSION:
        raise StorageError(
            f"{where} is in format {version}, saved by isthmus {_short(config.get('library_version'))}, and this "
            f"isthmus {__version__} reads formats up to {FORMAT_VERSION}; update isthmus."
        )
    return config


def _from_config(config: dict[str, Any], folder: Path, where: str) -> BaseAutoencoder:
    parts = {"hyperparameters": dict, "architecture": dict, "fitted": dict, "tensors": dict}
    words = {"library_version": str, "variant": str, "tensors_sha256": str, "config_sha256": str}
    require_keys(config, {"format", "format_version", *parts, *words}, CONFIG_FILE)
    for name, kind in {**parts, **words}.items():
        if not isinstance(config[name], kind):
            raise StorageError(f"{name} in {CONFIG_FILE} is of the wrong kind")
    estimator = _estimator_of(config["variant"], config["hyperparameters"])
    require_keys(config["fitted"], {field.name for field in dataclasses.fields(Fitted)}, "fitted")
    fitted = Fitted(**config["fitted"])
    device = _device_of(estimator)
    with open_regular_file(folder, TENSOR_FILE) as file:
        kinds = read_header(file, where)
        architecture = _architecture_of(estimator, config["architecture"], fitted, kinds)
        model = _built_empty(estimator, architecture, fitted)
        said = {name: dataclasses.asdict(kind) | {"shape": list(kind.shape)} for name, kind in kinds.items()}
        if kinds != _expected_kinds(model, fitted) or config["tensors"] != said:
            raise StorageError(f"{TENSOR_FILE} holds other tensors than {CONFIG_FILE} asks for")
        if sha256_of(file) != config["tensors_sha256"]:
            raise StorageError(f"{TENSOR_FILE} is not the file that was saved (its checksum differs)")
        if _checksum({name: value for name, value in config.items() if name != "config_sha256"}) != config["config_sha256"]:
            raise StorageError(f"{CONFIG_FILE} is not the file that was saved (its checksum differs)")
        tensors = _read_tensors(file, kinds)
    return _fitted_estimator(estimator, architecture, fitted, model, tensors, device)


def _estimator_of(name: str, settings: dict[str, Any]) -> BaseAutoencoder:
    known = variants()
    if name not in known:
        raise StorageError(f"there is no variant {_short(name)}, only {', '.join(known)}")
    kind = known[name]
    require_keys(settings, set(), "hyperparameters", optional=frozenset({*hyperparameters(kind), "random_state"}))
    for setting, value in settings.items():
        whole = isinstance(value, list) and all(type(entry) is int for entry in value)
        if not whole and not (value is None or isinstance(value, (bool, int, float, str))):
            raise StorageError(f"{setting} must be a word, a number or whole numbers, got {_short(value)}")
    state = settings.get("random_state")
    if state is not None and (type(state) is not int or not 0 <= state < 2**32):
        raise StorageError(f"random_state must be a whole number from 0 to 2^32 - 1, got {_short(state)}")
    settings = {setting: tuple(value) if isinstance(value, list) else value for setting, value in settings.items()}
    estimator = kind(**settings)
    check_hyperparameters(estimator)
    return estimator


def _architecture_of(
    estimator: BaseAutoencoder, stored: dict[str, Any], fitted: Fitted, kinds: Mapping[str, TensorKind]
) -> Architecture:
    """The stored architecture, if it is the one the settings ask for and the file is large enough for it.

    Every width owns a bias of that size and every layer a tensor, so none can exceed what the file holds.
    """
    require_keys(stored, set(), "architecture", optional=frozenset(field.name for field in dataclasses.fields(Architecture)))
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()}
    widths = plain.get("hidden_widths", ())
    if not isinstance(widths, tuple) or not all(type(width) is int and width >= 1 for width in widths):
        raise StorageError(f"hidden_widths must be whole numbers of at least 1, got {_short(widths)}")
    room = sum(math.prod(kind.shape) for kind in kinds.values())
    channels = estimator.channels
    asked = (fitted.n_features, estimator.n_components, *widths, *(estimator.hidden_layer_sizes or ()), *channels)
    if max(asked) > room or len(asked) > MOST_TENSORS:
        raise StorageError(f"its settings ask for a network larger than {TENSOR_FILE}")
    shape = estimator.image_shape
    if shape is not None and (len(shape) not in (2, 3) or math.prod(shape) != fitted.n_features):
        raise StorageError(f"image_shape {_short(shape)} is no shape of {fitted.n_features} numbers")
    architecture = Architecture(**plain)
    if _architecture_asked(estimator, architecture, fitted) != architecture:
        raise StorageError("its architecture is not the one its hyperparameters ask for")
    return architecture


def _architecture_asked(estimator: BaseAutoencoder, stored: Architecture, fitted: Fitted) -> Architecture:
    """What the settings ask for; of the widths they leave open only `fit` knew, so those are taken as stored."""
    asked = choose_architecture(estimator, max(2, fitted.rank), fitted.n_features)
    if estimator.hidden_layer_sizes is None and not estimator.channels:
        asked = dataclasses.replace(asked, hidden_widths=stored.hidden_widths)
    return asked


def _built_empty(estimator: BaseAutoencoder, architecture: Architecture, fitted: Fitted) -> AutoencoderModel:
    """The model with shapes but no numbers: on torch's meta device nothing is allocated."""
    nothing = np.zeros(fitted.n_features)
    columns = ColumnStatistics(nothing, nothing, nothing, nothing, 2)
    with seeded(0), torch.device("meta"):
        return assemble(estimator, architecture, columns, Scaling(nothing, nothing + 1, fitted.scaling_unit), None)


def _expected_kinds(model: AutoencoderModel, fitted: Fitted) -> dict[str, TensorKind]:
    return fitted.kinds() | _kinds_of({f"model.{name}": tensor for name, tensor in model.state_dict().items()})


def _read_tensors(file: BinaryIO, kinds: Mapping[str, TensorKind]) -> dict[str, Tensor]:
    file.seek(0)
    try:
        # Copied, so that every tensor lies in memory as torch lays it out: the same bits come out again.
        tensors = {name: tensor.clone() for name, tensor in safetensors.load(file.read()).items()}
    except SafetensorError as error:
        raise StorageError(f"{TENSOR_FILE} cannot be read ({error})") from error
    if _kinds_of(tensors) != kinds:
        raise StorageError(f"{TENSOR_FILE} holds other tensors than its header says")
    broken = _first_not_finite(tensors)
    if broken is not None:
        raise StorageError(f"{broken} holds NaN or infinity")
    if not (tensors["scaling.spread"] > 0).all() or (tensors["principal.variances"] < 0).any():
        raise StorageError("a spread or a variance is below 0")
    return tensors


def _fitted_estimator(
    estimator: BaseAutoencoder,
    architecture: Architecture,
    fitted: Fitted,
    model: AutoencoderModel,
    tensors: Mapping[str, Tensor],
    device: torch.device,
) -> BaseAutoencoder:
    """Every attribute `fit` leaves behind."""
    weights = {name.removeprefix("model."): part for name, part in tensors.items() if name.startswith("model.")}
    model.load_state_dict(weights, assign=True)
    columns = {name: tensors[f"history.{name}"].tolist() for name in fitted.history_columns}
    principal = (tensors[f"principal.{name}"] for name in ("mean", "directions", "variances"))
    center, spread = (tensors[f"scaling.{name}"].numpy() for name in ("center", "spread"))
    if fitted.feature_names is not None:
        estimator.feature_names_in_ = np.array(fitted.feature_names, dtype=object)
    estimator.n_features_in_ = fitted.n_features
    estimator._dtype, estimator._seed, estimator._device = np.dtype(fitted.dtype), fitted.seed, device
    estimator.scaling_ = Scaling(center, spread, fitted.scaling_unit)
    estimator._code_unit = fitted.code_unit
    estimator.principal_ = Principal(*principal, fitted.total_variance, fitted.rank)
    estimator._architecture, estimator.model_ = architecture, model.to(device)
    estimator._n_weights = sum(parameter.numel() for parameter in model.parameters())
    estimator._training = None
    estimator.history_, estimator.noise_variance_ = History(columns), fitted.noise_variance
    estimator.n_iter_, estimator.best_epoch_ = fitted.n_iter, fitted.best_epoch
    return estimator


def _device_of(estimator: BaseAutoencoder) -> torch.device:
    try:
        torch.empty(0, device=torch.device(estimator.device or "cpu"))
        return choose_device(estimator.device)
    except (RuntimeError, ValueError, AssertionError):
        if (estimator.device or "").split(":")[0] not in ("cpu", "cuda", "mps"):
            raise StorageError(f"device must be cpu, cuda or mps, got {_short(estimator.device)}") from None
        return torch.device("cpu")


# ---- both ----------------------------------------------------------------------------------------------


def _kinds_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorKind]:
    return {name: TensorKind(KINDS[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}


def _first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    return next(
        (name for name, tensor in tensors.items() if not name.startswith("history.") and not tensor.isfinite().all()),
        None,
    )


def _checksum(config: Mapping[str, Any]) -> str:
    """SHA-256 of the facts themselves: neither the order of keys nor white space counts."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _encodes(name: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in name)
