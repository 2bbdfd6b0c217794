"""An evaluation in words: lines of a table, and the one plain sentence.

The sentence says what the code keeps, what PCA keeps, and what follows. It never rounds a difference away or
up to everything, and where PCA does as well or better, that is what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from isthmus.evaluation import Evaluation

__all__ = ["Figure", "evaluation_table", "figures", "sentence"]

EQUAL = 0.01  # errors this close, relative to PCA's, are called the same
EQUAL_SHARE = 1e-6
SCALED = {"standard": "columns scaled to variance 1", "minmax": "columns scaled to [0, 1]"}


@dataclass(frozen=True)
class Figure:
    """One line of the table: ``kind`` is "number", "share" (of 1) or "count"; None where there is no figure."""

    name: str
    model: float | str | None
    pca: float | None
    kind: str = "number"

    def written(self) -> tuple[str, str, str]:
        """Name, the model's figure and PCA's, as they are printed."""
        return self.name, _written(self.model, self.kind), _written(self.pca, self.kind)


def _written(value: float | str | None, kind: str) -> str:
    if value is None or isinstance(value, str):
        return value or "–"
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
        Figure("squared error per feature", data.model.mse, data.pca.mse),
        Figure("squared error per row", data.model.sse, data.pca.sse),
        Figure("variation kept", data.model.r2, data.pca.r2, "share"),
        Figure("squared error per feature, scaled", scaled and scaled.model.mse, scaled and scaled.pca.mse),
        Figure("variation kept, scaled", scaled and scaled.model.r2, scaled and scaled.pca.r2, "share"),
        Figure("numbers PCA needs for this", _pca_numbers(evaluation), None, "count"),
        Figure("label by 5 nearest neighbours", labels.neighbours, pca_labels.neighbours, "share"),
        Figure("label by logistic regression", labels.logistic, pca_labels.logistic, "share"),
        Figure("silhouette of the labels", labels.silhouette, pca_labels.silhouette),
        Figure("trustworthiness", evaluation.trustworthiness, evaluation.pca_trustworthiness),
        Figure("log density, nats per row", evaluation.nats_per_row, evaluation.pca_nats_per_row),
    ]


def _pca_numbers(evaluation: Evaluation) -> int | str:
    needed = evaluation.judged.pca_needs
    return f"more than {evaluation.n_directions}" if needed is None else needed


def evaluation_table(evaluations: Mapping[str, Evaluation]) -> Table:
    """Several models side by side, by name, as a table of `rich`; PCA once for every size it is given.

    PCA's column stands behind the first model it is compared with.
    """
    from rich.table import Table
    from rich.text import Text

    sizes = {_pca_of(evaluation) for evaluation in evaluations.values()}
    table, shown, columns = Table(Text("on rows not seen in training")), set(), []
    for name, evaluation in evaluations.items():
        lines = [figure.written() for figure in _all_figures(evaluation)]
        table.add_column(Text(name), justify="right")
        columns.append([model for _, model, _ in lines])
        pca = _pca_of(evaluation)
        if pca not in shown:
            shown.add(pca)
            table.add_column(
                Text("PCA" if len(sizes) == 1 else f"PCA to {evaluation.pca_components}"), justify="right"
            )
            columns.append([written for _, _, written in lines])
    names = [figure.name for evaluation in evaluations.values() for figure in _all_figures(evaluation)]
    for name, *cells in zip(names, *columns, strict=False):
        if any(cell != "–" for cell in cells):
            table.add_row(name, *cells)
    return table


def _pca_of(evaluation: Evaluation) -> tuple[int, str | None]:
    return evaluation.pca_components, evaluation.scale


def sentence(evaluation: Evaluation) -> str:
    """What came of it, in one plain sentence.

    "64 numbers squeezed to 2: keeps 56 % of the variation; PCA keeps 28 %; PCA needs 5 numbers to do as well."
    Where the errors are within a hundredth of PCA's: "PCA does as well; use PCA."
    """
    rebuilding = evaluation.judged
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
    return (
        f"{opening}: PCA does better here: it keeps {theirs} of {variation}{with_numbers}, this model {ours}, "
        f"{_reached(rebuilding.pca_needs, model)}."
    )


def _opening(evaluation: Evaluation) -> str:
    given, size, on = _numbers(evaluation.n_features), evaluation.n_components, evaluation.code.mean_on
    if on is not None:
        count = round(on)
        return f"{given} rewritten as {size}, of which {count} {'is' if count == 1 else 'are'} on at a time"
    return f"{given} {'squeezed to' if size < evaluation.n_features else 'rewritten as'} {size}"


def _reached(size: int | None, model: float) -> str:
    """What PCA would do with the same error, where the model is the worse of the two."""
    if model <= 0:
        return "no more than the mean row does"
    return f"which PCA does with {_numbers(size or 0)}"


def _numbers(count: int) -> str:
    return f"{count} number" if count == 1 else f"{count} numbers"


def _kept(*shares: float) -> list[str]:
    """Shares of the variation in per cent, with as many decimals as keep them apart and below 100."""
    texts: list[str] = []
    for decimals in range(5):
        texts = [f"{100 * share:.{decimals}f}" if share > 0 else "0" for share in shares]
        rounded_up = any(float(text) == 100 and share < 1 for text, share in zip(texts, shares, strict=True))
        alike = len(set(texts)) < len({max(share, 0.0) for share in shares})
        if not rounded_up and not alike:
            break
    return [f"{text} %" if share > 0 else "nothing" for text, share in zip(texts, shares, strict=True)]
