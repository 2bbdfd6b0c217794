"""The stored form of a pretrained classifier or regressor: its settings, classes or target, and its autoencoder.

Its tensors are those of the linear answer, and of the network if one replaced it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from isthmus.input_validation import set_columns
from isthmus.parts.draws import seeded
from isthmus.pretraining import PretrainedClassifier, PretrainedRegressor
from isthmus.pretraining.fine_tuning import HeadedNetwork
from isthmus.pretraining.teachers import LinearAnswer
from isthmus.storage.format_1 import present_name
from isthmus.storage.kind import Kind, Parts, Timing
from isthmus.storage.record import fact, record
from isthmus.storage.settings import SEEDS, Settings, estimator_of, plain_seed, settings_of
from isthmus.storage.tensor_file import StoredTensors, TensorKind, kinds_of

__all__ = ["HeadKind", "HeadRecord"]

LARGEST = 1e150
Class = bool | int | float | str


@record
class Classes:
    """The classes of a classifier, ascending, and their dtype."""

    dtype: Literal[
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "str",
        "object",
    ]  # fmt: skip
    values: tuple[Class, ...] = fact(lengths=(2, 1 << 20))

    def __post_init__(self) -> None:
        if len({*map(str, self.values)}) != len(self.values):
            raise ValueError("classes must differ")


@record
class Target:
    """Mean and spread of a regressor's target."""

    center: float = fact(at_least=-LARGEST, at_most=LARGEST)
    unit: float = fact(at_least=1 / LARGEST, at_most=LARGEST)


@record
class HeadRecord:
    """All of a head but its tensors; ``autoencoder`` is the unfitted one it was given, if any."""

    classes: Classes | None
    target: Target | None
    autoencoder: Settings | None
    fine_tune: bool
    n_steps: int | None = fact(at_least=1)
    noise: float = fact(at_least=0)
    learning_rate: float = fact(at_least=0)
    random_state: int | None = fact(at_least=0, below=SEEDS)
    feature_names: tuple[str, ...] | None
    teacher: Literal["linear", "blend", "spread"]
    scores: dict[str, float] = fact(finite=False)
    size: int = fact(at_least=1)
    strength: float = fact(above=0)
    has_network: bool

    def __post_init__(self) -> None:
        if (self.classes is None) == (self.target is None):
            raise ValueError("there must be classes or a target, and not both")


class HeadKind(Kind):
    """`PretrainedClassifier` and `PretrainedRegressor`."""

    format = "isthmus pretrained head"
    record = HeadRecord
    inner = ("autoencoder",)

    def owns(self, estimator: Any) -> bool:
        return isinstance(estimator, (PretrainedClassifier, PretrainedRegressor))

    def take_apart(self, estimator: Any) -> Parts:
        classify, names = isinstance(estimator, PretrainedClassifier), getattr(estimator, "feature_names_in_", None)
        linear, network = estimator.linear_, estimator.network_
        record = HeadRecord(
            classes=_classes(estimator.classes_) if classify else None,
            target=None if classify else Target(float(estimator.target_center_), float(estimator.target_unit_)),
            autoencoder=None if estimator.autoencoder is None else settings_of(estimator.autoencoder),
            fine_tune=bool(estimator.fine_tune),
            n_steps=None if estimator.n_steps is None else int(estimator.n_steps),
            noise=float(estimator.noise),
            learning_rate=float(estimator.learning_rate),
            random_state=plain_seed(estimator.random_state),
            feature_names=None if names is None else tuple(map(str, names)),
            teacher=estimator.teacher_,
            scores=dict(estimator.scores_),
            size=int(linear.size),
            strength=float(linear.strength),
            has_network=network is not None,
        )
        numbers = {"weight": linear.weight, "bias": linear.bias}
        tensors = {f"linear.{name}": torch.from_numpy(np.array(part, np.float64)) for name, part in numbers.items()}
        if network is not None:
            tensors |= _stored_names(network)
        return Parts(record, tensors, {"autoencoder": estimator.autoencoder_})

    def put_together(
        self, record: Any, tensors: StoredTensors, inner: Mapping[str, Any], timing: Timing | None
    ) -> PretrainedClassifier | PretrainedRegressor:
        autoencoder, names = inner["autoencoder"], record.feature_names
        n_features = autoencoder.n_features_in_
        n_outputs = 1 if record.classes is None else len(record.classes.values)
        if names is not None and len(names) != n_features:
            raise ValueError(f"feature_names must be {n_features} names, got {len(names)}")
        template = None if record.autoencoder is None else estimator_of(record.autoencoder)
        settings = {name: getattr(record, name) for name in ("fine_tune", "n_steps", "noise", "learning_rate")}
        kind = PretrainedRegressor if record.classes is None else PretrainedClassifier
        head: Any = kind(template, **settings, random_state=record.random_state)
        shape = n_outputs, n_features
        expected = {"linear.weight": TensorKind("F64", shape), "linear.bias": TensorKind("F64", (n_outputs,))}
        network = None
        if record.has_network:
            if math.prod(shape) > sum(math.prod(kind.shape) for kind in tensors.kinds.values()):
                raise ValueError("it has more outputs than its file of tensors holds")
            with seeded(0):
                network = HeadedNetwork(autoencoder.model_, np.zeros(shape), np.zeros(n_outputs))
            expected |= kinds_of(_stored_names(network))
        found = tensors.read(expected)
        if not all(part.isfinite().all() for part in found.values()):
            raise ValueError("its weights hold NaN or infinity")
        if network is not None:
            pairs = zip(_stored_names(network), network.state_dict(), strict=True)
            network.load_state_dict({name: found[stored] for stored, name in pairs})
            network = network.eval().requires_grad_(False)
        set_columns(head, n_features, names)
        weight, bias = (found[f"linear.{name}"].numpy() for name in ("weight", "bias"))
        head.autoencoder_, head.network_ = autoencoder, network
        head.linear_ = LinearAnswer(weight, bias, record.size, record.strength)
        head.teacher_, head.scores_ = record.teacher, record.scores
        if record.classes is not None:
            head.classes_ = np.array(record.classes.values, dtype=record.classes.dtype)
        else:
            head.target_center_, head.target_unit_ = record.target.center, record.target.unit
        return head


def _stored_names(network: HeadedNetwork) -> dict[str, Tensor]:
    """The network's tensors by their names in the file."""
    return {present_name(f"network.{name}"): tensor for name, tensor in network.state_dict().items()}


def _classes(classes: np.ndarray) -> Classes:
    dtype: Any = "str" if classes.dtype.kind == "U" else classes.dtype.name
    values = [value.item() if isinstance(value, np.generic) else value for value in classes.tolist()]
    return Classes(dtype, tuple(values))
