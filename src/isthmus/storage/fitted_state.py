"""What `fit` leaves behind, taken apart into plain facts and named tensors, and put together again.

    facts_of, tensors_of :  estimator -> Facts, {name: tensor}          restore :  the way back

Settings are not part of it: they are `get_params`. Between the two lies a file, so facts check themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from isthmus.estimator import BaseAutoencoder
from isthmus.fitted import FittedState
from isthmus.history import History
from isthmus.inference.code_buffer import CodeBuffer
from isthmus.initialization import build_model
from isthmus.input_validation import know_columns
from isthmus.mixed.layout import TableLayout
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.completion import Completion
from isthmus.parts.likelihood import Columns
from isthmus.parts.network import Architecture
from isthmus.parts.principal import Principal
from isthmus.rows.scaling import ColumnStatistics, Scaling
from isthmus.storage.safe_reading import TensorKind, shortened
from isthmus.training.devices import seeded

__all__ = [
    "Facts",
    "empty_model",
    "expected_kinds",
    "facts_of",
    "kinds_of",
    "present_name",
    "require_finite_tensors",
    "restore",
    "tensors_of",
]

KINDS = {torch.float32: "F32", torch.float64: "F64"}
LEAST = {
    "n_features": 1,
    "n_components": 1,
    "seed": 0,
    "rank": 1,
    "n_directions": 1,
    "n_iter": 0,
    "best_epoch": 0,
    "history_rows": 0,
    "completion_rank": 0,
    "n_kept_codes": 0,
}
FORMER_NAMES = {"straight": "skip", "bent": "residual"}
PRINCIPAL_PARTS = ("mean", "directions", "variances")


@dataclass(frozen=True)
class Facts:
    """What is neither a setting nor a tensor; a `ValueError` names the first that can't be."""

    n_features: int
    n_components: int
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
    completion_rank: int = 0
    layout: dict[str, Any] | None = None
    n_kept_codes: int = 0  # of an earlier isthmus, which kept none

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            self._require(
                name,
                lambda value, least=least: type(value) is int and value >= least,
                f"a whole number ≥ {least}",
            )
        for name in ("noise_variance", "scaling_unit", "code_unit"):
            self._require(name, lambda value: _is_number(value) and value > 0, "a finite number above 0")
        self._require("total_variance", lambda value: _is_number(value) and value >= 0, "a finite number ≥ 0")
        self._require("dtype", lambda value: value in ("float32", "float64"), "'float32' or 'float64'")
        self._require(
            "history_columns",
            lambda value: _are_names(value) and len({*value}) == len(value),
            "different names",
        )
        if self.feature_names is not None:
            self._require("feature_names", _are_names, "names")
            if len(self.feature_names) != self.n_features:
                raise ValueError(f"there are {len(self.feature_names)} feature_names for {self.n_features} columns")
        if self.layout is not None and TableLayout.from_facts(self.layout).width != self.n_features:
            raise ValueError(f"the layout of its table has not {self.n_features} columns")
        if self.completion_rank > self.n_features:
            raise ValueError(f"completion_rank={self.completion_rank} is more than there are columns")
        if self.n_directions > min(self.rank, self.n_features):
            raise ValueError(f"n_directions={self.n_directions} is more than there can be")
        if self.best_epoch > self.n_iter:
            raise ValueError(f"best_epoch={self.best_epoch} is later than the last, {self.n_iter}")

    def _require(self, name: str, holds: Any, what: str) -> None:
        if not holds(getattr(self, name)):
            raise ValueError(f"{name} must be {what}, got {shortened(getattr(self, name))}")

    def kinds(self) -> dict[str, TensorKind]:
        """The tensors these facts imply, beside the network's own."""
        wide, kept = (self.n_features,), self.n_kept_codes > 0
        return {
            "scaling.center": TensorKind("F64", wide),
            "scaling.spread": TensorKind("F64", wide),
            "principal.mean": TensorKind("F32", wide),
            "principal.directions": TensorKind("F32", (self.n_directions, self.n_features)),
            "principal.variances": TensorKind("F32", (self.n_directions,)),
            **({"generation.codes": TensorKind("F32", (self.n_kept_codes, self.n_components))} if kept else {}),
            **({"generation.errors": TensorKind("F32", wide)} if kept else {}),
        } | {f"history.{name}": TensorKind("F64", (self.history_rows,)) for name in self.history_columns}


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _are_names(value: Any) -> bool:
    # Half a surrogate pair is a str that can't be printed.
    return isinstance(value, list) and all(
        isinstance(name, str) and not any("\ud800" <= letter <= "\udfff" for letter in name) for name in value
    )


def facts_of(fitted: FittedState, names: Sequence[str] | None) -> Facts:
    """The plain facts of a fitted model; ``names`` are its columns' where they have any."""
    principal, completion, layout = fitted.principal, fitted.model.completion, fitted.layout
    return Facts(
        n_features=fitted.architecture.n_features,
        n_components=fitted.n_components,
        feature_names=None if names is None or layout is not None else [str(name) for name in names],
        dtype=fitted.dtype.name,
        seed=fitted.seed,
        noise_variance=float(fitted.noise_variance),
        scaling_unit=float(fitted.scaling.unit),
        code_unit=float(fitted.code_unit),
        total_variance=float(principal.total_variance),
        rank=int(principal.rank),
        n_directions=len(principal.directions),
        n_iter=fitted.n_iter,
        best_epoch=fitted.best_epoch,
        history_columns=list(fitted.history.columns),
        history_rows=len(fitted.history),
        layout=None if layout is None else layout.to_facts(),
        completion_rank=0 if completion is None else int(completion.loadings.shape[1]),
        n_kept_codes=0 if fitted.codes is None else len(fitted.codes.kept),
    )


def tensors_of(fitted: FittedState) -> dict[str, Tensor]:
    """All numbers of a fitted model, by their name in the file."""
    found = {f"model.{name}": tensor for name, tensor in fitted.model.state_dict().items()}
    found |= {f"principal.{name}": getattr(fitted.principal, name) for name in PRINCIPAL_PARTS}
    found |= {f"scaling.{name}": torch.from_numpy(getattr(fitted.scaling, name)) for name in ("center", "spread")}
    if fitted.codes is not None:
        found |= {"generation.codes": fitted.codes.kept, "generation.errors": fitted.codes.errors}
    for name, values in fitted.history.columns.items():
        found[f"history.{name}"] = torch.tensor(values, dtype=torch.float64)
    return {name: part.detach().cpu().contiguous() for name, part in found.items()}


def present_name(name: str) -> str:
    """The name a tensor has today, where folders of format 1 call it otherwise."""
    for former, present in FORMER_NAMES.items():
        name = name.replace(f".{former}.", f".{present}.")
    return name


def kinds_of(tensors: Mapping[str, Tensor]) -> dict[str, TensorKind]:
    """Type and shape of each."""
    return {name: TensorKind(KINDS[tensor.dtype], tuple(tensor.shape)) for name, tensor in tensors.items()}


def expected_kinds(model: AutoencoderModel, facts: Facts) -> dict[str, TensorKind]:
    """The tensors that a model and these facts need, no more and no fewer."""
    return facts.kinds() | kinds_of({f"model.{name}": tensor for name, tensor in model.state_dict().items()})


def require_finite_tensors(tensors: Mapping[str, Tensor]) -> None:
    """Raise a `ValueError` on NaN, infinity or a spread not above 0; a history alone may hold what it met."""
    for name, tensor in tensors.items():
        if not name.startswith("history.") and not tensor.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinity")
    for name, least in (("scaling.spread", "above 0"), ("principal.variances", "at least 0")):
        smallest = float(tensors[name].min())
        if smallest < 0 or (smallest == 0 and least == "above 0"):
            raise ValueError(f"{name} must be {least}, got {smallest}")


class _NoInitialNumbers(TorchFunctionMode):
    """Layers made in here get no random weights: on the meta device those cost the import of a compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init" or func in (torch.Tensor.normal_, torch.Tensor.uniform_):
            return args[0] if args else kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs)


def empty_model(estimator: BaseAutoencoder, architecture: Architecture, facts: Facts) -> AutoencoderModel:
    """The model with shapes but no numbers: on torch's meta device no weight is allocated."""
    nothing = np.zeros(facts.n_features)
    blocks = None if facts.layout is None else TableLayout.from_facts(facts.layout).blocks
    columns = Columns(ColumnStatistics(nothing, nothing, nothing, nothing, 2), [""] * facts.n_features, blocks)
    with seeded(0), torch.device("meta"), _NoInitialNumbers():
        scaling = Scaling(nothing, nothing + 1, facts.scaling_unit)
        completion = Completion(facts.n_features, facts.completion_rank) if estimator.missing == "mask" else None
        likelihood = estimator.make_likelihood(columns)
        return build_model(estimator, architecture, columns, scaling, likelihood, None, completion)


def restore(
    estimator: BaseAutoencoder,
    architecture: Architecture,
    facts: Facts,
    model: AutoencoderModel,
    tensors: Mapping[str, Tensor],
    device: torch.device,
) -> None:
    """Give an unfitted estimator what `fit` would have left behind."""
    weights = {name.removeprefix("model."): part for name, part in tensors.items() if name.startswith("model.")}
    model.load_state_dict(weights, assign=True)
    mean, directions, variances = (tensors[f"principal.{name}"] for name in PRINCIPAL_PARTS)
    layout = None if facts.layout is None else TableLayout.from_facts(facts.layout)
    if layout is None:
        know_columns(estimator, facts.n_features, facts.feature_names)
    else:
        know_columns(estimator, len(layout.columns), layout.names)
        if model.completion is not None:
            model.completion.owners = torch.tensor(layout.owners)
    codes = None
    if facts.n_kept_codes:
        codes = CodeBuffer.of(tensors["generation.codes"], tensors["generation.errors"])
    estimator.fitted_ = FittedState(
        n_components=facts.n_components,
        scaling=Scaling(tensors["scaling.center"].numpy(), tensors["scaling.spread"].numpy(), facts.scaling_unit),
        architecture=architecture,
        model=model.to(device),
        principal=Principal(mean, directions, variances, facts.total_variance, facts.rank),
        layout=layout,
        device=device,
        dtype=np.dtype(facts.dtype),
        seed=facts.seed,
        noise_variance=facts.noise_variance,
        history=History({name: tensors[f"history.{name}"].tolist() for name in facts.history_columns}),
        best_epoch=facts.best_epoch,
        n_iter=facts.n_iter,
        codes=codes,
    )
