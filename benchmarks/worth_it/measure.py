"""One measurement: a set, a size and a split; the closed form and the default network on the same held-out rows.

Every setting is the default, except those that the kind of the set needs (``SETTINGS``). The errors of single rows are
compared in pairs: d is the closed form's error minus the network's, with mean(d) and its standard error sd(d) / √n.
"""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import torch

from isthmus import Autoencoder, evaluate
from isthmus.evaluation.probes import label_codes, probe_labels
from isthmus.parts.count_noise import poisson_deviance
from isthmus.smallest.bits import cheapest, lower_hull, rate_points
from isthmus.smallest.choosing import Target, choose
from isthmus.smallest.encoded import encoded_rows
from worth_it.catalogue import STANDARDIZED, Rows

__all__ = ["SETTINGS", "SIZES", "chosen_size", "measured", "n_numbers", "row_errors", "size_of"]

SIZES = ("quarter", "two", "smallest")
SETTINGS: dict[str, dict[str, Any]] = {
    **{kind: {"scale": "standard"} for kind in STANDARDIZED},
    "mixed": {},
    "pictures": {},
    "series": {},
    "counts": {"likelihood": "poisson"},
}
MAX_CLASSES, FEWEST_OF_A_CLASS = 30, 3
ROUNDING = 1.1  # of the error without rounding the code: where bits are compared


def size_of(rule: str, n_features: int, n_rows: int) -> int:
    """A quarter of the columns, or of the rows if there are fewer; at least 2."""
    return max(1, min(n_features, n_rows) // 4) if rule == "quarter" else 2


def n_numbers(rows: Rows, kind: str) -> int:
    """The number of columns that the model sees: for a mixed table the encoded ones."""
    if kind != "mixed":
        return rows.values.shape[1]
    closed = Autoencoder(1, hidden_layer_sizes=(), max_iter=0, random_state=0)
    return closed.fit(rows.values).to_numbers(rows.values.iloc[:1]).shape[1]


def taken(rows: Rows, indices: np.ndarray) -> Any:
    """The rows at ``indices``, in their own form."""
    return rows.values.iloc[indices] if hasattr(rows.values, "iloc") else rows.values[indices]


def chosen_size(rows: Rows, kind: str) -> int | None:
    """The size the data support, by one split of the training rows of split 0; None for counts."""
    if kind == "counts":
        return None
    train, _ = rows.split(0)
    settings = SETTINGS[kind]
    known, _ = encoded_rows(
        taken(rows, train), settings, lambda n: (np.arange(n), np.arange(0)), least=(8, 2), say=_silent
    )
    own = {"scale": known.scale if not known.is_encoded else "auto"} if kind == "mixed" else settings
    return choose(known.values, Target("evidence"), own, n_splits=1, seed=0, say=_silent).size


def _silent(text: str) -> None:
    """Print nothing."""


def measured(rows: Rows, kind: str, size: int, split: int, *, with_bits: bool) -> dict[str, Any]:
    """The outcome of a measurement."""
    train, test = rows.split(split)
    learned, held_out = taken(rows, train), taken(rows, test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        began = time.process_time()
        model = Autoencoder(size, random_state=split, **SETTINGS[kind]).fit(learned)
        seconds = time.process_time() - began
        ours, theirs, nothing = row_errors(model, held_out)
        found: dict[str, Any] = {
            "train": len(train),
            "test": len(test),
            "columns": len(model.scaling_.spread),
            "error": float(ours.mean()),
            "pca": float(theirs.mean()),
            "mean_row": float(nothing.mean()),
            **_paired(theirs - ours),
            "seconds": seconds,
            "best_epoch": model.best_epoch_,
            "epochs": model.n_iter_,
            "refit": bool(model.fitted_.refit_rows),
            "perceptron": not model.fitted_.architecture.stages,
        }
        if split == 0:
            found["sentence"] = evaluate(model, held_out, random_state=0).sentence
        if rows.labels is not None:
            found |= _probes(model, learned, held_out, rows.labels[train], rows.labels[test])
        if with_bits and kind not in ("counts", "mixed"):
            found |= _bits(model, learned, held_out)
    return found


def row_errors(model: Autoencoder, X: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Error of each row by the network, by the closed form of equal size, and by the mean row (or profile)."""
    fitted = model.fitted_
    numbers = model.to_numbers(X)
    rows = np.asarray(numbers.toarray() if hasattr(numbers, "toarray") else numbers, np.float64)
    made = np.asarray(fitted.reconstruct(numbers), np.float64)
    if fitted.model.likelihood.counts_deviance:
        exact = torch.from_numpy(rows)

        def deviance(mean: torch.Tensor) -> np.ndarray:
            values = poisson_deviance(mean.double(), exact).numpy()
            return values if values.ndim == 1 else values.sum(1)

        with torch.inference_mode():
            scaled = torch.from_numpy((rows - fitted.scaling.center) / fitted.scaling.spread).float()
            likelihood = fitted.model.likelihood
            closed, profile = (likelihood.baseline(fitted.principal, scaled, k) for k in (fitted.n_components, 0))
        return deviance(torch.from_numpy(made)), deviance(closed), deviance(profile)
    units = (rows - fitted.scaling.center) / fitted.scaling.spread
    centred = units - fitted.principal.mean.double().numpy()
    kept = fitted.principal.directions[: fitted.n_components].double().numpy()
    left = centred - centred @ kept.T @ kept
    ours = (rows - made) / fitted.scaling.spread
    return tuple(np.square(part).mean(1) for part in (ours, left, centred))  # pyrefly: ignore


def _paired(gains: np.ndarray) -> dict[str, float]:
    """Mean difference of the errors of rows, its standard error, and the share of rows with a smaller error."""
    error = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else 0.0
    return {"difference": float(gains.mean()), "standard_error": error, "rows_won": float((gains > 0).mean())}


def _probes(model: Any, learned: Any, held_out: Any, y_train: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """How well classes are predicted from both codes; empty if labels are not classes."""
    counts = np.unique(y_train, return_counts=True)[1]
    if not 2 <= len(counts) <= MAX_CLASSES or counts.min() < FEWEST_OF_A_CLASS:
        return {}
    labels, known = label_codes(y.astype(str), y_train.astype(str))
    directions = model.principal_.directions[: model.n_components_].double().numpy()
    found = {}
    for name, codes in {
        "": lambda X: np.asarray(model.transform(X)),
        "pca_": lambda X: _units(model, X) @ directions.T,
    }.items():
        probes = probe_labels(codes(held_out), labels, (codes(learned), known), 0)
        found |= {f"{name}neighbours": probes.neighbours, f"{name}logistic": probes.logistic}
    return {name: value for name, value in found.items() if value is not None}


def _units(model: Any, X: Any) -> np.ndarray:
    numbers = model.to_numbers(X)
    rows = np.asarray(numbers.toarray() if hasattr(numbers, "toarray") else numbers, np.float64)
    return (rows - model.scaling_.center) / model.scaling_.spread - model.principal_.mean.double().numpy()


def _bits(model: Any, learned: np.ndarray, held_out: np.ndarray) -> dict[str, float | None]:
    """Bits per row for 1.1 times the network's error, with its rounded code and with PCA's of any size."""
    scaling = model.scaling_
    train, rows = ((X - scaling.center) / scaling.spread for X in (learned, held_out))

    def decode(codes: np.ndarray) -> np.ndarray:
        return (np.asarray(model.inverse_transform(codes), np.float64) - scaling.center) / scaling.spread

    codes = [np.asarray(model.transform(X), np.float64) for X in (learned, held_out)]
    ours = lower_hull(rate_points(decode, *codes, rows))
    mean, directions = (part.double().numpy() for part in (model.principal_.mean, model.principal_.directions))
    points = []
    for size in sorted({max(1, round(model.n_components_ * times)) for times in (0.5, 1, 1.5, 2, 3)}):
        if size <= len(directions):
            kept = directions[:size]
            ends = [(X - mean) @ kept.T for X in (train, rows)]
            points += list(rate_points(lambda codes, kept=kept: codes @ kept + mean, *ends, rows))
    error = ROUNDING * float(np.square(decode(codes[1]) - rows).mean())
    return {"bits": cheapest(ours, error), "pca_bits": cheapest(lower_hull(points), error), "bits_error": error}
