"""The methods that make new rows, for every variant: `sample` and `interpolate`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from isthmus.generation.code_buffer import Memory, RowsSeen
from isthmus.generation.density import CodeDensity, fit_code_density
from isthmus.generation.path import spherical_path, straight_path
from isthmus.mixed.encoding import in_given_form
from isthmus.parts.likelihood import BernoulliLikelihood
from isthmus.parts.mixed_likelihood import MixedLikelihood
from isthmus.rows.rows import Rows
from isthmus.training.devices import seeded

__all__ = ["CODES", "PATHS", "GenerationMixin"]

CODES = ("auto", "prior", "density")
PATHS = ("auto", "straight", "spherical")
FLAT = 3  # up to so many numbers a straight path between variational codes does no harm


class GenerationMixin:
    """New rows from codes: drawn (`sample`) or on the way between two rows' (`interpolate`)."""

    _memory: Memory | None
    _seen: RowsSeen | None
    _density: CodeDensity | None

    def sample(
        self, n_samples: int = 1, random_state: Any = None, *, codes: str = "auto", noise: bool = False
    ) -> np.ndarray:
        """New rows: codes drawn and decoded; shape (n_samples, n_features), in the units of the data.

        Parameters
        ----------
        n_samples
            How many, at least 1.
        random_state
            Seed or generator; None takes the model's own seed, so that the same rows come again.
        codes
            Where codes come from: ``"prior"`` is N(0, I), which only a variational model has; ``"density"`` a
            density fitted to the codes of training rows (`isthmus.generation.density`); ``"auto"`` the prior where
            there is one, else the density.
        noise
            Add what the decoder cannot say: to each column normal noise as wide as the model's error on held-out
            rows; truth values and categories are drawn (and with a Bernoulli likelihood, 0 or 1). Without it a row
            is the mean of the rows with its code.
        """
        me: Any = self
        who = type(self).__name__
        check_is_fitted(me)
        if not isinstance(n_samples, (int, np.integer)) or n_samples < 1:
            raise ValueError(f"{who}: sample takes n_samples of at least 1, got {n_samples!r}.")
        if codes not in CODES:
            raise ValueError(f"{who}: codes must be one of {', '.join(CODES)}, got {codes!r}.")
        gaussian = me.model_.bottleneck.outputs_per_latent == 2
        if codes == "prior" and not gaussian:
            raise ValueError(
                f"{who}: codes='prior' needs a variational model, as this one's codes have no prior; "
                f"use codes='density'."
            )
        generator = check_random_state(me._seed if random_state is None else random_state)
        if gaussian and codes != "density":
            drawn = generator.standard_normal((n_samples, me.n_components_))
        else:
            drawn = self._drawn_from_density(n_samples, generator)
        rows = me._decoded(drawn)
        return in_given_form(me, self._with_noise(rows, generator) if noise else rows)

    def interpolate(self, A: Any, B: Any, steps: int = 9, path: str = "auto") -> np.ndarray:
        """Rows rebuilt along the way from the code of A to the code of B, both ends included.

        Parameters
        ----------
        A, B
            As many rows each, shape (n_pairs, n_features); one row each may be given as plain vectors.
        steps
            Rows a pair, at least 2; the first is A rebuilt, the last B.
        path
            ``"straight"``, ``"spherical"`` (about the origin, for codes of many numbers with a prior N(0, I)), or
            ``"auto"``: spherical for variational codes of more than 3 numbers.

        Returns
        -------
        Shape (n_pairs * steps, n_features), pair after pair: ``.reshape(n_pairs, steps, -1)`` parts them.
        """
        me: Any = self
        who = type(self).__name__
        check_is_fitted(me)
        if not isinstance(steps, (int, np.integer)) or steps < 2:
            raise ValueError(f"{who}: interpolate takes steps of at least 2, got {steps!r}.")
        if path not in PATHS:
            raise ValueError(f"{who}: path must be one of {', '.join(PATHS)}, got {path!r}.")
        starts, ends = (me.transform(_as_rows(rows)).astype(np.float64) for rows in (A, B))
        if len(starts) != len(ends):
            raise ValueError(f"{who}: interpolate takes as many rows in A as in B, got {len(starts)} and {len(ends)}.")
        gaussian = me.model_.bottleneck.outputs_per_latent == 2
        if path == "auto":
            path = "spherical" if gaussian and me.n_components_ > FLAT else "straight"
        way = (spherical_path if path == "spherical" else straight_path)(starts, ends, int(steps))
        return me.inverse_transform(way.reshape(-1, me.n_components_))

    def _drawn_from_density(self, n_samples: int, generator: np.random.RandomState) -> np.ndarray:
        """Codes as `inverse_transform` takes them."""
        me: Any = self
        memory = self._remembered()
        if self._density is None:
            self._density = fit_code_density(memory.codes.numpy(), me._seed, sparse=me.model_.bottleneck.sparse)
        drawn = self._density.sample(n_samples, generator)
        if me.model_.bottleneck.outputs_per_latent == 2:
            return drawn
        with torch.inference_mode():
            h = torch.from_numpy(drawn.astype(np.float32)).to(me._device)
            return me.model_.bottleneck(h).mean.cpu().numpy() * np.float32(me._code_unit)

    def _with_noise(self, rows: np.ndarray, generator: np.random.RandomState) -> np.ndarray:
        me: Any = self
        if isinstance(me.model_.likelihood, BernoulliLikelihood):
            shares = np.clip(me.scaling_.apply(rows), 0, 1)
            return me.scaling_.undo(generator.random_sample(rows.shape) < shares).astype(rows.dtype)
        width = np.sqrt(self._remembered().errors.numpy().astype(np.float64)) * me.scaling_.spread
        noisy = rows + width * generator.standard_normal(rows.shape)
        if isinstance(me.model_.likelihood, MixedLikelihood):
            _draw_words(noisy, rows, me.model_.likelihood, generator)
        return noisy.astype(rows.dtype)

    def _note_rows(self, rows: Rows) -> None:
        """`partial_fit` has learned from these: what is remembered will be theirs, once it is needed."""
        if self._seen is None:
            self._seen = RowsSeen(self._memory)
        self._seen.add(rows)
        self._memory = self._density = None

    def _known(self) -> Memory | None:
        """What is remembered, after a look at rows noted since."""
        me: Any = self
        seen = getattr(self, "_seen", None)
        if seen is not None and self._memory is None:
            with seeded(me._seed, me._device):
                self._memory = seen.remembered(me.model_, me._device)
        return getattr(self, "_memory", None)

    def _remembered(self) -> Memory:
        memory = self._known()
        if memory is None:
            raise ValueError(
                f"{type(self).__name__}: the codes of its training rows were not kept (it was saved by an earlier "
                f"isthmus, or is still being fitted); fit it again to sample from them."
            )
        return memory


def _draw_words(
    noisy: np.ndarray, probabilities: np.ndarray, likelihood: MixedLikelihood, generator: np.random.RandomState
) -> None:
    """Truth values and categories of a mixed table, drawn by their probabilities into ``noisy``."""
    truths = probabilities[:, likelihood.truths]
    noisy[:, likelihood.truths] = generator.random_sample(truths.shape) < truths
    for span in likelihood.categories:
        ends = probabilities[:, span].cumsum(1)
        drawn = (generator.random_sample((len(ends), 1)) * ends[:, -1:] < ends).argmax(1)
        noisy[:, span] = np.eye(ends.shape[1])[drawn]


def _as_rows(rows: Any) -> Any:
    return np.asarray(rows)[None] if np.ndim(rows) == 1 and not hasattr(rows, "columns") else rows
