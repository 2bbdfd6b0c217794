"""Multiple imputation: missing cells drawn at random, so filled tables differ as much as the cells are uncertain.

Filling cells with their expectations makes a column vary too little, and estimates from it look too precise. Multiple
imputation (Rubin 1987) fills the table several times; the variance of an estimate is then the mean of its m variances
plus (1 + 1/m) times the variance of the m estimates.

Drawn cells of a table have the decimals of their column.

cells missing at fit    proper draws of a joint Gaussian of the columns, its parameters drawn too
                        (`isthmus.imputation.joint_gaussian`); of a table too wide for it, of the factor model
complete rows at fit    a code from N(z*, H⁻¹), decoded, plus noise with each column's held-out error; the decoder's
                        weights are treated as known
"""

from __future__ import annotations

import copy
import numbers
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isthmus.fitted import FittedState
from isthmus.inference.missing import expected_cells, fill_cells
from isthmus.inference.posterior import draw_codes

__all__ = ["drawn"]


def drawn(fitted: FittedState, rows: Any, given: np.ndarray | None, n_draws: int, who: str) -> list[np.ndarray]:
    """``n_draws`` copies of the rows in the user's units with their NaN drawn; equal rows always get equal draws."""
    if not isinstance(n_draws, numbers.Integral) or isinstance(n_draws, bool) or n_draws < 1:
        raise ValueError(f"{who}: impute takes draws as a whole number of at least 1, got {n_draws!r}.")
    n_draws = int(n_draws)
    rows = np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows)
    seed = zlib.crc32(np.ascontiguousarray(rows).tobytes())
    if fitted.model.completion is None:
        draw = _draws_of_codes(fitted, n_draws, torch.Generator().manual_seed(seed))
    else:
        draw = _draws_of_columns(fitted, n_draws, seed)
    holes = np.flatnonzero(np.isnan(rows).any(1))
    if not len(holes):
        return list(np.repeat(rows[None], n_draws, 0))
    found = fitted.map_rows(rows[holes], draw, None if given is None else given[holes])

    def cells(index: int) -> np.ndarray:
        values = fitted.in_user_units(found[:, index])
        return values if fitted.marginals is None else fitted.marginals.on_grids(values)

    return [fill_cells(rows, lambda indices, index=index: cells(index), fitted.dtype) for index in range(n_draws)]


def _draws_of_columns(fitted: FittedState, n_draws: int, seed: int) -> Callable[..., Tensor]:
    """Draws from the joint Gaussian, the factor model of a wide table, or a Bernoulli likelihood."""
    cells, model = fitted.cells, fitted.model
    completion: Any = model.completion
    source, likelihood = torch.Generator().manual_seed(seed), copy.deepcopy(model.likelihood).cpu()
    numbers = likelihood.is_gaussian or fitted.layout is not None

    def draw(x: Tensor, *conditions: Tensor) -> Tensor:
        if not numbers:
            mean = expected_cells(model, x, conditions[0] if conditions else None, cells).cpu().clamp(0, 1)
            return torch.stack([likelihood.sample(mean, completion.noise, source) for _ in range(n_draws)], 1)
        if cells is None:
            return torch.stack([completion.draw(x, source) for _ in range(n_draws)], 1)
        return torch.stack(cells.drawn(x, n_draws, seed), 1)

    return draw


def _draws_of_codes(fitted: FittedState, n_draws: int, source: torch.Generator) -> Callable[..., Tensor]:
    """Draws from the Laplace approximation of each row's posterior, decoded, with the likelihood's noise."""
    inference, model = fitted.inference, fitted.model
    assert inference is not None  # the model accepts missing cells
    assert fitted.codes is not None
    likelihood, errors = copy.deepcopy(model.likelihood).cpu(), fitted.codes.errors

    def draw(x: Tensor, *conditions: Tensor) -> Tensor:
        found = inference.posterior(model, x, *conditions)
        assert found.curvature is not None
        noise = torch.randn((n_draws, *found.codes.shape), generator=source).to(x.device)
        codes = draw_codes(found.codes, found.curvature, noise)
        means = [model.decode(each, *conditions, like=x).cpu() for each in codes]
        return torch.stack([likelihood.sample(mean, errors, source) for mean in means], 1)

    return draw
