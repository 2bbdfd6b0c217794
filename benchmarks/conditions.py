"""Models given covariates: is the batch removed from the code, and how much smaller is the error?

    python benchmarks/conditions.py [--seeds 3] [--max-iter N]

1. Digits in three batches, as if from three scanners: in each, every pixel has its own gain (log-normal, σ = 0.7) and
   offset (normal, σ = 0.3). Batches are drawn at random, independent of the class. Batch and class are predicted from
   codes of held-out rows by 5 nearest neighbours and by logistic regression, cross-validated. Chance is the largest
   batch. Compared: PCA, PCA of the residuals of least squares on the batch, the model without the batch, and the model
   with a penalty on dependence of code and batch (`CombinedAutoencoder(dependence=30, polish=0)`).
2. Digits given their class: mean squared error per pixel at 2 latents, with and without.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from isthmus import Autoencoder, CombinedAutoencoder
from isthmus.tables import load_bundled, split_table

BATCHES = np.array(["A", "B", "C"])
LATENTS, WEIGHT = 8, 30.0


def in_batches(X: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The pictures as from one of three scanners, and which one."""
    rng = np.random.default_rng(seed)
    batch, shape = rng.integers(0, 3, len(X)), (3, X.shape[1])
    gain, offset = np.exp(0.7 * rng.normal(size=shape)), 0.3 * rng.normal(size=shape)
    return gain[batch] * X + offset[batch], BATCHES[batch]


def read(codes: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Accuracy of neighbours and of logistic regression in predicting labels from standardized codes."""
    neighbours = make_pipeline(StandardScaler(), KNeighborsClassifier(5))
    logistic = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return tuple(float(cross_val_score(one, codes, labels, cv=5).mean()) for one in (neighbours, logistic))


def batches(seed: int, max_iter: int | None) -> dict[str, tuple[float, ...]]:
    """For each method, accuracies for batch and class by neighbours and logistic regression, and the error."""
    digits = load_bundled("digits")
    X, batch = in_batches(digits.values / digits.values.max(), seed)
    train, test = split_table(digits, 0.3, seed)
    settings = {"max_iter": max_iter, "random_state": seed}
    encoder = OneHotEncoder(sparse_output=False).fit(batch[:, None])
    linear = LinearRegression().fit(encoder.transform(batch[train, None]), X[train])

    def left(rows: np.ndarray) -> np.ndarray:
        return X[rows] - linear.predict(encoder.transform(batch[rows, None]))

    pca, regressed = PCA(LATENTS).fit(X[train]), PCA(LATENTS).fit(left(train))
    plain = Autoencoder(LATENTS, **settings).fit(X[train])
    given = Autoencoder(LATENTS, **settings).fit(X[train], given=batch[train])
    free = CombinedAutoencoder(LATENTS, dependence=WEIGHT, polish=0, **settings).fit(X[train], given=batch[train])
    ways = {
        "PCA": (pca.transform(X[test]), pca.inverse_transform(pca.transform(X[test])) - X[test]),
        "PCA after regressing out": (
            regressed.transform(left(test)),
            regressed.inverse_transform(regressed.transform(left(test))) - left(test),
        ),
        "isthmus": (plain.transform(X[test]), plain.reconstruct(X[test]) - X[test]),
        "isthmus, given the batch": (
            given.transform(X[test], given=batch[test]),
            given.reconstruct(X[test], given=batch[test]) - X[test],
        ),
        "the same with the penalty": (
            free.transform(X[test], given=batch[test]),
            free.reconstruct(X[test], given=batch[test]) - X[test],
        ),
    }
    found = {
        name: (*read(codes, batch[test]), *read(codes, digits.labels[test]), float((off**2).mean()))
        for name, (codes, off) in ways.items()
    }
    chance = float(max(np.mean(batch[test] == name) for name in BATCHES))
    return found | {"chance": (chance, chance, np.nan, np.nan, np.nan)}


def given_class(seed: int, max_iter: int | None) -> dict[str, tuple[float, ...]]:
    """Error per pixel of 2 latents, without and with the class."""
    digits = load_bundled("digits")
    train, test = split_table(digits, 0.2, seed)
    X, classes = digits.values / digits.values.max(), digits.labels.astype(str)
    settings = {"max_iter": max_iter, "random_state": seed}
    plain = Autoencoder(2, **settings).fit(X[train])
    given = Autoencoder(2, **settings).fit(X[train], given=classes[train])
    return {
        "2 latents": (float(((plain.reconstruct(X[test]) - X[test]) ** 2).mean()),),
        "2 latents, given the class": (
            float(((given.reconstruct(X[test], given=classes[test]) - X[test]) ** 2).mean()),
        ),
    }


def main() -> None:
    """Print means over seeds, with the lowest and the highest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--max-iter", type=int, default=None)
    asked = parser.parse_args()
    for title, columns, one in (
        ("batch and class read from the code", ("batch 5-NN", "batch LR", "class 5-NN", "class LR", "mse"), batches),
        ("digits given their class", ("mse",), given_class),
    ):
        started, runs = time.perf_counter(), []
        for seed in range(asked.seeds):
            runs.append(one(seed, asked.max_iter))
            print(seed, runs[-1], flush=True)
        print(f"\n{title}, {asked.seeds} seeds, {time.perf_counter() - started:.0f} s")
        print("| | " + " | ".join(columns) + " |\n|---" * 1 + "|---" * len(columns) + "|")
        for name in runs[0]:
            values = np.array([run[name] for run in runs])
            cells = [
                f"{column.mean():.4f} ({column.min():.4f} – {column.max():.4f})" if np.isfinite(column).all() else "–"
                for column in values.T
            ]
            print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
