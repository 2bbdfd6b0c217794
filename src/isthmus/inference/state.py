"""What inference needs in addition to a model, learned at the end of a fit from some of its rows.

    polishing    how codes are improved from the encoder's guess
    density      N(m, S) of codes, the prior for the evidence and for rows with missing cells
    σ²           the noise variance

σ² is estimated on held-out rows, as a decoder fits its training rows too well. A model that is PCA uses the estimates
of probabilistic PCA instead.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from isthmus.inference.codes import Inferred, infer, joined
from isthmus.inference.evidence import CodeDensity, density_behind, evidence_of, fit_code_density
from isthmus.inference.linear_gaussian import linear_gaussian_log_prob
from isthmus.inference.polishing import STEPS, Polishing, can_polish, curvature_sample, pays, polishing_of, target_of
from isthmus.inference.posterior import covariances, standard_errors
from isthmus.inference.target import Target
from isthmus.parts.autoencoder import AutoencoderModel
from isthmus.parts.linearization import NotDifferentiableError
from isthmus.parts.principal import Principal
from isthmus.rows.rows import Batch

__all__ = ["EXACT_STEPS", "InferenceState", "is_costly", "learn_inference"]

EXACT_STEPS = 8  # of Levenberg-Marquardt, enough for an exact code
MANY_LATENTS, MANY_CELLS = 8, 1 << 14  # a larger Jacobian is so expensive that cheaper steps of descent come first
LAST_STEPS = 2  # of Levenberg-Marquardt, from codes that are nearly exact
DENSITY_PASSES = 2  # over the rows, each under the last estimate of the density, for a likelihood that isn't Gaussian
FAR = 4.0  # deviations beyond those of the mean code of p latents, √p
MIN_NOISE = 1e-10  # in the model's units, whose variance is 1


@dataclass(frozen=True)
class InferenceState:
    """Polishing, density of codes and noise; see the module.

    Attributes
    ----------
    polishing : Polishing or None
        None if codes are not unconstrained points, or the decoder has no derivative.
    density : CodeDensity or None
        None for a model with a prior, or if the decoder has no derivative.
    noise_variance : float
        σ² in the model's units.
    """

    polishing: Polishing | None
    density: CodeDensity | None
    noise_variance: float

    @property
    def takes_gaps(self) -> bool:
        """Whether rows with missing cells can be encoded from their observed cells."""
        return self.polishing is not None and self.density is not None

    def codes(
        self, model: AutoencoderModel, x: Tensor, given: Tensor | None = None, steps: int | None = None
    ) -> Tensor:
        """Codes of rows in the model's units, shape (batch, p), after ``steps`` of descent.

        After a fit to complete rows, those with missing cells (NaN) are encoded from their observed cells and the
        density of codes. A model fitted to such rows needs the density only where the observed cells leave the code so
        free that it ran far away from all others.
        """
        if self.polishing is None:
            return model.encode(x, given).mean
        gaps = x.isnan().any(1)
        if not bool(gaps.any()):
            return self._polished(model, x, given, steps)
        if model.completion is None:
            codes = self._polished(model, torch.where(gaps[:, None], 0.0, x), given, steps)
        else:
            codes = self._polished(model, x, given, steps)
            gaps = gaps & self._is_far(codes)
        if not bool(gaps.any()):
            return codes
        found = self.posterior(model, x[gaps], None if given is None else given[gaps])
        return codes.index_copy(0, gaps.nonzero()[:, 0], found.codes)

    def _polished(self, model: AutoencoderModel, x: Tensor, given: Tensor | None, steps: int | None) -> Tensor:
        assert self.polishing is not None  # the caller has checked
        return self.polishing.codes(model, target_of(model.likelihood, x, given), model.encode(x, given).mean, steps)

    def _is_far(self, codes: Tensor) -> Tensor:
        """Whether each code lies outside the density of codes, shape (batch,)."""
        if self.density is None:
            return codes.new_zeros(len(codes), dtype=torch.bool)
        prior = self.density.prior
        offset = codes - prior.mean
        return torch.linalg.vecdot(offset, offset @ prior.precision) > (codes.shape[1] ** 0.5 + FAR) ** 2

    def posterior(
        self, model: AutoencoderModel, x: Tensor, given: Tensor | None = None, near: Tensor | None = None
    ) -> Inferred:
        """The best codes of rows under the density of codes and the estimated noise, with the curvature there.

        ``near`` holds codes close to the best, from which fewer steps suffice.
        """
        assert self.density is not None  # see `takes_gaps`
        target, missing = self._target(model, x, given), x.isnan()
        if near is not None:
            return infer(model.decoder, target, near, steps=LAST_STEPS, prior=self.density.prior, curvature=True)
        if model.completion is None and bool(missing.any()):
            x = torch.where(missing, model.decode(self.density.mean.expand(len(x), -1), given), x)
        codes = model.encode(x, given).mean
        if self.polishing is not None:
            codes = self.polishing.start(model, target, codes)
        if self.polishing is None or not is_costly(target, codes):
            return infer(model.decoder, target, codes, steps=EXACT_STEPS, prior=self.density.prior, curvature=True)
        gaps = missing.any(1)  # from a few observed cells descent may diverge
        codes = torch.where(gaps[:, None], codes, self.polishing.descended(model, target, codes, EXACT_STEPS))
        found, order = [], []
        for indices, steps in ((gaps.nonzero()[:, 0], EXACT_STEPS), ((~gaps).nonzero()[:, 0], LAST_STEPS)):
            if len(indices):
                part, prior = target.rows(indices), self.density.prior
                found.append(infer(model.decoder, part, codes[indices], steps=steps, prior=prior, curvature=True))
                order.append(indices)
        return joined(found, torch.cat(order).argsort())

    def standard_errors(
        self, model: AutoencoderModel, x: Tensor, given: Tensor | None, codes: Tensor, n_first: int
    ) -> Tensor:
        """Standard errors of the first latents of known codes, shape (batch, n_first), with the others fixed."""
        return standard_errors(self._precision(model, x, given, codes, n_first))

    def covariances(
        self, model: AutoencoderModel, x: Tensor, given: Tensor | None, codes: Tensor, n_first: int
    ) -> Tensor:
        """Covariances of the first latents of known codes, shape (batch, n_first, n_first), with the others fixed."""
        return covariances(self._precision(model, x, given, codes, n_first))

    def _precision(
        self, model: AutoencoderModel, x: Tensor, given: Tensor | None, codes: Tensor, n_first: int
    ) -> Tensor:
        curvature = self._curvature(model, x, given, codes)
        if self.density is not None:
            gaps = x.isnan().any(1)[:, None, None]  # rows with gaps were encoded under the density of codes
            curvature = curvature + torch.where(gaps, self.density.prior.precision, 0.0)
        return curvature[:, :n_first, :n_first].contiguous()

    def _curvature(self, model: AutoencoderModel, x: Tensor, given: Tensor | None, codes: Tensor) -> Tensor:
        """H at known codes, shape (batch, p, p), under the estimated noise and without a prior."""
        found = infer(model.decoder, self._target(model, x, given), codes, steps=0, curvature=True)
        assert found.curvature is not None  # as requested
        return found.curvature

    def log_evidence(self, model: AutoencoderModel, x: Tensor, given: Tensor | None = None) -> Tensor:
        """Log p(x), in nats, shape (batch,), of rows in the model's units, over their observed cells."""
        assert self.density is not None  # the caller has checked
        gaussian = model.likelihood.is_gaussian and model.likelihood.mean_is_output
        if gaussian and given is None and model.decoder.residual is None:
            stacked = model.decoder.value_and_jacobian(self.density.mean[None])[0]
            return linear_gaussian_log_prob(x, stacked[0], stacked[1:].T @ self.density.root, self.noise_variance)
        return evidence_of(self.posterior(model, x, given), self._target(model, x, given), self.density)

    def _target(self, model: AutoencoderModel, x: Tensor, given: Tensor | None) -> Target:
        """The target of rows under the estimated noise."""
        return target_of(model.likelihood.with_noise(self.noise_variance), x, given)


def learn_inference(
    model: AutoencoderModel,
    rows: Batch,
    held_out: Batch,
    closed_form: Principal | None,
    before: InferenceState | None = None,
) -> InferenceState:
    """The state of inference, from training rows and held-out rows in the model's units.

    ``closed_form`` is PCA, if the model's codes and reconstructions are PCA's. For a model refitted to the held-out
    rows too, ``before`` is the state from before the refit, which gives the noise and the steps.
    """
    found = _learned(model, rows, held_out, closed_form, before)
    if before is None or model.likelihood.noise_variance is not None:
        return found
    return replace(found, noise_variance=before.noise_variance)


def _learned(
    model: AutoencoderModel,
    rows: Batch,
    held_out: Batch,
    closed_form: Principal | None,
    before: InferenceState | None,
) -> InferenceState:
    with torch.no_grad():
        guess, held = (model.encode(batch.x, batch.given).mean for batch in (rows, held_out))
        amortized = _noise(model, held_out, held, 0)
        if model.bottleneck.has_prior:
            return InferenceState(None, None, amortized)
        if not model.bottleneck.is_gate:  # a sparse code: each active unit uses a degree of freedom
            n_active = min(float((held != 0).double().sum(1).mean()), held_out.x.shape[1] - 1)
            return InferenceState(None, fit_code_density(guess, None), _noise(model, held_out, held, n_active))
        try:
            return _of_points(model, rows, held_out, closed_form, before)
        except NotDifferentiableError as error:
            warnings.warn(
                f"{error}: codes are the encoder's, without polishing, and score_samples is the density of a row given "
                "its code.",
                RuntimeWarning,
                stacklevel=2,
            )
            return InferenceState(None, None, amortized)


def _of_points(
    model: AutoencoderModel,
    rows: Batch,
    held_out: Batch,
    closed_form: Principal | None,
    before: InferenceState | None,
) -> InferenceState:
    likelihood = model.likelihood
    whole, held_whole = model.complete(rows.x), model.complete(held_out.x)
    target, held_target = target_of(likelihood, whole, rows.given), target_of(likelihood, held_whole, held_out.given)
    guess, first = model.encode(whole, rows.given).mean, model.encode(held_whole, held_out.given).mean
    n_latents = guess.shape[1]
    polishing = polishing_of(model, target, guess)
    codes = polishing.codes(model, target, guess, STEPS)
    polishing = polishing_of(model, target, codes)
    steps = _steps_that_pay(model, polishing, held_target, first) if closed_form is None else 0
    if before is not None and before.polishing is not None:
        steps = before.polishing.steps
    polishing = replace(polishing, steps=steps)
    if closed_form is not None and likelihood.is_gaussian and n_latents <= len(closed_form.variances):
        noise = likelihood.noise_variance or max(closed_form.noise_variance(n_latents), MIN_NOISE)
        spread = (closed_form.variances[:n_latents] - noise).clamp(min=MIN_NOISE).to(guess.device)
        return InferenceState(polishing, CodeDensity(torch.zeros_like(spread), spread.diag()), noise)
    noise = likelihood.noise_variance or (None if before is None else before.noise_variance)
    if noise is None:
        start = polishing.start(model, held_target, first)
        best = _exact(model, polishing, held_target, start)
        noise = _noise(model, held_out, best, n_latents)
    state = InferenceState(polishing, None, noise)
    if likelihood.is_gaussian and likelihood.mean_is_output:
        codes = _exact(model, polishing, target, codes)
        sample = curvature_sample(codes, target.n_features)
        given = None if rows.given is None else rows.given[sample]
        spread = covariances(state._curvature(model, whole[sample], given, codes[sample]))
        return replace(state, density=fit_code_density(codes, spread))
    # No code gives a probability of exactly 0 or 1, so maximum-likelihood codes may not exist and need a prior.
    density, near = fit_code_density(guess, None), None
    for _ in range(DENSITY_PASSES):
        found = replace(state, density=density).posterior(model, whole, rows.given, near)
        near, density = found.codes if n_latents <= MANY_LATENTS else None, density_behind(found, density)
    return replace(state, density=density)


def is_costly(target: Target, codes: Tensor) -> bool:
    """Whether the Jacobian at each code, p columns of a row's length, costs much more than a step of descent."""
    n_latents = codes.shape[1]
    return n_latents > MANY_LATENTS or (n_latents > 2 and n_latents * target.n_features > MANY_CELLS)


def _exact(model: AutoencoderModel, polishing: Polishing, target: Target, codes: Tensor) -> Tensor:
    """The best codes of a target's rows, from codes near them."""
    if is_costly(target, codes):
        return polishing.descended(model, target, codes, EXACT_STEPS)
    return infer(model.decoder, target, codes, steps=EXACT_STEPS).codes


def _steps_that_pay(model: AutoencoderModel, polishing: Polishing, target: Target, guess: Tensor) -> int:
    """The default number of steps: `STEPS`, or none if held-out rows gain too little."""
    linear_in_logs = model.bottleneck.is_identity and model.likelihood.counts_deviance
    if not (can_polish(model) or linear_in_logs) or not model.corruption.is_identity:
        return 0
    codes = polishing.codes(model, target, guess, STEPS)
    before, after = (target.cost(model.decoder(z, target.given)) for z in (guess, codes))
    if linear_in_logs:  # the encoder is a regression, and finding the best code a convex problem
        return STEPS if float(after.mean()) < float(before.mean()) else 0
    return STEPS if pays(before, after) else 0


def _noise(model: AutoencoderModel, batch: Batch, codes: Tensor, n_fitted: float) -> float:
    """σ² from the squared error of held-out rows in the model's units; a code uses ``n_fitted`` degrees of freedom."""
    likelihood = model.likelihood
    if likelihood.noise_variance is not None:
        return likelihood.noise_variance
    count = (~batch.x.isnan()).sum(1).double()
    errors = likelihood.error_per_feature(model.decoder(codes, batch.given), batch.x).double() * count
    freedom = count.sum() - (n_fitted * len(codes) if likelihood.mean_is_output else 0)
    return max(float(errors.sum() / freedom.clamp(min=1)), MIN_NOISE)
