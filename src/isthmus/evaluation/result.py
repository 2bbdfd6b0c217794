"""An evaluation: figures of a model beside PCA's, and what they come to in words.

The sentence says what the code keeps, what PCA keeps, and what follows. It never rounds a difference away or up to
everything, and where PCA does as well or better, that is what it says.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isthmus.evaluation.probes import LabelReadings

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "CodeUse",
    "Evaluation",
    "Figure",
    "Reconstruction",
    "ReconstructionError",
    "evaluation_table",
    "figures",
    "sentence",
]

EQUAL = 0.01  # errors this close, relative to PCA's, are called the same
EQUAL_SHARE = 1e-6
NO_FIGURE = "–"
MOST_DECIMALS = 4
SCALED = {"standard": "columns scaled to variance 1", "minmax": "columns scaled to [0, 1]"}


@dataclass(frozen=True)
class ReconstructionError:
    """Error of one way to rebuild, over all rows.

    Attributes
    ----------
    mse : float
        Squared error per feature, Σ‖x - x̂‖² / (rows · features), in squared units of the columns.
    sse : float
        Squared error per row, Σ‖x - x̂‖² / rows: n_features times as much.
    r2 : float or None
        Share of the variation kept, 1 - Σ‖x - x̂‖² / Σ‖x - x̄‖²; None where rows do not vary.
    """

    mse: float
    sse: float
    r2: float | None


@dataclass(frozen=True)
class Reconstruction:
    """The model's error beside PCA's, both in the same units.

    Attributes
    ----------
    pca_needs : int or None
        The equal-error size: the fewest directions with which PCA's error is no larger than the model's, 0
        being the mean row; None if all that are known, `Evaluation.n_directions`, are not enough.
    """

    model: ReconstructionError
    pca: ReconstructionError
    pca_needs: int | None


@dataclass(frozen=True)
class CodeUse:
    """How much of the code is in use.

    Attributes
    ----------
    active_units : int or None
        Of a variational model: latents that tell something of the row.
    kl_per_latent : tuple of float or None
        What each of them tells, in nats.
    mean_on : float or None
        Of a sparse code: mean number of units that are not zero.
    dead_units : int or None
        Of a sparse code: units that are zero for every row.
    """

    active_units: int | None = None
    kl_per_latent: tuple[float, ...] | None = None
    mean_on: float | None = None
    dead_units: int | None = None


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Figures of one model on one set of rows, beside PCA's.

    Attributes
    ----------
    n_rows, n_features, n_components : int
    pca_components : int
        Numbers PCA is given.
    n_directions : int
        Directions PCA has at most.
    scale : str or None
        How the model weighs columns; where it is not None, ``scaled`` holds the errors in those units.
    data : Reconstruction
        Errors in the units of the data.
    scaled : Reconstruction or None
        Errors in the units the model, and its PCA, minimise.
    explained_variance, pca_explained_variance : ndarray of shape (n_features,)
        Share of each column's variation kept, 1 - Σ(x - x̂)²/Σ(x - x̄)²; NaN where a column does not vary.
    feature_names : tuple of str or None
    code : CodeUse
    labels, pca_labels : LabelReadings
        What simple readers find in the code; all None without labels.
    trustworthiness, pca_trustworthiness : float or None
    nats_per_row : float or None
        Mean of `score_samples`.
    pca_nats_per_row : float or None
        The same of probabilistic PCA, for a model that has a prior as it has.
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
    labels: LabelReadings
    pca_labels: LabelReadings
    trustworthiness: float | None
    pca_trustworthiness: float | None
    nats_per_row: float | None
    pca_nats_per_row: float | None

    @property
    def reconstruction(self) -> Reconstruction:
        """The errors to compare by: in the units the model minimises."""
        return self.data if self.scaled is None else self.scaled

    @property
    def sentence(self) -> str:
        """What came of it, in one plain sentence beside PCA."""
        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, words, lists and dicts; None where there is no number."""
        return _plain(dataclasses.asdict(self))

    def to_json(self) -> str:
        """`to_dict` as JSON, with no NaN in it."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False, ensure_ascii=False)

    def table(self) -> list[Figure]:
        """The figures that apply, one a line, the model's beside PCA's."""
        return figures(self)


@dataclass(frozen=True)
class Figure:
    """One line of the table; ``kind`` is "number", "share" (of 1) or "count"; None stands for no figure."""

    name: str
    model: float | str | None
    pca: float | None
    kind: str = "number"

    def written(self) -> tuple[str, str, str]:
        """Name, the model's figure and PCA's, as they are printed."""
        return self.name, _written(self.model, self.kind), _written(self.pca, self.kind)


def _written(value: float | str | None, kind: str) -> str:
    if value is None or isinstance(value, str):
        return value or NO_FIGURE
    if kind == "share" and 0.9995 <= value < 1:
        return "over 99.9 %"
    return {"share": f"{100 * value:.1f} %", "count": f"{value:.0f}", "number": f"{value:.4g}"}[kind]


def figures(evaluation: Evaluation) -> list[Figure]:
    """The figures that apply, in order."""
    return [figure for figure in _all_figures(evaluation) if (figure.model, figure.pca) != (None, None)]


def _all_figures(evaluation: Evaluation) -> list[Figure]:
    """Every figure there is, always in the same order; those that don't apply hold None."""
    data, scaled, code = evaluation.data, evaluation.scaled, evaluation.code
    labels, pca_labels = evaluation.labels, evaluation.pca_labels
    kl = code.kl_per_latent
    return [
        Figure("numbers in the code", evaluation.n_components, evaluation.pca_components, "count"),
        Figure("units on at a time", code.mean_on, None),
        Figure("units never on", code.dead_units, None, "count"),
        Figure("active units", code.active_units, None, "count"),
        Figure("nats a unit tells", None if kl is None else f"{min(kl):.2f} to {max(kl):.2f}", None),
        Figure("squared error per feature", *_pair(data, "mse")),
        Figure("squared error per row", *_pair(data, "sse")),
        Figure("variation kept", *_pair(data, "r2"), "share"),
        Figure("squared error per feature, scaled", *_pair(scaled, "mse")),
        Figure("variation kept, scaled", *_pair(scaled, "r2"), "share"),
        Figure("numbers PCA needs for this", _pca_numbers(evaluation), None, "count"),
        Figure("label by 5 nearest neighbours", labels.neighbours, pca_labels.neighbours, "share"),
        Figure("label by logistic regression", labels.logistic, pca_labels.logistic, "share"),
        Figure("silhouette of the labels", labels.silhouette, pca_labels.silhouette),
        Figure("trustworthiness", evaluation.trustworthiness, evaluation.pca_trustworthiness),
        Figure("log density, nats per row", evaluation.nats_per_row, evaluation.pca_nats_per_row),
    ]


def _pair(rebuilding: Reconstruction | None, name: str) -> tuple[float | None, float | None]:
    if rebuilding is None:
        return None, None
    return getattr(rebuilding.model, name), getattr(rebuilding.pca, name)


def _pca_numbers(evaluation: Evaluation) -> int | str:
    needed = evaluation.reconstruction.pca_needs
    return f"more than {evaluation.n_directions}" if needed is None else needed


def evaluation_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """Several models side by side, by name, as a table of `rich`; PCA once for every size it is given.

    PCA's column stands behind the first model it is compared with.
    """
    from rich.table import Table
    from rich.text import Text

    lines = {name: [figure.written() for figure in _all_figures(one)] for name, one in evaluations.items()}
    yardsticks: dict[tuple[int, str | None], list[str]] = {}
    for name, evaluation in evaluations.items():
        known = yardsticks.setdefault(_pca_of(evaluation), [NO_FIGURE] * len(lines[name]))
        known[:] = [pca if said == NO_FIGURE else said for said, (_, _, pca) in zip(known, lines[name], strict=True)]
    table = Table("on the rows evaluated")
    columns = [[name for name, _, _ in next(iter(lines.values()), [])]]
    shown = set()
    for name, evaluation in evaluations.items():
        table.add_column(Text(name), justify="right")
        columns.append([model for _, model, _ in lines[name]])
        yardstick = _pca_of(evaluation)
        if yardstick not in shown:
            shown.add(yardstick)
            title = "PCA" if len(yardsticks) == 1 else f"PCA to {evaluation.pca_components}"
            table.add_column(Text(title), justify="right")
            columns.append(yardsticks[yardstick])
    for name, *cells in zip(*columns, strict=True):
        if set(cells) != {NO_FIGURE}:
            table.add_row(name, *cells)
    return table


def _pca_of(evaluation: Evaluation) -> tuple[int, str | None]:
    return evaluation.pca_components, evaluation.scale


def sentence(evaluation: Evaluation) -> str:
    """What came of it, in one plain sentence.

    For example: "64 numbers squeezed to 2: keeps 56 % of the variation; PCA keeps 28 %; PCA needs 5 numbers
    to do as well."
    Where the errors are within a hundredth of PCA's: "PCA does as well; use PCA."
    """
    rebuilding = evaluation.reconstruction
    model, pca = rebuilding.model.r2, rebuilding.pca.r2
    opening = _opening(evaluation)
    if model is None or pca is None:
        return f"{opening}: these rows do not vary, so there is nothing to keep."
    variation = "the variation"
    if evaluation.scale is not None:
        variation += f" ({SCALED[evaluation.scale]})"
    sparse = evaluation.code.mean_on is not None
    with_numbers = f" with {_numbers(evaluation.pca_components)}" if sparse else ""
    if abs(model - pca) <= EQUAL * (1 - pca) + EQUAL_SHARE:
        kept = _kept(model)
        return f"{opening}: keeps {kept[0]} of {variation}; PCA does as well{with_numbers}; use PCA."
    ours, theirs = _kept(model, pca)
    if model > pca:
        needed = rebuilding.pca_needs
        count = f"more than {_numbers(evaluation.n_directions)}" if needed is None else _numbers(needed)
        return (
            f"{opening}: keeps {ours} of {variation}; PCA keeps {theirs}{with_numbers}; "
            f"PCA needs {count} to do as well."
        )
    reached = "no more than the mean row"
    if model > 0:
        reached = f"for which PCA needs {_numbers(rebuilding.pca_needs or 0)}"
    return (
        f"{opening}: PCA does better here: it keeps {theirs} of {variation}{with_numbers}, "
        f"this model {ours}, {reached}."
    )


def _opening(evaluation: Evaluation) -> str:
    given, size, on = _numbers(evaluation.n_features), evaluation.n_components, evaluation.code.mean_on
    if on is not None:
        count = round(on)
        return f"{given} rewritten as {size}, of which {count} {'is' if count == 1 else 'are'} on at a time"
    return f"{given} {'squeezed to' if size < evaluation.n_features else 'rewritten as'} {size}"


def _numbers(count: int) -> str:
    return f"{count} number" if count == 1 else f"{count} numbers"


def _kept(*shares: float) -> list[str]:
    """Shares of the variation in per cent, with as many decimals as keep them apart and short of 100."""
    texts: list[str] = []
    for decimals in range(MOST_DECIMALS + 1):
        texts = [_per_cent(share, decimals) for share in shares]
        whole = any(share < 1 and text.startswith(("100", "over")) for share, text in zip(shares, texts, strict=True))
        if not whole and len(set(texts)) == len(set(shares)):
            break
    return texts


def _per_cent(share: float, decimals: int) -> str:
    if share <= 0:
        return "nothing"
    text = f"{100 * share:.{decimals}f} %"
    if share < 1 and decimals == MOST_DECIMALS and text.startswith("100"):
        return f"over {100 - 10.0**-decimals:.{decimals}f} %"
    return "100 %" if share == 1 else text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value
