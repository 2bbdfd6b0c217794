"""One model's tab: codes, errors and uncertainty of the items, its networks as programs, and its evaluation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import torch

from isthmus.estimator import BaseAutoencoder
from isthmus.evaluation import Evaluation
from isthmus.evaluation.principal_errors import PrincipalErrors
from isthmus.explorer.conditions import with_condition
from isthmus.explorer.items import Items
from isthmus.explorer.packing import FLOAT_LEVELS, Packer
from isthmus.explorer.places import QUANTILES, Places, density_tiles
from isthmus.explorer.programs import (
    UnknownLayerError,
    code_program,
    mean_program,
    network_program,
)
from isthmus.explorer.rounding import fewest_levels, largest
from isthmus.explorer.sentence import banner, does_as_well, opening_sentence
from isthmus.inference.missing import completed
from isthmus.inference.polishing import target_of

__all__ = ["View", "row_errors", "tab_facts", "units_of"]

DECODE_TOLERANCE, ENCODE_TOLERANCE = 8e-6, 4e-4
GUESS_TOLERANCE = 5e-5  # of a code that is polished afterwards, which may amplify differences
WIDE_COLUMN = 10.0  # the tolerance is in the user's units up to this spread, and relative to it above
LARGE_NETWORK = 400_000  # weights above which fewer items are shown, and an encoder must fit in the remaining room
PAGE_CHARACTERS = 3_700_000  # with the page's script this is below four megabytes
LEFT_OUT = (
    "This model's encoder is large and was left out to keep the page small, so rows of your own can't be encoded "
    "here, and uncertainty can't be measured by a round trip. PCA's tab can encode them; for this model, run "
    "isthmus encode."
)
MAX_CURVE, CURVE_ROWS = 64, 2_000
ENCODER_CHARACTERS = 2.1  # per weight
ACTIVE_VARIANCE = 0.01
POLISHED = ("identity", "sigmoid", "bernoulli")  # likelihoods whose derivative the page knows


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A model with its results on all held-out rows.

    Attributes
    ----------
    codes : ndarray of shape (n_items + n_probes, p)
        Of the items shown.
    errors, pca_errors : ndarray of shape (n_held_out,)
        Squared error per feature of every held-out row.
    rows : ndarray of shape (n_held_out, n_features)
    """

    name: str
    estimator: BaseAutoencoder
    evaluation: Evaluation
    places: Places
    held_out_codes: np.ndarray
    codes: np.ndarray
    errors: np.ndarray
    pca_errors: np.ndarray
    probe_errors: np.ndarray
    probe_pca_errors: np.ndarray
    rows: np.ndarray
    is_pca: bool = False
    given: np.ndarray | None = None


def units_of(estimator: BaseAutoencoder, rows: np.ndarray, given: np.ndarray | None = None) -> torch.Tensor:
    """Rows from the user's units as float32 tensors in the model's, with NaN filled."""
    return torch.from_numpy(estimator.scaling_.apply(completed(estimator.fitted_, rows, given)))


def row_errors(
    estimator: BaseAutoencoder, rows: np.ndarray, size: int, given: np.ndarray | None = None, *, cut: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Squared error per feature of each row, by the model and by PCA, in the evaluation's units, without NaN cells.

    With ``cut`` the model, too, uses only the first ``size`` dimensions of its code.
    """
    weights = np.ones(rows.shape[1])
    if estimator.fitted_.is_in_user_units:
        weights = estimator.scaling_.spread
    units = (rows - estimator.scaling_.center) / estimator.scaling_.spread
    fitted = estimator.fitted_
    x, conditions = units_of(estimator, rows, given), fitted.given_units(given)
    appended = () if conditions is None else (torch.from_numpy(conditions).to(fitted.device),)
    with torch.inference_mode():
        codes = fitted.codes_of(x.to(fitted.device), *appended)
        if cut:
            codes = codes * (torch.arange(codes.shape[1], device=codes.device) < size)
        model = estimator.model_.decode(codes, *appended).cpu().numpy().astype(np.float64)
    principal = PrincipalErrors(estimator.principal_)
    kept = principal.directions[:size]
    mean = principal.mean
    if conditions is not None and principal.effect is not None:
        mean = mean + conditions @ principal.effect.T
    pca = mean + (x.numpy().astype(np.float64) - mean) @ kept.T @ kept
    present = np.maximum(1, np.isfinite(units).sum(1))
    return tuple(np.nansum(((units - again) * weights) ** 2, axis=1) / present for again in (model, pca))  # type: ignore[return-value]


def tab_facts(view: View, items: Items, packer: Packer) -> dict[str, Any]:
    """The tab for the page's JSON."""
    estimator, evaluation, places = view.estimator, view.evaluation, view.places
    reconstruction, n_shown = evaluation.reconstruction, len(items.places)
    shown_errors = np.concatenate([view.errors[items.places], view.probe_errors])
    order = np.sort(view.errors)
    better_than = 1 - np.searchsorted(order, shown_errors, side="right") / max(1, len(order))
    seen = places.along_axes(view.held_out_codes)
    outside = ((seen[:, :2] < places.limits[:2, 0]) | (seen[:, :2] > places.limits[:2, 1])).any(1)
    decoder, encoder, note = _programs(view, items, packer)
    linear = estimator.fitted_.architecture.linear
    trips = None
    if encoder is not None and not estimator.fitted_.masked and items.given is None:
        trips = _round_trips(view)
    return {
        "name": view.name,
        "variant": "PCA" if view.is_pca or (items.kind.closed_form and linear) else type(estimator).__name__,
        "pca": view.is_pca,
        "sentence": opening_sentence(
            evaluation,
            items.kind,
            is_pca=view.is_pca,
            is_linear=linear,
            n_columns=len(items.fields),
            n_rows=items.n_held_out,
        ),
        "banner": "" if view.is_pca else banner(evaluation, items.kind, is_linear=linear),
        "size": evaluation.n_components,
        "pcaSize": evaluation.pca_components,
        "parameters": sum(
            part.numel() for half in (estimator.model_.encoder, estimator.model_.decoder) for part in half.parameters()
        ),
        "seed": estimator.fitted_.seed if estimator.random_state is None else estimator.random_state,
        "mse": reconstruction.model.mse,
        "pcaMse": reconstruction.pca.mse,
        "pcaNeeds": None if does_as_well(evaluation) else reconstruction.pca_needs,
        "prior": estimator.model_.bottleneck.has_prior,
        "codes": packer.floats(view.codes),
        "known": packer.rows(places.known.T),
        "center": places.center.tolist(),
        "deviation": places.deviation.tolist(),
        "axes": packer.floats(places.axes),
        "limits": places.limits.tolist(),
        "sliders": [
            {"latent": int(latent), "limits": limits.tolist(), "unused": unused}
            for latent, limits, unused in zip(places.sliders, places.ranges, _idle(view, places.variances), strict=True)
        ],
        "distances": _shortened(places.distances),
        "uncertainty": packer.floats(places.uncertainty(view.codes)),
        "trips": trips,
        "outside": int(outside.sum()),
        "tiles": density_tiles(seen, places.limits)
        if len(view.errors) > n_shown and places.axes.shape[0] > 1
        else None,
        "errors": packer.floats(shown_errors),
        "betterThan": packer.floats(better_than),
        "pcaErrors": packer.floats(np.concatenate([view.pca_errors[items.places], view.probe_pca_errors])),
        "differenceScale": _difference_scale(view, items),
        "decoder": decoder,
        "encoder": encoder,
        "polish": _polish(estimator, packer),
        "encoderNote": note,
        "unit": 1.0 if estimator.fitted_.whitened else float(estimator.fitted_.code_unit),
        "scaling": {"center": estimator.scaling_.center.tolist(), "spread": estimator.scaling_.spread.tolist()},
        "errorWeights": "model"
        if estimator.fitted_.scale is not None or estimator.fitted_.layout is not None
        else "user",
        "history": {} if view.is_pca else _history(estimator),
        "bestEpoch": estimator.best_epoch_,
        "latents": _latents(view),
        "ownCurve": _curve(view, view.rows),
    }


def _programs(view: View, items: Items, packer: Packer) -> tuple[dict, dict | None, str]:
    estimator = view.estimator
    model = estimator.model_
    decoder, unit = model.decoder.plain(), torch.from_numpy(estimator.fitted_.code_unit)
    codes = torch.from_numpy(np.asarray(view.codes, np.float32))
    if estimator.fitted_.whitened:  # the page has one unit for all latents, so the networks get those of each latent
        wide = torch.cat([unit, torch.ones(0 if items.given is None else items.given.shape[1])])
        decoder.input_scale = wide if decoder.input_scale is None else decoder.input_scale * wide
    else:
        codes = codes / unit
    codes = with_condition(codes, estimator.fitted_, items.given)
    spread = torch.from_numpy(np.minimum(estimator.scaling_.spread, WIDE_COLUMN)).float()
    with torch.inference_mode():
        exact = model.likelihood.cpu().mean(decoder(codes))
        levels = fewest_levels(
            decoder, lambda network: largest((model.likelihood.mean(network(codes)) - exact) * spread), DECODE_TOLERANCE
        )
    program = {"network": network_program(decoder, packer, levels), "mean": mean_program(model.likelihood)}
    model.likelihood.to(estimator.fitted_.device)
    encoder = model.encoder.plain()
    weights = sum(part.numel() for part in encoder.parameters())
    if weights > LARGE_NETWORK and packer.characters + weights * ENCODER_CHARACTERS > PAGE_CHARACTERS:
        return program, None, LEFT_OUT
    try:
        code = code_program(model.bottleneck)
        if estimator.fitted_.whitened:
            if code["kind"] == "top_k":  # which latents are largest depends on their units
                raise UnknownLayerError("the page cannot whiten the codes of a top-k bottleneck.")
            outputs = torch.cat([unit, torch.ones((model.bottleneck.outputs_per_latent - 1) * len(unit))])
            encoder.output_scale = outputs if encoder.output_scale is None else encoder.output_scale * outputs
    except UnknownLayerError as error:
        return program, None, f"Rows of your own can't be encoded here: {error}"
    x = with_condition(units_of(estimator, items.rows, items.given), estimator.fitted_, items.given)
    deviation = torch.from_numpy(view.places.deviation / (1 if estimator.fitted_.whitened else unit.numpy())).float()
    with torch.inference_mode():
        exact = model.bottleneck(encoder(x)).mean
        levels = (
            fewest_levels(
                encoder,
                lambda network: largest((model.bottleneck(network(x)).mean - exact) / deviation),
                GUESS_TOLERANCE if estimator.fitted_.polish_steps else ENCODE_TOLERANCE,
            )
            if code["kind"] != "top_k"
            else FLOAT_LEVELS
        )
    return program, {"network": network_program(encoder, packer, levels), "code": code}, ""


def _polish(estimator: BaseAutoencoder, packer: Packer) -> dict[str, Any] | None:
    """What the page needs to polish a code and for its standard error; None if codes are not polished."""
    fitted, inference = estimator.fitted_, estimator.fitted_.inference
    likelihood = estimator.model_.likelihood
    mean = mean_program(likelihood)
    if inference is None or inference.polishing is None or mean["kind"] not in POLISHED:
        return None
    polishing, x = inference.polishing, torch.zeros(1, fitted.scaling.center.shape[0], device=fitted.device)
    with torch.inference_mode():
        precision = float(target_of(likelihood, x, None).precision_at(x)[0, 0]) if likelihood.is_gaussian else 1.0
    return {
        "steps": fitted.polish_steps,
        "metric": packer.floats(polishing.metric.cpu().numpy()),
        "bank": packer.floats(polishing.bank.cpu().numpy()) if len(polishing.bank) else None,
        "precision": precision,
        "noise": inference.noise_variance if likelihood.is_gaussian else 1.0,
    }


def _round_trips(view: View) -> list[float]:
    """Quantiles of the distances of training codes to the codes of their reconstructions, in standard deviations."""
    estimator, known = view.estimator, view.places.known
    unit = estimator.fitted_.code_unit
    codes = torch.from_numpy((known / unit).astype(np.float32)).to(estimator.fitted_.device)
    with torch.inference_mode():
        again = estimator.model_.encode(estimator.model_.decode(codes)).mean.cpu().numpy()[:, : known.shape[1]] * unit
    distances = np.sqrt((((again - known) / view.places.deviation) ** 2).sum(1))
    return _shortened(np.quantile(distances, QUANTILES))


def _curve(view: View, rows: np.ndarray) -> list[list[float]]:
    """Size and error per feature of an ordered code, whose first k dimensions are a code themselves, for each k."""
    if not view.estimator.model_.bottleneck.ordered:
        return []
    sizes = range(1, min(view.evaluation.n_components, MAX_CURVE) + 1)
    rows = rows[:: max(1, len(rows) // CURVE_ROWS)]
    given = None if view.given is None else view.given[:: max(1, len(view.given) // CURVE_ROWS)]
    return [[size, float(row_errors(view.estimator, rows, size, given, cut=True)[0].mean())] for size in sizes]


def _history(estimator: BaseAutoencoder) -> dict[str, list[float]]:
    columns = estimator.history_.columns
    return {name: _shortened(columns[name]) for name in ("epoch", "train_loss", "validation_loss") if name in columns}


def _shortened(values: Any) -> list[float]:
    """Numbers for JSON with the six digits that a curve needs."""
    return [float(f"{value:.6g}") for value in values]


def _difference_scale(view: View, items: Items) -> float:
    rows = items.rows[: len(items.places)]
    given = None if items.given is None else items.given[: len(rows)]
    decoded = view.estimator.fitted_.decode(view.codes[: len(rows)], given)
    spread = 1.0 if items.image_shape is not None else view.estimator.scaling_.spread
    sizes = np.abs((decoded - rows) / spread)
    return float(np.nanquantile(sizes, 0.995)) or 1.0


def _idle(view: View, variances: np.ndarray) -> list[bool]:
    """Which latents are unused: by Burda's rule for a variational model, else if constant."""
    if view.estimator.model_.bottleneck.has_prior and not view.is_pca:
        return (variances < ACTIVE_VARIANCE).tolist()
    return (variances < 1e-6 * max(float(variances.max()), 1e-30)).tolist()


def _latents(view: View) -> dict[str, Any]:
    kl, variances = view.evaluation.code.kl_per_latent, view.held_out_codes.var(0)
    unused = {"unused": _idle(view, variances)}
    if kl is not None:
        return {"measure": "nats", "values": list(kl)} | unused
    return {"measure": "variance", "values": variances.tolist()} | unused
