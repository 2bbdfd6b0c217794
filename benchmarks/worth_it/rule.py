"""The rule that predicts a gain: fitted to all sets, validated on sets it has not seen.

The numbers it is made from are those of `isthmus.worth_trying`, of the closed form on the training rows of the first
split. Sets are left out in groups, near copies together; within a fold centres, scales and weights are those of the
other sets. Counts take no part, since PCA's squared error is not their measure.
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

GAIN = 0.05  # of PCA's error: what is worth the time
FOLDS, STRENGTH = 10, 1.0
FAMILIES = ("patches_", "skab_", "nab_")  # near copies, held out together
PUBLISHED = Path(__file__).parent.parent.parent / "src" / "isthmus" / "worth_trying.json"


def features_of(
    found: Iterable[Outcome], sets: dict[str, Set], places: Places, path: Path
) -> dict[tuple[str, str], dict[str, float]]:
    """The six numbers of each set and size; those in the file are taken from there, the others are added to it."""
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
    """Both parts, from the six numbers of shape (n, 6) and the logarithms of the ratios of errors."""
    center, scale = numbers.mean(0), np.maximum(numbers.std(0), 1e-6)
    standard, won = np.clip((numbers - center) / scale, -3, 3), log_ratios <= np.log(1 - GAIN)
    chance = {"intercept": _log_odds(won), "weights": [0.0] * len(FEATURES)}
    if won.any() and not won.all():
        logistic = LogisticRegression(C=STRENGTH).fit(standard, won)
        chance = {"intercept": float(logistic.intercept_[0]), "weights": logistic.coef_[0].tolist()}
    linear = Ridge(1.0).fit(standard, log_ratios)
    # Residuals of cases that took no part: those of cases fitted to are smaller than what is to be expected.
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
    """Outcomes with features; the numbers, the log ratios, and the group of each."""
    kept = [one for one in found if (one.name, one.rule) in features and one.kind != "counts"]
    numbers = np.array([[features[one.name, one.rule][name] for name in FEATURES] for one in kept])
    groups = [next((family for family in FAMILIES if one.name.startswith(family)), one.name) for one in kept]
    return kept, numbers, np.log([one.ratio for one in kept]), np.array(groups)


def validated(kept: list[Outcome], numbers: np.ndarray, log_ratios: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Brier scores of the rule and of the base rate on sets that were left out; and how often the range holds."""
    predicted, base, inside = np.zeros(len(kept)), np.zeros(len(kept)), np.zeros(len(kept), bool)
    errors, spread = np.zeros(len(kept)), np.zeros(len(kept))
    won = log_ratios <= np.log(1 - GAIN)
    for learned, held_out in GroupKFold(min(FOLDS, len(set(groups)))).split(numbers, groups=groups):
        rule = fit_rule(numbers[learned], log_ratios[learned])
        base[held_out] = won[learned].mean()
        spread[held_out] = np.abs(log_ratios[held_out] - log_ratios[learned].mean())
        for place in held_out:
            said = forecast(dict(zip(FEATURES, numbers[place], strict=True)), rule)
            predicted[place] = said.probability
            inside[place] = said.less[0] <= 1 - np.exp(log_ratios[place]) <= said.less[1]
            middle = rule["log_ratio"]["intercept"] + float(
                np.clip((numbers[place] - rule["center"]) / rule["scale"], -3, 3) @ rule["log_ratio"]["weights"]
            )
            errors[place] = abs(log_ratios[place] - middle)
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
    """Into the package, with how good it is."""
    known = {"sets": scores["sets"], "cases": scores["cases"], "brier": scores["brier"], "base": scores["base_brier"]}
    rounded = json.loads(json.dumps(rule | {"measured": known}), parse_float=lambda text: float(f"{float(text):.5g}"))
    PUBLISHED.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
