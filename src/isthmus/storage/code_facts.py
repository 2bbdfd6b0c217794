"""The stored form of what a fit knows about codes and marginals: how codes are inferred, and how far they spread."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from isthmus.inference.code_spread import CodeSpread
from isthmus.inference.evidence import CodeDensity
from isthmus.inference.polishing import Polishing
from isthmus.inference.state import InferenceState
from isthmus.rows.marginals import Marginals, marginals_from
from isthmus.storage.record import fact, record
from isthmus.storage.tensor_file import TensorKind
from isthmus.tables.layout import TableLayout

__all__ = [
    "LARGEST_NOISE",
    "MIN_NOISE",
    "InferenceFacts",
    "SpreadFacts",
    "inference_facts",
    "inference_of",
    "marginals_of",
    "spread_facts",
    "spread_of",
    "tensors_of_codes",
]

SPREAD_PARTS = ("variances", "gains")
MIN_NOISE, LARGEST_NOISE = 1e-13, 3.4e38  # in the model's units, which are single precision
MAX_STEPS, MAX_ROWS = 10**6, 10**15


@record
class InferenceFacts:
    """Of an `InferenceState`: σ² in the model's units, the number of polishing steps and of codes to start from, and
    which of its two parts there are.
    """

    noise_variance: float = fact(at_least=MIN_NOISE, at_most=LARGEST_NOISE)
    steps: int = fact(at_least=0, at_most=MAX_STEPS)
    n_bank: int = fact(at_least=0)
    polishing: bool
    density: bool

    def kinds(self, n_latents: int) -> dict[str, TensorKind]:
        """The tensors these facts imply."""
        square, found = TensorKind("F32", (n_latents, n_latents)), {}
        if self.polishing:
            found |= {"metric": square, "bank": TensorKind("F32", (self.n_bank, n_latents))}
        if self.density:
            found |= {"mean": TensorKind("F32", (n_latents,)), "covariance": square}
        return {f"inference.{name}": kind for name, kind in found.items()}


@record
class SpreadFacts:
    """Of a `CodeSpread`: the number of training rows, and which of its parts there are."""

    n_rows: int = fact(at_least=2, at_most=MAX_ROWS)
    variances: bool
    gains: bool

    def kinds(self, n_latents: int) -> dict[str, TensorKind]:
        """The tensors these facts imply."""
        there = {"variances": self.variances, "gains": self.gains}
        return {f"spread.{name}": TensorKind("F64", (n_latents,)) for name in SPREAD_PARTS if there[name]}


def spread_facts(spread: CodeSpread) -> SpreadFacts:
    """The facts of a spread."""
    return SpreadFacts(spread.n_rows, spread.variances is not None, spread.gains is not None)


def inference_facts(state: InferenceState) -> InferenceFacts:
    """The facts of an inference state."""
    return InferenceFacts(
        noise_variance=float(state.noise_variance),
        steps=0 if state.polishing is None else state.polishing.steps,
        n_bank=0 if state.polishing is None else len(state.polishing.bank),
        polishing=state.polishing is not None,
        density=state.density is not None,
    )


def tensors_of_codes(inference: InferenceState | None, spread: CodeSpread | None) -> dict[str, Tensor]:
    """The tensors of both, by their name in the file."""
    found: dict[str, Tensor | None] = {}
    if inference is not None and inference.polishing is not None:
        found |= {"inference.metric": inference.polishing.metric, "inference.bank": inference.polishing.bank}
    if inference is not None and inference.density is not None:
        found |= {"inference.mean": inference.density.mean, "inference.covariance": inference.density.covariance}
    if spread is not None:
        found |= {f"spread.{name}": getattr(spread, name) for name in SPREAD_PARTS}
    return {name: part for name, part in found.items() if part is not None}


def spread_of(facts: SpreadFacts | None, tensors: Mapping[str, Tensor]) -> CodeSpread | None:
    """The way back from `spread_facts`."""
    if facts is None:
        return None
    return CodeSpread(facts.n_rows, *(tensors.get(f"spread.{name}") for name in SPREAD_PARTS))


def inference_of(
    facts: InferenceFacts | None, tensors: Mapping[str, Tensor], device: torch.device
) -> InferenceState | None:
    """The way back from `inference_facts`."""
    if facts is None:
        return None
    part = {name.removeprefix("inference."): tensor.to(device) for name, tensor in tensors.items()}
    polishing = Polishing(part["metric"], part["bank"], facts.steps) if facts.polishing else None
    density = CodeDensity(part["mean"], part["covariance"]) if facts.density else None
    return InferenceState(polishing, density, facts.noise_variance)


def marginals_of(tensors: Mapping[str, Tensor], layout: TableLayout | None) -> Marginals | None:
    """The marginal distributions of the columns; None if the rows are no table."""
    quantiles = tensors.get("marginals.quantiles")
    if quantiles is None:
        return None
    gaps = tensors.get("marginals.gaps", torch.zeros(0, quantiles.shape[1]))
    return marginals_from(quantiles.numpy(), gaps.numpy().astype(bool), layout)
