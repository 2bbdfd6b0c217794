"""The methods that generate rows, for every variant: `sample` and `interpolate`."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.fitted import FittedState
from isthmus.generation.density import fit_code_density
from isthmus.generation.path import linear_path, spherical_path
from isthmus.generation.sources import CodeSource, nearest_source
from isthmus.generation.tables import Finish, drawn_in_order, order_of
from isthmus.inference.code_buffer import CodeBuffer
from isthmus.rows.conditions import given_for

__all__ = ["CODES", "PATHS", "GenerationMixin"]

CODES = ("auto", "prior", "density")
PATHS = ("auto", "linear", "spherical")
REFERENCE_ROWS = 4096  # draws that estimate the model's own distribution of each column
FLAT = 3  # up to this many dimensions a linear path between variational codes is harmless


class GenerationMixin:
    """New rows decoded from codes: drawn at random (`sample`), or between the codes of two rows (`interpolate`)."""

    if TYPE_CHECKING:
        fitted_: FittedState
        transform: Any
        inverse_transform: Any

    # Computed on first use, each with what it was computed from.
    _density = None
    _source = None
    _finishing = None

    def sample(
        self,
        n_samples: int = 1,
        random_state: Any = None,
        *,
        codes: str = "auto",
        noise: bool | None = None,
        given: Any = None,
        order: Sequence[str] = (),
    ) -> Any:
        """Draw codes and decode them: rows of shape (n_samples, n_features), in the units of the data.

        A model of an array with more than two axes, such as (n, height, width), gives rows of its shape.

        A model of a DataFrame gives a DataFrame of synthetic rows: decimals, ranges, categories and patterns of
        missing cells are those of the training rows (`isthmus.generation.tables`).

        Parameters
        ----------
        n_samples
            Number of rows, at least 1.
        random_state
            Seed or generator; None uses the model's own seed, so repeated calls give the same rows.
        codes
            The distribution of codes: ``"prior"`` is N(0, I), which only a variational model has; ``"density"`` is
            fitted to the codes of training rows (`isthmus.generation.density`); ``"auto"`` is whichever is nearer to
            codes that the density was not fitted to, which `code_source` says.
        noise
            Sample from the likelihood: each column gets normal noise with the variance of the model's error on held-out
            rows; booleans and categories are drawn (and, with a Bernoulli likelihood, 0 or 1). Without noise a row is
            the mean of the rows with its code. None: only for tables with column names. Counts are always drawn as
            whole numbers, with the total of some training row. With noise, named columns of a table take the values
            that they have in training rows.
        given
            Condition of each new row, shape (n_samples, n_given), for a model fitted with ``given``; a single row is
            used for all.
        order
            Constraints between numeric columns or dates that every new row satisfies, such as ``"start <= end"``.
        """
        who = type(self).__name__
        check_is_fitted(self)  # pyrefly: ignore[bad-argument-type]
        fitted = self.fitted_
        if not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            raise ValueError(f"{who}: sample takes a whole number of rows, at least 1, got {n_samples!r}.")
        if codes not in CODES:
            raise ValueError(f"{who}: codes must be one of {', '.join(CODES)}, got {codes!r}.")
        has_prior = fitted.model.bottleneck.has_prior
        if codes == "prior" and not has_prior:
            raise ValueError(
                f"{who}: codes='prior' needs a variational model; this model's codes have no prior, so use "
                f"codes='density'."
            )
        generator = check_random_state(fitted.seed if random_state is None else random_state)
        if noise is None:  # rows of a table are to be like its rows
            noise = fitted.layout is not None or fitted.marginals is not None
        orders = order_of([order] if isinstance(order, str) else order, self._column_names(), fitted.layout, who)
        given = self._conditions(given, n_samples)
        source = self.code_source().name if codes == "auto" else codes
        finish = self._finish() if noise else None

        def draw(count: int) -> np.ndarray:
            rows = self._drawn(count, source, given, generator, noise=noise)
            return rows if finish is None else finish.rows(rows, generator, gaps=True)

        rows = drawn_in_order(draw, int(n_samples), orders, who)
        return fitted.new_rows(rows.astype(fitted.dtype))

    def code_source(self) -> CodeSource:
        """Where `sample` takes codes from by default: the prior, or the density of training codes.

        For a model without a prior it is the density, else whichever is nearer to held-out codes.
        """
        check_is_fitted(self)  # pyrefly: ignore[bad-argument-type]
        fitted = self.fitted_
        if not fitted.model.bottleneck.has_prior:
            return CodeSource("density", {})
        if fitted.codes is None:
            return CodeSource("prior", {})
        found, measured = self._source or (None, None)
        if found is None or measured is not fitted.codes:
            found = nearest_source(fitted.codes.kept.numpy()[:, : fitted.n_components], fitted.seed)
            self._source = found, fitted.codes
        return found

    def _drawn(
        self, count: int, source: str, given: np.ndarray | None, generator: np.random.RandomState, *, noise: bool
    ) -> np.ndarray:
        """Rows as numbers in the user's units, decoded from codes drawn from ``source``."""
        fitted = self.fitted_
        if source == "prior":
            drawn = generator.standard_normal((count, fitted.n_components)) * fitted.code_unit
        else:
            drawn = self._drawn_from_density(count, generator)
        rows = fitted.decode(drawn, given)
        drawn_whole = noise or fitted.model.likelihood.draws_whole
        return self._with_noise(rows, generator) if drawn_whole else rows

    def _finish(self) -> Finish | None:
        """What maps draws to the values that columns take; None if the rows are no table."""
        fitted = self.fitted_
        marginals = fitted.marginals
        if marginals is None or fitted.model.likelihood.draws_whole:
            return None
        known, fitted_to = self._finishing or (None, None)
        if known is None or fitted_to is not marginals:
            reference = None
            if fitted.given is None:  # else columns differ by condition, and the quantiles are those of all rows
                generator = check_random_state(fitted.seed)
                rows = self._drawn(REFERENCE_ROWS, self.code_source().name, None, generator, noise=True)
                levels = np.linspace(0, 1, len(marginals.quantiles))
                reference = np.quantile(rows.astype(np.float64), levels, axis=0)
            known = Finish(marginals, reference)
            self._finishing = known, marginals
        return known

    def _column_names(self) -> list[str]:
        n_columns = self.fitted_.architecture.n_features
        return [str(name) for name in getattr(self, "feature_names_in_", (f"x{place}" for place in range(n_columns)))]

    def interpolate(
        self, A: Any, B: Any, steps: int = 9, path: str = "auto", *, given: Any = None, given_end: Any = None
    ) -> np.ndarray:
        """Decode points on a path from the code of A to the code of B, both ends included.

        Parameters
        ----------
        A, B
            Equal numbers of rows, shape (n_pairs, n_features); a single row may be a vector, or one picture.
        steps
            Rows per pair, at least 2; the first is A's reconstruction, the last B's.
        path
            ``"linear"``, ``"spherical"`` (about the origin, for codes of many latents with a prior N(0, I)), or
            ``"auto"``: spherical for variational codes of more than 3 latents.
        given, given_end
            Conditions of A and of B, for a model fitted with ``given``; B's are A's unless they are passed. Where they
            differ, the condition moves linearly with the code.

        Returns
        -------
        Shape (n_pairs * steps, n_features), pair after pair: ``.reshape(n_pairs, steps, -1)`` separates them. Rows have
        the form of those of the fit, as from `inverse_transform`.
        """
        who = type(self).__name__
        check_is_fitted(self)  # pyrefly: ignore[bad-argument-type]
        fitted = self.fitted_
        if not isinstance(steps, (int, np.integer)) or steps < 2:
            raise ValueError(f"{who}: interpolate takes steps of at least 2, got {steps!r}.")
        if path not in PATHS:
            raise ValueError(f"{who}: path must be one of {', '.join(PATHS)}, got {path!r}.")
        A, B = (_as_rows(rows, fitted.array_shape) for rows in (A, B))
        first = self._conditions(given, _count(A))
        last = first if given_end is None else self._conditions(given_end, _count(B))
        starts, ends = (self.transform(rows, given=own).astype(np.float64) for rows, own in ((A, first), (B, last)))
        if len(starts) != len(ends):
            raise ValueError(f"{who}: A and B must have equal numbers of rows, got {len(starts)} and {len(ends)}.")
        if path == "auto":
            spherical = fitted.model.bottleneck.has_prior and fitted.n_components > FLAT
            path = "spherical" if spherical else "linear"
        unit = fitted.code_unit  # the prior is spherical in the units of the model
        points = (spherical_path if path == "spherical" else linear_path)(starts / unit, ends / unit, int(steps))
        if first is None or last is None:
            between = None
        else:
            between = linear_path(first, last, int(steps)).reshape(-1, first.shape[1])
        return self.inverse_transform(points.reshape(-1, fitted.n_components) * unit, given=between)

    def _conditions(self, given: Any, n_rows: int) -> np.ndarray | None:
        """Encoded conditions of ``n_rows`` rows; a single condition is repeated."""
        if given is not None and n_rows > 1 and _count(given) == 1:
            found = given_for(self, given, 1)
            return None if found is None else np.repeat(found, n_rows, 0)
        return given_for(self, given, n_rows)

    def _drawn_from_density(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        """Codes drawn from the fitted density, as `inverse_transform` takes them."""
        fitted, buffer = self.fitted_, self._buffer()
        bottleneck = fitted.model.bottleneck
        density, fitted_to = self._density or (None, None)
        if density is None or fitted_to is not buffer:
            density = fit_code_density(buffer.kept.numpy(), fitted.seed, sparse=bottleneck.sparse)
            self._density = density, buffer
        drawn = density.sample(n_samples, generator)
        with torch.inference_mode():
            points = torch.from_numpy(drawn.astype(np.float32)).to(fitted.device)
            return bottleneck.code_of(points).cpu().numpy() * fitted.code_unit

    def _with_noise(self, rows: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
        """Rows drawn from the likelihood with these means."""
        fitted = self.fitted_
        source = torch.Generator().manual_seed(int(generator.randint(2**31 - 1)))
        likelihood, errors = copy.deepcopy(fitted.model.likelihood).cpu(), self._buffer().errors
        means = torch.from_numpy(fitted.scaling.apply(rows))
        return fitted.in_user_units(likelihood.sample(means, errors, source).detach().numpy())

    def _buffer(self) -> CodeBuffer:
        if self.fitted_.codes is None:
            raise ValueError(
                f"{type(self).__name__}: no codes of training rows are stored (the model was saved by an earlier "
                "isthmus, or is still being fitted); fit it again to sample from them."
            )
        return self.fitted_.codes


def _count(rows: Any) -> int:
    return rows.shape[0] if hasattr(rows, "shape") else len(rows)


def _as_rows(rows: Any, array_shape: tuple[int, ...] | None) -> Any:
    single = np.ndim(rows) == 1 or (array_shape is not None and np.shape(rows) == array_shape)
    return np.asarray(rows)[None] if single and not hasattr(rows, "columns") else rows
