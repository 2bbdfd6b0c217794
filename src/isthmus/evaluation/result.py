"""The result of an evaluation: measures of a model compared with PCA's, as numbers and in words.

The sentence says what the code keeps, what PCA keeps, and what follows. It never rounds a difference away or a share up
to 100%, and it says so if PCA does as well or better.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.evaluation.probes import LabelProbes
from isthmus.evaluation.written import NO_FIGURE, Figure, as_text, dimensions, kept
from isthmus.text_table import counted

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "CodeUse",
    "Evaluation",
    "Reconstruction",
    "ReconstructionError",
    "evaluation_table",
    "figures",
    "sentence",
]

EQUAL = 0.01  # errors this close, relative to PCA's, count as equal
EQUAL_SHARE = 1e-6
DIGITS = 7  # of a column's share: more would only make files of ten thousand columns large
SCALED = {"standard": "columns scaled to variance 1", "minmax": "columns scaled to [0, 1]"}


@dataclass(frozen=True)
class ReconstructionError:
    """Reconstruction error of one method, over all rows.

    Attributes
    ----------
    mse : float
        Squared error per feature, Σ‖x - x̂‖² / (rows · features), in squared units of the columns.
    sse : float
        Squared error per row, Σ‖x - x̂‖² / rows: n_features times as much.
    r2 : float or None
        Share of the variance kept, 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖²; None if the rows do not vary.
    """

    mse: float
    sse: float
    r2: float | None


@dataclass(frozen=True)
class Reconstruction:
    """The errors of the model and of PCA, in the same units.

    Attributes
    ----------
    pca_needs : int or None
        The equal-error size: the fewest directions with which PCA's error is at most the model's, 0 being the
        mean row; None if even `Evaluation.n_directions` are too few.
    """

    model: ReconstructionError
    pca: ReconstructionError
    pca_needs: int | None


@dataclass(frozen=True)
class CodeUse:
    """How much of the code is used.

    Attributes
    ----------
    active_units : int or None
        For a variational model: latents that carry information about the row.
    kl_per_latent : tuple of float or None
        Divergence from the prior of each latent, in nats.
    mean_on : float or None
        For a sparse code: mean number of nonzero latents per row.
    dead_units : int or None
        For a sparse code: latents that are zero for every row.
    """

    active_units: int | None = None
    kl_per_latent: tuple[float, ...] | None = None
    mean_on: float | None = None
    dead_units: int | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Evaluation:
    """Measures of one model on one set of rows, compared with PCA's.

    Attributes
    ----------
    n_rows, n_features, n_components, pca_components : int
        The last is the number of PCA's dimensions.
    n_columns : int or None
        Number of columns of a mixed-type table, which the features encode.
    n_directions : int
        The largest number of directions for which PCA's error is known.
    scale : str or None
        The scaling of columns; if it is not None, ``scaled`` has the errors in those units.
    data : Reconstruction
        Errors in the units of the data.
    scaled : Reconstruction or None
        Errors in the units that the model and its PCA minimise.
    explained_variance, pca_explained_variance : ndarray of shape (n_features,)
        Share of each column's variance kept, 1 - Σ(x - x̂)²/Σ(x - x̄)²; NaN if a column does not vary.
    feature_names : tuple of str or None
    code : CodeUse
    labels, pca_labels : LabelProbes
        How well the codes predict labels; all None without labels.
    trustworthiness, pca_trustworthiness : float or None
    nats_per_row : float or None
        Mean of `score_samples`.
    pca_nats_per_row : float or None
        The same for probabilistic PCA, under a Gaussian likelihood.
    neighbours_kept, pca_neighbours_kept : float or None
        For embeddings: the share of each row's ten nearest by cosine that are also the ten nearest by codes.
    deviance : Reconstruction or None
        For counts: Poisson deviance per cell (``mse``) and per row (``sse``), and the share of it that is explained
        (``r2``), compared with PCA of Pearson residuals.
    """

    n_rows: int
    n_features: int
    n_components: int
    pca_components: int
    n_directions: int
    scale: str | None
    data: Reconstruction
    scaled: Reconstruction | None
    explained_variance: np.ndarray
    pca_explained_variance: np.ndarray
    feature_names: tuple[str, ...] | None
    code: CodeUse
    labels: LabelProbes
    pca_labels: LabelProbes
    trustworthiness: float | None
    pca_trustworthiness: float | None
    nats_per_row: float | None
    pca_nats_per_row: float | None
    neighbours_kept: float | None = None
    pca_neighbours_kept: float | None = None
    deviance: Reconstruction | None = None
    conditional: bool = False
    n_columns: int | None = None

    @property
    def reconstruction(self) -> Reconstruction:
        """The errors to compare: in the units that the model minimises."""
        if self.deviance is not None:
            return self.deviance
        return self.data if self.scaled is None else self.scaled

    @property
    def sentence(self) -> str:
        """The result in one sentence, compared with PCA."""
        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts; None for NaN. The columns' shares have seven digits."""
        return _plain(dataclasses.asdict(self))

    def to_json(self) -> str:
        """`to_dict` as JSON, without NaN."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)

    def __repr__(self) -> str:
        return as_text(evaluation_table({"model": self}), self.sentence)

    def table(self) -> list[Figure]:
        """The figures that apply, one per line, for the model and PCA."""
        return figures(self)


def figures(evaluation: Evaluation) -> list[Figure]:
    """The figures that apply, in order."""
    every = _all_figures(evaluation, in_data_units=evaluation.scaled is None)
    return [figure for figure in every if (figure.model, figure.pca) != (None, None)]


def _all_figures(evaluation: Evaluation, *, in_data_units: bool) -> list[Figure]:
    """All figures, always in the same order; those that don't apply are None.

    Without ``in_data_units`` errors are only in the model's units: a sum over columns in their own units is dominated
    by the one with the largest numbers (a date in seconds).
    """
    data, scaled, code = evaluation.data if in_data_units else None, evaluation.scaled, evaluation.code
    labels, pca_labels = evaluation.labels, evaluation.pca_labels
    kl = code.kl_per_latent
    return [
        Figure("latent dimensions", evaluation.n_components, evaluation.pca_components, "count"),
        Figure("active latents per row", code.mean_on, None),
        Figure("latents never active", code.dead_units, None, "count"),
        Figure("active latents", code.active_units, None, "count"),
        Figure("divergence per latent, nats", None if kl is None else f"{min(kl):.2f} to {max(kl):.2f}", None),
        Figure("squared error per feature", *_pair(data, "mse")),
        Figure("squared error per row", *_pair(data, "sse")),
        Figure("variance kept", *_pair(data, "r2"), "share"),
        Figure("squared error per scaled feature", *_pair(scaled, "mse")),
        Figure("variance kept, features scaled", *_pair(scaled, "r2"), "share"),
        Figure("deviance per row", *_pair(evaluation.deviance, "sse")),
        Figure("deviance explained", *_pair(evaluation.deviance, "r2"), "share"),
        Figure("dimensions PCA needs for this", _pca_needs(evaluation), None, "count"),
        Figure("label accuracy, 5 nearest neighbours", labels.neighbours, pca_labels.neighbours, "share"),
        Figure("label accuracy, logistic regression", labels.logistic, pca_labels.logistic, "share"),
        Figure("silhouette of the labels", labels.silhouette, pca_labels.silhouette),
        Figure("trustworthiness", evaluation.trustworthiness, evaluation.pca_trustworthiness),
        Figure("10 nearest neighbours kept", evaluation.neighbours_kept, evaluation.pca_neighbours_kept, "share"),
        Figure("log density, nats per row", evaluation.nats_per_row, evaluation.pca_nats_per_row),
    ]


def _pair(reconstruction: Reconstruction | None, name: str) -> tuple[float | None, float | None]:
    if reconstruction is None:
        return None, None
    return getattr(reconstruction.model, name), getattr(reconstruction.pca, name)


def _pca_needs(evaluation: Evaluation) -> int | str:
    needed = evaluation.reconstruction.pca_needs
    return f"more than {evaluation.n_directions}" if needed is None else needed


def evaluation_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """Several models by name side by side, as a table of `rich`; PCA has one column for each of its sizes.

    Each of them follows the first model that it is compared with.
    """
    from rich.table import Table
    from rich.text import Text

    in_data_units = any(one.scaled is None for one in evaluations.values())
    every = {name: _all_figures(one, in_data_units=in_data_units) for name, one in evaluations.items()}
    lines = {name: [figure.written() for figure in found] for name, found in every.items()}
    baselines: dict[tuple[int, str | None], list[str]] = {}
    for name, evaluation in evaluations.items():
        known = baselines.setdefault(_pca_of(evaluation), [NO_FIGURE] * len(lines[name]))
        known[:] = [pca if text == NO_FIGURE else text for text, (_, _, pca) in zip(known, lines[name], strict=True)]
    table = Table("on the rows evaluated")
    columns = [[name for name, _, _ in next(iter(lines.values()), [])]]
    shown = set()
    for name, evaluation in evaluations.items():
        table.add_column(Text(name), justify="right")
        columns.append([model for _, model, _ in lines[name]])
        baseline = _pca_of(evaluation)
        if baseline not in shown:
            shown.add(baseline)
            title = "PCA" if len(baselines) == 1 else f"PCA to {evaluation.pca_components}"
            table.add_column(Text(title), justify="right")
            columns.append(baselines[baseline])
    for name, *cells in zip(*columns, strict=True):
        if set(cells) != {NO_FIGURE}:
            table.add_row(name, *cells)
    return table


def _pca_of(evaluation: Evaluation) -> tuple[int, str | None]:
    return evaluation.pca_components, evaluation.scale


def sentence(evaluation: Evaluation) -> str:
    """The result in one sentence, such as "64 features encoded in 2 dimensions: keeps 56% of the variance; PCA keeps
    28% and needs 5 dimensions to match it". If the errors are within a hundredth of PCA's: "PCA does as well; use PCA."
    """
    reconstruction = evaluation.reconstruction
    model, pca = reconstruction.model.r2, reconstruction.pca.r2
    opening = _opening(evaluation)
    if model is None or pca is None:
        return f"{opening}: these rows do not vary, so there is nothing to keep."
    variation = "the variance" if evaluation.deviance is None else "the deviance"
    if evaluation.conditional:
        variation += " that the condition leaves"
    if evaluation.scale is not None:
        variation += f" ({SCALED[evaluation.scale]})"
    sparse = evaluation.code.mean_on is not None
    with_size = f" with {dimensions(evaluation.pca_components)}" if sparse else ""
    baseline = "PCA" if evaluation.deviance is None else "PCA of Pearson residuals"
    if abs(model - pca) <= EQUAL * (1 - pca) + EQUAL_SHARE:
        return f"{opening}: keeps {kept(model)[0]} of {variation}; {baseline} does as well{with_size}; use {baseline}."
    ours, theirs = kept(model, pca)
    if model > pca:
        needed = reconstruction.pca_needs
        count = f"more than {dimensions(evaluation.n_directions)}" if needed is None else dimensions(needed)
        return (
            f"{opening}: keeps {ours} of {variation}; {baseline} keeps {theirs}{with_size} and needs {count} to match "
            "it."
        )
    reached = "no more than the mean row"
    if model > 0:
        reached = f"for which PCA needs {dimensions(reconstruction.pca_needs or 0)}"
    return (
        f"{opening}: {baseline} does better here: it keeps {theirs} of {variation}{with_size}, this model {ours}, "
        f"{reached}."
    )


def _opening(evaluation: Evaluation) -> str:
    width, on = counted(evaluation.n_features, "feature"), evaluation.code.mean_on
    if evaluation.n_columns is not None:
        width = f"{counted(evaluation.n_columns, 'column')} ({width})"
    opening = f"{width} encoded in {dimensions(evaluation.n_components)}"
    if on is None:
        return opening
    count = round(on)
    return f"{opening}, of which {count} {'is' if count == 1 else 'are'} active at a time"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return [float(f"{part:.{DIGITS}g}") if math.isfinite(part) else None for part in value]
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
