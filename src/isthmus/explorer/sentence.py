"""The page's first sentence: what was squeezed to what, what that keeps, and what PCA keeps.

The words are pieces, each plain or strong, so that the page can set them in type without reading any markup.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from isthmus.evaluation import Evaluation

__all__ = ["banner", "opening_sentence"]

ROUNDING = 1e-9  # a share of variation lost that is float32's rounding
EQUAL = 0.01  # errors this close, relative to PCA's, are called the same


def opening_sentence(evaluation: Evaluation, *, pictures: bool, is_pca: bool = False) -> list[list[str]]:
    """Pieces [kind, text], kind "plain" or "strong"."""
    rebuilding, size, on = evaluation.reconstruction, evaluation.n_components, evaluation.code.mean_on
    noun = ("picture" if pictures else "row") + ("" if evaluation.n_rows == 1 else "s")
    squeezed = "each squeezed to " if size < evaluation.n_features else "each rewritten as "
    if on is not None:
        squeezed = f"each rewritten with about {max(1, round(on))} of "
    numbers = "that one" if size == 1 else f"those {size}"
    shown = "the middle picture is" if pictures else "the blue bars are"
    pieces = [
        ["plain", f"{evaluation.n_rows:,} {noun} of {evaluation.n_features:,} numbers, {squeezed}"],
        ["strong", f"{size:,}"],
        ["plain", f". Move on the map: {shown} rebuilt from {numbers} alone. "],
    ]
    model, pca = rebuilding.model.r2, rebuilding.pca.r2
    if model is None or pca is None:
        return [*pieces, ["plain", "These rows do not vary, so there is nothing to keep."]]
    ours, theirs = _per_cent(model), _per_cent(pca)
    pieces += [["plain", "Keeps "], ["strong", ours], ["plain", " of the variation; "]]
    if is_pca:
        return [*pieces, ["plain", "this is the best straight-line method, PCA."]]
    best = f"the best straight-line method (PCA) keeps {theirs}"
    if rebuilding.pca_needs is None:
        needs = f", and needs more than {evaluation.n_directions} numbers to do as well."
    elif model > pca:
        count = rebuilding.pca_needs
        needs = f", and needs {count} number{'' if count == 1 else 's'} to do as well."
    else:
        needs = "."
    return [*pieces, ["plain", best + needs]]


def banner(evaluation: Evaluation) -> str:
    """A warning where PCA does as well or better, else nothing."""
    judged = evaluation.reconstruction
    model, pca = judged.model.mse, judged.pca.mse
    exact = all(1 - (error.r2 if error.r2 is not None else 1) < ROUNDING for error in (judged.model, judged.pca))
    if exact:
        return "PCA loses nothing here either; use PCA." if judged.model.r2 is not None else ""
    if model > pca * (1 + EQUAL):
        return f"PCA does better here: {_short(pca)} vs {_short(model)}."
    if model >= pca * (1 - EQUAL):
        return f"PCA does as well here: {_short(pca)} vs {_short(model)}; use PCA."
    return ""


def _per_cent(share: float) -> str:
    digits = 0 if share < 0.995 or share >= 0.99995 else 2
    said = f"{100 * share:.{digits}f} %"
    return said.removeprefix("-") if float(said[:-2]) == 0 else said.replace("-", "−")


def _short(value: float) -> str:
    return f"{value:.4f}".lstrip("0") if 0.001 <= value < 1 else f"{value:.4g}"
