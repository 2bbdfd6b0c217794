"""A fitted model as a folder: ``config.json`` says what it is, ``model.safetensors`` holds its numbers.

    save(estimator, "digits-model")         load("digits-model").transform(X)

What comes back gives the same codes, rows and scores to the last bit on the same machine. Nothing in the
folder is code and nothing is unpickled: classes come from the library's own variants, by name. A file from a
stranger is checked before it is believed: what the settings imply, what the header says and how long the
file is must agree before anything is allocated, so that memory is bounded by the file's own size, and two
checksums find every flipped bit. That guards against damage and against running code, not against a
stranger's model being a bad model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import numbers
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from isthmus import __version__
from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import check_hyperparameters, hyperparameters
from isthmus.initialization import choose_architecture
from isthmus.parts.network import Architecture
from isthmus.storage.fitted_state import (
    Facts,
    empty_model,
    expected_kinds,
    facts_of,
    kinds_of,
    present_name,
    require_finite_tensors,
    restore,
    tensors_of,
)
from isthmus.storage.folder_writing import new_folder
from isthmus.storage.safe_reading import (
    MOST_TENSORS,
    StorageError,
    TensorKind,
    checksum,
    open_regular_file,
    parse_object,
    read_header,
    require_keys,
    shortened,
)
from isthmus.training.devices import choose_device
from isthmus.variants import variants

__all__ = ["FORMAT_VERSION", "StorageError", "files_of", "load", "save"]

FORMAT = "isthmus model"
FORMAT_VERSION = 1
CONFIG_FILE, TENSOR_FILE = "config.json", "model.safetensors"
MOST_CONFIG_BYTES = 16 << 20
CONFIG_KEYS = {
    "format": str,
    "format_version": int,
    "library_version": str,
    "variant": str,
    "hyperparameters": dict,
    "architecture": dict,
    "fitted": dict,
    "tensors": dict,
    "tensors_sha256": str,
    "config_sha256": str,
}


def save(estimator: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write a fitted estimator to the folder ``path``, whole or not at all, and give the folder's path.

    Parameters
    ----------
    estimator
        Fitted: one of the library's variants, an outlier detector or a denoiser.
    path
        A new folder; missing parents are made.
    overwrite
        Replace the model folder that is there. It is moved aside last, when the new one is complete; a folder
        that holds anything but a model is never replaced.

    Raises
    ------
    StorageError
        If the folder exists or can't be written, the class is not one of the library's variants, a weight is
        no number, or the settings were changed since `fit`.

    Notes
    -----
    A ``random_state`` that is a generator is stored as None (the seed drawn from it is kept). The optimiser
    is not stored: `partial_fit` goes on from the same weights with a fresh one.
    """
    if hasattr(estimator, "decision_function"):
        from isthmus.storage.detector_folder import save_detector

        check_is_fitted(estimator)
        return save_detector(estimator, path, files_of(estimator.autoencoder_), overwrite=overwrite)
    if hasattr(estimator, "denoise"):
        return estimator.save(path, overwrite=overwrite)
    return new_folder(path, files_of(estimator), overwrite=overwrite)


def files_of(estimator: BaseAutoencoder) -> dict[str, bytes]:
    """The two files of a fitted autoencoder, by name."""
    check_is_fitted(estimator)
    who = f"{type(estimator).__name__} cannot be saved"
    names = {kind: name for name, kind in variants().items()}
    if type(estimator) not in names:
        raise StorageError(
            f"{who}: a model folder names one of isthmus's own variants ({', '.join(names.values())}), and "
            "this class is none of them."
        )
    try:
        facts = facts_of(estimator.fitted_, getattr(estimator, "feature_names_in_", None))
        tensors = tensors_of(estimator.fitted_)
        _require_readable(estimator, facts, tensors)
    except (ValueError, TypeError, RuntimeError) as error:
        raise StorageError(f"{who}: {_reason(error)}; fit it again first.") from error
    data = safetensors.save(tensors)
    config = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "library_version": __version__,
        "variant": names[type(estimator)],
        "hyperparameters": _settings_of(estimator),
        "architecture": dataclasses.asdict(estimator.fitted_.architecture),
        "fitted": dataclasses.asdict(facts),
        "tensors": {name: dataclasses.asdict(kind) for name, kind in kinds_of(tensors).items()},
        "tensors_sha256": hashlib.sha256(data).hexdigest(),
    }
    text = json.dumps(config | {"config_sha256": checksum(config)}, indent=1, ensure_ascii=False).encode()
    if len(text) > MOST_CONFIG_BYTES:
        raise StorageError(
            f"{who}: its {CONFIG_FILE} would have {len(text):,} bytes, and {MOST_CONFIG_BYTES:,} is the "
            f"most; give the columns shorter names."
        )
    return {TENSOR_FILE: data, CONFIG_FILE: text}


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator, outlier detector or denoiser that `save` wrote to the folder ``path``, ready to use.

    It goes to the device its settings ask for where this machine has it, else to the processor. Links inside
    the folder are not followed.

    Raises
    ------
    StorageError
        In one sentence, if the folder is missing, foreign, of a newer format, or damaged in any way.
    """
    folder = Path(path)
    where = repr(str(folder))
    if os.path.lexists(folder / "denoiser.json"):
        from isthmus.denoising.folder import load_denoiser

        return load_denoiser(folder)
    try:
        estimator = _from_config(_read_config(folder, where), folder)
        if not os.path.lexists(folder / "detector.json"):
            return estimator
        from isthmus.storage.detector_folder import load_detector

        return load_detector(folder, estimator)
    except StorageError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # what a stranger wrote may make anything raise
        raise StorageError(f"{where} is damaged: {_reason(error)}; save the model again.") from error


def _require_readable(estimator: BaseAutoencoder, facts: Facts, tensors: Mapping[str, Tensor]) -> None:
    """What could not be loaded is not saved."""
    check_hyperparameters(estimator)
    architecture = estimator.fitted_.architecture
    same = _architecture_asked(estimator, architecture, facts) == architecture
    if not same or expected_kinds(empty_model(estimator, architecture, facts), facts) != kinds_of(tensors):
        raise ValueError("its settings were changed after fit")
    require_finite_tensors(tensors)


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


def _read_config(folder: Path, where: str) -> dict[str, Any]:
    """What ``config.json`` holds, if it is ours and of no later format."""
    try:
        if not folder.is_dir():
            what = "is a file, and a model is a folder" if folder.exists() else "does not exist"
            raise StorageError(f"{where} {what}; name a folder that isthmus wrote.")
    except OSError as error:
        raise StorageError(f"{where} cannot be read: {error.strerror or error}.") from error
    with open_regular_file(folder, CONFIG_FILE) as file:
        data = file.read(MOST_CONFIG_BYTES + 1)
    if len(data) > MOST_CONFIG_BYTES:
        raise ValueError(f"{CONFIG_FILE} is longer than {MOST_CONFIG_BYTES:,} bytes")
    config = parse_object(data, CONFIG_FILE)
    if config.get("format") != FORMAT:
        raise StorageError(f"{where} is not an isthmus model folder: its {CONFIG_FILE} is another program's.")
    version = config.get("format_version")
    if type(version) is not int or version < 1:
        raise ValueError(f"format_version must be a whole number, got {shortened(version)}")
    if version > FORMAT_VERSION:
        raise StorageError(
            f"{where} is in format {version}, of isthmus {shortened(config.get('library_version'))}, and "
            f"this isthmus {__version__} reads formats up to {FORMAT_VERSION}; update isthmus."
        )
    return config


def _from_config(config: dict[str, Any], folder: Path) -> BaseAutoencoder:
    """The estimator; a `ValueError` says in half a sentence what is wrong."""
    require_keys(config, set(CONFIG_KEYS), CONFIG_FILE)
    for name, kind in CONFIG_KEYS.items():
        if not isinstance(config[name], kind):
            raise ValueError(f"{name} in {CONFIG_FILE} is of the wrong kind")
    if config.pop("config_sha256") != checksum(config):
        raise ValueError(f"{CONFIG_FILE} is not as it was saved (its checksum differs)")
    later = {field.name for field in dataclasses.fields(Facts) if field.default is not dataclasses.MISSING}
    needed = {field.name for field in dataclasses.fields(Facts)} - later
    require_keys(config["fitted"], needed, "fitted", optional=later)
    facts = Facts(**config["fitted"])
    estimator = _estimator_of(config["variant"], config["hyperparameters"])
    device = _device_of(estimator)
    with open_regular_file(folder, TENSOR_FILE) as file:
        kinds = read_header(file, TENSOR_FILE)
        architecture = _architecture_of(estimator, config["architecture"], facts, kinds)
        model = empty_model(estimator, architecture, facts)
        said = {name: {"dtype": kind.dtype, "shape": list(kind.shape)} for name, kind in kinds.items()}
        present = {present_name(name): kind for name, kind in kinds.items()}
        if config["tensors"] != said or present != expected_kinds(model, facts):
            raise ValueError(f"{TENSOR_FILE} holds other tensors than {CONFIG_FILE} asks for")
        file.seek(0)
        data = file.read()
        if hashlib.sha256(data).hexdigest() != config["tensors_sha256"]:
            raise ValueError(f"{TENSOR_FILE} is not as it was saved (its checksum differs)")
        tensors = _decoded(data)
    restore(estimator, architecture, facts, model, tensors, device)
    return estimator


def _estimator_of(name: str, settings: dict[str, Any]) -> BaseAutoencoder:
    """An unfitted estimator, its settings checked before and after they are given to it."""
    known = variants()
    if name not in known:
        raise ValueError(f"there is no variant {shortened(name)}, only {', '.join(known)}")
    kind = known[name]
    require_keys(settings, set(), "hyperparameters", optional=[*hyperparameters(kind), "random_state"])
    for setting, value in settings.items():
        whole = isinstance(value, list) and all(type(entry) is int for entry in value)
        if not whole and not (value is None or isinstance(value, (bool, int, float, str))):
            raise ValueError(f"{setting} must be a word, a number or whole numbers, got {shortened(value)}")
    state = settings.get("random_state")
    if state is not None and (type(state) is not int or not 0 <= state < 2**32):
        raise ValueError(f"random_state must be a whole number from 0 to 2^32 - 1, got {shortened(state)}")
    estimator = kind(**_with_tuples(settings))
    check_hyperparameters(estimator)
    return estimator


def _architecture_of(
    estimator: BaseAutoencoder, stored: dict[str, Any], facts: Facts, kinds: Mapping[str, TensorKind]
) -> Architecture:
    """The stored architecture, if it is the one the settings ask for and the file is large enough for it.

    Every width owns a tensor of that size, so no width can exceed what the file holds, and there can't be
    more of them than tensors; whoever asks for more is refused before a layer is made.
    """
    known = {field.name for field in dataclasses.fields(Architecture)}
    require_keys(stored, set(), "architecture", optional=known)
    plain = _with_tuples(stored)
    widths = plain.get("hidden_widths", ())
    if not isinstance(widths, tuple) or not all(type(width) is int and width >= 1 for width in widths):
        raise ValueError(f"hidden_widths must be whole numbers of at least 1, got {shortened(widths)}")
    room = sum(math.prod(kind.shape) for kind in kinds.values())
    asked = (*widths, *(estimator.hidden_layer_sizes or ()), *estimator.channels)
    if max(facts.n_features, facts.n_components, *asked) > room or len(asked) > MOST_TENSORS:
        raise ValueError(f"its settings ask for a larger network than {TENSOR_FILE} holds")
    shape = estimator.image_shape
    if shape is not None and (len(shape) not in (2, 3) or math.prod(shape) != facts.n_features):
        raise ValueError(f"image_shape {shortened(shape)} is no picture of {facts.n_features} numbers")
    architecture = Architecture(**plain)
    if _architecture_asked(estimator, architecture, facts) != architecture:
        raise ValueError("its architecture is not the one its hyperparameters ask for")
    return architecture


def _architecture_asked(estimator: BaseAutoencoder, stored: Architecture, facts: Facts) -> Architecture:
    """What the settings ask for; sizes they leave open were chosen in `fit` and are taken as stored."""
    if estimator.n_components not in (None, facts.n_components):
        raise ValueError(f"its n_components={estimator.n_components} is not the size of its code")
    asked = choose_architecture(estimator, facts.n_components, facts.n_features)
    if estimator.hidden_layer_sizes is None and not estimator.channels:
        asked = dataclasses.replace(asked, hidden_widths=stored.hidden_widths)
    return asked


def _with_tuples(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _decoded(data: bytes) -> dict[str, Tensor]:
    try:
        # Copied, so that every tensor lies in memory as torch lays it out: the same bits come out again.
        tensors = {present_name(name): tensor.clone() for name, tensor in safetensors.load(data).items()}
    except SafetensorError as error:
        raise ValueError(f"{TENSOR_FILE} cannot be read ({error})") from error
    require_finite_tensors(tensors)
    return tensors


def _device_of(estimator: BaseAutoencoder) -> torch.device:
    """The device the settings ask for where there is one, else the processor."""
    name = estimator.device
    if name is not None and name.split(":")[0] not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be cpu, cuda or mps, got {shortened(name)}")
    try:
        device = choose_device(name)
        torch.empty(0, device=device)
    except (ValueError, RuntimeError):
        return torch.device("cpu")
    return device


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300].rstrip(".; ")
