"""What inference needs beside a model, learned at the end of a fit from some of its rows.

    polishing    how codes get from the encoder's guess to the best ones
    density      N(m, S) of codes, the prior of the evidence and of rows with missing cells
    σ²           the noise that no code explains

σ² comes from rows held out of training, as a decoder fits its own rows too well. A model that is PCA takes
probabilistic PCA's own answers instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from isthmus.inference.codes import Inferred, infer
from isthmus.inference.evidence import CodeDensity, evidence_of, fit_code_density
from isthmus.inference.linear_gaussian import linear_gaussian_log_prob
from isthmus.inference.polishing import STEPS, Polishing, can_polish, pays, polishing_of, target_of
from isthmus.inference.posterior import covariances, standard_errors
from isthmus.inference.target import Target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.linearization import NotDifferentiableError
from isthmus.parts.principal import Principal

__all__ = ["InferenceState", "learn_inference"]

EXACT_STEPS = 8  # of Levenberg-Marquardt, where the curvature at the code is wanted: so many make the code exact
LEAST_NOISE = 1e-10  # in the model's units, whose variance is 1


@dataclass(frozen=True)
class InferenceState:
    """See the module.

    Attributes
    ----------
    polishing : Polishing or None
        None where a code is no point that could lie elsewhere, or the decoder has no derivative.
    density : CodeDensity or None
        None of a model with a prior, and where the decoder has no derivative.
    noise_variance : float
        σ² in the model's units.
    """

    polishing: Polishing | None
    density: CodeDensity | None
    noise_variance: float

    @property
    def takes_gaps(self) -> bool:
        """Whether rows with missing cells can be encoded by the cells they have."""
        return self.polishing is not None and self.density is not None

    def codes(self, model: AutoencoderModel, x: Tensor, steps: int | None = None) -> Tensor:
        """Codes of rows in the model's units, shape (batch, p): as good as ``steps`` of descent make them.

        Rows with missing cells, NaN, are encoded by the cells they have and by the density of codes.
        """
        if self.polishing is None:
            return model.encode(x).mean
        gaps = x.isnan().any(1)
        if model.completion is not None or not bool(gaps.any()):
            return self.polishing.codes(model, target_of(model.likelihood, x), model.encode(x).mean, steps)
        codes = self.codes(model, torch.where(gaps[:, None], 0.0, x), steps)
        return codes.index_copy(0, gaps.nonzero()[:, 0], self.posterior(model, x[gaps]).codes)

    def posterior(self, model: AutoencoderModel, x: Tensor) -> Inferred:
        """The best codes of rows under the density of codes and the noise that was found, with the curvature there."""
        assert self.density is not None  # see `takes_gaps`
        target, missing = self.target(model, x), x.isnan()
        if model.completion is None and bool(missing.any()):
            x = torch.where(missing, model.decode(self.density.mean[None]), x)
        guess = model.encode(x).mean
        if self.polishing is not None:
            guess = self.polishing.start(model, target, guess)
        return infer(model.decoder, target, guess, steps=EXACT_STEPS, prior=self.density.prior, curvature=True)

    def standard_errors(self, model: AutoencoderModel, x: Tensor, codes: Tensor, n_first: int) -> Tensor:
        """Of the first latents of codes that are known, shape (batch, n_first), the others being what they are."""
        curvature = self._curvature(model, x, codes)
        if self.density is not None:
            gaps = x.isnan().any(1)[:, None, None]  # a row with gaps was encoded by the density of codes too
            curvature = curvature + torch.where(gaps, self.density.prior.precision, 0.0)
        return standard_errors(curvature[:, :n_first, :n_first].contiguous())

    def _curvature(self, model: AutoencoderModel, x: Tensor, codes: Tensor) -> Tensor:
        """H at codes that are known, shape (batch, p, p), under the noise that was found and without a prior."""
        found = infer(model.decoder, self.target(model, x), codes, steps=0, curvature=True)
        assert found.curvature is not None  # it was asked for
        return found.curvature

    def log_evidence(self, model: AutoencoderModel, x: Tensor) -> Tensor:
        """Log p(x), in nats, shape (batch,), of rows in the model's units, over the cells they have."""
        assert self.density is not None  # see `density`
        if model.decoder.residual is None and model.likelihood.is_gaussian and model.likelihood.mean_is_output:
            stacked = model.decoder.value_and_jacobian(self.density.mean[None])[0]
            return linear_gaussian_log_prob(x, stacked[0], stacked[1:].T @ self.density.root, self.noise_variance)
        return evidence_of(self.posterior(model, x), self.target(model, x), self.density)

    def target(self, model: AutoencoderModel, x: Tensor) -> Target:
        """Rows as the noise that was found has them compared."""
        return target_of(model.likelihood.with_noise(self.noise_variance), x)


def learn_inference(
    model: AutoencoderModel, rows: Tensor, held_out: Tensor, closed_form: Principal | None
) -> InferenceState:
    """What inference needs, from training rows and held-out rows, shapes (·, n_features), in the model's units.

    ``closed_form`` is PCA, where the model's codes and reconstructions are its.
    """
    with torch.no_grad():
        guess = model.encode(rows).mean
        amortized = _noise(model, held_out, model.encode(held_out).mean, 0)
        if model.bottleneck.has_prior:
            return InferenceState(None, None, amortized)
        if not model.bottleneck.is_gate:  # a sparse code: what units are on has been spent on a row
            codes = model.encode(held_out).mean
            spent = min(float((codes != 0).double().sum(1).mean()), held_out.shape[1] - 1)
            return InferenceState(None, fit_code_density(guess, None), _noise(model, held_out, codes, spent))
        try:
            return _of_points(model, model.complete(rows), guess, held_out, closed_form)
        except NotDifferentiableError as error:
            warnings.warn(
                f"{error}: codes stay as the encoder gives them, and score_samples is the density of a row given its "
                "code.",
                RuntimeWarning,
                stacklevel=2,
            )
            return InferenceState(None, None, amortized)


def _of_points(
    model: AutoencoderModel, rows: Tensor, guess: Tensor, held_out: Tensor, closed_form: Principal | None
) -> InferenceState:
    likelihood, n_latents = model.likelihood, guess.shape[1]
    target = target_of(likelihood, rows)
    polishing = polishing_of(model, target, guess)
    codes = polishing.codes(model, target, guess, STEPS)
    polishing = polishing_of(model, target, codes)
    known, judged = model.complete(held_out), target_of(likelihood, model.complete(held_out))
    first = model.encode(known).mean
    start = polishing.start(model, judged, first)
    polishing = replace(polishing, steps=_steps_that_pay(model, polishing, judged, first))
    if closed_form is not None and likelihood.is_gaussian and n_latents <= len(closed_form.variances):
        noise = likelihood.noise_variance or max(closed_form.noise_variance(n_latents), LEAST_NOISE)
        spread = (closed_form.variances[:n_latents] - noise).clamp(min=LEAST_NOISE).to(rows.device)
        return InferenceState(polishing, CodeDensity(torch.zeros_like(spread), spread.diag()), noise)
    best = infer(model.decoder, judged, start, steps=EXACT_STEPS).codes
    noise = _noise(model, held_out, best, n_latents)
    state = InferenceState(polishing, None, noise)
    codes = infer(model.decoder, target, codes, steps=EXACT_STEPS).codes
    return replace(state, density=fit_code_density(codes, covariances(state._curvature(model, rows, codes))))


def _steps_that_pay(model: AutoencoderModel, polishing: Polishing, target: Target, guess: Tensor) -> int:
    """How many steps are taken unasked: those of the defaults, or none where held-out rows gain too little."""
    if not can_polish(model) or not model.corruption.is_identity:
        return 0
    codes = polishing.codes(model, target, guess, STEPS)
    return STEPS if pays(target.cost(model.decoder(guess)), target.cost(model.decoder(codes))) else 0


def _noise(model: AutoencoderModel, x: Tensor, codes: Tensor, spent: float) -> float:
    """σ² from the squared error of held-out rows, of whose cells the code has ``spent`` some; in the model's units."""
    likelihood = model.likelihood
    if likelihood.noise_variance is not None:
        return likelihood.noise_variance
    count = (~x.isnan()).sum(1).double()
    errors = likelihood.error_per_feature(model.decoder(codes), x).double() * count
    spare = count.sum() - (spent * len(x) if likelihood.mean_is_output else 0)
    return max(float(errors.sum() / spare.clamp(min=1)), LEAST_NOISE)
