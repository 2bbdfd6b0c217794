"""The stored form of an autoencoder: its settings, the networks' architecture, and the fitted state.

A loaded model gives the same codes, reconstructions and scores to the last bit on the same machine.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from isthmus.choices import choose_architecture
from isthmus.estimator import BaseAutoencoder
from isthmus.hyperparameter import check_hyperparameters
from isthmus.parts.network import Architecture
from isthmus.storage.fitted_state import (
    SECONDS,
    Facts,
    empty_model,
    expected_kinds,
    facts_of,
    require_usable,
    restore,
    tensors_of,
)
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.safe_reading import StorageError, shortened
from isthmus.storage.settings import Settings, estimator_of, settings_of
from isthmus.storage.tensor_file import MAX_TENSORS, StoredTensors, TensorKind, kinds_of
from isthmus.training.devices import choose_device

__all__ = ["AutoencoderKind", "ModelRecord"]

MIN_VARIANCE = 1e-37  # in the model's units, which are single precision; the largest is its inverse


@dataclass(frozen=True)
class OwnModuleRecord:
    """A network of the user's own, whose code is not saved: which it is, its class, and its size."""

    name: Literal["encoder", "decoder"]
    kind: str
    n_weights: int


@dataclass(frozen=True)
class ModelRecord:
    """All of an autoencoder but its tensors."""

    settings: Settings
    architecture: Architecture
    fitted: Facts
    own_modules: tuple[OwnModuleRecord, ...] = ()


class AutoencoderKind(Kind):
    """Any of the library's variants.

    ``modules`` are the user's own networks given to `load`, by name.
    """

    format = "isthmus model"
    record = ModelRecord

    def __init__(self, modules: Mapping[str, Any] | None = None):
        self.modules = dict(modules or {})

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, BaseAutoencoder)

    def take_apart(self, estimator: Any) -> Parts:
        fitted = estimator.fitted_
        facts = facts_of(fitted, getattr(estimator, "feature_names_in_", None))
        own = tuple(
            OwnModuleRecord(name, f"{type(module).__module__}.{type(module).__qualname__}", _n_weights(module))
            for name, module in estimator.own_modules().items()
        )
        record = ModelRecord(settings_of(estimator), fitted.architecture, facts, own)
        tensors = tensors_of(fitted)
        seconds = fitted.history.columns.get(SECONDS)
        timing = None if seconds is None else Timing(tuple(map(float, seconds)), None)
        _require_readable(estimator, record, kinds_of(tensors))
        require_usable(record.fitted, tensors)
        return Parts(record, tensors, timing=timing)

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> BaseAutoencoder:
        facts, seconds = record.fitted, None if timing is None else timing.seconds
        if seconds is not None and (len(seconds) != facts.history_rows or SECONDS not in facts.history_columns):
            raise ValueError(f"its history has {facts.history_rows} rows, and {len(seconds)} have a time")
        _require_modules(record.own_modules, self.modules)
        estimator = estimator_of(record.settings).set_params(**self.modules)
        device = _device_of(estimator)
        _require_architecture(estimator, record, tensors.kinds)
        model = empty_model(estimator, record.architecture, facts)
        found = tensors.read(expected_kinds(model, facts, timed=timing is not None))
        require_usable(facts, found)
        restore(estimator, record.architecture, facts, model, found, seconds, device)
        _require_agreement(facts, facts_of(estimator.fitted_, facts.feature_names))
        return estimator


def _require_agreement(stored: Facts, found: Facts) -> None:
    """What follows from the tensors and settings must be what the record says."""
    for field in dataclasses.fields(Facts):
        one, other = (getattr(facts, field.name) for facts in (stored, found))
        if one != other:
            raise ValueError(f"fitted.{field.name} must be {shortened(other)}, as the rest says, got {shortened(one)}")


def _n_weights(module: Any) -> int:
    return sum(part.numel() for part in module.parameters())


def _require_modules(stored: tuple[OwnModuleRecord, ...], given: Mapping[str, Any]) -> None:
    """The modules given must be those of the fit."""
    lacking = [one for one in stored if one.name not in given]
    if lacking:
        names = " and ".join(f"{one.name}, a {one.kind} of {one.n_weights:,} weights" for one in lacking)
        call = ", ".join(f"{one.name}=..." for one in stored)
        again = "it again" if len(lacking) == 1 else "them again"
        raise StorageError(
            f"the model was fitted with its user's own {names}; give {again}: isthmus.load(path, {call})."
        )
    for name in sorted(given.keys() - {one.name for one in stored}):
        raise StorageError(f"the model was fitted without a user's own {name}; leave it out: isthmus.load(path).")
    for one in stored:
        module = given[one.name]
        is_module = isinstance(module, torch.nn.Module)
        if not is_module or _n_weights(module) != one.n_weights:
            found = f"a {type(module).__name__}" + (f" of {_n_weights(module):,}" if is_module else "")
            raise StorageError(
                f"{one.name} is not the module the model was fitted with: that was a {one.kind} of {one.n_weights:,} "
                f"weights, and this is {found}; give one built in the same way."
            )


def _require_readable(estimator: BaseAutoencoder, record: ModelRecord, kinds: Mapping[str, TensorKind]) -> None:
    """Refuse to save what could not be loaded."""
    check_hyperparameters(estimator)
    facts = record.fitted
    same = _architecture_asked(estimator, record.architecture, facts) == record.architecture
    if not same or expected_kinds(empty_model(estimator, record.architecture, facts), facts, timed=True) != kinds:
        raise ValueError("its settings were changed after fit")


def _require_architecture(estimator: BaseAutoencoder, record: ModelRecord, kinds: Mapping[str, TensorKind]) -> None:
    """The stored architecture must be the one the settings ask for, and the file large enough for it.

    Every width has a tensor of that size, so no width can exceed what the file holds, and there can't be more widths
    than tensors; anything larger is refused before a layer is made.
    """
    facts, widths = record.fitted, record.architecture.hidden_widths
    if any(width < 1 for width in widths):
        raise ValueError(f"hidden_widths must be whole numbers of at least 1, got {shortened(widths)}")
    room = sum(math.prod(kind.shape) for kind in kinds.values())
    _require_stages(record.architecture, facts)
    own = (*record.architecture.stages, *record.architecture.grid)
    asked = (*widths, *(estimator.hidden_layer_sizes or ()), *estimator.channels, *own)
    if max(facts.n_features, facts.n_components, *asked) > room or len(asked) > MAX_TENSORS:
        raise ValueError("its settings ask for a larger network than its file of tensors holds")
    shape = estimator.image_shape
    if shape is not None and (len(shape) not in (2, 3) or math.prod(shape) != facts.n_features):
        raise ValueError(f"image_shape {shortened(shape)} is no picture of {facts.n_features} numbers")
    if _architecture_asked(estimator, record.architecture, facts) != record.architecture:
        raise ValueError("its architecture is not the one its hyperparameters ask for")
    variance = estimator.variance
    if isinstance(variance, (int, float)):
        own = variance / facts.scaling_unit**2
        if not MIN_VARIANCE <= own <= 1 / MIN_VARIANCE:
            raise ValueError(f"variance={variance} is impossible for columns in units of {facts.scaling_unit}")


def _require_stages(architecture: Architecture, facts: Facts) -> None:
    """Convolution stages must be over the grid of the row's shape."""
    grid, stages = architecture.grid, architecture.stages
    if not grid and not stages:
        return
    shape = () if facts.row_shape is None else facts.row_shape.grid
    if (
        not stages
        or grid != shape
        or len(grid) not in (1, 2)
        or min((*grid, *stages)) < 1
        or architecture.hidden_widths
    ):
        raise ValueError(f"stages={shortened(stages)} over {shortened(grid)} are none of its rows")


def _architecture_asked(estimator: BaseAutoencoder, stored: Architecture, facts: Facts) -> Architecture:
    """The architecture the settings ask for, with sizes that `fit` chose as stored."""
    asked_for = estimator.n_components  # a share of the variance, or "auto", was resolved by the fit
    if isinstance(asked_for, int) and asked_for != facts.n_components:
        raise ValueError(f"its n_components={estimator.n_components} is not the size of its code")
    left_open = estimator.hidden_layer_sizes is None and not estimator.channels
    stages = stored.stages if left_open and estimator.network != "perceptron" else ()
    asked = choose_architecture(estimator, facts.n_components, facts.n_features, facts.n_given, facts.row_shape, stages)
    if left_open:
        asked = dataclasses.replace(asked, hidden_widths=stored.hidden_widths)
    return asked


def _device_of(estimator: BaseAutoencoder) -> torch.device:
    """The device the settings ask for if it is available, else the CPU."""
    name = estimator.device
    if name is not None and name.split(":")[0] not in ("cpu", "cuda", "mps"):
        raise ValueError(f"device must be cpu, cuda or mps, got {shortened(name)}")
    try:
        device = choose_device(name)
        torch.empty(0, device=device)
    except (ValueError, RuntimeError):
        return torch.device("cpu")
    return device
