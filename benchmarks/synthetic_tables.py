"""Synthetic tables compared with a Gaussian copula, a Gaussian mixture, TVAE and CTGAN, on three mixed tables.

    python benchmarks/synthetic_tables.py [--seeds 3] [--max-iter N]

Wine with its cultivar as a category, breast cancer with a boolean, diabetes with a date and a boolean. A third of the
rows is held out; each method draws as many rows as there are training rows. Figures, all against held-out rows:

    column     mean over columns of the Kolmogorov-Smirnov distance, or of the total variation distance of categories
    pair       mean absolute difference of Spearman's correlations, categories as their one-hot columns
    C2ST       cross-validated accuracy of a random forest in telling synthetic from held-out rows: 0.5 is best
    nearest    median distance to the nearest training row, divided by that of held-out rows: far below 1 means copies
    utility    R² or accuracy of a random forest trained on synthetic rows and tested on held-out ones, divided by
               that of one trained on real rows

The copula maps every column to normal scores, of ties by random ranks, and draws from their correlation. The mixture is
scikit-learn's on one-hot and standardized columns, its parts chosen by BIC; its draws are brought to the kinds of the
columns in the same way for all. TVAE and CTGAN (package `ctgan`) have their defaults, in the peers' environment.
"""

from __future__ import annotations

import argparse
import functools
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, norm
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import NearestNeighbors

from isthmus import Autoencoder
from mixed_tables import frames
from race.environments import python_for, set_up_peers
from ways import Ways

HERE = Path(__file__).parent

TARGETS = {"wine": "kind", "breast_cancer": "benign", "diabetes": "progression"}
FIGURES = ("column", "pair", "C2ST", "nearest", "utility")
PARTS = (1, 2, 3, 5, 8)


def kind_of(column: pd.Series) -> str:
    """What a column holds."""
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    if pd.api.types.is_datetime64_any_dtype(column):
        return "date"
    return "number" if pd.api.types.is_numeric_dtype(column) else "category"


def encoded(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Numbers: dates in days, booleans 0 or 1, categories one-hot in the columns of ``like``."""
    columns = {}
    for name in like.columns:
        kind = kind_of(like[name])
        if kind == "boolean":
            columns[name] = frame[name].astype(float)
        elif kind == "date":
            columns[name] = (pd.to_datetime(frame[name]) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        elif kind == "category":
            for level in pd.Categorical(like[name]).categories:
                columns[f"{name}={level}"] = (frame[name] == level).astype(float)
        else:
            columns[name] = frame[name].astype(float)
    return pd.DataFrame(columns)


def decoded(values: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """The way back from `encoded`, ranges and whole numbers as in ``like``."""
    columns = {}
    for name in like.columns:
        kind = kind_of(like[name])
        if kind == "category":
            levels = list(pd.Categorical(like[name]).categories)
            best = values[[f"{name}={level}" for level in levels]].to_numpy().argmax(1)
            columns[name] = pd.Categorical.from_codes(best, categories=levels)
            continue
        known = encoded(like[[name]], like[[name]])[name]
        column = values[name].clip(known.min(), known.max())
        column = column.round() if (known == known.round()).all() else column
        if kind == "boolean":
            columns[name] = values[name] >= 0.5
        elif kind == "date":
            columns[name] = pd.Timestamp("1970-01-01") + pd.to_timedelta(column.round(), unit="D")
        else:
            columns[name] = column
    return pd.DataFrame(columns)


def by_copula(train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A Gaussian copula; categories and booleans as ordered codes."""
    rng = np.random.default_rng(seed)
    codes = {}
    for name in train.columns:
        kind = kind_of(train[name])
        plain = kind != "category"
        codes[name] = encoded(train[[name]], train[[name]])[name] if plain else pd.Categorical(train[name]).codes
    table = pd.DataFrame(codes).to_numpy(np.float64)
    order = np.argsort(
        np.argsort(table + 1e-9 * rng.standard_normal(table.shape) * (1 + np.abs(table)), axis=0), axis=0
    )
    scores = norm.ppf((order + 0.5) / len(table))
    drawn = norm.cdf(rng.multivariate_normal(np.zeros(table.shape[1]), np.corrcoef(scores.T), len(table)))
    columns = {}
    for place, name in enumerate(train.columns):
        kind = kind_of(train[name])
        values = np.quantile(table[:, place], drawn[:, place], method="inverted_cdf")
        if kind == "category":
            columns[name] = pd.Categorical.from_codes(
                values.astype(int), categories=pd.Categorical(train[name]).categories
            )
        elif kind == "boolean":
            columns[name] = values >= 0.5
        elif kind == "date":
            columns[name] = pd.Timestamp("1970-01-01") + pd.to_timedelta(values, unit="D")
        else:
            columns[name] = values
    return pd.DataFrame(columns)


def by_mixture(train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """A Gaussian mixture of the encoded columns."""
    numbers = encoded(train, train)
    mean, spread = numbers.mean(), numbers.std().replace(0, 1)
    X = ((numbers - mean) / spread).to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fits = [GaussianMixture(parts, reg_covar=1e-3, random_state=seed).fit(X) for parts in PARTS]
    best = min(fits, key=lambda fit: fit.bic(X))
    drawn = pd.DataFrame(best.sample(len(train))[0], columns=numbers.columns) * spread + mean
    return decoded(drawn, train)


def by_isthmus(train: pd.DataFrame, seed: int, max_iter: int | None) -> pd.DataFrame:
    """An autoencoder of a third as many latents as encoded columns, at its defaults otherwise."""
    size = max(2, encoded(train, train).shape[1] // 3)
    model = Autoencoder(size, max_iter=max_iter, random_state=seed).fit(train.reset_index(drop=True))
    return model.sample(len(train), random_state=seed)


def by_peer(way: str, train: pd.DataFrame, seed: int) -> pd.DataFrame:
    """TVAE or CTGAN, see `synthetic_peers`: dates as days, categories and booleans as strings."""
    categories = [name for name in train.columns if kind_of(train[name]) in ("category", "boolean")]
    plain = train.astype(dict.fromkeys(categories, str)).reset_index(drop=True)
    for name in train.columns:
        if kind_of(train[name]) == "date":
            plain[name] = encoded(train[[name]], train[[name]])[name].to_numpy()
    with tempfile.TemporaryDirectory() as folder:
        given, drawn = Path(folder, "train.csv"), Path(folder, "drawn.csv")
        plain.to_csv(given, index=False)
        command = [python_for("ctgan"), HERE / "synthetic_peers.py", given, drawn, way, str(seed), *categories]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found = pd.read_csv(drawn, dtype=dict.fromkeys(categories, str))
    numbers = {}
    for name in train.columns:
        if kind_of(train[name]) == "category":
            for level in pd.Categorical(train[name]).categories:
                numbers[f"{name}={level}"] = (found[name] == str(level)).astype(float)
        elif kind_of(train[name]) == "boolean":
            numbers[name] = (found[name] == "True").astype(float)
        else:
            numbers[name] = found[name].astype(float)
    return decoded(pd.DataFrame(numbers), train)


def measured(
    draw: Callable[[pd.DataFrame, int], pd.DataFrame], train: pd.DataFrame, test: pd.DataFrame, target: str, seed: int
) -> dict[str, float]:
    """The figures of one method's rows, and the seconds of fitting and drawing."""
    started = time.perf_counter()
    drawn = draw(train, seed)
    seconds = time.perf_counter() - started
    return {**dict(zip(FIGURES, figures(drawn, train, test, target, seed), strict=True)), "seconds": seconds}


def figures(drawn: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, target: str, seed: int) -> list[float]:
    """See the top of this file."""
    new, known, held_out = (encoded(one, train).reset_index(drop=True) for one in (drawn, train, test))
    columns = []
    for name in new.columns:
        both = (new[name], held_out[name])
        is_share = set(np.unique(known[name])) <= {0.0, 1.0}
        columns.append(abs(both[0].mean() - both[1].mean()) if is_share else ks_2samp(*both).statistic)
    pairs = np.abs(new.corr("spearman").fillna(0) - held_out.corr("spearman").fillna(0)).to_numpy()
    pair = pairs[np.triu_indices(len(pairs), 1)].mean()
    count = min(len(new), len(held_out))
    both = pd.concat([new.iloc[:count], held_out.iloc[:count]])
    whose = np.repeat([0, 1], count)
    forest = RandomForestClassifier(100, random_state=seed)
    separated = cross_val_score(forest, both.to_numpy(), whose, cv=5).mean()
    spread = known.std().replace(0, 1)
    search = NearestNeighbors(n_neighbors=1).fit((known / spread).to_numpy())
    near = [np.median(search.kneighbors((one / spread).to_numpy())[0]) for one in (new, held_out)]
    useful = [_useful(rows, held_out, target, seed) for rows in (new, known)]
    return [
        float(np.mean(columns)),
        float(pair),
        float(separated),
        float(near[0] / near[1]),
        float(useful[0] / useful[1]),
    ]


def _useful(rows: pd.DataFrame, test: pd.DataFrame, target: str, seed: int) -> float:
    """The score on ``test`` of a forest that learned ``rows``."""
    own = [name for name in rows.columns if name == target or name.startswith(f"{target}=")]
    (X, X_test), (y, y_test) = ([one.drop(columns=own) for one in (rows, test)], [one[own] for one in (rows, test)])
    if len(own) > 1 or set(np.unique(y_test)) <= {0.0, 1.0}:
        classes = [one.to_numpy().argmax(1) if len(own) > 1 else one.to_numpy()[:, 0] for one in (y, y_test)]
        return RandomForestClassifier(100, random_state=seed).fit(X, classes[0]).score(X_test, classes[1])
    return (
        RandomForestRegressor(100, random_state=seed).fit(X, y.to_numpy()[:, 0]).score(X_test, y_test.to_numpy()[:, 0])
    )


def main() -> None:
    """Print a line for each set, seed and way, and keep them in results/synthetic_tables.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int, default=None)
    parser.add_argument("--without-peers", action="store_true")
    parser.add_argument("--again", action="store_true", help="discard earlier figures")
    asked = parser.parse_args()
    if not asked.without_peers:
        set_up_peers()
    kept = Ways(HERE / "results" / "synthetic_tables.json", again=asked.again)
    ways: dict[str, Callable[[pd.DataFrame, int], pd.DataFrame]] = {
        "isthmus": lambda rows, seed: by_isthmus(rows, seed, asked.max_iter),
        "Gaussian copula": by_copula,
        "Gaussian mixture": by_mixture,
        **({} if asked.without_peers else {way: functools.partial(by_peer, way) for way in ("TVAE", "CTGAN")}),
        "training rows, drawn again": lambda rows, seed: rows.sample(len(rows), replace=True, random_state=seed),
    }
    for seed in range(asked.seeds):
        for name, frame in frames():
            if name in TARGETS:
                train, test = train_test_split(frame, test_size=1 / 3, random_state=seed)
                for way, draw in ways.items():
                    kept.measure(name, seed, way, functools.partial(measured, draw, train, test, TARGETS[name], seed))


if __name__ == "__main__":
    main()
