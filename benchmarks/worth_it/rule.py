"""The rule that predicts a gain: fitted to all sets, and validated on sets it has not seen.

Its features are those of `isthmus.worth_trying`, from the closed form on the training rows of the first split. In
cross-validation sets are left out in groups, near copies together; centres, scales and weights are those of the other
sets. Counts are left out, as their error is not squared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, cross_val_predict

from isthmus import Autoencoder
from isthmus.worth_trying import FEATURES, SAMPLE, forecast, gain_features
from worth_it.catalogue import Set, read
from worth_it.measure import SETTINGS, taken
from worth_it.readers import Places, UnavailableError
from worth_it.results import append, read_lines
from worth_it.summary import Outcome

__all__ = ["GAIN", "features_of", "fit_rule", "validated", "write_rule"]

GAIN = 0.05  # of PCA's error: a gain worth the time
FOLDS, STRENGTH = 10, 1.0
FAMILIES = ("patches_", "skab_", "nab_")  # near copies, held out together
PUBLISHED = Path(__file__).parent.parent.parent / "src" / "isthmus" / "worth_trying.json"


def features_of(
    found: Iterable[Outcome], sets: dict[str, Set], places: Places, path: Path
) -> dict[tuple[str, str], dict[str, float]]:
    """The six features of each set and size; those missing from the file are computed and added to it."""
    known = {(line["set"], line["rule"]): line["features"] for line in read_lines(path)}
    for one in found:
        if (one.name, one.rule) in known or one.kind == "counts":
            continue
        try:
            rows = read(sets[one.name], places)
        except UnavailableError:
            continue
        learned = taken(rows, rows.split(0)[0])
        closed = Autoencoder(one.size, hidden_layer_sizes=(), max_iter=0, random_state=0, **SETTINGS[one.kind])
        closed.fit(learned)
        numbers = np.asarray(closed.to_numbers(learned), np.float64)
        units = (numbers - closed.scaling_.center) / closed.scaling_.spread
        some = units[np.linspace(0, len(units) - 1, min(SAMPLE, len(units))).astype(int)]
        features = gain_features(some, closed.principal_, one.size, len(units))
        append(path, {"set": one.name, "rule": one.rule, "features": features})
        known[one.name, one.rule] = features
    return known


def fit_rule(numbers: np.ndarray, log_ratios: np.ndarray) -> dict[str, Any]:
    """Both parts of the rule, from features of shape (n, 6) and the logarithms of the error ratios."""
    center, scale = numbers.mean(0), np.maximum(numbers.std(0), 1e-6)
    standard, won = np.clip((numbers - center) / scale, -3, 3), log_ratios <= np.log(1 - GAIN)
    chance = {"intercept": _log_odds(won), "weights": [0.0] * len(FEATURES)}
    if won.any() and not won.all():
        logistic = LogisticRegression(C=STRENGTH).fit(standard, won)
        chance = {"intercept": float(logistic.intercept_[0]), "weights": logistic.coef_[0].tolist()}
    linear = Ridge(1.0).fit(standard, log_ratios)
    # Residuals of cases left out: those of the fitted cases are too small.
    left = log_ratios - cross_val_predict(Ridge(1.0), standard, log_ratios, cv=min(FOLDS, len(log_ratios)))
    quartiles = np.quantile(left[won] if won.sum() > 3 else left, [0.25, 0.75])
    return {
        "features": list(FEATURES),
        "center": center.tolist(),
        "scale": scale.tolist(),
        "gain": chance,
        "log_ratio": {
            "intercept": float(linear.intercept_),
            "weights": linear.coef_.tolist(),
            "quartiles": quartiles.tolist(),
        },
    }


def _log_odds(won: np.ndarray) -> float:
    share = (won.sum() + 0.5) / (len(won) + 1)
    return float(np.log(share / (1 - share)))


def table_of(
    found: Iterable[Outcome], features: dict[tuple[str, str], dict[str, float]]
) -> tuple[list[Outcome], np.ndarray, np.ndarray, np.ndarray]:
    """Outcomes that have features, with these, their log ratios and their groups."""
    kept = [one for one in found if (one.name, one.rule) in features and one.kind != "counts"]
    numbers = np.array([[features[one.name, one.rule][name] for name in FEATURES] for one in kept])
    groups = [next((family for family in FAMILIES if one.name.startswith(family)), one.name) for one in kept]
    return kept, numbers, np.log([one.ratio for one in kept]), np.array(groups)


def validated(kept: list[Outcome], numbers: np.ndarray, log_ratios: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Brier scores of the rule and of the base rate on sets left out, and the coverage of the range."""
    predicted, base, inside = np.zeros(len(kept)), np.zeros(len(kept)), np.zeros(len(kept), bool)
    errors, spread = np.zeros(len(kept)), np.zeros(len(kept))
    won = log_ratios <= np.log(1 - GAIN)
    for learned, held_out in GroupKFold(min(FOLDS, len(set(groups)))).split(numbers, groups=groups):
        rule = fit_rule(numbers[learned], log_ratios[learned])
        base[held_out] = won[learned].mean()
        spread[held_out] = np.abs(log_ratios[held_out] - log_ratios[learned].mean())
        for index in held_out:
            said = forecast(dict(zip(FEATURES, numbers[index], strict=True)), rule)
            predicted[index] = said.probability
            inside[index] = said.less[0] <= 1 - np.exp(log_ratios[index]) <= said.less[1]
            middle = rule["log_ratio"]["intercept"] + float(
                np.clip((numbers[index] - rule["center"]) / rule["scale"], -3, 3) @ rule["log_ratio"]["weights"]
            )
            errors[index] = abs(log_ratios[index] - middle)
    rest = np.array([not one.chose for one in kept])

    def scores(of: np.ndarray) -> dict[str, float | int]:
        if not of.any():
            return {"cases": 0}
        return {
            "cases": int(of.sum()),
            "sets": len({one.name for one, taken in zip(kept, of, strict=True) if taken}),
            "won": float(won[of].mean()),
            "brier": float(np.square(predicted - won)[of].mean()),
            "base_brier": float(np.square(base - won)[of].mean()),
            "right": float(((predicted > 0.5) == won)[of].mean()),
            "base_right": float(((base > 0.5) == won)[of].mean()),
            "inside": float(inside[of & won].mean()) if (of & won).any() else 0.0,
            "log_error": float(errors[of].mean()),
            "base_log_error": float(spread[of].mean()),
        }

    return {
        "all": scores(np.ones(len(kept), bool)),
        "rest": scores(rest),
        "chose": scores(~rest),
        "predicted": {f"{one.name}/{one.rule}": float(p) for one, p in zip(kept, predicted, strict=True)},
    }


def write_rule(rule: dict[str, Any], scores: dict[str, Any]) -> None:
    """Write the rule into the package, with its validation."""
    known = {"sets": scores["sets"], "cases": scores["cases"], "brier": scores["brier"], "base": scores["base_brier"]}
    rounded = json.loads(json.dumps(rule | {"measured": known}), parse_float=lambda text: float(f"{float(text):.5g}"))
    PUBLISHED.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
