"""The page's first sentence: how many rows are encoded in how few numbers, what that keeps, and what PCA keeps.

It consists of pieces, each plain or strong, so the page needs no markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isthmus.text_table import counted

if TYPE_CHECKING:
    from isthmus.evaluation import Evaluation
    from isthmus.explorer.row_kind import RowKind

__all__ = ["banner", "does_as_well", "opening_sentence", "percentage"]

ROUNDING = 1e-9  # a smaller share of lost variance is float32's rounding error
EQUAL = 0.01  # errors this close, relative to PCA's, count as equal


def opening_sentence(
    evaluation: Evaluation,
    kind: RowKind,
    *,
    is_pca: bool = False,
    is_linear: bool = False,
    n_columns: int = 0,
    n_rows: int = 0,
) -> list[list[str]]:
    """Pieces [kind, text], kind "plain" or "strong".

    A mixed-type table has ``n_columns``, fewer than features; the map may show more rows, ``n_rows``, than evaluated.
    """
    n_rows = max(n_rows, evaluation.n_rows)
    error, size, on = evaluation.reconstruction, evaluation.n_components, evaluation.code.mean_on
    width = counted(n_columns or evaluation.n_features, kind.part)
    rows = f"{counted(n_rows, kind.noun)} of {width}"
    code = counted(size, "number").split(" ", 1)
    active = "" if on is None else f", about {max(1, round(on))} of them active"
    numbers = "that number" if size == 1 else f"those {size:,}"
    pieces = [
        ["plain", f"{rows}, {'each ' * (n_rows > 1)}encoded as "],
        ["strong", code[0]],
        ["plain", f" {code[1]}{active}. Move over the map: {kind.shown} decoded from {numbers} alone. "],
    ]
    model, pca = error.model.r2, error.pca.r2
    if model is None or pca is None:
        return [*pieces, ["plain", "These rows do not vary, so there is nothing to keep."]]
    left = " that the condition leaves" if evaluation.conditional else ""
    left += f" of the {evaluation.n_rows:,} held out" if n_rows > evaluation.n_rows else ""
    pieces += [["plain", "The code keeps "], ["strong", percentage(model)], ["plain", f" of the variance{left}; "]]
    if is_pca:
        return [*pieces, ["plain", "this is PCA, the best linear code."]]
    if kind.closed_form and is_linear:
        return [*pieces[:-1], ["plain", f" of the variance{left}. This is {kind.closed_form}."]]
    best = f"{kind.closed_form or 'PCA'}, the best linear code, keeps {percentage(pca)}"
    if does_as_well(evaluation):
        needs = "."
    elif error.pca_needs is None:
        needs = f" and needs more than {evaluation.n_directions} to match it."
    elif error.pca_needs > size:
        needs = f" and needs {error.pca_needs} to match it."
    else:
        needs = "."
    return [*pieces, ["plain", best + needs]]


def does_as_well(evaluation: Evaluation) -> bool:
    """Whether PCA of the same size has about the same error, or a smaller one."""
    error = evaluation.reconstruction
    return error.model.mse >= error.pca.mse * (1 - EQUAL)


def banner(evaluation: Evaluation, kind: RowKind, *, is_linear: bool = False) -> str:
    """A warning if PCA does as well or better, else nothing."""
    if kind.closed_form and is_linear:
        return ""  # the model is the closed form
    error = evaluation.reconstruction
    model, pca = error.model.mse, error.pca.mse
    exact = all(1 - (part.r2 if part.r2 is not None else 1) < ROUNDING for part in (error.model, error.pca))
    if exact:
        return "PCA is exact here, too; use PCA." if error.model.r2 is not None else ""
    if model > pca * (1 + EQUAL):
        return f"PCA does better here: its error is {_short(pca)}, this model's {_short(model)}."
    if does_as_well(evaluation):
        return f"PCA does as well here (its error is {_short(pca)}, this model's {_short(model)}); use PCA."
    return ""


def percentage(share: float) -> str:
    """A share in per cent, with two decimals only if it would otherwise be rounded to 100%."""
    digits = 0 if share < 0.995 or share >= 0.99995 else 2
    text = f"{100 * share:.{digits}f}%"
    return text.removeprefix("-") if float(text[:-1]) == 0 else text.replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.4f}" if 0.001 <= value < 1 else f"{value:.4g}"
